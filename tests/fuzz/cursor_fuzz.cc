// A cursor that is taken is written back as it came: one text for each place.
#include <string>

#include "base/cursor.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = weir::fuzz::Text(data, size);
  const auto cursor = weir::Cursor::Parse(text);
  if (cursor.has_value()) {
    weir::fuzz::Expect(cursor->ToString() == text, "a cursor is written otherwise than it was read");
    weir::fuzz::Expect(weir::Epoch::Parse(text.substr(0, 8)) == cursor->epoch, "a cursor's epoch is one");
  }
  return 0;
}
