// The random numbers of Savina, bit for bit, and the hash that its expected values use.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>

namespace sluice::bench {

/// Savina's own generator: 16 bits, period 65,536.
class pseudo_random {
 public:
  explicit pseudo_random(std::int64_t seed = 74755) noexcept : value_(seed) {}

  std::int64_t next() noexcept { return value_ = (value_ * 1309 + 13849) & 65535; }
  std::int64_t next_below(std::int64_t limit) noexcept { return next() % limit; }
  double next_double() noexcept { return 1.0 / static_cast<double>(next() + 1); }

 private:
  std::int64_t value_;
};

/// java.util.Random.
class java_random {
 public:
  explicit java_random(std::int64_t seed) noexcept
      : state_((static_cast<std::uint64_t>(seed) ^ multiplier) & mask) {}

  std::int32_t next_int() noexcept { return next(32); }
  std::int32_t next_below(std::int32_t limit) noexcept {
    if ((limit & -limit) == limit) {
      return static_cast<std::int32_t>((static_cast<std::int64_t>(limit) * next(31)) >> 31);
    }
    for (;;) {  // Ends: more than half of all draws are taken.
      const std::int32_t bits = next(31);
      const std::int32_t value = bits % limit;
      if (static_cast<std::int64_t>(bits) - value + (limit - 1) <= INT32_MAX) return value;
    }
  }
  bool next_bool() noexcept { return next(1) != 0; }
  double next_double() noexcept {
    const std::int64_t high = static_cast<std::int64_t>(next(26)) << 27;
    return static_cast<double>(high + next(27)) * 0x1p-53;
  }
  double next_gaussian() noexcept {
    if (has_spare_) {
      has_spare_ = false;
      return spare_;
    }
    for (;;) {  // Ends: three of four pairs lie in the circle.
      const double x = 2 * next_double() - 1;
      const double y = 2 * next_double() - 1;
      const double square = x * x + y * y;
      if (square >= 1 || square == 0) continue;
      const double factor = std::sqrt(-2 * std::log(square) / square);
      spare_ = y * factor;
      has_spare_ = true;
      return x * factor;
    }
  }

 private:
  static constexpr std::uint64_t multiplier = 0x5DEECE66D;
  static constexpr std::uint64_t mask = (std::uint64_t{1} << 48) - 1;

  std::int32_t next(int bits) noexcept {
    state_ = (state_ * multiplier + 0xB) & mask;
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(state_ >> (48 - bits)));
  }

  std::uint64_t state_;
  double spare_ = 0;
  bool has_spare_ = false;
};

/// h = 0; h = h * 31 + v for each, modulo 2^64.
template <class Range>
[[nodiscard]] std::uint64_t hash31(const Range& values) noexcept {
  std::uint64_t hash = 0;
  for (const auto& each : values) hash = hash * 31 + static_cast<std::uint64_t>(each);
  return hash;
}

/// The delay loops of Savina (Math.random() there): `draws` numbers whose sum is not thrown
/// away. Returns how many were drawn.
inline std::uint64_t busy_wait(std::uint64_t draws) noexcept {
  pseudo_random source;
  std::int64_t sum = 0;
  for (std::uint64_t i = 0; i < draws; ++i) sum += source.next();
  asm volatile("" : : "r"(sum));
  return draws;
}

}  // namespace sluice::bench
