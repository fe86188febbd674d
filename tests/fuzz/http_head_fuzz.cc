// The head of a request: where it ends does not depend on how it comes in; what is taken of it holds nothing that could
// begin a line, and reads the same when it is written down plainly.
#include <string>
#include <variant>

#include "edge/http/head.h"
#include "edge/http/target.h"
#include "tests/fuzz/fuzz.h"

namespace weir::edge {
namespace {

using fuzz::Expect;

bool OneLine(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

std::string Written(const RequestHead& head) {
  std::string text = head.method + " " + head.target + (head.http11 ? " HTTP/1.1\r\nHost: h\r\n" : " HTTP/1.0\r\n");
  const auto line = [&text](const std::string& name, const std::string& value) {
    text += value.empty() ? "" : name + ": " + value + "\r\n";
  };
  line("Accept", head.accept);
  line("Authorization", head.authorization);
  line("Last-Event-ID", head.last_event_id);
  line("Origin", head.origin);
  line("Sec-Fetch-Site", head.sec_fetch_site);
  line("X-Forwarded-For", head.forwarded_for);
  line("If-None-Match", head.if_none_match);
  line("If-Modified-Since", head.if_modified_since);
  line("Connection", head.keep_alive ? "keep-alive" : "close");
  line("Content-Length", head.has_body ? "1" : "");
  line("Access-Control-Request-Method", head.preflight ? "GET" : "");
  return text + "\r\n";
}

bool Same(const RequestHead& a, const RequestHead& b) {
  return a.method == b.method && a.target == b.target && a.http11 == b.http11 && a.keep_alive == b.keep_alive &&
         a.has_body == b.has_body && a.accept == b.accept && a.authorization == b.authorization &&
         a.last_event_id == b.last_event_id && a.origin == b.origin && a.sec_fetch_site == b.sec_fetch_site &&
         a.forwarded_for == b.forwarded_for && a.if_none_match == b.if_none_match &&
         a.if_modified_since == b.if_modified_since && a.preflight == b.preflight;
}

void TryTarget(std::string_view text) {
  const auto target = ParseTarget(text);
  if (!target.ok()) {
    return;
  }
  Expect(target->path.starts_with('/'), "a path begins with a slash");
  Expect(OneLine(target->path), "a path is one line");
  Expect(target->query.size() <= kQueryParametersMax, "parameters have a limit");
  for (const std::string_view name : {"token", "last_event_id", "wait", "a", ""}) {
    const auto value = target->query.Find(name);
    Expect(value.has_value() == (target->query.Count(name) > 0), "a parameter is found if it is counted");
    Expect(!value.has_value() || (IsUtf8(*value) && OneLine(*value)), "a parameter is one line of UTF-8");
  }
}

void TryHead(std::string_view bytes) {
  const auto result = ParseHead(bytes);
  if (!std::holds_alternative<RequestHead>(result)) {
    const int status = std::get<HeadFault>(result).problem.status;
    Expect(status == 400 || status == 414 || status == 431 || status == 505,
           "a fault is a bad request, one beyond a bound, or another version");
    return;
  }
  const RequestHead& head = std::get<RequestHead>(result);
  Expect(!head.method.empty() && !head.target.empty(), "a request has a method and a target");
  for (const std::string* text :
       {&head.method, &head.target, &head.accept, &head.authorization, &head.last_event_id, &head.origin,
        &head.sec_fetch_site, &head.forwarded_for, &head.host, &head.if_none_match, &head.if_modified_since}) {
    Expect(OneLine(*text), "what is taken of a header is one line");
  }
  const auto again = ParseHead(Written(head));
  Expect(std::holds_alternative<RequestHead>(again), "a request written plainly is one");
  Expect(Same(std::get<RequestHead>(again), head), "a request written plainly is the same");
  TryTarget(head.target);
}

}  // namespace
}  // namespace weir::edge

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using weir::fuzz::Expect;
  const std::string_view bytes = weir::fuzz::Text(data, size);
  const size_t head = weir::edge::HeadSize(bytes, 0);
  Expect(head <= size, "a head is within the bytes");
  for (const size_t seen : {size / 4, size / 2, size - size / 8}) {
    if (weir::edge::HeadSize(bytes.substr(0, seen), 0) == 0) {
      Expect(weir::edge::HeadSize(bytes, seen) == head, "a head ends where it ends, however it came");
    }
  }
  const bool faulty = weir::edge::FaultInBytes(bytes, 0).has_value();
  for (const size_t seen : {size / 3, size / 2, size - size / 8}) {
    const bool early = weir::edge::FaultInBytes(bytes.substr(0, seen), 0).has_value();
    Expect(faulty == (early || weir::edge::FaultInBytes(bytes, seen).has_value()), "a fault is one, however it came");
  }
  if (head != 0 && weir::edge::MayBeRequest(bytes)) {  // a connection asks both
    weir::edge::TryHead(bytes.substr(0, head));
  }
  weir::edge::TryTarget(bytes);
  return 0;
}
