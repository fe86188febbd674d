#include "load/stream_load.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <system_error>
#include <utility>

#include "absl/time/clock.h"
#include "base/text.h"

namespace weir::load {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(10);

// `{"type":"auth"}`, masked with zeros.
std::string AuthFrame() {
  const std::string text = R"({"type":"auth"})";
  return std::string("\x81", 1) + static_cast<char>(0x80 | text.size()) + std::string(4, '\0') + text;
}

// Processor time of the calling thread.
double ThreadSeconds() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StreamLoad>> StreamLoad::Open(Options options) {
  if (!options.endpoint) {
    options.endpoint = LocalEndpoint(options.port);
  }
  std::unique_ptr<StreamLoad> load(new StreamLoad(std::move(options)));
  const absl::Time start = absl::Now();
  load->epoll_ = epoll_create1(EPOLL_CLOEXEC);
  load->readers_.resize(load->options_.count);
  if (load->options_.count_ids) {
    for (Reader& reader : load->readers_) {
      reader.scanner.CountIds(&load->options_.control_events);
    }
  }
  load->thread_ = std::thread([raw = load.get()] { raw->Run(); });
  if (absl::Status status = load->Connect(); !status.ok()) {
    return status;
  }
  while (load->begun_.load() < load->options_.count) {
    if (absl::Now() - start > absl::Seconds(60) || load->ended() > 0) {
      const std::string fault = load->fault();
      return absl::DeadlineExceededError(fmt::format("{} of {} streams began, {} ended{}{}", load->begun_.load(),
                                                     load->options_.count, load->ended(), fault.empty() ? "" : ": ",
                                                     fault));
    }
    absl::SleepFor(absl::Microseconds(200));
  }
  load->connect_seconds_ = absl::ToDoubleSeconds(absl::Now() - start);
  return load;
}

std::string StreamLoad::RequestOf(const Reader& reader) const {
  const StreamRequest request = options_.request(static_cast<size_t>(&reader - readers_.data()));
  std::string text = fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\n", request.target, options_.host);
  text += options_.web_socket  ? "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
          : options_.count_ids ? "Accept: text/event-stream; weir=1\r\n"  // a full edge says so by its status
                               : "Accept: text/event-stream\r\n";
  if (const std::string_view id = reader.scanner.last_id(); !id.empty()) {
    text += fmt::format("Last-Event-ID: {}\r\n", id);
  }
  return text + request.headers + "\r\n";
}

absl::Status StreamLoad::ConnectOne(size_t index) {
  Reader& reader = readers_[index];
  const absl::StatusOr<Dialled> dialled = Dial(*options_.endpoint, source_);
  if (!dialled.ok()) {
    return dialled.status();
  }
  reader.fd = dialled->fd;
  // The thread that opens can ask at once where connecting did not wait; a handshake is the load's thread's.
  reader.connecting = dialled->connecting || options_.tls != nullptr;
  if (!reader.connecting) {
    if (absl::Status status = TryAsk(reader); !status.ok() && !absl::IsUnavailable(status)) {
      return status;
    }
  }
  epoll_event event{};
  event.events = reader.connecting ? EPOLLOUT : EPOLLIN;
  event.data.ptr = &reader;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, reader.fd, &event);
  return absl::OkStatus();
}

// Goes on towards the request.
void StreamLoad::Ask(Reader& reader) {
  if (absl::Status status = TryAsk(reader); !status.ok() && !absl::IsUnavailable(status)) {
    End(reader, Message(status));
  }
}

absl::Status StreamLoad::TryAsk(Reader& reader) {
  if (reader.connecting) {
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(reader.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      return absl::AbortedError(fmt::format("connect: {}", std::generic_category().message(error)));
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &reader;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, reader.fd, &event);
    reader.connecting = false;
  }
  if (options_.tls != nullptr) {
    if (!reader.tls) {
      reader.tls = options_.tls->Begin(reader.fd);
    }
    if (absl::Status status = reader.tls->Handshake(); !status.ok()) {
      return status;
    }
  }
  const std::string request = RequestOf(reader);
  reader.asked = reader.tls ? reader.tls->Send(request)
                            : send(reader.fd, request.data(), request.size(), MSG_NOSIGNAL) == std::ssize(request);
  return reader.asked ? absl::OkStatus() : absl::AbortedError("the request could not be sent");
}

