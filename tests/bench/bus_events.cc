#include "tests/bench/bus_events.h"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <random>

#include "apps/notifications/v1/notifications.pb.h"
#include "base/uuid.h"
#include "weir/v1/event.pb.h"

namespace weir::bench {
namespace {

constexpr size_t kUserDigits = 6;
constexpr size_t kIdDigits = 12;
// Much more than a block of the log on disk.
constexpr size_t kNoiseBytes = 256 << 10;

void WriteDigits(uint64_t value, char* out, size_t digits) {
  for (size_t i = digits; i-- > 0; value /= 10) {
    out[i] = static_cast<char>('0' + value % 10);
  }
}

v1::Event Template(const std::string& id, size_t text_bytes) {
  apps::notifications::v1::Notification notification;
  notification.set_id("n-0001");
  notification.set_type("success");
  notification.set_title("Transcription done");
  notification.set_message(std::string(text_bytes, 'x'));
  notification.set_status("unread");
  notification.mutable_created_at()->set_seconds(1'700'000'000);
  v1::Event event;
  event.set_topic(EventMaker::TopicOf(0));
  event.set_id(id);
  event.mutable_payload()->PackFrom(notification);
  return event;
}

}  // namespace

std::string EventMaker::TopicOf(size_t user) { return fmt::format("users.u{:06}.notifications", user); }

EventMaker::EventMaker(size_t topics, size_t first_user) : topics_(topics), first_user_(first_user) {
  const std::string id = NewUuid();
  while (Template(id, text_bytes_).ByteSizeLong() < kEventBytes) {
    ++text_bytes_;
  }
  const std::string event = Template(id, text_bytes_).SerializeAsString();
  element_ = std::string{'\x0a', static_cast<char>((kEventBytes & 0x7F) | 0x80), static_cast<char>(kEventBytes >> 7)};
  element_ += event;
  if (element_.size() != kElementBytes) {
    fmt::print(stderr, "weir-bench: an event of {} bytes cannot be made\n", kEventBytes);
    std::abort();
  }
  user_at_ = element_.find("users.u") + std::strlen("users.u");
  id_at_ = element_.find(id) + id.size() - kIdDigits;
  text_at_ = element_.find(std::string(text_bytes_, 'x'));
  std::mt19937 random(1);
  for (size_t i = 0; i < kNoiseBytes; ++i) {
    noise_.push_back(static_cast<char>(' ' + random() % 64));
  }
}

void EventMaker::Write(char* out) {
  WriteDigits(first_user_ + next_ % topics_, &element_[user_at_], kUserDigits);
  WriteDigits(next_, &element_[id_at_], kIdDigits);
  std::memcpy(&element_[text_at_], &noise_[next_ * 97 % (kNoiseBytes - text_bytes_)], text_bytes_);
  ++next_;
  std::memcpy(out, element_.data(), kElementBytes);
}

}  // namespace weir::bench
