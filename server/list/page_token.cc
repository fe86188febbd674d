#include "server/list/page_token.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>
#include <charconv>

#include "base/wire.h"

namespace weir::server {
namespace {

constexpr std::string_view kVersion = "p1";
constexpr size_t kTokenBytesMax = 160;

std::string Checksum(std::string_view body, const v1::ListEventsRequest& request) {
  v1::ListEventsRequest bound;
  *bound.mutable_filters() = request.filters();
  *bound.mutable_types() = request.types();
  bound.set_until_cursor(request.until_cursor());
  bound.set_newest_first(request.newest_first());
  std::string text(body);
  text += '\n';
  text += bound.SerializeAsString();
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string out;
  for (size_t i = 0; i < 8; ++i) {
    out += fmt::format("{:02x}", digest[i]);
  }
  return out;
}

// Cuts what stands before the next `.` off `rest`.
std::string_view Next(std::string_view& rest) {
  const size_t dot = rest.find('.');
  const std::string_view part = rest.substr(0, dot);
  rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
  return part;
}

template <typename T>
bool Number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string PageToken::ToString(const v1::ListEventsRequest& request) const {
  std::string body = fmt::format("{}.{}.{}.{}.{}.{}.{}", kVersion, epoch.text(), position, bound, resume,
                                 last_per_topic ? 1 : 0, not_before_millis);
  const std::string checksum = Checksum(body, request);
  return std::move(body) + "." + checksum;
}

std::optional<PageToken> PageToken::Parse(std::string_view text, const v1::ListEventsRequest& request) {
  const size_t last_dot = text.rfind('.');
  if (text.size() > kTokenBytesMax || last_dot == std::string_view::npos ||
      Checksum(text.substr(0, last_dot), request) != text.substr(last_dot + 1)) {
    return std::nullopt;
  }
  std::string_view rest = text.substr(0, last_dot);
  if (Next(rest) != kVersion) {
    return std::nullopt;
  }
  const std::optional<Epoch> epoch = Epoch::Parse(Next(rest));
  PageToken token;
  int snapshot = 0;
  if (!epoch.has_value() || !Number(Next(rest), token.position) || !Number(Next(rest), token.bound) ||
      !Number(Next(rest), token.resume) || !Number(Next(rest), snapshot) ||
      !Number(Next(rest), token.not_before_millis)) {
    return std::nullopt;
  }
  token.epoch = *epoch;
  token.last_per_topic = snapshot != 0;
  return token;
}

}  // namespace weir::server
