#include "tests/bench/sse_load.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include "absl/time/clock.h"

namespace weir::bench {

uint64_t IdScanner::Number(std::string_view digits) {
  uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

absl::StatusOr<std::unique_ptr<SseLoad>> SseLoad::Open(Options options) {
  std::unique_ptr<SseLoad> load(new SseLoad(std::move(options)));
  const absl::Time start = absl::Now();
  load->epoll_ = epoll_create1(EPOLL_CLOEXEC);
  load->readers_.resize(load->options_.count);
  load->thread_ = std::thread([raw = load.get()] { raw->Run(); });
  if (absl::Status status = load->Connect(); !status.ok()) {
    return status;
  }
  while (load->connected_.load() < load->options_.count) {
    if (absl::Now() - start > absl::Seconds(60) || load->ended() > 0) {
      return absl::DeadlineExceededError(fmt::format("{} of {} streams began, {} ended", load->connected_.load(),
                                                     load->options_.count, load->ended()));
    }
    absl::SleepFor(absl::Milliseconds(1));
  }
  load->connect_seconds_ = absl::ToDoubleSeconds(absl::Now() - start);
  return load;
}

absl::Status SseLoad::Connect() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options_.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (Reader& reader : readers_) {
    reader.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (reader.fd < 0 || connect(reader.fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      return absl::ErrnoToStatus(errno, "connect");
    }
    const std::string id =
        reader.last == 0 ? "" : fmt::format("Last-Event-ID: {}-{}\r\n", reader.scanner.epoch(), reader.last);
    const std::string request =
        fmt::format("GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n{}\r\n", options_.target, id);
    if (send(reader.fd, request.data(), request.size(), MSG_NOSIGNAL) != std::ssize(request)) {
      return absl::ErrnoToStatus(errno, "send");
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &reader;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, reader.fd, &event);
  }
  return absl::OkStatus();
}

SseLoad::~SseLoad() {
  Cut();
  close(epoll_);
}

void SseLoad::Pause() {
  if (thread_.joinable()) {
    stop_.store(true);
    thread_.join();
  }
}

void SseLoad::Resume(uint64_t sequence) {
  target_ = sequence;
  reached_.store(static_cast<uint64_t>(
      std::count_if(readers_.begin(), readers_.end(), [&](const Reader& reader) { return reader.last >= sequence; })));
  stop_.store(false);
  thread_ = std::thread([this] { Run(); });
}

void SseLoad::Cut() {
  Pause();
  for (Reader& reader : readers_) {
    if (reader.fd >= 0) {
      close(std::exchange(reader.fd, -1));
    }
    reader.scanner.Restart();
  }
}

absl::Status SseLoad::Return(uint64_t sequence) {
  Resume(sequence);
  return Connect();
}

uint64_t SseLoad::missing() const {
  uint64_t sum = 0;
  for (const Reader& reader : readers_) {
    sum += reader.missing + reader.scanner.gaps();
  }
  return sum;
}

void SseLoad::Run() {
  std::array<epoll_event, 512> events;
  while (!stop_.load(std::memory_order_relaxed)) {
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 20);
    for (int i = 0; i < count; ++i) {
      Read(*static_cast<Reader*>(events[static_cast<size_t>(i)].data.ptr));
    }
  }
}

void SseLoad::Read(Reader& reader) {
  const ssize_t count = recv(reader.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  if (count <= 0) {
    if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
      epoll_ctl(epoll_, EPOLL_CTL_DEL, reader.fd, nullptr);
      ended_.fetch_add(1);
    }
    return;
  }
  const std::string_view bytes(buffer_.data(), static_cast<size_t>(count));
  if (!reader.connected && bytes.find("event: weir.connected") != std::string_view::npos) {
    reader.connected = true;
    connected_.fetch_add(1);
  }
  uint64_t events = 0;
  reader.scanner.Feed(bytes, [&](uint64_t sequence, bool is_event) {
    if (!is_event) {
      return;
    }
    if (sequence <= reader.last) {
      disordered_.fetch_add(1, std::memory_order_relaxed);
    }
    if (reader.last != 0 && sequence > reader.last + 1) {
      reader.missing += sequence - reader.last - 1;
    }
    if (reader.last < target_ && sequence >= target_) {
      reached_.fetch_add(1, std::memory_order_relaxed);
    }
    reader.last = sequence;
    ++events;
    if (options_.on_event) {
      options_.on_event(sequence);
    }
  });
  delivered_.fetch_add(events, std::memory_order_relaxed);
}

bool SseLoad::WaitFor(const std::atomic<uint64_t>& counter, uint64_t count) const {
  uint64_t seen = delivered();
  absl::Time moved = absl::Now();
  while (counter.load(std::memory_order_relaxed) < count) {
    absl::SleepFor(absl::Milliseconds(1));
    if (const uint64_t now = delivered(); now != seen) {
      seen = now;
      moved = absl::Now();
    } else if (absl::Now() - moved > absl::Seconds(10)) {
      return false;
    }
  }
  return true;
}

bool SseLoad::WaitDelivered(uint64_t count) const { return WaitFor(delivered_, count); }

bool SseLoad::WaitReached() const { return WaitFor(reached_, readers_.size()); }

}  // namespace weir::bench
