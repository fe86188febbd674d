// Judges the wire bytes of a payload against its type without building a message.
#ifndef WEIR_SERVER_SCHEMA_PAYLOAD_CHECKER_H_
#define WEIR_SERVER_SCHEMA_PAYLOAD_CHECKER_H_

#include <memory>
#include <string_view>

#include "base/event_view.h"
#include "google/protobuf/descriptor.h"

namespace weir::server {

// A plan per message type, compiled once from the descriptor. Immutable to its users; any thread. The descriptor's pool
// must outlive it: a nested `Any` may name any type of that pool, and its plan is made when it is first met.
//
// kMalformed: the library's parser would refuse the bytes; or a `string` is not UTF-8; or an `Any` names a type that
// the pool does not know, has no `/` in its URL, or holds bytes that are malformed for its type; or messages, the
// contents of `Any` included, lie more than 100 deep.
//
// kCanonical: what an ordinary serialiser writes, with maps sorted, so that equal messages have equal bytes:
//   - fields in number order, singular ones once, one member of a oneof, values within the range of their type;
//   - fields without presence only when they are not the default;
//   - repeated scalars packed, in one piece and not empty, if and only if the serialiser packs them;
//   - map entries of exactly key and value, keys strictly ascending (as deterministic serialisation sorts them);
//   - unknown fields are allowed, in number order; varints need not be minimal; no groups.
//
// kOther: everything else; parse and serialise it deterministically. (A DynamicMessage keeps both entries when a map
// has a key twice, and unknown fields go to the end: readers must be ready for that.) Types of proto2 with required
// fields, groups or extensions are never more than kOther.
class PayloadChecker {
 public:
  static std::shared_ptr<const PayloadChecker> Compile(const google::protobuf::Descriptor& type);
  virtual ~PayloadChecker() = default;

  virtual EventForm Check(std::string_view payload) const = 0;
};

}  // namespace weir::server

#endif  // WEIR_SERVER_SCHEMA_PAYLOAD_CHECKER_H_
