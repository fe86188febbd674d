// Single values from the wire to JSON: everything but messages. Pure; any thread.
#ifndef WEIR_EDGE_RENDER_JSON_SCALAR_H_
#define WEIR_EDGE_RENDER_JSON_SCALAR_H_

#include <string>

#include "edge/render/json_plan_data.h"

namespace weir::edge {

// Appends the value of a field that is no message. False when a text is not UTF-8; what was appended is then to be
// thrown away.
bool AppendScalar(const FieldPlan& field, const RawValue& value, std::string& out);

// Appends a map's key, always a string, and the colon. False as above.
bool AppendKey(const FieldPlan& field, const RawValue& value, std::string& out);

}  // namespace weir::edge

#endif  // WEIR_EDGE_RENDER_JSON_SCALAR_H_
