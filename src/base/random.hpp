// A small generator for scheduling choices (victims, jitter). Not for secrets.
#pragma once

#include <cstdint>

namespace sluice::inline v0::base {

/// SplitMix64 (Steele, Lea, Flood 2014). One owner; equal seeds give equal sequences.
class random_source {
 public:
  explicit random_source(std::uint64_t seed) noexcept : state_(seed) {}

  [[nodiscard]] std::uint64_t next() noexcept {
    state_ += 0x9e3779b97f4a7c15ull;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }

  /// A value below `bound` (> 0); the bias of the multiply-shift is below 2^-32.
  [[nodiscard]] std::uint32_t next_below(std::uint32_t bound) noexcept {
    return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
  }

 private:
  std::uint64_t state_;
};

}  // namespace sluice::inline v0::base
