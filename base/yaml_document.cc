#include "base/yaml_document.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/wire.h"

namespace weir {
namespace {

// Where `text` is not UTF-8, or holds NUL; its size when that is nowhere.
size_t FirstFault(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0x80 ? 2 : 1;
    if (lead == 0 || !wire::IsValidUtf8(text.substr(at, size))) {
      break;
    }
    at += size;
  }
  return std::min(at, text.size());
}

std::string PlaceAt(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, offset);
  return fmt::format("{}:{}", std::count(before.begin(), before.end(), '\n') + 1,
                     offset - (before.find_last_of('\n') + 1) + 1);
}

// Notes where the documents of a file begin.
class DocumentMarks final : public YAML::EventHandler {
 public:
  const std::vector<YAML::Mark>& marks() const { return marks_; }

  void OnDocumentStart(const YAML::Mark&) override { begins_ = true; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { See(mark); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { See(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t, const std::string&) override { See(mark); }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    See(mark);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    See(mark);
  }
  void OnMapEnd() override {}

 private:
  void See(const YAML::Mark& mark) {
    if (std::exchange(begins_, false)) {
      marks_.push_back(mark);
    }
  }

  std::vector<YAML::Mark> marks_;
  bool begins_ = false;
};

// The place of something after the first document. YAML::LoadAll would not do: at a stray `,` it finds documents
// without end.
std::optional<YAML::Mark> SecondDocument(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentMarks documents;
  for (int i = 0; i < 2 && parser.HandleNextDocument(documents); ++i) {
  }
  return documents.marks().size() < 2 ? std::nullopt : std::optional(documents.marks()[1]);
}

}  // namespace

std::string PlaceOf(const YAML::Mark& mark) { return fmt::format("{}:{}", mark.line + 1, mark.column + 1); }

std::variant<YAML::Node, YamlFault> ReadYamlDocument(std::string_view text) {
  if (const size_t fault = FirstFault(text); fault != text.size()) {
    return YamlFault{PlaceAt(text, fault), "is no text; allowed is UTF-8 without NUL"};
  }
  try {
    const std::string owned(text);
    if (const auto second = SecondDocument(owned)) {
      return YamlFault{PlaceOf(*second), "has something after its first document; allowed is one document"};
    }
    return YAML::Load(owned);
  } catch (const YAML::Exception& error) {
    std::string place = "1:1";
    if (!error.mark.is_null()) {
      // An escape that the end cuts off is marked behind the end.
      const bool within = static_cast<size_t>(error.mark.pos) <= text.size();
      place = within ? PlaceOf(error.mark) : PlaceAt(text, text.size());
    }
    return YamlFault{std::move(place), fmt::format("is not YAML: {}", Quotable(error.msg, 200))};
  }
}

}  // namespace weir
