// Topics and topic filters: the grammar, and nothing else.
//
// A topic is 1 to 16 tokens joined by `.`, at most 256 bytes; a token is one or more of `[A-Za-z0-9_-]`. A filter is a
// topic in which a token may be `*` (exactly one token) and the last one may be `>` (one or more tokens). This is the
// subject grammar of NATS with a closed alphabet.
//
// Topics whose first token is `weir` are the system's. A wildcard never stands for that token: who means them names
// them, in filters and in rules of access alike. All functions are pure and may be called from any thread.
#ifndef WEIR_BASE_TOPIC_H_
#define WEIR_BASE_TOPIC_H_

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"

namespace weir {

inline constexpr size_t kTopicBytesMax = 256;
inline constexpr size_t kTopicTokensMax = 16;
inline constexpr std::string_view kReservedToken = "weir";

// OK, or INVALID_ARGUMENT with a sentence that says what is wrong and what is allowed.
absl::Status ValidateTopic(std::string_view topic);
absl::Status ValidateFilter(std::string_view filter);

// True for one token of `[A-Za-z0-9_-]+` that fits into a topic: what a `{jwt.…}` or `{query.…}` may become.
bool IsToken(std::string_view text);

// True when the (valid) filter holds `*` or `>`.
bool HasWildcard(std::string_view filter);

// True when its first token does: then it matches no reserved topic.
bool BeginsWithWildcard(std::string_view filter);

// Whether the topic, or filter, is of the system's: its first token is `weir`.
bool IsReservedTopic(std::string_view topic);

// Whether a valid filter matches a valid topic.
bool FilterMatches(std::string_view filter, std::string_view topic);

// Whether a valid filter matches every topic that the other valid one matches: `a.*` covers `a.b`, and `a.>` both.
bool FilterCovers(std::string_view filter, std::string_view narrower);

}  // namespace weir

#endif  // WEIR_BASE_TOPIC_H_
