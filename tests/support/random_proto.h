// Random proto3 types and random messages of them, for tests that compare our hand-written readers of the wire with the
// protobuf library. Everything follows from the generator's seed: print it when a test fails. One thread.
#ifndef WEIR_TESTS_SUPPORT_RANDOM_PROTO_H_
#define WEIR_TESTS_SUPPORT_RANDOM_PROTO_H_

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/message.h"

namespace weir::test {

using Rng = std::mt19937_64;

// At most `bound` - 1.
size_t Below(Rng& rng, size_t bound);

// A file `random.proto` of package `random` with six messages, M0 to M5: every scalar kind, enums, `optional`, oneofs,
// repeated fields packed and not, maps with every kind of key, nested and recursive messages, the well-known types,
// names of members set by hand, small and large field numbers.
google::protobuf::FileDescriptorProto RandomFile(Rng& rng);

// The files of the well-known types, dependencies first.
std::vector<google::protobuf::FileDescriptorProto> WellKnownFiles();

// A pool with the well-known types and one random file.
class RandomTypes {
 public:
  explicit RandomTypes(Rng& rng);

  const google::protobuf::DescriptorPool& pool() const { return pool_; }
  const google::protobuf::FileDescriptorProto& file() const { return file_; }
  const std::vector<const google::protobuf::Descriptor*>& types() const { return types_; }
  // An empty message.
  std::unique_ptr<google::protobuf::Message> New(const google::protobuf::Descriptor& type);
  // A message whose well-known types hold valid values and whose Any hold messages of these types.
  std::unique_ptr<google::protobuf::Message> Random(Rng& rng, const google::protobuf::Descriptor& type);

 private:
  std::unique_ptr<google::protobuf::Message> Random(Rng& rng, int depth, const google::protobuf::Descriptor& type);
  void Fill(Rng& rng, int depth, google::protobuf::Message& message);
  bool FillWellKnown(Rng& rng, int depth, google::protobuf::Message& message);
  void FillField(Rng& rng, int depth, const google::protobuf::FieldDescriptor& field,
                 google::protobuf::Message& message);

  google::protobuf::FileDescriptorProto file_;
  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_;
  std::vector<const google::protobuf::Descriptor*> types_;
};

// The bytes with maps sorted.
std::string Deterministic(const google::protobuf::Message& message);

// Valid UTF-8 with control characters, quotes, U+2028 and characters of every length.
std::string RandomText(Rng& rng);

// A copy with one to four random changes: bytes changed, removed, doubled, inserted, the end cut off.
std::string Mutated(Rng& rng, std::string bytes);

}  // namespace weir::test

#endif  // WEIR_TESTS_SUPPORT_RANDOM_PROTO_H_
