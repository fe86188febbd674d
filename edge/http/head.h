// The head of an HTTP/1.x request: where it ends, and what it says. Pure; any thread.
#ifndef WEIR_EDGE_HTTP_HEAD_H_
#define WEIR_EDGE_HTTP_HEAD_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "edge/http/head_syntax.h"

namespace weir::edge {

// What of a request is used; a header that is absent is empty.
struct RequestHead {
  std::string method;
  std::string target;
  bool http11 = true;      // false: HTTP/1.0
  bool keep_alive = true;  // what the client wants
  bool has_body = false;
  std::string accept;  // several joined by commas
  std::string authorization;
  std::string last_event_id;
  std::string origin;
  std::string cookie;  // several joined by semicolons
  std::string sec_fetch_site;
  std::string forwarded_for;  // X-Forwarded-For; several joined by commas
  std::string if_none_match;
  std::string if_modified_since;
  bool preflight = false;  // OPTIONS with Access-Control-Request-Method
  std::string host;
  bool upgrade = false;  // `Connection: upgrade` and `Upgrade: websocket`
  std::string websocket_key;
  std::string websocket_version;
  std::string websocket_protocols;  // several joined by commas
};

// How many bytes the first head of `bytes` has, its empty line included; 0 when it is not complete. `seen` bytes of it
// were searched by an earlier call.
size_t HeadSize(std::string_view bytes, size_t seen);

// Whether these bytes can still become a request: empty lines, then a letter. What is not (a TLS hello) need not be
// waited for.
bool MayBeRequest(std::string_view bytes);

// Parses one complete head, strictly (head_syntax.h). A header that decides something must not come twice; a body has
// one length (RFC 9112, 6).
std::variant<RequestHead, HeadFault> ParseHead(std::string_view bytes);

}  // namespace weir::edge

#endif  // WEIR_EDGE_HTTP_HEAD_H_
