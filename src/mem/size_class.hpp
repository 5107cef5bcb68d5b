// size_class: the block sizes of the pool, and how many blocks travel together.
//
// All blocks are multiples of a cache line and aligned to one, so no two threads' blocks share a
// line. An envelope is a block of class 0.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::inline v0::mem {

using class_index = unsigned;

inline constexpr class_index class_count = 7;
inline constexpr std::uint32_t class_bytes[class_count] = {64, 128, 192, 256, 384, 512, 1024};
inline constexpr std::size_t class_bytes_max = 1024;

/// Blocks in a full batch, the unit between a thread and the depot: about 8 KiB.
inline constexpr std::uint32_t batch_counts[class_count] = {128, 64, 48, 32, 24, 16, 8};

inline constexpr std::uint32_t batch_count_max = 128;

/// Blocks that each cache sets apart for allocate_urgent (control messages).
inline constexpr std::uint32_t reserve_counts[class_count] = {32, 16, 0, 0, 0, 0, 0};

/// Means "larger than any class".
inline constexpr class_index no_class = class_count;

/// The smallest class that holds `size` bytes, or no_class.
[[nodiscard]] constexpr class_index class_of(std::size_t size) noexcept {
  if (size <= 64) return 0;
  if (size <= 128) return 1;
  if (size <= 192) return 2;
  if (size <= 256) return 3;
  if (size <= 384) return 4;
  if (size <= 512) return 5;
  return size <= class_bytes_max ? 6 : no_class;
}

}  // namespace sluice::inline v0::mem