absl::Status StreamLoad::Connect() {
  source_ = NextLocalSource();
  const uint64_t begun_before = begun_.load();
  const double start = ThreadSeconds();
  const double turning_before = turning_seconds_;
  const auto full = [&](size_t i) {
    return i >= begun_.load() - begun_before + options_.under_way_max && ended() == 0;
  };
  for (size_t i = 0; i < readers_.size(); ++i) {
    if (full(i)) {
      const double turns = ThreadSeconds();
      while (full(i)) {
        std::this_thread::yield();
      }
      turning_seconds_ += ThreadSeconds() - turns;
    }
    if (absl::Status status = ConnectOne(i); !status.ok()) {
      return status;
    }
  }
  opening_seconds_ += ThreadSeconds() - start - (turning_seconds_ - turning_before);
  return absl::OkStatus();
}

StreamLoad::~StreamLoad() {
  Cut();
  close(epoll_);
}

void StreamLoad::Pause() {
  if (thread_.joinable()) {
    busy_before_ = busy_seconds();
    stop_.store(true);
    thread_.join();
  }
}

std::string StreamLoad::cipher() const { return readers_.front().tls ? readers_.front().tls->cipher() : ""; }

double StreamLoad::busy_seconds() const {
  clockid_t clock = 0;
  timespec spent{};
  if (!const_cast<std::thread&>(thread_).joinable() ||
      pthread_getcpuclockid(const_cast<std::thread&>(thread_).native_handle(), &clock) != 0 ||
      clock_gettime(clock, &spent) != 0) {
    return busy_before_;
  }
  return busy_before_ + static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

void StreamLoad::Resume(uint64_t sequence) {
  target_ = sequence;
  reached_.store(static_cast<uint64_t>(
      std::count_if(readers_.begin(), readers_.end(), [&](const Reader& reader) { return reader.last >= sequence; })));
  stop_.store(false);
  thread_ = std::thread([this] { Run(); });
}

void StreamLoad::Cut() {
  Pause();
  for (Reader& reader : readers_) {
    if (reader.fd >= 0) {
      reader.tls.reset();
      reader.chunks.reset();
      reader.head = AnswerHead();
      close(std::exchange(reader.fd, -1));
    }
    reader.asked = false;
    reader.begun = false;
    reader.scanner.Restart();
  }
}

absl::Status StreamLoad::Return(uint64_t sequence) {
  Resume(sequence);
  return Connect();
}

std::string StreamLoad::fault() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return fault_;
}

uint64_t StreamLoad::gaps() const {
  uint64_t sum = 0;
  for (const Reader& reader : readers_) {
    sum += reader.scanner.gaps();
  }
  return sum;
}

uint64_t StreamLoad::missing() const {
  uint64_t sum = 0;
  for (const Reader& reader : readers_) {
    sum += reader.missing + reader.scanner.gaps();
  }
  return sum;
}

void StreamLoad::Run() {
  std::array<epoll_event, 512> events;
  while (!stop_.load(std::memory_order_relaxed)) {
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 20);
    for (int i = 0; i < count; ++i) {
      Read(*static_cast<Reader*>(events[static_cast<size_t>(i)].data.ptr));
    }
    if (delivered() >= wake_at_.load(std::memory_order_relaxed)) {
      Tell();
    }
  }
}

void StreamLoad::Tell() {
  const std::lock_guard<std::mutex> lock(mutex_);
  wake_at_.store(UINT64_MAX);
  moved_.notify_all();
}

// Nothing more is read of it.
void StreamLoad::End(Reader& reader, std::string_view why) {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, reader.fd, nullptr);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (fault_.empty()) {
    fault_ = why;
  }
  ended_.fetch_add(1);
}

