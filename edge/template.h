// Templates of the configuration: filters and control frames' data in which `{…}` stands for something of the request.
//
// Placeholders: `{jwt.CLAIM}`, `{query.NAME}`, in data also `{now}`, `{connections}`, `{cursor}`. CLAIM is the name of
// a top-level claim, NAME of a parameter: 1 to 128 of `[A-Za-z0-9_.:/-]`. There is no escape: a `{` always begins a
// placeholder. Compiled once at start, const afterwards, any thread.
#ifndef WEIR_EDGE_TEMPLATE_H_
#define WEIR_EDGE_TEMPLATE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

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
//   {jwt.sub}              the claim, a string or an integer; refused unless it is [A-Za-z0-9_-]+
//   {jwt.sub|token}        any text, as EncodeToken writes it
//   {query.request_id}     the parameter; refused when absent, empty or not [A-Za-z0-9_-]+
//   {query.request_id|*}   the same, but `*` (or a literal token) when it is absent; empty is not absent
class FilterTemplate {
 public:
  // INVALID_ARGUMENT: not a filter, an unknown placeholder, or a placeholder that is not a whole token.
  static absl::StatusOr<FilterTemplate> Compile(std::string_view text);

  // PERMISSION_DENIED: a claim is missing or no token. INVALID_ARGUMENT: a query parameter is, or the filter becomes
  // longer than a filter may be. The message names the claim or parameter and never repeats its value.
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

// Whether a claim or parameter of this name can be written in a placeholder.
bool IsPlaceholderName(std::string_view name);

// What changes from frame to frame.
struct FrameValues {
  absl::Time now;
  int64_t connections = 0;
  std::string_view cursor;  // as Cursor::Write writes it: nothing in it needs an escape
};

// Data whose claims and parameters are filled in; only FrameValues are open. Const; shared by all frames of a stream,
// and by all streams of a route when the template uses nothing of the request.
class BoundData {
 public:
  // JSON on one line. `{now}` is RFC 3339 in UTC with milliseconds.
  std::string Render(const FrameValues& values) const;

 private:
  enum class Hole { kNow, kConnections, kCursor };
  using Part = std::variant<std::string, Hole>;
  friend class DataWriter;

  explicit BoundData(std::vector<Part> parts) : parts_(std::move(parts)) {}

  std::vector<Part> parts_;
};

// JSON data with placeholders in its strings; names of members are literal, and members are written sorted by name. A
// string that is one placeholder becomes the value with its own type (`{connections}` is a number, `{jwt.roles}` may be
// an array; an absent one is null); within a longer string it is text (an absent one is empty).
class DataTemplate {
 public:
  // INVALID_ARGUMENT names the unknown placeholder, or says that a number is not finite.
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
