// weir-floor: the least that a program can do to fan events out over the kernel's sockets. What Weir is compared with.
//
// Two threads, each with an epoll loop, a listener of its own on the same port (SO_REUSEPORT), and per topic a dense
// array of sockets. No log, no tokens, no JSON, no heartbeats, no HTTP beyond `GET /TOPIC`, which must come in one
// segment. An event is a line `TOPIC SEQUENCE DATA\n` on the publishing port of every thread; it is sent at once to
// each reader of its topic, or, with --merge, together with all others of its topic that the same round of the loop has
// read. A reader that cannot take everything is closed. With --ring N the last N events of a topic are kept for readers
// that come back with Last-Event-ID.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

struct Config {
  bool merge = false;
  size_t ring = 0;
};

uint64_t Number(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

int Listen(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 || listen(fd, 4096) != 0) {
    std::perror("weir-floor: listen");
    std::exit(1);
  }
  return fd;
}

uint16_t PortOf(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

class Loop {
 public:
  Loop(Config config, int listener, int publishing) : config_(config), listener_(listener), publishing_(publishing) {
    Watch(listener_);
    Watch(publishing_);
  }

  [[noreturn]] void Run() {
    std::array<epoll_event, 512> events;
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[static_cast<size_t>(i)].data.fd;
        if (fd == listener_ || fd == publishing_) {
          Accept(fd);
        } else if (readers_[static_cast<size_t>(fd)].closed) {
          continue;
        } else if (readers_[static_cast<size_t>(fd)].publisher) {
          ReadEvents(fd);
        } else {
          ReadRequest(fd);
        }
      }
      for (const size_t topic : dirty_) {
        SendToAll(topics_[topic], topics_[topic].pending);
        topics_[topic].pending.clear();
      }
      dirty_.clear();
      for (const int fd : closed_) {
        close(fd);
      }
      closed_.clear();
    }
  }

 private:
  struct Reader {
    int32_t topic = -1;  // not yet
    uint32_t place = 0;
    bool publisher = false;
    bool closed = false;
  };
  struct Kept {
    uint64_t sequence;
    std::string bytes;
  };
  struct Topic {
    std::vector<int> fds;
    std::string pending;
    std::deque<Kept> ring;
  };

  void Watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  void Accept(int from) {
    for (;;) {
      const int fd = accept4(from, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) {
        return;
      }
      if (readers_.size() <= static_cast<size_t>(fd)) {
        readers_.resize(static_cast<size_t>(fd) + 1);
      }
      readers_[static_cast<size_t>(fd)] = {};
      readers_[static_cast<size_t>(fd)].publisher = from == publishing_;
      Watch(fd);
    }
  }

  // The descriptor goes when the round is over: until then an event of this round may be for it.
  void Close(int fd) {
    Reader& reader = readers_[static_cast<size_t>(fd)];
    if (reader.topic >= 0) {
      std::vector<int>& fds = topics_[static_cast<size_t>(reader.topic)].fds;
      fds[reader.place] = fds.back();
      readers_[static_cast<size_t>(fds.back())].place = reader.place;
      fds.pop_back();
    }
    reader.closed = true;
    closed_.push_back(fd);
  }

  Topic& TopicOf(size_t number) {
    if (topics_.size() <= number) {
      topics_.resize(number + 1);
    }
    return topics_[number];
  }

  void ReadRequest(int fd) {
    const ssize_t got = recv(fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    const std::string_view request(buffer_.data(), got > 0 ? static_cast<size_t>(got) : 0);
    Reader& reader = readers_[static_cast<size_t>(fd)];
    if (reader.topic >= 0 && got > 0) {
      return;
    }
    if (!request.starts_with("GET /") || !request.ends_with("\r\n\r\n")) {
      Close(fd);
      return;
    }
    const size_t number = Number(request.substr(5));
    Topic& topic = TopicOf(number);
    std::string answer =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n";
    constexpr std::string_view kResume = "Last-Event-ID: ";
    if (const size_t at = request.find(kResume); at != std::string_view::npos) {
      const uint64_t after = Number(request.substr(at + kResume.size()));
      for (const Kept& kept : topic.ring) {
        if (kept.sequence > after) {
          answer += kept.bytes;
        }
      }
    }
    reader.topic = static_cast<int32_t>(number);
    reader.place = static_cast<uint32_t>(topic.fds.size());
    topic.fds.push_back(fd);
    if (send(fd, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT) != std::ssize(answer)) {
      Close(fd);
    }
  }

  void ReadEvents(int fd) {
    const ssize_t got = recv(fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got <= 0) {
      Close(fd);
      return;
    }
    lines_.append(buffer_.data(), static_cast<size_t>(got));
    std::string_view rest = lines_;
    for (size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      Publish(rest.substr(0, end));
      rest.remove_prefix(end + 1);
    }
    lines_.erase(0, lines_.size() - rest.size());
  }

  void Publish(std::string_view line) {
    const size_t first = line.find(' ');
    const size_t second = line.find(' ', first + 1);
    const size_t number = Number(line);
    const std::string_view sequence = line.substr(first + 1, second - first - 1);
    Topic& topic = TopicOf(number);
    if (config_.merge && topic.pending.empty()) {
      dirty_.push_back(number);
    }
    frame_.assign("event: flash_message\nid: ").append(sequence).append("\ndata: ");
    frame_.append(line.substr(second + 1)).append("\n\n");
    if (config_.ring > 0) {
      topic.ring.push_back({Number(sequence), frame_});
      if (topic.ring.size() > config_.ring) {
        topic.ring.pop_front();
      }
    }
    if (config_.merge) {
      topic.pending += frame_;
    } else {
      SendToAll(topic, frame_);
    }
  }

  void SendToAll(const Topic& topic, std::string_view bytes) {
    for (size_t i = topic.fds.size(); i-- > 0;) {
      const int fd = topic.fds[i];
      if (send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) != std::ssize(bytes)) {
        Close(fd);
      }
    }
  }

  const Config config_;
  const int listener_;
  const int publishing_;
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Reader> readers_;  // by descriptor
  std::vector<Topic> topics_;
  std::vector<size_t> dirty_;
  std::vector<int> closed_;
  std::string buffer_ = std::string(64 * 1024, '\0');
  std::string lines_;
  std::string frame_;
};

}  // namespace

int main(int argc, char** argv) {
  Config config;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--merge") == 0) {
      config.merge = true;
    } else if (std::strcmp(argv[i], "--ring") == 0 && i + 1 < argc) {
      config.ring = Number(argv[++i]);
    } else {
      std::fprintf(stderr, "Usage: weir-floor [--merge] [--ring N]\n");
      return 2;
    }
  }
  std::signal(SIGPIPE, SIG_IGN);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);

  const std::array<int, 2> publishing = {Listen(0), Listen(0)};
  const int first = Listen(0);
  const uint16_t port = PortOf(first);
  const int second = Listen(port);
  std::printf("weir-floor ready: http=127.0.0.1:%d publish=%d,%d\n", port, PortOf(publishing[0]),
              PortOf(publishing[1]));
  std::fflush(stdout);
  std::thread other([&] { Loop(config, second, publishing[1]).Run(); });
  Loop(config, first, publishing[0]).Run();
}
