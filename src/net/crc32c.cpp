#include "net/crc32c.hpp"

#include <array>

namespace sluice::inline v0::net {
namespace {

constexpr std::uint32_t polynomial = 0x82f63b78;

constexpr std::array<std::uint32_t, 256> make_table() noexcept {
  std::array<std::uint32_t, 256> made{};
  for (std::uint32_t octet = 0; octet < 256; ++octet) {
    std::uint32_t state = octet;
    for (int bit = 0; bit < 8; ++bit) {
      state = (state & 1) != 0 ? state >> 1 ^ polynomial : state >> 1;
    }
    made[octet] = state;
  }
  return made;
}

constexpr std::array<std::uint32_t, 256> table = make_table();

}  // namespace

void crc32c::add(std::span<const std::byte> data) noexcept {
  for (const std::byte octet : data) {
    state_ = table[(state_ ^ std::to_integer<std::uint32_t>(octet)) & 0xff] ^ state_ >> 8;
  }
}

}  // namespace sluice::inline v0::net
