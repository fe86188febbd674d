#include "edge/tls/ticket_keys.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace weir::edge {
namespace {

std::string_view NameOf(const TicketKeys::Key& key) {
  return {reinterpret_cast<const char*>(key.name.data()), key.name.size()};
}

TEST(TicketKeysTest, AKeySealsForItsLifetimeAndOpensForAnother) {
  SimulatedClock clock;
  TicketKeys keys(clock.clock());
  const TicketKeys::Key first = *keys.Current();
  clock.Advance(TicketKeys::kLifetime - absl::Seconds(1));
  EXPECT_EQ(keys.Current()->name, first.name);
  clock.Advance(absl::Seconds(1));
  const TicketKeys::Key second = *keys.Current();
  EXPECT_NE(second.name, first.name);
  EXPECT_NE(second.cipher, first.cipher);
  EXPECT_NE(second.mac, first.mac);
  ASSERT_TRUE(keys.Find(NameOf(first)));
  EXPECT_EQ(keys.Find(NameOf(first))->cipher, first.cipher);
  EXPECT_EQ(keys.Find(NameOf(second))->mac, second.mac);
  clock.Advance(TicketKeys::kLifetime);
  EXPECT_FALSE(keys.Find(NameOf(first)));
  EXPECT_TRUE(keys.Find(NameOf(second)));
}

TEST(TicketKeysTest, NothingOpensAfterALongPause) {
  SimulatedClock clock;
  TicketKeys keys(clock.clock());
  const TicketKeys::Key first = *keys.Current();
  clock.Advance(2 * TicketKeys::kLifetime);
  EXPECT_FALSE(keys.Find(NameOf(first)));
}

}  // namespace
}  // namespace weir::edge
