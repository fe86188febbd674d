#include "edge/http/websocket_handshake.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>

namespace weir::edge {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool IsBase64(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

// Lower case, and without a port that goes without saying.
std::string Authority(std::string_view text, std::string_view default_port) {
  if (text.ends_with(default_port)) {
    text.remove_suffix(default_port.size());
  }
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), Lower);
  return out;
}

bool Offers(std::string_view protocols, std::string_view wanted) {
  while (!protocols.empty()) {
    const size_t comma = protocols.find(',');
    std::string_view one = protocols.substr(0, comma);
    protocols = comma == std::string_view::npos ? std::string_view() : protocols.substr(comma + 1);
    one.remove_prefix(std::min(one.find_first_not_of(" \t"), one.size()));
    one = one.substr(0, one.find_last_not_of(" \t") + 1);
    if (one == wanted) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool IsWebSocketKey(std::string_view key) {
  // 22 characters for 16 bytes, the last one with four bits that count for nothing.
  return key.size() == 24 && key.ends_with("==") && std::all_of(key.begin(), key.end() - 2, IsBase64);
}

std::string WebSocketAccept(std::string_view key) {
  const std::string text = fmt::format("{}{}", key, kGuid);
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  ::SHA1(static_cast<const unsigned char*>(static_cast<const void*>(text.data())), text.size(), digest.data());
  std::array<unsigned char, 4 * ((SHA_DIGEST_LENGTH + 2) / 3) + 1> base64;
  const int size = ::EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest.size()));
  return {base64.begin(), base64.begin() + size};
}

std::string UpgradeHead(std::string_view key, std::string_view protocols) {
  std::string head = fmt::format(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n",
      WebSocketAccept(key));
  if (Offers(protocols, kWebSocketProtocol)) {
    head += fmt::format("Sec-WebSocket-Protocol: {}\r\n", kWebSocketProtocol);
  }
  return head + "\r\n";
}

bool MayConnectFrom(std::string_view origin, std::string_view host, const CorsOptions& cors) {
  if (origin.empty() || cors.origins.contains(origin)) {
    return true;
  }
  for (const auto& [scheme, port] : {std::pair("http://", ":80"), std::pair("https://", ":443")}) {
    if (origin.starts_with(scheme)) {
      const std::string_view rest = origin.substr(std::string_view(scheme).size());
      return !host.empty() && Authority(rest, port) == Authority(host, port);
    }
  }
  return false;
}

}  // namespace weir::edge
