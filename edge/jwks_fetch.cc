#include "edge/jwks_fetch.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "base/jwk_set.h"

namespace weir::edge {
namespace {

constexpr long kTimeoutMillis = 5000;

struct CurlDeleter {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

struct Incoming {
  JwksAnswer answer;
  bool too_large = false;
};

size_t OnBody(char* bytes, size_t, size_t size, void* user) {
  auto* const incoming = static_cast<Incoming*>(user);
  if (incoming->answer.body.size() + size > JwkSet::kBytesMax) {
    incoming->too_large = true;
    return 0;
  }
  incoming->answer.body.append(bytes, size);
  return size;
}

size_t OnHeader(char* bytes, size_t, size_t size, void* user) {
  constexpr std::string_view kName = "cache-control:";
  const std::string_view line(bytes, size);
  if (absl::StartsWithIgnoreCase({line.data(), line.size()}, {kName.data(), kName.size()})) {
    static_cast<Incoming*>(user)->answer.max_age = MaxAgeOf(line.substr(kName.size()));
  }
  return size;
}

int OnProgress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(user)->load() ? 1 : 0;
}

std::string PartOf(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) {
    return "";
  }
  std::string out(text);
  curl_free(text);
  return out;
}

bool IsLoopback(std::string_view host) {
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos);
}

absl::Status Fail(std::string_view why) { return absl::UnavailableError({why.data(), why.size()}); }

}  // namespace

bool IsJwksUrl(std::string_view url) {
  const std::unique_ptr<CURLU, CurlDeleter> parsed(curl_url());
  if (curl_url_set(parsed.get(), CURLUPART_URL, std::string(url).c_str(), CURLU_DISALLOW_USER) != CURLUE_OK) {
    return false;
  }
  const std::string scheme = PartOf(parsed.get(), CURLUPART_SCHEME);
  return scheme == "https" || (scheme == "http" && IsLoopback(PartOf(parsed.get(), CURLUPART_HOST)));
}

std::optional<absl::Duration> MaxAgeOf(std::string_view cache_control) {
  std::optional<absl::Duration> age;
  for (absl::string_view part : absl::StrSplit(absl::string_view(cache_control.data(), cache_control.size()), ',')) {
    const std::string word = absl::AsciiStrToLower(absl::StripAsciiWhitespace(part));
    if (word == "no-cache" || word == "no-store") {
      return absl::ZeroDuration();
    }
    constexpr std::string_view kName = "max-age=";
    uint32_t seconds = 0;
    if (word.starts_with(kName)) {
      const char* end = word.data() + word.size();
      const auto [stopped, error] = std::from_chars(word.data() + kName.size(), end, seconds);
      if (error == std::errc() && stopped == end) {
        age = absl::Seconds(seconds);
      }
    }
  }
  return age;
}

absl::StatusOr<JwksAnswer> FetchJwks(const JwksLocation& location, const std::atomic<bool>& cancelled) {
  const std::unique_ptr<CURL, CurlDeleter> curl(curl_easy_init());
  const std::unique_ptr<curl_slist, CurlDeleter> headers(curl_slist_append(nullptr, "Accept: application/json"));
  if (curl == nullptr || headers == nullptr || !IsJwksUrl(location.url)) {
    return Fail("the URL is none that keys may be fetched from");
  }
  Incoming incoming;
  std::array<char, CURL_ERROR_SIZE> error{};
  CURL* const c = curl.get();
  curl_easy_setopt(c, CURLOPT_URL, location.url.c_str());
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https,http");
  curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);  // a look-up of names that hangs is not waited for
  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, kTimeoutMillis);
  curl_easy_setopt(c, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(c, CURLOPT_USERAGENT, "weir-edge");
  curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error.data());
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, &OnBody);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, &incoming);
  curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, &OnHeader);
  curl_easy_setopt(c, CURLOPT_HEADERDATA, &incoming);
  curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, &OnProgress);
  curl_easy_setopt(c, CURLOPT_XFERINFODATA, &cancelled);
  if (location.url.starts_with("http://")) {
    curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
  }
  if (!location.ca_file.empty()) {
    curl_easy_setopt(c, CURLOPT_CAINFO, location.ca_file.c_str());
    curl_easy_setopt(c, CURLOPT_CAPATH, nullptr);
  }
  const CURLcode code = curl_easy_perform(c);
  if (incoming.too_large) {
    return Fail(fmt::format("the answer has more than {} bytes", JwkSet::kBytesMax));
  }
  if (code != CURLE_OK) {
    return Fail(error[0] != '\0' ? error.data() : curl_easy_strerror(code));
  }
  long status = 0;
  curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) {
    return Fail(fmt::format("the answer's status is {}", status));
  }
  return std::move(incoming.answer);
}

}  // namespace weir::edge
