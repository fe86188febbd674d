#include "admin/responder.h"

#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/text.h"

namespace weir::admin {
namespace {

Answer Check(const std::function<absl::Status()>& check, std::string_view name, std::string_view title,
             std::string_view note = {}) {
  const absl::Status status = check ? check() : absl::OkStatus();
  if (status.ok()) {
    return {200, "text/plain; charset=utf-8", note.empty() ? "ok\n" : fmt::format("ok\n{}\n", note)};
  }
  return ProblemAnswer(503, name, title, Message(status));
}

Answer Metrics(const AdminOptions& options) {
  std::vector<prometheus::MetricFamily> families;
  for (const auto& collectable : options.collectables) {
    std::vector<prometheus::MetricFamily> more = collectable->Collect();
    families.insert(families.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  return {200, "text/plain; version=0.0.4; charset=utf-8", prometheus::TextSerializer().Serialize(families)};
}

}  // namespace

Answer ProblemAnswer(unsigned status, std::string_view name, std::string_view title, std::string_view detail) {
  const nlohmann::ordered_json body = {
      {"type", fmt::format("urn:weir:problem:{}", name)}, {"title", title}, {"status", status}, {"detail", detail}};
  // A detail that is not UTF-8 must not make the answer fail.
  return {status, "application/problem+json",
          body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n"};
}

Answer Respond(std::string_view method, std::string_view target, const AdminOptions& options) {
  const std::string_view path = target.substr(0, target.find('?'));
  if (path != "/healthz" && path != "/readyz" && path != "/metrics") {
    return ProblemAnswer(404, "not-found", "Not found", "here are /healthz, /readyz and /metrics");
  }
  if (method != "GET" && method != "HEAD") {
    Answer answer = ProblemAnswer(405, "method-not-allowed", "Method not allowed", "allowed is GET or HEAD");
    answer.allow = true;
    return answer;
  }
  if (path == "/healthz") {
    return Check(options.health, "unhealthy", "Unhealthy");
  }
  if (path == "/readyz") {
    return Check(options.ready, "not-ready", "Not ready", options.ready_note ? options.ready_note() : "");
  }
  return Metrics(options);
}

}  // namespace weir::admin
