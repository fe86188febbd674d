#include "edge/routes.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "edge/duration_check.h"
#include "edge/render/frame.h"

namespace weir::edge {
namespace {

namespace pb = config::v1;

constexpr size_t kNameBytesMax = 64;
constexpr size_t kPathBytesMax = 256;
constexpr int kTypesMax = 1024;
constexpr int kAttributesMax = 16;  // as many as an event may have
constexpr std::string_view kMembers[] = {"timestamp", "eventId", "topic", "sequence"};

bool IsAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool AllOf(std::string_view text, std::string_view extra) {
  return std::all_of(text.begin(), text.end(), [&](char c) { return IsAlnum(c) || extra.find(c) != extra.npos; });
}

bool IsRoutePath(std::string_view path) {
  return path.starts_with('/') && path.size() <= kPathBytesMax && AllOf(path, "._~/-") &&
         path.find("//") == path.npos && (fmt::format("{}/", path)).find("/./") == std::string::npos &&
         (fmt::format("{}/", path)).find("/../") == std::string::npos;
}

bool IsTypeName(std::string_view name) {
  return !name.empty() && AllOf(name, "._") && name.front() != '.' && name.back() != '.' &&
         name.find("..") == name.npos;
}

bool IsAttributeKey(std::string_view key) {
  return !key.empty() && key.size() <= 32 && key[0] >= 'a' && key[0] <= 'z' &&
         std::all_of(key.begin(), key.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

std::string Camel(std::string_view name) {
  std::string out;
  bool upper = false;
  for (const char c : name) {
    if (c == '_') {
      upper = true;
      continue;
    }
    out += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = false;
  }
  return out;
}

// What makes two presentations one.
std::string KeyOf(const PresentationOptions& options) {
  return fmt::format("{}|{}|{}|{}|{}|{}", static_cast<int>(options.field_names), static_cast<int>(options.envelope),
                     fmt::join(options.members, ","), fmt::join(options.attributes, ","), options.event_name,
                     static_cast<int>(options.framing));
}

// Two routes with the same text are the same to their readers, however they are written.
std::string MeaningOf(const pb::Route& in, const Route& route, const PresentationOptions& options) {
  pb::Route out = in;
  out.set_auth(route.auth_required ? pb::AUTH_MODE_REQUIRED : pb::AUTH_MODE_UNSPECIFIED);
  std::sort(out.mutable_types()->begin(), out.mutable_types()->end());
  out.mutable_connected()->set_event(route.connected_event);
  out.mutable_heartbeat()->clear_interval();
  out.set_gap_event(route.gap_event);
  out.set_start(fmt::format("{}", static_cast<int>(route.start)));
  out.clear_replay_max();
  out.clear_retry();
  out.clear_event_name();
  out.clear_json();
  out.clear_envelope();
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    out.SerializeToCodedStream(&coded);
  }
  return fmt::format("{}|{}|{}|{}|{}", absl::ToInt64Milliseconds(route.heartbeat_interval),
                     absl::ToInt64Milliseconds(route.replay_max), absl::ToInt64Milliseconds(route.retry),
                     KeyOf(options), bytes);
}

// Compiles one route; `at` is its place in the file, `routes[0]`.
class RouteCompiler {
 public:
  RouteCompiler(const pb::Route& in, const ConfigFile& file, std::string at)
      : in_(in), file_(file), at_(std::move(at)) {}

  absl::StatusOr<Route> Run(PresentationOptions& presentation) {
    for (const auto step : {&RouteCompiler::Path, &RouteCompiler::Filters, &RouteCompiler::Types,
                            &RouteCompiler::ControlFrames, &RouteCompiler::Names, &RouteCompiler::Reading}) {
      if (absl::Status status = (this->*step)(); !status.ok()) {
        return status;
      }
    }
    if (absl::Status status = Present(presentation); !status.ok()) {
      return status;
    }
    return std::move(out_);
  }

 private:
  absl::Status Error(std::string_view key, std::string_view what) const {
    return file_.Error(fmt::format("{}.{}", at_, key), what);
  }

  absl::Status Path() {
    if (in_.path().empty()) {
      return Error("path", "is required; allowed is a path as /api/updates");
    }
    if (!IsRoutePath(in_.path())) {
      return Error("path", fmt::format("is \"{}\"; allowed is a path of at most {} bytes that begins with `/`, of "
                                       "[A-Za-z0-9._~/-], without empty, `.` or `..` segments",
                                       Quotable(in_.path()), kPathBytesMax));
    }
    out_.path = in_.path();
    out_.auth_required = in_.auth() == pb::AUTH_MODE_REQUIRED;
    out_.stopped = in_.stopped();
    return Required();
  }

  absl::Status Required() {
    if (!in_.has_require()) {
      return absl::OkStatus();
    }
    absl::StatusOr<RequiredClaims> required = RequiredClaims::Compile(in_.require());
    if (!required.ok()) {
      return Error("require", Message(required.status()));
    }
    if (!out_.auth_required) {
      return Error("require", "asks for claims of the token, so the route needs `auth: required`");
    }
    out_.required = *std::move(required);
    return absl::OkStatus();
  }

  absl::Status Filters() {
    const auto count = static_cast<size_t>(in_.filters_size());
    if (count == 0 || count > kRouteFiltersMax) {
      return Error("filters", fmt::format("has {} filters; allowed is 1 to {}", count, kRouteFiltersMax));
    }
    for (int i = 0; i < in_.filters_size(); ++i) {
      absl::StatusOr<FilterTemplate> filter = FilterTemplate::Compile(in_.filters(i));
      const std::string key = fmt::format("filters[{}]", i);
      if (!filter.ok()) {
        return Error(key, Message(filter.status()));
      }
      if (filter->uses_claims() && !out_.auth_required) {
        return Error(key, "uses a claim of the token, so the route needs `auth: required`");
      }
      out_.filters.push_back(*std::move(filter));
    }
    return absl::OkStatus();
  }

  absl::Status Types() {
    if (in_.types_size() > kTypesMax) {
      return Error("types", fmt::format("has {} types; allowed is at most {}", in_.types_size(), kTypesMax));
    }
    for (int i = 0; i < in_.types_size(); ++i) {
      if (!IsTypeName(in_.types(i))) {
        return Error(fmt::format("types[{}]", i), fmt::format("is \"{}\"; allowed is the full name of a message type, "
                                                              "as shop.v1.OrderPlaced",
                                                              Quotable(in_.types(i))));
      }
      out_.types.insert(in_.types(i));
    }
    return absl::OkStatus();
  }

  absl::Status Data(std::string_view key, const google::protobuf::Struct& data, DataTemplate& out) {
    absl::StatusOr<DataTemplate> compiled = DataTemplate::Compile(data);
    if (!compiled.ok()) {
      return Error(key, Message(compiled.status()));
    }
    if (compiled->uses_claims() && !out_.auth_required) {
      return Error(key, "uses a claim of the token, so the route needs `auth: required`");
    }
    out = *std::move(compiled);
    return absl::OkStatus();
  }

  absl::Status ControlFrames() {
    if (!in_.connected().event().empty()) {
      out_.connected_event = in_.connected().event();
    }
    if (in_.connected().has_data()) {
      if (absl::Status status = Data("connected.data", in_.connected().data(), out_.connected_data); !status.ok()) {
        return status;
      }
    }
    const pb::Heartbeat& heartbeat = in_.heartbeat();
    out_.heartbeat_event = heartbeat.event();
    if (heartbeat.has_data()) {
      if (heartbeat.event().empty()) {
        return Error("heartbeat.data", "needs heartbeat.event: a heartbeat without a name is a comment line");
      }
      if (absl::Status status = Data("heartbeat.data", heartbeat.data(), out_.heartbeat_data); !status.ok()) {
        return status;
      }
    }
    if (!in_.gap_event().empty()) {
      out_.gap_event = in_.gap_event();
    }
    if (in_.has_upstream() && in_.upstream().event().empty()) {
      return Error("upstream.event", "is required; allowed is a name as weir.upstream");
    }
    out_.upstream_event = in_.upstream().event();
    return CheckDuration(file_, fmt::format("{}.heartbeat.interval", at_), heartbeat.has_interval(),
                         heartbeat.interval(), absl::Seconds(1), absl::Minutes(5), out_.heartbeat_interval);
  }

  // Every name is good, and no two of a route are the same: a page could not tell them apart.
  absl::Status Names() {
    const std::pair<std::string_view, std::string_view> names[] = {{"connected.event", out_.connected_event},
                                                                   {"heartbeat.event", out_.heartbeat_event},
                                                                   {"gap_event", out_.gap_event},
                                                                   {"upstream.event", out_.upstream_event},
                                                                   {"event_name", in_.event_name()}};
    TextSet taken = {std::string(kAuthExpiredEvent), std::string(kOverloadedEvent), std::string(kDrainingEvent)};
    for (const auto& [key, name] : names) {
      if (name.empty()) {
        continue;
      }
      if (!IsEventName(name)) {
        return Error(key, fmt::format("is \"{}\"; allowed is 1 to {} of [A-Za-z0-9._-], but not `open` or `error`",
                                      Quotable(name), kNameBytesMax));
      }
      if (!taken.insert(std::string(name)).second) {
        return Error(key, fmt::format("is \"{}\", which is the name of another control event of this route", name));
      }
    }
    if (in_.event_name().starts_with("weir.")) {
      return Error("event_name", "begins with `weir.`, which is reserved for the edge's own events");
    }
    return absl::OkStatus();
  }

  absl::Status Reading() {
    if (in_.start() == "earliest") {
      out_.start = ReadStart::Kind::kEarliest;
    } else if (in_.start() == "last") {
      out_.start = ReadStart::Kind::kLast;
    } else if (!in_.start().empty() && in_.start() != "latest") {
      return Error("start", fmt::format("is \"{}\"; allowed is latest, earliest or last", Quotable(in_.start())));
    }
    if (absl::Status status =
            CheckDuration(file_, fmt::format("{}.replay_max", at_), in_.has_replay_max(), in_.replay_max(),
                          absl::Seconds(1), absl::Hours(24 * 365 * 10), out_.replay_max);
        !status.ok()) {
      return status;
    }
    return CheckDuration(file_, fmt::format("{}.retry", at_), in_.has_retry(), in_.retry(), absl::Milliseconds(100),
                         absl::Hours(1), out_.retry);
  }

  absl::Status Present(PresentationOptions& options) const {
    options.field_names = in_.json().field_names() == pb::FIELD_NAMES_PROTO ? FieldNames::kProto : FieldNames::kCamel;
    options.event_name = in_.event_name();
    const pb::Envelope& envelope = in_.envelope();
    const bool wrapped = envelope.kind() == pb::ENVELOPE_KIND_EVENT || envelope.kind() == pb::ENVELOPE_KIND_CLOUDEVENTS;
    if (envelope.kind() == pb::ENVELOPE_KIND_EVENT) {
      options.envelope = EnvelopeKind::kEvent;
      options.members = {"timestamp", "eventId"};
    } else if (envelope.kind() == pb::ENVELOPE_KIND_CLOUDEVENTS) {
      options.envelope = EnvelopeKind::kCloudEvents;
    }
    if (envelope.members_size() > 0) {
      if (options.envelope != EnvelopeKind::kEvent) {
        return Error("envelope.members", "needs `kind: event`");
      }
      options.members.clear();
    }
    for (int i = 0; i < envelope.members_size(); ++i) {
      const std::string& member = envelope.members(i);
      if (std::find(std::begin(kMembers), std::end(kMembers), member) == std::end(kMembers) ||
          std::find(options.members.begin(), options.members.end(), member) != options.members.end()) {
        return Error(
            fmt::format("envelope.members[{}]", i),
            fmt::format("is \"{}\"; allowed is each of timestamp, eventId, topic and sequence once", Quotable(member)));
      }
      options.members.push_back(member);
    }
    if (envelope.attributes_size() > 0 && !wrapped) {
      return Error("envelope.attributes", "needs `kind: event` or `kind: cloudevents`");
    }
    return Attributes(options);
  }

  absl::Status Attributes(PresentationOptions& options) const {
    const auto& attributes = in_.envelope().attributes();
    if (attributes.size() > kAttributesMax) {
      return Error("envelope.attributes",
                   fmt::format("has {} attributes; allowed is at most {}", attributes.size(), kAttributesMax));
    }
    TextSet taken = {"type", "data"};
    taken.insert(std::begin(kMembers), std::end(kMembers));
    if (options.envelope == EnvelopeKind::kCloudEvents) {
      taken = {"specversion",     "id",         "source", "type",       "subject", "time",
               "datacontenttype", "dataschema", "data",   "data_base64"};
    }
    for (int i = 0; i < attributes.size(); ++i) {
      const std::string& name = attributes[i];
      const std::string key = fmt::format("envelope.attributes[{}]", i);
      if (!IsAttributeKey(name)) {
        return Error(key,
                     fmt::format("is \"{}\"; allowed is an attribute's key, [a-z][a-z0-9_]{{0,31}}", Quotable(name)));
      }
      // What this route writes is taken, and both spellings, whichever it is.
      for (const std::string& shown : TextSet{AttributeMember(name, options), Camel(name), name}) {
        if (!taken.insert(shown).second) {
          return Error(key, fmt::format("is \"{}\", which is a member of the envelope already", name));
        }
      }
      options.attributes.push_back(name);
    }
    return absl::OkStatus();
  }

  const pb::Route& in_;
  const ConfigFile& file_;
  const std::string at_;
  Route out_;
};

}  // namespace

absl::StatusOr<Routes> Routes::Compile(const pb::Edge& edge, const ConfigFile& file) {
  if (edge.routes_size() == 0) {
    return file.Error("routes", "is empty; at least one route is needed");
  }
  Routes result;
  TextMap<uint32_t> presentation_of;
  TextSet upstream;
  const auto place = [&](PresentationOptions options) {
    const auto [it, fresh] =
        presentation_of.try_emplace(KeyOf(options), static_cast<uint32_t>(result.presentations_.size()));
    if (fresh) {
      result.presentations_.push_back(std::make_shared<const Presentation>(std::move(options)));
    }
    return it->second;
  };
  for (int i = 0; i < edge.routes_size(); ++i) {
    const std::string at = fmt::format("routes[{}]", i);
    PresentationOptions options;
    absl::StatusOr<Route> route = RouteCompiler(edge.routes(i), file, at).Run(options);
    if (!route.ok()) {
      return route.status();
    }
    if (!result.by_path_.try_emplace(route->path, result.routes_.size()).second) {
      return file.Error(fmt::format("{}.path", at),
                        fmt::format("is \"{}\", as another route's before it", route->path));
    }
    result.meanings_.push_back(MeaningOf(edge.routes(i), *route, options));
    route->presentation_index = place(options);
    route->presentation = result.presentations_[route->presentation_index];
    if (edge.routes(i).websocket()) {
      options.framing = Framing::kWebSocket;
      route->message_presentation_index = place(options);
      route->message_presentation = result.presentations_[route->message_presentation_index];
    }
    for (const FilterTemplate& filter : route->filters) {
      if (std::string widest = filter.Widest(); upstream.insert(widest).second) {
        result.upstream_filters_.push_back(std::move(widest));
      }
    }
    result.routes_.push_back(std::make_shared<const Route>(*std::move(route)));
  }
  if (result.upstream_filters_.size() > kUpstreamFiltersMax) {
    return file.Error("routes", fmt::format("have {} distinct filters together; allowed is at most {}",
                                            result.upstream_filters_.size(), kUpstreamFiltersMax));
  }
  return result;
}

std::shared_ptr<const Route> Routes::Find(std::string_view path) const {
  const auto it = by_path_.find(path);
  return it == by_path_.end() ? nullptr : routes_[it->second];
}

absl::StatusOr<std::vector<std::string>> ExpandFilters(const Route& route, const RequestValues& values) {
  std::vector<std::string> filters;
  for (const FilterTemplate& filter : route.filters) {
    absl::StatusOr<std::string> concrete = filter.Expand(values);
    if (!concrete.ok()) {
      return concrete.status();
    }
    filters.push_back(*std::move(concrete));
  }
  std::sort(filters.begin(), filters.end());
  filters.erase(std::unique(filters.begin(), filters.end()), filters.end());
  return filters;
}

}  // namespace weir::edge
