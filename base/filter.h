// Sets of topic filters, and the index from filters to values that a fan-out needs.
#ifndef WEIR_BASE_FILTER_H_
#define WEIR_BASE_FILTER_H_

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/text.h"
#include "base/topic.h"

namespace weir {

// A set of filters; matches a topic when any of them does. Immutable; any thread. Exact filters cost one hash look-up
// together, each wildcard filter a comparison.
class FilterSet {
 public:
  // INVALID_ARGUMENT when a filter is bad, or there is none. Duplicates are dropped, the order is kept.
  static absl::StatusOr<FilterSet> Parse(const std::vector<std::string>& filters);

  bool Matches(std::string_view topic) const;

  const std::vector<std::string>& filters() const { return filters_; }
  // Those without a wildcard, and those with one.
  const TextSet& exact() const { return exact_; }
  const std::vector<std::string>& wildcard() const { return wildcard_; }

 private:
  FilterSet() = default;

  std::vector<std::string> filters_;
  TextSet exact_;
  std::vector<std::string> wildcard_;
};

// Maps filters to values and finds all values whose filter matches a topic: one hash look-up for exact filters, a trie
// for wildcards. One thread. `V` is cheap to copy and comparable. The same (filter, value) is held once; a value under
// several matching filters is visited once for each.
template <typename V>
class FilterIndex {
 public:
  void Insert(std::string_view filter, const V& value) {
    std::vector<V>& values = HasWildcard(filter) ? NodeOf(filter) : exact_[std::string(filter)];
    if (std::find(values.begin(), values.end(), value) == values.end()) {
      values.push_back(value);
    }
  }

  // Removes what Insert put there; nothing happens when it is not.
  void Erase(std::string_view filter, const V& value) {
    if (!HasWildcard(filter)) {
      const auto it = exact_.find(filter);
      if (it != exact_.end() && EraseFrom(it->second, value) && it->second.empty()) {
        exact_.erase(it);
      }
      return;
    }
    EraseWildcard(root_, filter, value);
  }

  // Calls `visit(const V&)` for each value whose filter matches. `visit` must not change the index.
  template <typename F>
  void ForEachMatch(std::string_view topic, F&& visit) const {
    if (const auto it = exact_.find(topic); it != exact_.end()) {
      for (const V& value : it->second) {
        visit(value);
      }
    }
    if (!root_.children.empty()) {
      Walk(root_, topic, IsReservedTopic(topic), visit);
    }
  }

  bool empty() const { return exact_.empty() && root_.children.empty(); }

 private:
  struct Node {
    std::vector<V> values;
    TextMap<std::unique_ptr<Node>> children;
  };

  static std::pair<std::string_view, std::string_view> Split(std::string_view text) {
    const size_t dot = text.find('.');
    return dot == std::string_view::npos ? std::pair(text, std::string_view())
                                         : std::pair(text.substr(0, dot), text.substr(dot + 1));
  }

  std::vector<V>& NodeOf(std::string_view filter) {
    Node* node = &root_;
    while (!filter.empty()) {
      const auto [token, rest] = Split(filter);
      std::unique_ptr<Node>& child = node->children[std::string(token)];
      if (child == nullptr) {
        child = std::make_unique<Node>();
      }
      node = child.get();
      filter = rest;
    }
    return node->values;
  }

  static bool EraseFrom(std::vector<V>& values, const V& value) {
    const auto it = std::find(values.begin(), values.end(), value);
    if (it == values.end()) {
      return false;
    }
    values.erase(it);
    return true;
  }

  // Erases below `node`, and drops nodes that became empty, so that the index does not grow with past readers.
  static void EraseWildcard(Node& node, std::string_view filter, const V& value) {
    if (filter.empty()) {
      EraseFrom(node.values, value);
      return;
    }
    const auto [token, rest] = Split(filter);
    const auto it = node.children.find(token);
    if (it == node.children.end()) {
      return;
    }
    EraseWildcard(*it->second, rest, value);
    if (it->second->values.empty() && it->second->children.empty()) {
      node.children.erase(it);
    }
  }

  // `by_name`: the first token stands for itself alone.
  template <typename F>
  static void Walk(const Node& node, std::string_view topic, bool by_name, F&& visit) {
    const auto [token, rest] = Split(topic);
    if (const auto it = node.children.find(">"); it != node.children.end() && !by_name) {
      for (const V& value : it->second->values) {
        visit(value);
      }
    }
    for (const std::string_view key : {std::string_view("*"), token}) {
      const auto it = node.children.find(key);
      if (it == node.children.end() || (by_name && key == "*")) {
        continue;
      }
      if (!rest.empty()) {
        Walk(*it->second, rest, false, visit);
        continue;
      }
      for (const V& value : it->second->values) {
        visit(value);
      }
    }
  }

  TextMap<std::vector<V>> exact_;
  Node root_;
};

}  // namespace weir

#endif  // WEIR_BASE_FILTER_H_
