// X-Forwarded-For: nobody but trusted proxies decides whose request it is. The first line of the input is the networks
// that are trusted, the rest is the header.
#include <string>

#include "edge/http/forwarded.h"
#include "tests/fuzz/fuzz.h"

namespace weir::edge {
namespace {

using fuzz::Expect;

void TryNetwork(std::string_view text, Networks& trusted) {
  if (const auto network = Network::Parse(text)) {
    trusted.push_back(*network);
    const auto base = IpAddress::Parse(text.substr(0, text.find('/')));
    Expect(base && network->Contains(*base), "a network holds its own address");
  }
  if (const auto address = IpAddress::Parse(text)) {
    Expect(IpAddress::Parse(address->ToString()) == address, "an address that is written reads the same");
    Expect(Network::Parse(text)->Contains(*address), "an address is a network of one");
  }
}

void Try(std::string_view bytes) {
  const size_t line = bytes.find('\n');
  std::string_view list = bytes.substr(0, line);
  const std::string header(line == std::string_view::npos ? std::string_view() : bytes.substr(line + 1));
  Networks trusted;
  while (!list.empty() && trusted.size() < 8) {
    const size_t comma = list.find(',');
    TryNetwork(list.substr(0, comma), trusted);
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  const IpAddress stranger = IpAddress::V4(203, 0, 113, 9);
  const IpAddress proxy = IpAddress::V4(10, 0, 0, 1);
  Expect(ForwardedClient(stranger, header, {}) == stranger, "a stranger is believed nothing");
  Networks with_proxy = trusted;
  with_proxy.push_back(*Network::Parse("10.0.0.1"));
  const auto client = ForwardedClient(proxy, header, with_proxy);
  if (!Contain(with_proxy, stranger)) {
    Expect(ForwardedClient(proxy, header + ", 203.0.113.9", with_proxy) == stranger,
           "who connects to a proxy cannot write another address");
  }
  if (client) {
    Expect(ForwardedClient(proxy, header + ", 10.0.0.1", with_proxy) == client ||
               header.find_first_not_of(" \t") == header.npos,
           "a further trusted proxy changes nothing");
  }
}

}  // namespace
}  // namespace weir::edge

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::edge::Try(weir::fuzz::Text(data, size));
  return 0;
}
