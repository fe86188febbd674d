// Event names as small numbers, so that counting what was sent costs an array access. Any thread.
#ifndef WEIR_EDGE_EVENT_NAMES_H_
#define WEIR_EDGE_EVENT_NAMES_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/text.h"

namespace weir::edge {

class EventNames {
 public:
  // Names beyond these are all number 0, `other`: the set of label values must not grow with what is published.
  static constexpr size_t kNamesMax = 256;

  EventNames();
  uint16_t Number(std::string_view name);
  // By number.
  std::vector<std::string> names() const;

 private:
  mutable std::mutex mutex_;
  TextMap<uint16_t> numbers_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> names_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_EVENT_NAMES_H_
