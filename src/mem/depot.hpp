// depot: where threads exchange batches of free blocks; one stack of batches for each class.
//
// What: lock-free, newest batch first, so that a short exchange stays in cache and what a burst
//   left behind stays untouched at the bottom until trim comes for it.
// Who: any thread, by way of block_pool.
// Memory: a batch is described by a record of 16 bytes in a table that only grows; the blocks
//   themselves are never read here, so they may be unmapped while a slow pop looks at a record.
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
  struct record {
    base::atomic<std::uint32_t> next;
    std::uint32_t count;
    block* first;
  };
  static constexpr std::uint32_t none = UINT32_MAX;

  constexpr batch_records() noexcept = default;

  /// The record of an index that came from fresh() or a stack.
  [[nodiscard]] record& at(std::uint32_t index) noexcept;
  /// An index never used before; `none` when memory or the table is at its end.
  [[nodiscard]] std::uint32_t fresh() noexcept;

 private:
  static constexpr std::uint32_t chunk_records = 4096;
  static constexpr std::uint32_t chunk_count = 2048;

  base::atomic<record*> chunks_[chunk_count] = {};
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

  /// False: no record to be had; the caller keeps the blocks.
  [[nodiscard]] bool push(class_index index, chain blocks) noexcept;
  /// A batch, or an empty chain.
  [[nodiscard]] chain pop(class_index index) noexcept;

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