void StreamLoad::Read(Reader& reader) {
  if (!reader.asked) {
    return Ask(reader);
  }
  const ssize_t count = reader.tls ? reader.tls->Receive(buffer_) : recv(reader.fd, buffer_.data(), buffer_.size(), 0);
  if (count <= 0) {
    if (count == 0) {
      End(reader, "the stream ended");
    } else if (errno != EAGAIN && errno != EINTR) {
      End(reader, fmt::format("the stream was cut: {}", std::generic_category().message(errno)));
    }
    return;
  }
  std::string_view bytes(buffer_.data(), static_cast<size_t>(count));
  if (!reader.begun) {
    bytes = Begin(reader, bytes);
  }
  if (reader.chunks) {
    reader.chunks->Feed(bytes, [&](std::string_view piece) { Take(reader, piece); });
  } else {
    Take(reader, bytes);
  }
}

// What is to be scanned of them, where any server may have sent the head.
std::string_view StreamLoad::BeginBody(Reader& reader, std::string_view bytes) {
  const absl::StatusOr<std::optional<std::string_view>> body = reader.head.Take(bytes);
  if (!body.ok()) {
    End(reader, Message(body.status()));
    return "";
  }
  if (!body->has_value()) {
    return "";
  }
  if (reader.head.chunked()) {
    reader.chunks.emplace();
  }
  reader.begun = true;
  begun_.fetch_add(1);
  return **body;
}

// What is to be scanned of them.
std::string_view StreamLoad::Begin(Reader& reader, std::string_view bytes) {
  if (options_.count_ids) {
    return BeginBody(reader, bytes);
  }
  if (options_.web_socket && bytes.starts_with("HTTP/1.1 101")) {
    const std::string auth = AuthFrame();
    if (send(reader.fd, auth.data(), auth.size(), MSG_NOSIGNAL) != std::ssize(auth)) {
      End(reader, "the first message could not be sent");
    }
    reader.scanner.BeginFrames();
    bytes.remove_prefix(std::min(bytes.find("\r\n\r\n") + 4, bytes.size()));
  }
  if (bytes.starts_with("HTTP/1.1") && !bytes.starts_with("HTTP/1.1 200")) {
    End(reader, bytes.substr(0, bytes.find('\r')));
  } else if (bytes.find(options_.begins_with) != std::string_view::npos) {
    reader.begun = true;
    begun_.fetch_add(1);
  }
  return bytes;
}

void StreamLoad::Take(Reader& reader, std::string_view bytes) {
  const auto index = static_cast<size_t>(&reader - readers_.data());
  const int64_t now = options_.on_event ? absl::GetCurrentTimeNanos() : 0;
  uint64_t events = 0;
  reader.scanner.Feed(bytes, [&](uint64_t sequence) {
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
      options_.on_event(index, sequence, now);
    }
  });
  delivered_.store(delivered_.load(std::memory_order_relaxed) + events, std::memory_order_relaxed);
}

bool StreamLoad::WaitFor(const std::atomic<uint64_t>& counter, uint64_t count) {
  uint64_t seen = delivered();
  absl::Time moved = absl::Now();
  while (counter.load(std::memory_order_relaxed) < count) {
    if (&counter == &delivered_) {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_at_.store(count);
      if (delivered() < count) {
        moved_.wait_for(lock, std::chrono::milliseconds(20));
      }
    } else {
      absl::SleepFor(absl::Milliseconds(1));
    }
    if (const uint64_t now = delivered(); now != seen) {
      seen = now;
      moved = absl::Now();
    } else if (absl::Now() - moved > kPatience) {
      return false;
    }
  }
  return true;
}

bool StreamLoad::WaitDelivered(uint64_t count) { return WaitFor(delivered_, count); }

bool StreamLoad::WaitReached() { return WaitFor(reached_, readers_.size()); }

}  // namespace weir::load
