// The requests in what has come on a connection: takes their heads from the front, and keeps what is left of them.
//
// What has just come is looked at where it lies; it is copied only where a head is not complete, or waits for its turn.
// Bounds: whoever gives it no more than a head may have and one byte keeps no more. Pure; one thread.
#ifndef WEIR_EDGE_HTTP_HEAD_READER_H_
#define WEIR_EDGE_HTTP_HEAD_READER_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "edge/http/head.h"

namespace weir::edge {

class HeadReader {
 public:
  // `kept` is what the one before has left, and `more` what has come since. Both outlive it.
  HeadReader(std::string& kept, std::string_view more, size_t head_bytes_max);

  // The next request, or why it is none; what stands behind that does not count. Null: more has to come.
  std::optional<std::variant<RequestHead, HeadFault>> Next();
  bool empty() const { return rest_.empty(); }
  // Whether anything was taken.
  bool took() const { return rest_.size() < size_; }

  // Leaves what is left in `kept`. The last call.
  void Keep();

 private:
  HeadFault Fault(const Problem& problem, std::string_view detail);

  std::string& kept_;
  std::string_view rest_;
  size_t size_;  // before anything was taken
  size_t seen_;  // of the first head, by the reader before
  const size_t head_bytes_max_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_HEAD_READER_H_
