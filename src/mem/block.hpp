// block: a free block of the pool, and the lists that free blocks travel in.
//
// Under AddressSanitizer a free block is poisoned whole, its link too, so that touching a freed
// envelope is reported; the two functions here are the only way to a free block's link.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/poison.hpp"
#include "mem/size_class.hpp"

namespace sluice::inline v0::mem {

/// A free block; the link is its first word.
struct block {
  block* next;
};

/// Blocks of one class, linked through `next`; the last link is null.
struct chain {
  block* first = nullptr;
  std::uint32_t count = 0;
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
