// What the suite publishes and how it is read: events of the five applications on a few topics, routes on which each of
// them can be seen in several ways, and the same event's text found in proto and in JSON.
#ifndef WEIR_TESTS_CHAOS_APPLICATIONS_H_
#define WEIR_TESTS_CHAOS_APPLICATIONS_H_

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "weir/v1/event.pb.h"

namespace weir::chaos {

// Topics that are published on.
const std::vector<std::string>& Topics();

// An event of the topic's type whose text is `EVENT_ID FILLER`.
v1::Event EventOn(const std::string& topic, const std::string& event_id, const std::string& filler);

// The text of an event's payload, and of its data as a route shows it; null when there is none.
std::optional<std::string> TextOf(const v1::Event& event);
std::optional<std::string> TextOf(const nlohmann::json& data);
// The event's id, which its text begins with.
std::string EventIdOf(const std::string& text);

// A way of reading: a route as one principal sees it, and the filters that this comes down to.
struct View {
  std::string path;     // with the parameters that its filters need
  std::string subject;  // of the token; empty: none
  std::string tenant;   // its claim `tenant_id`; may be empty
  std::vector<std::string> filters;
};

const std::vector<View>& Views();

// The edge's routes for these views, and its keys: the file `secret` beside the configuration.
std::string RoutesYaml();

}  // namespace weir::chaos

#endif  // WEIR_TESTS_CHAOS_APPLICATIONS_H_
