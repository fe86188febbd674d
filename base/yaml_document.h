// A text as one document of YAML, by yaml-cpp, whose exceptions end here.
#ifndef WEIR_BASE_YAML_DOCUMENT_H_
#define WEIR_BASE_YAML_DOCUMENT_H_

#include <yaml-cpp/yaml.h>

#include <string>
#include <string_view>
#include <variant>

namespace weir {

// As a configuration file names a place: `LINE:COLUMN`, each from 1 on.
std::string PlaceOf(const YAML::Mark& mark);

struct YamlFault {
  std::string place;
  std::string what;  // `is not YAML: …`
};

// The text's only document; it may be null. Refused are what is not UTF-8 or holds NUL, and a second document.
std::variant<YAML::Node, YamlFault> ReadYamlDocument(std::string_view text);

}  // namespace weir

#endif  // WEIR_BASE_YAML_DOCUMENT_H_
