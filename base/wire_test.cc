#include "base/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

namespace weir::wire {
namespace {

using namespace std::string_view_literals;

std::string AppendedVarint(uint64_t value) {
  std::string out;
  AppendVarint(out, value);
  return out;
}

// How many fields are read before the end, or -1 when the bytes are malformed.
int Fields(std::string_view bytes) {
  int count = 0;
  Reader reader(bytes);
  for (Field field; reader.Next(field);) {
    ++count;
  }
  return reader.ok() ? count : -1;
}

TEST(Reader, CutsFieldsOfEveryType) {
  std::string bytes;
  AppendUint64(bytes, 1, 300);
  AppendBytes(bytes, 2, "abc");
  AppendTag(bytes, 3, Type::kFixed32);
  bytes += "\x01\x02\x03\x04"sv;
  AppendTag(bytes, 536870911, Type::kFixed64);
  bytes += "\x01\x00\x00\x00\x00\x00\x00\x80"sv;
  Reader reader(bytes);
  Field field;
  ASSERT_TRUE(reader.Next(field));
  EXPECT_EQ(field.number, 1u);
  EXPECT_EQ(field.value, 300u);
  EXPECT_EQ(field.raw, "\x08\xac\x02"sv);
  ASSERT_TRUE(reader.Next(field));
  EXPECT_EQ(field.bytes, "abc");
  EXPECT_EQ(field.value, 0u);
  EXPECT_EQ(field.raw,
            "\x12\x03"
            "abc"sv);
  ASSERT_TRUE(reader.Next(field));
  EXPECT_EQ(field.value, 0x04030201u);
  EXPECT_EQ(field.bytes, "");
  ASSERT_TRUE(reader.Next(field));
  EXPECT_EQ(field.number, 536870911u);
  EXPECT_EQ(field.value, 0x8000000000000001u);
  EXPECT_FALSE(reader.Next(field));
  EXPECT_TRUE(reader.ok());
}

TEST(Reader, RefusesWhatIsCutOff) {
  std::string bytes;
  AppendUint64(bytes, 1, 300);
  AppendBytes(bytes, 200, std::string(200, 'x'));
  AppendTag(bytes, 3, Type::kFixed32);
  bytes += "1234";
  AppendTag(bytes, 4, Type::kFixed64);
  bytes += "12345678";
  int whole = 0;
  for (size_t size = 0; size <= bytes.size(); ++size) {
    whole += Fields(std::string_view(bytes).substr(0, size)) >= 0 ? 1 : 0;
  }
  EXPECT_EQ(whole, 5);  // nothing, and after each of the four fields
}

TEST(Reader, RefusesBadTags) {
  for (const std::string_view bytes : {
           "\x00\x00"sv,                  // field 0
           "\x07\x00"sv,                  // field 0, wire type 7
           "\x0b\x0c"sv,                  // a group
           "\x0c"sv,                      // the end of a group
           "\x0e\x00"sv, "\x0f\x00"sv,    // wire types 6 and 7
           "\x80\x80\x80\x80\x10\x00"sv,  // a tag of more than 32 bits
       }) {
    EXPECT_EQ(Fields(bytes), -1) << testing::PrintToString(bytes);
  }
}

TEST(Reader, StaysAtTheFirstFault) {
  Reader reader("\x00\x08\x01"sv);
  Field field;
  EXPECT_FALSE(reader.Next(field));
  EXPECT_FALSE(reader.Next(field));
  EXPECT_FALSE(reader.ok());
}

TEST(Reader, BoundsLengths) {
  EXPECT_EQ(Fields("\x0a\x00"sv), 1);
  EXPECT_EQ(Fields("\x0a\x01"sv), -1);
  EXPECT_EQ(Fields("\x0a\xff\xff\xff\xff\x0f"sv), -1);
  EXPECT_EQ(Fields("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv), -1);
}

TEST(Reader, BoundsVarints) {
  EXPECT_EQ(Fields("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv), 1);       // 2^64 - 1
  EXPECT_EQ(Fields("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"sv), 1);       // 0, as long as may be
  EXPECT_EQ(Fields("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"sv), -1);      // more than 64 bits
  EXPECT_EQ(Fields("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"sv), -1);  // 11 bytes
  EXPECT_EQ(Fields("\x08"sv), -1);
  EXPECT_EQ(Fields("\x08\x80"sv), -1);
}

TEST(Varint, IsWrittenAndReadBack) {
  for (unsigned shift = 0; shift < 64; ++shift) {
    for (const uint64_t value : {uint64_t{1} << shift, (uint64_t{1} << shift) - 1, ~uint64_t{0} >> shift}) {
      const std::string bytes = AppendedVarint(value);
      EXPECT_EQ(bytes.size(), VarintSize(value));
      Reader reader(bytes);
      uint64_t read = 0;
      EXPECT_TRUE(reader.Varint(read));
      EXPECT_EQ(read, value);
      EXPECT_TRUE(reader.rest().empty());
    }
  }
}

TEST(Reader, ReadsAnyBytesWithinTheirBounds) {
  std::mt19937 random(11);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random() % 24, '\0');
    for (char& c : bytes) {
      c = static_cast<char>(random() % (random() % 2 == 0 ? 256 : 32));
    }
    Reader reader(bytes);
    size_t used = 0;
    for (Field field; reader.Next(field);) {
      ASSERT_EQ(field.raw.data(), bytes.data() + used);
      used += field.raw.size();
    }
    ASSERT_LE(used, bytes.size());
    ASSERT_EQ(reader.ok(), used == bytes.size());
  }
}

TEST(IsValidUtf8, FollowsTheTableOfUnicode) {
  for (const std::string_view text :
       {""sv, "ascii\0"sv, "\x7f"sv, "\xc2\x80"sv, "\xdf\xbf"sv, "\xe0\xa0\x80"sv, "\xed\x9f\xbf"sv, "\xee\x80\x80"sv,
        "\xef\xbf\xbf"sv, "\xf0\x90\x80\x80"sv, "\xf4\x8f\xbf\xbf"sv}) {
    EXPECT_TRUE(IsValidUtf8(text)) << testing::PrintToString(text);
  }
  for (const std::string_view text : {"\x80"sv,
                                      "\xbf"sv,
                                      "\xc0\x80"sv,
                                      "\xc1\xbf"sv,
                                      "\xc2"sv,
                                      "\xc2\x7f"sv,
                                      "\xc2\xc0"sv,
                                      "\xe0\x9f\xbf"sv,
                                      "\xe0\xa0"sv,
                                      "\xe1\x80\x7f"sv,
                                      "\xe1\x80\xc0"sv,
                                      "\xed\xa0\x80"sv,
                                      "\xed\xbf\xbf"sv,
                                      "\xf0\x8f\xbf\xbf"sv,
                                      "\xf0\x90\x80"sv,
                                      "\xf4\x90\x80\x80"sv,
                                      "\xf5\x80\x80\x80"sv,
                                      "\xff"sv,
                                      "\xfe"sv,
                                      "\xf1\x80\x80\x41"sv}) {
    EXPECT_FALSE(IsValidUtf8(text)) << testing::PrintToString(text);
  }
}

// Every code point, and at every distance from the eight-byte steps.
TEST(IsValidUtf8, TakesExactlyTheScalarValues) {
  for (uint32_t code = 0; code < 0x110800; code += (code < 0x11000 ? 1 : 61)) {
    std::string text(code % 17, 'x');
    if (code < 0x80) {
      text += static_cast<char>(code);
    } else if (code < 0x800) {
      text += static_cast<char>(0xC0 | code >> 6);
    } else if (code < 0x10000) {
      text += static_cast<char>(0xE0 | code >> 12);
      text += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    } else {
      text += static_cast<char>(0xF0 | code >> 18);
      text += static_cast<char>(0x80 | (code >> 12 & 0x3F));
      text += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    }
    if (code >= 0x80) {
      text += static_cast<char>(0x80 | (code & 0x3F));
    }
    text += "yy";
    const bool scalar = code < 0x110000 && (code < 0xD800 || code > 0xDFFF);
    ASSERT_EQ(IsValidUtf8(text), scalar) << code;
  }
}

TEST(Timestamp, IsWrittenAndReadBack) {
  for (const int64_t millis :
       {int64_t{0}, int64_t{1}, int64_t{999}, int64_t{1000}, int64_t{-1}, int64_t{-1000}, int64_t{1'700'000'000'123},
        int64_t{-62'135'596'800'000}, int64_t{253'402'300'799'999}}) {
    int64_t read = 7;
    EXPECT_TRUE(MillisFromTimestamp(TimestampFromMillis(millis), read)) << millis;
    EXPECT_EQ(read, millis);
  }
  EXPECT_EQ(TimestampFromMillis(0), "");
}

std::string Timestamp(int64_t seconds, int64_t nanos) {
  std::string bytes;
  AppendUint64(bytes, 1, static_cast<uint64_t>(seconds));
  AppendUint64(bytes, 2, static_cast<uint64_t>(nanos));
  return bytes;
}

TEST(Timestamp, CutsNanosecondsAndIgnoresUnknownFields) {
  int64_t millis = 0;
  std::string bytes = Timestamp(1, 999'999'999);
  AppendUint64(bytes, 9, 5);
  EXPECT_TRUE(MillisFromTimestamp(bytes, millis));
  EXPECT_EQ(millis, 1999);
}

TEST(Timestamp, RefusesWhatIsNoTime) {
  int64_t millis = 0;
  for (const std::string& bytes :
       {Timestamp(-62'135'596'801, 0), Timestamp(253'402'300'800, 0), Timestamp(std::numeric_limits<int64_t>::max(), 0),
        Timestamp(std::numeric_limits<int64_t>::min(), 0), Timestamp(0, -1), Timestamp(0, 1'000'000'000),
        std::string("\x08"), std::string("\x0a\x01x")}) {
    EXPECT_FALSE(MillisFromTimestamp(bytes, millis)) << testing::PrintToString(bytes);
  }
}

}  // namespace
}  // namespace weir::wire
