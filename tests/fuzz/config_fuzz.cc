// A configuration file is taken, or refused with the place of the fault: FILE:LINE:COLUMN within the text.
#include <algorithm>
#include <charconv>
#include <string>

#include "base/config_file.h"
#include "base/text.h"
#include "edge/routes.h"
#include "tests/fuzz/fuzz.h"
#include "weir/config/v1/edge.pb.h"
#include "weir/config/v1/server.pb.h"

namespace weir {
namespace {

using fuzz::Expect;

// Reads a number and the colon after it off the front; 0 when there is none.
size_t NumberAndColon(std::string_view& text) {
  size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (error != std::errc() || !text.starts_with(':')) {
    return 0;
  }
  text.remove_prefix(1);
  return number;
}

void ExpectPlace(const absl::Status& status, std::string_view text) {
  Expect(status.code() == absl::StatusCode::kInvalidArgument, "a fault in a file is INVALID_ARGUMENT");
  std::string_view message = Message(status);
  Expect(message.starts_with("weir.yaml:"), "a fault names the file");
  message.remove_prefix(10);
  const size_t line = NumberAndColon(message);
  const size_t column = NumberAndColon(message);
  const auto lines =
      static_cast<size_t>(std::count(text.begin(), text.end(), '\n') + std::count(text.begin(), text.end(), '\r'));
  Expect(line >= 1 && column >= 1, "a fault has a line and a column");
  Expect(line <= lines + 2 && column <= text.size() + 2, "a fault is within the text");
  Expect(message.size() > 1, "a fault says what it is");
  Expect(std::none_of(message.begin(), message.end(), [](char c) { return c >= 0 && c < 0x20; }),
         "a message is one line, whatever the file holds");
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = weir::fuzz::Text(data, size);
  weir::config::v1::Server server;
  if (const auto file = weir::ConfigFile::Parse(text, "weir.yaml", &server); !file.ok()) {
    weir::ExpectPlace(file.status(), text);
  }
  weir::config::v1::Edge edge;
  const auto file = weir::ConfigFile::Parse(text, "weir.yaml", &edge);
  if (!file.ok()) {
    weir::ExpectPlace(file.status(), text);
  } else if (const auto routes = weir::edge::Routes::Compile(edge, *file); !routes.ok()) {
    weir::ExpectPlace(routes.status(), text);
  }
  return 0;
}
