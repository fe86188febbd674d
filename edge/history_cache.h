// Pages of history that were read lately, so that many readers who go through the same stretch of the log cost one read
// of it, and none of them has to keep its page while it waits.
//
// Only what can never change is kept: full pages that follow a cursor, without a gap. Bounds: bytes_max; the page that
// was used longest ago goes first. One thread at a time.
#ifndef WEIR_EDGE_HISTORY_CACHE_H_
#define WEIR_EDGE_HISTORY_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "base/text.h"
#include "edge/history.h"

namespace weir::edge {

class HistoryCache {
 public:
  explicit HistoryCache(size_t bytes_max) : bytes_max_(bytes_max) {}

  // What the request reads, whatever its place: equal for readers that can share pages.
  static std::string StreamOf(const HistoryRequest& request);

  // Whether the page is what follows the request's cursor, for whoever reads the same.
  static bool Follows(const HistoryRequest& request, const HistoryPage& page);

  // A page that has what follows the request's cursor, and may begin before it; null: none.
  std::shared_ptr<const HistoryPage> Find(const std::string& stream, const HistoryRequest& request);
  void Put(const std::string& stream, const HistoryRequest& request, std::shared_ptr<const HistoryPage> page);
  void Clear();

  size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string stream;
    uint64_t after;
    std::shared_ptr<const HistoryPage> page;
  };
  using Entries = std::list<Entry>;  // the last used first
  using Places = std::map<uint64_t, Entries::iterator>;

  void Erase(Entries::iterator entry);

  const size_t bytes_max_;
  size_t bytes_ = 0;
  Entries entries_;
  TextMap<Places> streams_;  // by the cursor that the page follows
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_HISTORY_CACHE_H_
