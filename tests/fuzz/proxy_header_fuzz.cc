// The PROXY protocol: a header is read the same however its bytes come in, never asks for bytes behind its end, and has
// a bound; what does not fit is a fault.
#include <string>
#include <variant>

#include "edge/http/proxy_header.h"
#include "tests/fuzz/fuzz.h"

namespace weir::edge {
namespace {

using fuzz::Expect;

// As a connection reads it: only what is asked for. Returns how many bytes were taken.
size_t ReadAsItComes(std::string_view bytes, std::variant<ProxyHeader, ProxyHeaderMore, ProxyHeaderFault>& result) {
  size_t taken = 0;
  while (true) {
    result = ReadProxyHeader(bytes.substr(0, taken));
    const auto* const more = std::get_if<ProxyHeaderMore>(&result);
    if (more == nullptr) {
      return taken;
    }
    Expect(more->bytes > 0, "what is not complete wants more");
    Expect(taken + more->bytes <= kProxyHeaderBytesMax, "a header has a bound");
    if (taken + more->bytes > bytes.size()) {
      return taken;
    }
    taken += more->bytes;
  }
}

void Try(std::string_view bytes) {
  const auto whole = ReadProxyHeader(bytes);
  auto slow = whole;
  const size_t taken = ReadAsItComes(bytes, slow);
  const auto* const header = std::get_if<ProxyHeader>(&whole);
  Expect((header != nullptr) == std::holds_alternative<ProxyHeader>(slow), "a header is one, however it comes");
  if (header == nullptr) {
    return;
  }
  Expect(header->size == taken && header->size <= bytes.size(), "no byte behind the header is taken");
  Expect(std::get<ProxyHeader>(slow).source == header->source, "it names the same client");
  Expect(std::holds_alternative<ProxyHeader>(ReadProxyHeader(bytes.substr(0, header->size))), "it ends where it ends");
  for (size_t cut = 0; cut < header->size; cut += 1 + cut / 8) {
    Expect(std::holds_alternative<ProxyHeaderMore>(ReadProxyHeader(bytes.substr(0, cut))), "a part of it is no fault");
  }
}

}  // namespace
}  // namespace weir::edge

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::edge::Try(weir::fuzz::Text(data, size));
  return 0;
}
