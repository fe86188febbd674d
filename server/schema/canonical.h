// The canonical bytes of a message of any type.
#ifndef WEIR_SERVER_SCHEMA_CANONICAL_H_
#define WEIR_SERVER_SCHEMA_CANONICAL_H_

#include <string>

#include "google/protobuf/message.h"

namespace weir::server {

// Deterministic serialisation: fields in number order, maps sorted by key. A key that a map has twice (the parser of
// dynamic messages keeps both) is written once, with the last value, as readers take it. Changes the message's maps to
// that form.
std::string CanonicalBytes(google::protobuf::Message& message);

}  // namespace weir::server

#endif  // WEIR_SERVER_SCHEMA_CANONICAL_H_
