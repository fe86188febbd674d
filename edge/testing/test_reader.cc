#include "edge/testing/test_reader.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>

namespace weir::edge {

TestReader::TestReader(boost::asio::io_context& context, Socket& socket, int receive_buffer) {
  using boost::asio::ip::tcp;
  tcp::acceptor acceptor(context, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receive_buffer > 0) {
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  }
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(acceptor.local_endpoint().port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, static_cast<sockaddr*>(static_cast<void*>(&address)), sizeof(address)) != 0) {
    std::perror("connect");
    std::abort();
  }
  acceptor.accept(socket);
}

TestReader::~TestReader() { Close(); }

void TestReader::Close() {
  if (fd_ >= 0) {
    ::close(fd_);
    fd_ = -1;
  }
}

void TestReader::Write(const std::string& bytes) { (void)!::write(fd_, bytes.data(), bytes.size()); }

bool TestReader::WriteAll(const std::string& bytes) {
  if (!FinishWrite()) {
    return false;
  }
  unwritten_ = bytes;
  FinishWrite();
  return true;
}

bool TestReader::FinishWrite() {
  const ssize_t sent = ::send(fd_, unwritten_.data(), unwritten_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent > 0) {
    unwritten_.erase(0, static_cast<size_t>(sent));
  }
  return unwritten_.empty();
}

void TestReader::Read(size_t max) {
  std::array<char, 16 * 1024> buffer;
  while (!ended_ && max > 0) {
    const ssize_t got = ::recv(fd_, buffer.data(), std::min(buffer.size(), max), MSG_DONTWAIT);
    if (got > 0) {
      raw_.append(buffer.data(), static_cast<size_t>(got));
      max -= static_cast<size_t>(got);
      continue;
    }
    ended_ = got == 0 || errno != EAGAIN;
    return;
  }
}

std::string TestReader::head() const {
  const size_t end = raw_.find("\r\n\r\n");
  return end == std::string::npos ? "" : raw_.substr(0, end + 4);
}

std::string TestReader::body() const {
  const std::string start = head();
  if (start.find("chunked") == std::string::npos) {
    return raw_.substr(start.size());
  }
  std::string body;
  size_t at = start.size();
  while (at < raw_.size()) {
    const size_t line = raw_.find("\r\n", at);
    if (line == std::string::npos) {
      break;
    }
    const size_t size = std::stoul(raw_.substr(at, line - at), nullptr, 16);
    body += raw_.substr(line + 2, size);
    at = line + 2 + size + 2;
  }
  return body;
}

bool TestReader::ended_cleanly() const {
  return ended_ && raw_.size() >= 5 && raw_.compare(raw_.size() - 5, 5, "0\r\n\r\n") == 0;
}

std::vector<SseBlock> TestReader::blocks() const {
  std::vector<SseBlock> blocks;
  SseBlock block;
  bool any = false;
  std::istringstream lines(body());
  for (std::string line; std::getline(lines, line) && !lines.eof();) {
    if (line.empty()) {
      if (any) {
        blocks.push_back(block);
      }
      block = SseBlock();
      any = false;
      continue;
    }
    const size_t colon = line.find(": ");
    if (line[0] == ':' || colon == std::string::npos) {
      continue;
    }
    any = true;
    const std::string name = line.substr(0, colon);
    const std::string value = line.substr(colon + 2);
    (name == "event" ? block.event : name == "id" ? block.id : name == "retry" ? block.retry : block.data) = value;
  }
  return blocks;
}

size_t TestReader::comments() const {
  size_t count = 0;
  std::istringstream lines(body());
  for (std::string line; std::getline(lines, line);) {
    count += line == ":" ? 1 : 0;
  }
  return count;
}

std::vector<std::string> TestReader::data(const std::string& event) const {
  std::vector<std::string> data;
  for (const SseBlock& block : blocks()) {
    if (block.event == event) {
      data.push_back(block.data);
    }
  }
  return data;
}

}  // namespace weir::edge
