// Topics and filters once more, as their grammar says it (base/topic.h) and with no thought of speed: what the real
// ones are compared with. Pure.
#ifndef WEIR_TESTS_SUPPORT_NAIVE_TOPICS_H_
#define WEIR_TESTS_SUPPORT_NAIVE_TOPICS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weir::test {

inline std::vector<std::string> TokensOf(std::string_view text) {
  std::vector<std::string> tokens(1);
  for (const char c : text) {
    if (c == '.') {
      tokens.emplace_back();
    } else {
      tokens.back() += c;
    }
  }
  return tokens;
}

inline bool NaiveIsToken(std::string_view token) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  return !token.empty() && token.size() <= 256 && token.find_first_not_of(kAllowed) == std::string_view::npos;
}

inline bool NaiveIsFilter(std::string_view text, bool wildcards = true) {
  const std::vector<std::string> tokens = TokensOf(text);
  bool good = text.size() <= 256 && tokens.size() <= 16;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const bool wildcard = tokens[i] == "*" || (tokens[i] == ">" && i + 1 == tokens.size());
    good = good && (NaiveIsToken(tokens[i]) || (wildcards && wildcard));
  }
  return good;
}

inline bool NaiveIsTopic(std::string_view text) { return NaiveIsFilter(text, false); }

inline bool NaiveMatches(std::string_view filter, std::string_view topic) {
  const std::vector<std::string> want = TokensOf(filter);
  const std::vector<std::string> have = TokensOf(topic);
  const bool open = want.back() == ">";
  if (open ? have.size() < want.size() : have.size() != want.size()) {
    return false;
  }
  bool same = have[0] != "weir" || (want[0] != "*" && want[0] != ">");
  for (size_t i = 0; i < want.size(); ++i) {
    same = same && (want[i] == "*" || want[i] == have[i] || (open && i + 1 == want.size()));
  }
  return same;
}

}  // namespace weir::test

#endif  // WEIR_TESTS_SUPPORT_NAIVE_TOPICS_H_
