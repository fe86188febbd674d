#include "edge/http/negotiate.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>

namespace weir::edge {
namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// Takes the part before `separator` off `text`.
std::string_view Take(std::string_view& text, char separator) {
  const size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return Trim(part);
}

// `0`, `0.5`, `1.000` as thousandths.
std::optional<int> ParseWeight(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1') || (text.size() > 1 && text[1] != '.')) {
    return std::nullopt;
  }
  int weight = text[0] == '1' ? 1000 : 0;
  int scale = 100;
  for (const char c : text.substr(std::min<size_t>(2, text.size()))) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    weight += (c - '0') * scale;
    scale /= 10;
  }
  return weight <= 1000 ? std::optional(weight) : std::nullopt;
}

struct Range {
  std::string type;
  int weight = 1000;
  bool weir = false;
};

std::optional<Range> ParseRange(std::string_view text) {
  Range range;
  range.type = Lower(Take(text, ';'));
  const size_t slash = range.type.find('/');
  if (slash == 0 || slash == std::string::npos || slash + 1 == range.type.size()) {
    return std::nullopt;
  }
  while (!text.empty()) {
    std::string_view parameter = Take(text, ';');
    const std::string name = Lower(Take(parameter, '='));
    if (name == "q") {
      const std::optional<int> weight = ParseWeight(parameter);
      if (!weight) {
        return std::nullopt;
      }
      range.weight = *weight;
    } else if (name == "weir" && Trim(parameter) == "1") {
      range.weir = true;
    }
  }
  return range;
}

// The weight of one form so far.
struct Candidate {
  std::string_view type;
  std::string_view group;
  int specificity = 0;
  int weight = 0;

  void Consider(const Range& range) {
    const int now = range.type == type ? 3 : range.type == group ? 2 : range.type == "*/*" ? 1 : 0;
    if (now == 0 || now < specificity) {
      return;
    }
    weight = now > specificity ? range.weight : std::max(weight, range.weight);
    specificity = now;
  }
};

}  // namespace

Negotiated Negotiate(std::string_view accept) {
  Negotiated result;
  if (Trim(accept).empty()) {
    return result;
  }
  Candidate stream{"text/event-stream", "text/*"};
  Candidate poll{"application/json", "application/*"};
  while (!accept.empty()) {
    const std::optional<Range> range = ParseRange(Take(accept, ','));
    if (!range) {
      continue;
    }
    stream.Consider(*range);
    poll.Consider(*range);
    result.fetch_client |= range->weir && range->type == stream.type;
  }
  if (stream.weight == 0 && poll.weight == 0) {
    result.representation = Representation::kNone;
  } else if (poll.weight > stream.weight || (poll.weight == stream.weight && poll.specificity > stream.specificity)) {
    result.representation = Representation::kPoll;
  }
  return result;
}

}  // namespace weir::edge
