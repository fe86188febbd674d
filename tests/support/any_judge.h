// Judges the messages in `Any` fields with the protobuf library, as the server does with its own reader.
#ifndef WEIR_TESTS_SUPPORT_ANY_JUDGE_H_
#define WEIR_TESTS_SUPPORT_ANY_JUDGE_H_

#include <string>
#include <vector>

#include "google/protobuf/any.pb.h"
#include "tests/support/random_proto.h"

namespace weir::test {

// Whether some Any within the message makes it malformed although the message itself parses.
class AnyJudge {
 public:
  explicit AnyJudge(RandomTypes& types) : types_(types) {}

  bool Accepts(const google::protobuf::Message& message) {
    const auto& reflection = *message.GetReflection();
    if (message.GetDescriptor()->full_name() == "google.protobuf.Any" && !AcceptsAny(message)) {
      return false;
    }
    std::vector<const google::protobuf::FieldDescriptor*> fields;
    reflection.ListFields(message, &fields);
    for (const auto* field : fields) {
      if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) {
        continue;
      }
      for (int i = 0; i < (field->is_repeated() ? reflection.FieldSize(message, field) : 1); ++i) {
        if (!Accepts(field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                          : reflection.GetMessage(message, field))) {
          return false;
        }
      }
    }
    return true;
  }

 private:
  bool AcceptsAny(const google::protobuf::Message& any) {
    google::protobuf::Any copy;
    copy.ParseFromString(any.SerializeAsString());
    if (copy.type_url().empty() && copy.value().empty()) {
      return true;
    }
    const size_t slash = copy.type_url().rfind('/');
    const auto* type =
        slash == std::string::npos ? nullptr : types_.pool().FindMessageTypeByName(copy.type_url().substr(slash + 1));
    if (type == nullptr) {
      return false;
    }
    const auto held = types_.New(*type);
    return held->ParseFromString(copy.value()) && Accepts(*held);
  }

  RandomTypes& types_;
};

}  // namespace weir::test

#endif  // WEIR_TESTS_SUPPORT_ANY_JUDGE_H_
