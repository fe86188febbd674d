// A browser for tests of the hub: the other end of a loopback connection, and what it has read, taken apart.
#ifndef WEIR_EDGE_TESTING_TEST_READER_H_
#define WEIR_EDGE_TESTING_TEST_READER_H_

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "edge/hub.h"

namespace weir::edge {

struct SseBlock {
  std::string event;
  std::string id;
  std::string data;
  std::string retry;
};

class TestReader {
 public:
  // Connects; the hub's end is `socket`. `receive_buffer`: the kernel's, 0 for its default.
  TestReader(boost::asio::io_context& context, Socket& socket, int receive_buffer = 0);
  ~TestReader();
  TestReader(const TestReader&) = delete;
  TestReader& operator=(const TestReader&) = delete;

  // Reads what has come, at most `max` bytes.
  void Read(size_t max = SIZE_MAX);
  void Write(const std::string& bytes);
  // Writes without waiting. False, and nothing is taken, while there was no room for all of the bytes before;
  // FinishWrite tries those again.
  bool WriteAll(const std::string& bytes);
  bool FinishWrite();
  void Close();

  const std::string& raw() const { return raw_; }  // everything, with head and framing
  std::string head() const;
  std::string body() const;              // without head and framing
  bool ended() const { return ended_; }  // the connection was closed by the hub
  bool ended_cleanly() const;            // with the last chunk
  std::vector<SseBlock> blocks() const;  // without comments
  size_t comments() const;
  // The blocks' `data` where `event` is that name, or all that are not control frames.
  std::vector<std::string> data(const std::string& event) const;

 private:
  int fd_ = -1;
  std::string raw_;
  std::string unwritten_;
  bool ended_ = false;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_TESTING_TEST_READER_H_
