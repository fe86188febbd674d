// A place in the log. The same text is the SSE id, the poll cursor and the gRPC resume token.
//
// The text is `EPOCH-SEQUENCE`: eight of `[a-z0-9]`, a hyphen, and the sequence in decimal without leading zeros. A
// reader that has cursor `e-n` has been given everything up to and including n. Readers must treat it as opaque.
#ifndef WEIR_BASE_CURSOR_H_
#define WEIR_BASE_CURSOR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

// The short random name of a log's life.
class Epoch {
 public:
  static constexpr size_t kSize = 8;

  Epoch() { text_.fill('0'); }
  // Null unless `text` is eight of `[a-z0-9]`.
  static std::optional<Epoch> Parse(std::string_view text);
  // From any 64 random bits.
  static Epoch FromBits(uint64_t bits);

  std::string_view text() const { return {text_.data(), text_.size()}; }
  friend bool operator==(const Epoch&, const Epoch&) = default;

 private:
  std::array<char, kSize> text_;
};

// Words that may stand where a reader gives a cursor; they are none themselves.
inline constexpr std::string_view kEarliestCursor = "earliest";
inline constexpr std::string_view kLatestCursor = "latest";

struct Cursor {
  Epoch epoch;
  uint64_t sequence = 0;

  // The longest text: epoch, hyphen, 20 digits.
  static constexpr size_t kTextBytesMax = Epoch::kSize + 1 + 20;

  // Null unless `text` is canonical: exactly what ToString writes.
  static std::optional<Cursor> Parse(std::string_view text);
  std::string ToString() const;
  // Writes at most kTextBytesMax bytes; returns how many.
  size_t Write(char* out) const;

  friend bool operator==(const Cursor&, const Cursor&) = default;
};

}  // namespace weir

#endif  // WEIR_BASE_CURSOR_H_
