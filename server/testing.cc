#include "server/testing.h"

#include <google/protobuf/text_format.h>

#include <chrono>
#include <cstdlib>
#include <utility>

#include "google/rpc/error_details.pb.h"
#include "weir/v1/options.pb.h"

namespace weir::server {
namespace {

constexpr std::string_view kTestFile = R"pb(
  name: "test/v1/test.proto"
  package: "test.v1"
  syntax: "proto3"
  message_type {
    name: "Note"
    field { name: "text" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
    field { name: "number" number: 2 label: LABEL_OPTIONAL type: TYPE_INT32 }
    field { name: "words" number: 3 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".test.v1.Note.WordsEntry" }
    nested_type {
      name: "WordsEntry"
      field { name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
      field { name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_STRING }
      options { map_entry: true }
    }
    options {
      [weir.v1.event] { name: "note" }
    }
  }
  message_type {
    name: "Scoped"
    field { name: "text" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
    options {
      [weir.v1.event] { name: "scoped" topics: "scoped.>" }
    }
  }
  message_type { name: "Plain" }
  message_type {
    name: "Hello"
    options {
      [weir.v1.event] { name: "hello" control_frame: CONTROL_FRAME_CONNECTED }
    }
  }
)pb";

}  // namespace

DescriptorSetFile SetOf(std::string_view file_text, std::string name) {
  google::protobuf::FileDescriptorSet set;
  if (!google::protobuf::TextFormat::ParseFromString(std::string(file_text), set.add_file())) {
    std::abort();
  }
  return {std::move(name), set.SerializeAsString()};
}

std::shared_ptr<const EventTypes> TestTypes() {
  const DescriptorSetFile set = SetOf(kTestFile);
  return EventTypes::Load({&set, 1}).value();
}

v1::Event NoteEvent(std::string topic, std::string text, std::string id) {
  v1::Event event;
  event.set_topic(std::move(topic));
  event.set_id(std::move(id));
  event.mutable_payload()->set_type_url("type.googleapis.com/test.v1.Note");
  // Note.text
  if (!text.empty()) {
    event.mutable_payload()->set_value("\x0a" + std::string(1, static_cast<char>(text.size())) + text);
  }
  return event;
}

std::string ReasonOf(const google::rpc::Status& status) {
  google::rpc::ErrorInfo info;
  return status.details_size() > 0 && status.details(0).UnpackTo(&info) ? info.reason() : "";
}

std::string MetadataOf(const google::rpc::Status& status, const std::string& key) {
  google::rpc::ErrorInfo info;
  if (status.details_size() == 0 || !status.details(0).UnpackTo(&info)) {
    return "";
  }
  const auto it = info.metadata().find(key);
  return it == info.metadata().end() ? "" : it->second;
}

void ScriptedLog::FailAppends(absl::Status status) {
  const std::lock_guard lock(mutex_);
  append_status_ = std::move(status);
}

void ScriptedLog::FailNextAppend(absl::Status status) {
  const std::lock_guard lock(mutex_);
  next_append_status_ = std::move(status);
}

void ScriptedLog::FailTrims(absl::Status status) {
  const std::lock_guard lock(mutex_);
  trim_status_ = std::move(status);
}

void ScriptedLog::FailReads(absl::Status status) {
  const std::lock_guard lock(mutex_);
  read_status_ = std::move(status);
}

void ScriptedLog::CloseGate() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

void ScriptedLog::OpenGate() {
  const std::lock_guard lock(mutex_);
  closed_ = false;
  changed_.notify_all();
}

void ScriptedLog::AwaitAppendAtGate() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_; });
}

std::vector<size_t> ScriptedLog::append_sizes() const {
  const std::lock_guard lock(mutex_);
  return append_sizes_;
}

void ScriptedLog::SetObserver(Observer observer) {
  {
    const std::lock_guard lock(mutex_);
    unobserved_trims_ = trims_;
  }
  real_->SetObserver(std::move(observer));
}

int ScriptedLog::unobserved_trims() const {
  const std::lock_guard lock(mutex_);
  return unobserved_trims_;
}

int ScriptedLog::trims() const {
  const std::lock_guard lock(mutex_);
  return trims_;
}

bool ScriptedLog::AwaitTrims(int count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(60), [this, count] { return trims_ >= count; });
}

absl::StatusOr<std::vector<log::AppendResult>> ScriptedLog::Append(std::span<const log::NewEvent> events) {
  {
    std::unique_lock lock(mutex_);
    waiting_ = closed_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !closed_; });
    waiting_ = false;
    if (!append_status_.ok()) {
      return append_status_;
    }
    if (!next_append_status_.ok()) {
      return std::exchange(next_append_status_, absl::OkStatus());
    }
    append_sizes_.push_back(events.size());
  }
  return real_->Append(events);
}

absl::StatusOr<log::Page> ScriptedLog::Read(const log::ReadRequest& request) const {
  {
    const std::lock_guard lock(mutex_);
    if (!read_status_.ok()) {
      return read_status_;
    }
  }
  return real_->Read(request);
}

absl::StatusOr<log::Page> ScriptedLog::ReadLastPerTopic(const log::ReadRequest& request) const {
  {
    const std::lock_guard lock(mutex_);
    if (!read_status_.ok()) {
      return read_status_;
    }
  }
  return real_->ReadLastPerTopic(request);
}

absl::StatusOr<uint64_t> ScriptedLog::SequenceBefore(absl::Time time) const {
  if (before_time_look_up_) {
    before_time_look_up_();
  }
  return real_->SequenceBefore(time);
}

absl::Status ScriptedLog::health() const {
  const std::lock_guard lock(mutex_);
  return absl::IsUnavailable(append_status_) ? append_status_ : real_->health();
}

absl::Status ScriptedLog::Trim(const log::TrimPolicy& policy) {
  {
    const std::lock_guard lock(mutex_);
    ++trims_;
    changed_.notify_all();
    if (!trim_status_.ok()) {
      return trim_status_;
    }
  }
  return real_->Trim(policy);
}

}  // namespace weir::server
