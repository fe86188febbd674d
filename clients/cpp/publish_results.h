// A PublishStreamResponse, read from its wire bytes.
#ifndef WEIR_CLIENTS_CPP_PUBLISH_RESULTS_H_
#define WEIR_CLIENTS_CPP_PUBLISH_RESULTS_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "weir/client.h"

namespace weir::client {

struct PublishResults {
  uint64_t first_index = 0;
  std::vector<std::string_view> results;  // each the wire bytes of a PublishResult
};

// False when the bytes are no message. The views point into `bytes`.
bool ReadPublishResults(std::string_view bytes, PublishResults& results);

// Sets the outcome from the wire bytes of a PublishResult; INTERNAL when they are none. An outcome may be used again.
void SetOutcome(std::string_view result, PublishOutcome& outcome);

}  // namespace weir::client

#endif  // WEIR_CLIENTS_CPP_PUBLISH_RESULTS_H_
