// block_pool: the one pool of the process. Caches, the depot between them, the arena below.
//
// What: the pool is static (constant-initialised, nothing to destroy), because blocks outlive nodes
//   and are freed by foreign threads; two nodes of a process share it.
// Who: threads allocate through their mem::cache. Idle workers call trim. Anybody reads statistics.
// Limits: pool_options.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "base/atomic.hpp"
#include "mem/arena.hpp"
#include "mem/block.hpp"
#include "mem/cache.hpp"
#include "mem/depot.hpp"
#include "mem/size_class.hpp"

namespace sluice::inline v0::mem {

struct pool_options {
  /// Bytes in regions, used or free. At the limit allocate() answers null. Whole MiB count.
  std::size_t arena_bytes_max = SIZE_MAX;
  /// Free memory that trim leaves alone.
  std::size_t warm_bytes_max = std::size_t{32} << 20;
};

struct class_statistics {
  std::int64_t outstanding = 0;  ///< allocated and not freed; exact at quiescence
  std::uint64_t cached = 0;      ///< free, in threads' caches
  std::uint64_t in_depot = 0;    ///< free, in batches between threads
  std::uint64_t sorted = 0;      ///< free, brought home by trim
};

struct pool_statistics {
  class_statistics classes[class_count];
  std::int64_t outstanding_large = 0;      ///< blocks from operator new
  std::size_t mapped_bytes = 0;            ///< regions held from the system
  std::size_t free_region_bytes = 0;       ///< of these, whole regions kept warm
  std::uint64_t unmapped_bytes_total = 0;  ///< given back so far
  std::size_t cache_count = 0;             ///< threads with a cache

  [[nodiscard]] std::int64_t outstanding_blocks() const noexcept {
    std::int64_t sum = outstanding_large;
    for (const class_statistics& one : classes) sum += one.outstanding;
    return sum;
  }
};

/// What the caller of trim should know.
enum class trim_outcome : unsigned char {
  done,  ///< nothing to give back now
  more,  ///< call again while still idle
};

class block_pool {
 public:
  constexpr block_pool() noexcept = default;

  /// Any time; a smaller arena limit does not take back what is in use.
  void configure(const pool_options& options) noexcept;

  /// Any thread that is idle, after its cache's flush(). Once more than warm_bytes_max is free,
  /// sorts the depot's batches home, at most `batches_max` a call (about 2 µs each, 50 µs for each
  /// MiB unmapped).
  [[nodiscard]] trim_outcome trim(unsigned batches_max) noexcept;

  [[nodiscard]] pool_statistics statistics() const noexcept;

 private:
  friend class cache;

  // For caches.
  void add(cache& item) noexcept;
  void remove(cache& item) noexcept;
  /// A full batch for an empty one, or null and nothing is changed.
  [[nodiscard]] batch* take(class_index index, batch& empty) noexcept;
  /// Up to a batch of blocks that were sorted home.
  [[nodiscard]] std::uint32_t take_sorted(class_index index, block** taken) noexcept;
  /// An empty batch for a full one.
  [[nodiscard]] batch& give(class_index index, batch& full) noexcept;
  [[nodiscard]] batch* take_empty() noexcept { return depot_.take_empty(); }
  void give_empty(batch& empty) noexcept { depot_.give_empty(empty); }
  [[nodiscard]] carved_range carve(class_index index) noexcept { return arena_.carve(index); }

  bool has_excess() const noexcept;

  depot depot_;
  arena arena_;

  mutable std::mutex caches_mutex_;
  // Under caches_mutex_. The sums are what ended threads left: they may be negative.
  cache* caches_ = nullptr;
  std::size_t cache_count_ = 0;
  std::int64_t retired_outstanding_[class_count] = {};
  std::int64_t retired_large_ = 0;

  std::mutex trim_mutex_;
  // Under trim_mutex_: a pass goes on until the depot is empty, or it would leave blocks that pin
  // every region.
  bool is_in_pass_ = false;
};

/// The process's pool.
[[nodiscard]] block_pool& pool() noexcept;

}  // namespace sluice::inline v0::mem
