// depot: where threads exchange batches of free blocks; one stack of batches for each class.
//
// What: lock-free, newest batch first, so that a short exchange stays in cache and what a burst
//   left behind stays untouched at the bottom until trim comes for it.
// Who: any thread, by way of block_pool.
// Memory: batches (1 KiB of pointers each) live in a table that only grows, as far as block_pool
//   lets the depot fill; the blocks themselves are never read here.
//
// Rules:
//   D1  A record's index is in exactly one stack, or held by the thread that popped it.
//   D2  The stack's word is {tag, index}; each pop adds one to the tag, so a CAS against a word
//       that went and came back fails unless 2^32 pops went by in between.
#pragma once

#include <cstdint>

#include "base/atomic.hpp"
#include "mem/block.hpp"
#include "mem/size_class.hpp"

namespace sluice::inline v0::mem {

/// Records and where they are. Static storage only: nothing is ever given back.
class batch_records {
 public:
  static constexpr std::uint32_t none = UINT32_MAX;

  constexpr batch_records() noexcept = default;

  /// The record of an index that came from fresh() or a stack.
  [[nodiscard]] batch& at(std::uint32_t index) noexcept;
  /// An index never used before; `none` when memory or the table is at its end.
  [[nodiscard]] std::uint32_t fresh() noexcept;

 private:
  static constexpr std::uint32_t chunk_records = 256;
  static constexpr std::uint32_t chunk_count = 2048;

  base::atomic<batch*> chunks_[chunk_count] = {};
  base::atomic<std::uint32_t> next_fresh_{0};
};

/// A tagged stack of record indices (D1, D2).
class record_stack {
 public:
  constexpr record_stack() noexcept = default;

  void push(batch_records& records, std::uint32_t index) noexcept;
  /// An index that is now the caller's, or batch_records::none.
  [[nodiscard]] std::uint32_t pop(batch_records& records) noexcept;

 private:
  base::atomic<std::uint64_t> top_{batch_records::none};
};

class depot {
 public:
  constexpr depot() noexcept = default;

  /// Takes the batch over.
  void push(class_index index, batch& full) noexcept;
  /// A batch that is now the caller's, or null.
  [[nodiscard]] batch* pop(class_index index) noexcept;

  /// An empty batch, or null at the end of memory or of the table.
  [[nodiscard]] batch* take_empty() noexcept;
  void give_empty(batch& empty) noexcept { unused_.push(records_, empty.self); }

  /// Free blocks of a class waiting here; exact when nobody pushes or pops.
  [[nodiscard]] std::uint64_t block_count(class_index index) const noexcept {
    const std::int64_t count = lanes_[index].count.load(base::relaxed);  // Relaxed: an estimate.
    return count > 0 ? static_cast<std::uint64_t>(count) : 0;
  }

 private:
  struct alignas(base::cache_line_bytes) lane {
    record_stack batches;
    base::atomic<std::int64_t> count{0};
  };

  batch_records records_;
  record_stack unused_;
  lane lanes_[class_count];
};

}  // namespace sluice::inline v0::mem
