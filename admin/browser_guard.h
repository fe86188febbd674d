// Keeps web pages away from the admin listener, which trusts whoever can reach it: a page in the browser of somebody
// who can must not. Pure; any thread.
#ifndef WEIR_ADMIN_BROWSER_GUARD_H_
#define WEIR_ADMIN_BROWSER_GUARD_H_

#include <string_view>

namespace weir::admin {

// What a request says about where it comes from; what is absent is empty.
struct RequestOrigin {
  std::string_view host = {};
  std::string_view origin = {};
  std::string_view fetch_site = {};  // Sec-Fetch-Site
  bool over_loopback = false;        // the connection came to a loopback address
};

// Why the request is refused; empty: it is not.
//
// Over loopback the Host must be a name of loopback: a page whose host's name was bound anew to 127.0.0.1 (DNS
// rebinding) has its own. An `Origin` must be this host's, and `Sec-Fetch-Site` `same-origin` or `none` (a person's own
// doing): another site's page can send requests here, also such as change something, without being able to read the
// answers.
std::string_view RefusalOf(const RequestOrigin& request);

}  // namespace weir::admin

#endif  // WEIR_ADMIN_BROWSER_GUARD_H_
