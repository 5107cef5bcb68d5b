// block: a free block of the pool, and the batches that free blocks travel in.
//
// Under AddressSanitizer a free block is poisoned whole, its link too, so that touching a freed
// envelope is reported; the two functions here are the only way to a free block's link.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/atomic.hpp"
#include "base/poison.hpp"
#include "mem/size_class.hpp"

namespace sluice::inline v0::mem {

/// A free block; the link is its first word.
struct block {
  block* next;
};

/// Free blocks of one class, the unit between a thread and the depot. The pointers lie here and not
/// in the blocks, so that taking one does not wait for memory that another core wrote last.
struct batch {
  static constexpr std::uint32_t ahead = 8;  ///< how far allocate() looks, below the first block

  base::atomic<std::uint32_t> next;  ///< depot
  std::uint32_t self;                ///< the number of this record
  std::uint32_t count;
  block* none[ahead];  ///< null: prefetched when fewer than `ahead` blocks are left
  block* blocks[batch_count_max];
};

inline block* next_of(block* item) noexcept {
  base::unpoison(item, sizeof(block));
  block* next = item->next;
  base::poison(item, sizeof(block));
  return next;
}

inline void set_next(block* item, block* next) noexcept {
  base::unpoison(item, sizeof(block));
  item->next = next;
  base::poison(item, sizeof(block));
}

}  // namespace sluice::inline v0::mem
