// Whatever a configuration file holds, it is taken, or refused with FILE:LINE:COLUMN and one line of text.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "base/config_file.h"
#include "base/text.h"
#include "tests/support/property.h"
#include "weir/config/v1/edge.pb.h"

namespace weir {
namespace {

using test::Random;

constexpr std::string_view kGood = R"(
listen: 127.0.0.1:8080
threads: 4
auth:
  keys:
    - {algorithm: HS256, file: "k", id: 'one'}
  leeway: 30s
routes:
  - path: /a   # the first
    filters: ["users.{jwt.sub}.>", 'b.*']
    auth: required
    heartbeat: &beat {interval: 1500ms, event: hb}
    connected:
      event: hello
      data: {i: 5, f: 1.5, b: true, n: null, l: [1, [a], {k: ~}], t: "{now}"}
  - path: /b
    heartbeat: *beat
    envelope: {kind: cloudevents}
tail: {bytes_max: 64MiB}
)";

// Lines and pieces of it in other places, indentation changed, characters changed.
std::string Changed(Random& random) {
  std::string text(kGood);
  for (size_t changes = 1 + random.Below(2); changes > 0; --changes) {
    const size_t from = text.find('\n', random.Below(text.size()));
    const size_t to = text.find('\n', random.Below(text.size()));
    switch (random.Below(4)) {
      case 0:
        text = random.Mutated(text, " :-[]{}&*#!'\"\n\t,|>?%@~.09a");
        break;
      case 1:
        text.insert(random.Below(text.size()), random.Bytes(1));
        break;
      case 2:
        if (from != std::string::npos) {
          text.insert(from + 1, random.Text(" ", 1 + random.Below(4)));
        }
        break;
      default:
        if (from != std::string::npos && to != std::string::npos) {
          text.insert(to + 1, text.substr(from + 1, text.find('\n', from + 1) - from));
        }
    }
    text += text.empty() ? "\n" : "";
  }
  return text;
}

TEST(ConfigProperty, EveryFaultHasItsPlace) {
  config::v1::Edge unchanged;
  ASSERT_TRUE(ConfigFile::Parse(kGood, "weir.yaml", &unchanged).ok());
  int good = 0;
  int bad = 0;
  test::ForAll(400, [&](Random& random) {
    const std::string text = Changed(random);
    config::v1::Edge edge;
    const auto file = ConfigFile::Parse(text, "weir.yaml", &edge);
    ++(file.ok() ? good : bad);
    if (!file.ok()) {
      const std::string message(Message(file.status()));
      int line = 0;
      int column = 0;
      int place = 0;
      ASSERT_EQ(std::sscanf(message.c_str(), "weir.yaml:%d:%d: %n", &line, &column, &place), 2) << message;
      ASSERT_GT(place, 0) << message;
      ASSERT_GT(message.size(), static_cast<size_t>(place));
      ASSERT_TRUE(std::none_of(message.begin(), message.end(), [](char c) { return c > 0 && c < 0x20; })) << message;
      ASSERT_LE(line, std::count(text.begin(), text.end(), '\n') + 2) << message;
      ASSERT_GE(line, 1);
      ASSERT_GE(column, 1);
    }
  });
  EXPECT_GT(good, 20);
  EXPECT_GT(bad, 100);
}

}  // namespace
}  // namespace weir
