#include "edge/schema_cache.h"

#include <spdlog/spdlog.h>

#include "absl/time/clock.h"
#include "base/text.h"

namespace weir::edge {
namespace {

constexpr size_t kVersionsMax = 4;
constexpr absl::Duration kFetchTimeout = absl::Seconds(5);

std::shared_ptr<const Schema> CompileOrEmpty(const v1::GetSchemaResponse& response) {
  absl::StatusOr<std::shared_ptr<const Schema>> schema = Schema::Compile(response);
  if (schema.ok()) {
    return *std::move(schema);
  }
  spdlog::error("schema {}: {}; its events cannot be shown", Quotable(response.version()),
                Quotable(Message(schema.status()), 1'000));
  v1::GetSchemaResponse empty;
  empty.set_version(response.version());
  return *Schema::Compile(empty);
}

}  // namespace

std::shared_ptr<const Schema> SchemaCache::Find(const std::string& version) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [known, schema] : schemas_) {
    if (known == version) {
      return schema;
    }
  }
  return nullptr;
}

absl::StatusOr<std::shared_ptr<const Schema>> SchemaCache::Get(const std::string& version) {
  if (std::shared_ptr<const Schema> schema = Find(version)) {
    return schema;
  }
  const absl::StatusOr<v1::GetSchemaResponse> response =
      client_.GetSchema(v1::GetSchemaRequest(), absl::Now() + kFetchTimeout);
  if (!response.ok()) {
    return response.status();
  }
  if (std::shared_ptr<const Schema> schema = Find(response->version())) {
    return schema;
  }
  std::shared_ptr<const Schema> schema = CompileOrEmpty(*response);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (schemas_.size() == kVersionsMax) {
    schemas_.erase(schemas_.begin());
  }
  schemas_.emplace_back(response->version(), schema);
  return schema;
}

}  // namespace weir::edge
