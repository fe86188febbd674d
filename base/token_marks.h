// By what the token of an open stream or poll is found again: when its key goes, or when it is revoked. Plain data.
#ifndef WEIR_BASE_TOKEN_MARKS_H_
#define WEIR_BASE_TOKEN_MARKS_H_

#include <cstdint>

namespace weir {

// Digests and no names, so that it is small. All zero: a reader without a token.
struct TokenMarks {
  uint64_t subject = 0;  // of `sub`; 0: it has none
  uint64_t id = 0;       // of `jti`; 0: it has none
  uint32_t issuer = 0;   // of `iss`; 0: it has none
  uint32_t issued = 0;   // `iat` in whole seconds; 0: it does not say
  uint32_t key = 0;      // JwtClaims::key
};

}  // namespace weir

#endif  // WEIR_BASE_TOKEN_MARKS_H_
