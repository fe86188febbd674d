// Descriptors to plans: the inside of JsonPlans.
#ifndef WEIR_EDGE_RENDER_JSON_COMPILE_H_
#define WEIR_EDGE_RENDER_JSON_COMPILE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/text.h"
#include "edge/render/json_plan.h"
#include "edge/render/json_plan_data.h"

namespace weir::edge {

class CompiledPlans : public JsonPlans {
 public:
  explicit CompiledPlans(FieldNames names) : names_(names) {}

  // Adds the plans of a file's message types and of what they hold.
  void Add(const google::protobuf::FileDescriptor& file);

  const MessagePlan* Find(std::string_view full_name) const override;
  absl::Status Append(const MessagePlan& plan, std::string_view bytes, std::string& out) const override;

 private:
  void AddWithNested(const google::protobuf::Descriptor& type);
  const MessagePlan* PlanFor(const google::protobuf::Descriptor& type);
  const EnumPlan* PlanFor(const google::protobuf::EnumDescriptor& type);
  FieldPlan PlanField(const google::protobuf::FieldDescriptor& field, bool print_defaults);

  const FieldNames names_;
  absl::flat_hash_map<const google::protobuf::Descriptor*, std::unique_ptr<MessagePlan>> messages_;
  absl::flat_hash_map<const google::protobuf::EnumDescriptor*, std::unique_ptr<EnumPlan>> enums_;
  TextMap<const MessagePlan*> by_name_;
};

}  // namespace weir::edge

#endif  // WEIR_EDGE_RENDER_JSON_COMPILE_H_
