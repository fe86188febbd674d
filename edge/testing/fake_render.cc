#include "edge/testing/fake_render.h"

#include <fmt/format.h>

#include <atomic>
#include <cstdlib>
#include <utility>

#include "edge/websocket/frames.h"

namespace weir::edge {
namespace {

std::atomic<int> rendered = 0;

class Fake final : public Schema {
 public:
  explicit Fake(std::string version) : version_(std::move(version)) {}
  const std::string& version() const override { return version_; }
  std::string_view EventName(std::string_view type_name) const override { return type_name; }
  const JsonPlans& plans(FieldNames) const override { std::abort(); }  // only the real renderer asks

 private:
  std::string version_;
};

absl::Status Check(const EventView& event) {
  return event.payload == "!" ? absl::NotFoundError("withdrawn") : absl::OkStatus();
}

}  // namespace

std::shared_ptr<const Schema> FakeSchema(std::string version) { return std::make_shared<Fake>(std::move(version)); }

int FramesRendered() { return rendered; }

absl::StatusOr<std::shared_ptr<const Schema>> Schema::Compile(const v1::GetSchemaResponse& response) {
  return FakeSchema(response.version());
}

Presentation::Presentation(PresentationOptions options) : options_(std::move(options)) {}

absl::Status Presentation::AppendFrame(const EventView& event, const Schema& schema, std::string& out) const {
  ++rendered;
  if (const absl::Status status = Check(event); !status.ok()) {
    return status;
  }
  if (options_.framing == Framing::kWebSocket) {
    weir::edge::AppendFrame(Opcode::kText,
                            fmt::format(R"({{"event":"{}","id":"{}","data":"{}"}})",
                                        schema.EventName(event.type_name()), event.cursor, event.payload),
                            out);
    return absl::OkStatus();
  }
  out +=
      fmt::format("event: {}\nid: {}\ndata: {}\n\n", schema.EventName(event.type_name()), event.cursor, event.payload);
  return absl::OkStatus();
}

absl::Status Presentation::AppendPollItem(const EventView& event, const Schema& schema, std::string& out) const {
  if (const absl::Status status = Check(event); !status.ok()) {
    return status;
  }
  out += fmt::format(R"({{"id":"{}","event":"{}","data":"{}"}})", event.cursor, schema.EventName(event.type_name()),
                     event.payload);
  return absl::OkStatus();
}

void AppendControlFrame(std::string_view name, std::string_view id, std::string_view data, int64_t retry_millis,
                        std::string& out) {
  out += fmt::format("event: {}\n", name);
  if (!id.empty()) {
    out += fmt::format("id: {}\n", id);
  }
  if (retry_millis >= 0) {
    out += fmt::format("retry: {}\n", retry_millis);
  }
  out += fmt::format("data: {}\n\n", data);
}

void AppendControlMessage(std::string_view name, std::string_view id, std::string_view data, int64_t retry_millis,
                          std::string& out) {
  weir::edge::AppendFrame(
      Opcode::kText, fmt::format(R"({{"event":"{}","id":"{}","data":{},"retry":{}}})", name, id, data, retry_millis),
      out);
}

}  // namespace weir::edge
