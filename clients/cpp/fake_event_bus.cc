#include "clients/cpp/fake_event_bus.h"

#include <utility>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"

namespace weir {
namespace {

// Takes the next script, or an empty one.
template <typename Script>
Script TakeFirst(std::deque<Script>& scripts) {
  if (scripts.empty()) {
    return {};
  }
  Script script = std::move(scripts.front());
  scripts.pop_front();
  return script;
}

}  // namespace

grpc::Status FakeError(grpc::StatusCode code, const std::string& reason, const std::string& message,
                       int64_t retry_delay_seconds) {
  google::rpc::ErrorInfo info;
  info.set_domain("weir");
  info.set_reason(reason);
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  details.add_details()->PackFrom(info);
  if (retry_delay_seconds != 0) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(retry_delay_seconds);
    details.add_details()->PackFrom(retry);
  }
  return {code, message, details.SerializeAsString()};
}

FakeEventBus::FakeEventBus() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
}

FakeEventBus::~FakeEventBus() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }
  server_->Shutdown(std::chrono::system_clock::now());
}

void FakeEventBus::OnSubscribe(SubscribeScript script) {
  const std::lock_guard<std::mutex> lock(mutex_);
  subscribe_scripts_.push_back(std::move(script));
}

void FakeEventBus::OnPublishStream(PublishScript script) {
  const std::lock_guard<std::mutex> lock(mutex_);
  publish_scripts_.push_back(std::move(script));
}

std::vector<v1::SubscribeRequest> FakeEventBus::subscribe_requests() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return subscribe_requests_;
}

std::vector<v1::SubscribeRequest> FakeEventBus::WaitForSubscribes(size_t count) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, std::chrono::seconds(20), [this, count] { return subscribe_requests_.size() >= count; });
  return subscribe_requests_;
}

void FakeEventBus::Hang() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return released_; });
}

grpc::Status FakeEventBus::Subscribe(grpc::ServerContext*, const v1::SubscribeRequest* request,
                                     grpc::ServerWriter<v1::SubscribeResponse>* writer) {
  SubscribeScript script;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    subscribe_requests_.push_back(*request);
    changed_.notify_all();
    script = TakeFirst(subscribe_scripts_);
  }
  if (!script) {
    Hang();
    return grpc::Status::OK;
  }
  return script(*request, *writer);
}

grpc::Status FakeEventBus::PublishStream(grpc::ServerContext*, PublisherStream* stream) {
  PublishScript script;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    script = TakeFirst(publish_scripts_);
  }
  if (!script) {
    Hang();
    return grpc::Status::OK;
  }
  return script(*stream);
}

grpc::Status FakeEventBus::ListEvents(grpc::ServerContext*, const v1::ListEventsRequest* request,
                                      v1::ListEventsResponse* response) {
  if (request->filters().empty()) {
    return FakeError(grpc::StatusCode::INVALID_ARGUMENT, "FILTER_INVALID");
  }
  response->add_events()->set_topic(request->filters(0));
  return grpc::Status::OK;
}

void FakeEventBus::SetSchema(v1::GetSchemaResponse schema) {
  const std::lock_guard<std::mutex> lock(mutex_);
  schema_ = std::move(schema);
}

grpc::Status FakeEventBus::GetSchema(grpc::ServerContext*, const v1::GetSchemaRequest* request,
                                     v1::GetSchemaResponse* response) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (request->known_version() == schema_.version()) {
    response->set_version(schema_.version());
  } else {
    *response = schema_;
  }
  return grpc::Status::OK;
}

grpc::Status FakeEventBus::GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                                     v1::GetStatusResponse* response) {
  response->set_epoch("testtest");
  return grpc::Status::OK;
}

}  // namespace weir
