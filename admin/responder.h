// What the admin listener answers: from a request's method and path to status, type and body. Knows no socket.
#ifndef WEIR_ADMIN_RESPONDER_H_
#define WEIR_ADMIN_RESPONDER_H_

#include <string>
#include <string_view>

#include "admin/admin_server.h"

namespace weir::admin {

struct Answer {
  unsigned status = 200;
  std::string content_type;
  std::string body;
  bool allow = false;  // sends `Allow: GET, HEAD`
};

// `target` may have a query, which means nothing here.
Answer Respond(std::string_view method, std::string_view target, const AdminOptions& options);

// An error as `application/problem+json`; `name` makes the stable `type`.
Answer ProblemAnswer(unsigned status, std::string_view name, std::string_view title, std::string_view detail);

}  // namespace weir::admin

#endif  // WEIR_ADMIN_RESPONDER_H_
