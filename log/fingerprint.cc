#include "log/fingerprint.h"

#include <bit>
#include <cstring>
#include <random>
#include <string>

namespace weir::log {
namespace {

class SipState {
 public:
  explicit SipState(const FingerprintKey& key)
      : v0_(key.words[0] ^ 0x736f6d6570736575),
        v1_(key.words[1] ^ 0x646f72616e646f6d),
        v2_(key.words[0] ^ 0x6c7967656e657261),
        v3_(key.words[1] ^ 0x7465646279746573) {}

  void Word(uint64_t word) {
    v3_ ^= word;
    Round();
    Round();
    v0_ ^= word;
  }

  uint64_t Finish() {
    v2_ ^= 0xff;
    for (int i = 0; i < 4; ++i) {
      Round();
    }
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  void Round() {
    v0_ += v1_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v3_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }

  uint64_t v0_;
  uint64_t v1_;
  uint64_t v2_;
  uint64_t v3_;
};

}  // namespace

FingerprintKey FingerprintKey::Random() {
  std::random_device device;
  FingerprintKey key;
  for (uint64_t& word : key.words) {
    word = (static_cast<uint64_t>(device()) << 32) | device();
  }
  return key;
}

uint64_t SipHash(const FingerprintKey& key, std::string_view bytes) {
  SipState state(key);
  const uint64_t size = bytes.size();
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    state.Word(word);
  }
  uint64_t last = 0;
  if (!bytes.empty()) {
    std::memcpy(&last, bytes.data(), bytes.size());
  }
  state.Word(last | (size << 56));
  return state.Finish();
}

uint64_t Fingerprint(const FingerprintKey& key, std::string_view topic, std::string_view id) {
  // Neither holds a space: the pair is unambiguous. Both fit: a topic has at most 256 bytes, an id 64.
  char text[384];
  if (topic.size() + 1 + id.size() <= sizeof(text)) {
    std::memcpy(text, topic.data(), topic.size());
    text[topic.size()] = ' ';
    std::memcpy(text + topic.size() + 1, id.data(), id.size());
    return SipHash(key, {text, topic.size() + 1 + id.size()});
  }
  return SipHash(key, std::string(topic).append(" ").append(id));
}

}  // namespace weir::log
