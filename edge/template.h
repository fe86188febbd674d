// Templates of the configuration: filters and control frames' data in which `{…}` stands for something of the request.
//
// Placeholders: `{jwt.CLAIM}`, `{query.NAME}`, in data also `{now}`, `{connections}`, `{cursor}`. Compiled once at start,
// const afterwards, any thread.
#ifndef WEIR_EDGE_TEMPLATE_H_
#define WEIR_EDGE_TEMPLATE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/struct.pb.h"

namespace weir::edge {

// What of a request a template may use.
struct RequestValues {
  // The verified token's claims; null without a token.
  const nlohmann::json* claims = nullptr;
  // A query parameter's decoded value; null function or nullopt: absent.
  std::function<std::optional<std::string>(std::string_view name)> query;
};

// A topic filter with placeholders, each of which becomes exactly one literal token, so that no request can widen it.
//   {jwt.sub}              the claim; refused unless it is [A-Za-z0-9_-]+
//   {jwt.sub|token}        any text, as EncodeToken writes it
//   {query.request_id}     the parameter; refused when absent, empty or not [A-Za-z0-9_-]+
//   {query.request_id|*}   the same, but `*` (or a literal token) when it is absent; empty is not absent
class FilterTemplate {
 public:
  // INVALID_ARGUMENT: not a filter, an unknown placeholder, or a placeholder that is not a whole token.
  static absl::StatusOr<FilterTemplate> Compile(std::string_view text);

  // PERMISSION_DENIED: a claim is missing or no token. INVALID_ARGUMENT: a query parameter is. The message names it and
  // never repeats its value.
  absl::StatusOr<std::string> Expand(const RequestValues& values) const;

  // The filter with every placeholder replaced by `*`: what the edge asks of the server.
  std::string Widest() const;
  bool uses_claims() const;

 private:
  struct Token {
    enum class Kind { kLiteral, kClaim, kClaimEncoded, kQuery, kQueryOr };
    Kind kind;
    std::string text;    // literal, claim or parameter
    std::string absent;  // kQueryOr
  };
  std::vector<Token> tokens_;
};

// An injective encoding of any text as one topic token: bytes of [A-Za-z0-9-] stand for themselves, every other byte
// (also `_`) is `_` and two lower-case hex digits; the empty text is `_`. `a@b.c` is `a_40b_2ec`.
std::string EncodeToken(std::string_view text);

// What changes from frame to frame.
struct FrameValues {
  absl::Time now;
  int64_t connections = 0;
  std::string_view cursor;
};

// Data whose claims and parameters are filled in; only FrameValues are open. Const; shared by all frames of a stream,
// and by all streams of a route when the template uses nothing of the request.
class BoundData {
 public:
  // JSON on one line. `{now}` is RFC 3339 in UTC with milliseconds.
  std::string Render(const FrameValues& values) const;

 private:
  friend class DataTemplate;
  enum class Hole { kNow, kConnections, kConnectionsText, kCursor };
  std::vector<std::variant<std::string, Hole>> parts_;
};

// JSON data with placeholders. A string that is one placeholder becomes the value with its own type (`{connections}` is a
// number, `{jwt.roles}` may be an array; an absent one is null); within a longer string it is text.
class DataTemplate {
 public:
  // INVALID_ARGUMENT names the unknown placeholder.
  static absl::StatusOr<DataTemplate> Compile(const google::protobuf::Struct& data);
  // `{}`.
  DataTemplate();

  std::shared_ptr<const BoundData> Bind(const RequestValues& values) const;
  bool uses_request() const { return shared_ == nullptr; }
  bool uses_claims() const { return uses_claims_; }

 private:
  google::protobuf::Struct data_;
  bool uses_claims_ = false;
  std::shared_ptr<const BoundData> shared_;  // when nothing of the request is used
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_TEMPLATE_H_
