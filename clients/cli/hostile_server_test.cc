// The real `weir` against a server that would like to speak to the operator's terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "clients/cpp/fake_event_bus.h"
#include "tests/support/process.h"
#include "tests/support/system.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;

// Sets the title, clears the screen, and does so once more by U+009B, which is the same to many terminals.
constexpr char kHostile[] =
    "\x1b]0;forged\x07\r\nweir: forged\x1b[2J\x7f\xc2\x9b"
    "2J \xc3\xa4 …";

bool HasControl(const std::string& text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : '\0');
    if ((c < 0x20 && c != '\n') || c == 0x7F || (c == 0xC2 && next <= 0x9F)) {
      return true;
    }
  }
  return false;
}

TEST(HostileServer, CannotSpeakToTheTerminal) {
  FakeEventBus bus;
  bus.OnSubscribe([](const v1::SubscribeRequest&, grpc::ServerWriter<v1::SubscribeResponse>& writer) {
    v1::SubscribeResponse started;
    started.mutable_started()->set_cursor("testtest-0");
    writer.Write(started);
    v1::SubscribeResponse events;
    v1::Event& event = *events.mutable_batch()->add_events();
    event.set_topic(kHostile);
    event.set_id(kHostile);
    event.set_cursor("testtest-1");
    event.mutable_payload()->set_type_url(std::string("type.googleapis.com/") + kHostile);
    (*event.mutable_attributes())[kHostile] = kHostile;
    writer.Write(events);
    return FakeError(grpc::StatusCode::INVALID_ARGUMENT, kHostile, kHostile);
  });
  const CommandResult result = RunCommand({BinaryPath("weir"), "subscribe", "a", "--server", bus.address()});
  EXPECT_EQ(result.exit_code, 67) << result.err;
  EXPECT_THAT(result.out + result.err, HasSubstr("forged"));
  EXPECT_FALSE(HasControl(result.out)) << result.out;
  EXPECT_FALSE(HasControl(result.err)) << result.err;
  EXPECT_EQ(result.err.find("\nweir: forged"), std::string::npos) << result.err;
  ASSERT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1) << result.out;
  EXPECT_EQ(nlohmann::json::parse(result.out)["topic"], kHostile) << "it is escaped, not lost";
}

TEST(HostileServer, CannotSpeakByItsSchema) {
  FakeEventBus bus;
  v1::GetSchemaResponse schema;
  schema.set_version("1");
  google::protobuf::FileDescriptorProto& file = *schema.mutable_files()->add_file();
  file.set_name(kHostile);
  file.add_message_type()->set_name(kHostile);
  bus.SetSchema(std::move(schema));
  const CommandResult result =
      RunCommand({BinaryPath("weir"), "publish", "--server", bus.address(), "--topic", "a", "--type", "a.B", "{}"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("forged")) << "it is named";
  EXPECT_FALSE(HasControl(result.out + result.err)) << result.err;
  EXPECT_EQ(result.err.find("\nweir: forged"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace weir::testing
