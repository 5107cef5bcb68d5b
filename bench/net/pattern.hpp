// The bytes the generator sends: a counter, different for every connection and every run, so that a
// lost, doubled, moved or foreign byte shows at the place where it arrives. The eight bytes at
// stream offset 8 w of connection c are the 64-bit word (seed + c * 2^40 + w) * odd constant,
// little end first: all words of a run differ while a connection sends less than 8 TiB and there
// are fewer than 2^24 connections. Consecutive words differ by the constant, so writing and
// checking are one addition a word.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sluice::bench {

class pattern {
 public:
  static constexpr std::size_t all_match = ~std::size_t{0};

  pattern(std::uint64_t seed, std::uint32_t connection)
      : base_((seed + (std::uint64_t{connection} << 40)) * step) {}

  // The bytes of the stream from `offset` on.
  void write(std::uint64_t offset, char* to, std::size_t length) const {
    while (length != 0 && (offset % 8 != 0 || length < 8)) {
      *to++ = byte_at(offset++);
      --length;
    }
    std::uint64_t word = word_at(offset);
    std::size_t i = 0;
    for (; i + 8 <= length; i += 8, word += step) {
      const std::uint64_t stored = little(word);
      std::memcpy(to + i, &stored, 8);
    }
    for (; i < length; ++i) to[i] = byte_at(offset + i);
  }

  // The index of the first byte that is not the stream's at `offset`, or all_match.
  [[nodiscard]] std::size_t find_mismatch(std::uint64_t offset, const char* from,
                                          std::size_t length) const {
    std::size_t i = 0;
    for (; i < length && (offset + i) % 8 != 0; ++i) {
      if (from[i] != byte_at(offset + i)) return i;
    }
    std::uint64_t word = word_at(offset + i);
    while (length - i >= 8) {
      const std::size_t words = length - i < 256 ? (length - i) / 8 : 32;
      std::uint64_t difference = 0;
      for (std::size_t k = 0; k < words; ++k) {
        std::uint64_t loaded = 0;
        std::memcpy(&loaded, from + i + k * 8, 8);
        difference |= loaded ^ little(word + k * step);
      }
      if (difference != 0) break;  // found below, byte by byte
      i += words * 8;
      word += words * step;
    }
    for (; i < length; ++i) {
      if (from[i] != byte_at(offset + i)) return i;
    }
    return all_match;
  }

  [[nodiscard]] char byte_at(std::uint64_t offset) const {
    return static_cast<char>(word_at(offset) >> (offset % 8 * 8));
  }

 private:
  static constexpr std::uint64_t step = 0x9e3779b97f4a7c15ull;

  static std::uint64_t little(std::uint64_t word) {
    if constexpr (std::endian::native == std::endian::little) return word;
    return __builtin_bswap64(word);
  }
  [[nodiscard]] std::uint64_t word_at(std::uint64_t offset) const {
    return base_ + offset / 8 * step;
  }

  std::uint64_t base_;
};

}  // namespace sluice::bench
