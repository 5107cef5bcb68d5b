// cache: a thread's own free blocks. Allocating and freeing are a few instructions each.
//
// What: for each class a list in use and a spare batch. A full list becomes the spare, a full spare
//   goes to the depot whole; an empty list takes the spare, then a batch from the depot, then
//   sorted or fresh ground from the arena. So a consumer frees into its own cache and batches
//   travel back.
// When not: sizes above 1024 bytes, which allocate_bytes takes from operator new.
// Who: one owner thread. Blocks may be freed by any thread, into that thread's cache.
// Progress: wait-free but for an exchange with the depot (lock-free) or the arena (a short mutex).
// Memory: at most two batches a class, about 16 KiB each, and the urgent reserve.
//
// Rules:
//   C1  outstanding = acquired_ - free blocks held, summed over all caches: exact at quiescence,
//       because a block freed elsewhere counts -1 there.
//   C2  Counters have one writer (the owner) and are read by anybody, relaxed.
//   C3  A reserve that was drawn on is filled up before blocks go to the depot.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/atomic.hpp"
#include "mem/block.hpp"
#include "mem/size_class.hpp"

namespace sluice::inline v0::mem {

class alignas(base::cache_line_bytes) cache {
 public:
  cache() noexcept;
  cache(const cache&) = delete;
  cache& operator=(const cache&) = delete;
  /// Gives everything back.
  ~cache();

  /// Owner. An uninitialised block of `class_bytes[index]`, or null at the arena limit.
  [[nodiscard]] void* allocate(class_index index) noexcept {
    void* const quick = allocate_quickly(index);
    return quick != nullptr ? quick : allocate_slow(index);
  }

  /// Owner. As allocate, from the blocks at hand; null when there are none.
  [[nodiscard]] void* allocate_quickly(class_index index) noexcept {
    magazine& own = magazines_[index];
    const std::uint32_t count = own.count.load(base::relaxed);
    if (count == 0) [[unlikely]]
      return nullptr;
    own.count.store(count - 1, base::relaxed);  // C2
    block* const* const place = own.current->blocks + (count - 1);
    // What a later call hands out may be cold, or written last by another core.
    __builtin_prefetch(*(place - batch::ahead), 1);
    base::unpoison(*place, class_bytes[index]);
    return *place;
  }

  /// Owner. Takes a block of that class, wherever it was allocated.
  void free(void* memory, class_index index) noexcept {
    magazine& own = magazines_[index];
    base::poison(memory, class_bytes[index]);
    const std::uint32_t count = own.count.load(base::relaxed);
    own.current->blocks[count] = static_cast<block*>(memory);
    own.count.store(count + 1, base::relaxed);  // C2
    if (count + 1 == batch_counts[index]) [[unlikely]]
      rotate(index);
  }

  /// Owner. As allocate, but falls back on the reserve: for messages that must never be refused.
  [[nodiscard]] void* allocate_urgent(class_index index) noexcept;

  /// Owner. By size; above class_bytes_max from operator new. Null when there is none.
  [[nodiscard]] void* allocate_bytes(std::size_t size) noexcept;
  /// Owner. `size` as it was asked for.
  void free_bytes(void* memory, std::size_t size) noexcept;

  /// Owner, when it is about to be idle: all lists to the depot (not the reserve), so that trim can
  /// see them. The next allocation takes a batch back.
  void flush() noexcept;

  /// Anybody. Blocks allocated minus blocks freed through this cache; may be negative (C1).
  [[nodiscard]] std::int64_t outstanding(class_index index) const noexcept;
  /// Anybody. The same for what came from operator new.
  [[nodiscard]] std::int64_t outstanding_large() const noexcept {
    return large_.load(base::relaxed);  // C2
  }
  /// Anybody. Free blocks held.
  [[nodiscard]] std::uint32_t free_count(class_index index) const noexcept;

 private:
  friend class block_pool;

  struct magazine {
    batch* current = nullptr;
    batch* spare = nullptr;
    base::atomic<std::uint32_t> count{0};  // blocks in current; its own count is set when it leaves
    base::atomic<std::uint32_t> spare_count{0};
    // Blocks that came in from depot and arena, minus those that went out (C1).
    base::atomic<std::int64_t> acquired{0};
  };
  // What is needed less often.
  struct store {
    block* reserve = nullptr;
    base::atomic<std::uint32_t> reserve_count{0};
    std::byte* fresh_begin = nullptr;  // Fresh ground not cut yet; not acquired yet either.
    std::uint32_t fresh_count = 0;
  };

  void* allocate_slow(class_index index) noexcept;
  bool refill(class_index index) noexcept;
  std::uint32_t cut_fresh(class_index index, block** cut) noexcept;
  void rotate(class_index index) noexcept;
  void fill_reserve(class_index index) noexcept;
  void give_current(class_index index) noexcept;
  void swap_spare(class_index index) noexcept;
  void give_all_lists(class_index index) noexcept;

  // Owner writes all; statistics read the counters.
  magazine magazines_[class_count];
  store stores_[class_count];
  base::atomic<std::int64_t> large_{0};
  // Registration with the pool, under its mutex.
  cache* previous_ = nullptr;
  cache* next_ = nullptr;
};

namespace detail {
extern constinit thread_local cache* current_cache;
[[gnu::cold, gnu::noinline]] cache& make_thread_cache() noexcept;
}  // namespace detail

/// The calling thread's cache: made on first use, flushed and removed at thread exit. Threads that
/// allocate often look it up once and keep the reference.
[[nodiscard]] inline cache& this_thread_cache() noexcept {
  cache* const own = detail::current_cache;
  return own != nullptr ? *own : detail::make_thread_cache();
}

}  // namespace sluice::inline v0::mem
