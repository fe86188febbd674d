// Where words go: data to stdout, one JSON value a line, written at once; everything else to stderr. Any thread.
#ifndef WEIR_CLIENTS_CLI_OUTPUT_H_
#define WEIR_CLIENTS_CLI_OUTPUT_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace weir::cli {

using Json = nlohmann::ordered_json;

// One line of JSON; bytes that are not UTF-8 are replaced, and no control character is left as it is.
std::string Dump(const Json& json);

// Writes the line and a newline to stdout. When nobody reads it any more the process ends quietly with 141; when it
// cannot be written it ends with 1 and says why.
void PrintLine(std::string_view line);

// `weir: TEXT` on stderr, one line (base/visible.h).
void Note(std::string_view text);

// `INVALID_ARGUMENT (TOPIC_INVALID): message`; without the parentheses when the error has no reason.
std::string Describe(const absl::Status& status);

// {"code","reason","message"}
Json ErrorJson(const absl::Status& status);

// An error with one of Weir's reasons, made here.
absl::Status Error(absl::StatusCode code, std::string_view reason, std::string_view message);

}  // namespace weir::cli

#endif  // WEIR_CLIENTS_CLI_OUTPUT_H_
