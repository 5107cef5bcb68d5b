// slot_table: every slot of a node, found by index.
//
// A fixed directory of chunks; a chunk, once published, is never moved or unmapped while the table
// lives. Free slots wait in per-execution caches and, in bulk, in a shared queue.
// Who: find() by any thread, lock-free; take and give by the thread that owns the cache.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "actor/slot.hpp"
#include "base/atomic.hpp"
#include "sync/injection_queue.hpp"

namespace sluice::inline v0::core {

/// Free slots at hand for one thread.
struct slot_cache {
  static constexpr std::uint32_t capacity = 256;
  std::uint32_t count = 0;
  slot* free[capacity];
};

class slot_table {
 public:
  static constexpr std::uint32_t chunk_slots = 1024;

  explicit slot_table(std::uint32_t slots_max);
  slot_table(const slot_table&) = delete;
  slot_table& operator=(const slot_table&) = delete;
  ~slot_table();

  /// The slot, or null when the index was never handed out.
  [[nodiscard]] slot* find(std::uint32_t index) const noexcept {
    const std::uint32_t chunk = index / chunk_slots;
    if (chunk >= chunk_count_max_) return nullptr;
    // [ST1] acquire: the chunk's slots are built; pairs ST2 (add_chunk).
    slot* const first = directory_[chunk].load(base::acquire);
    return first == nullptr ? nullptr : first + index % chunk_slots;
  }

  /// A free slot, or null when slots_max are in use or memory is out.
  [[nodiscard]] slot* take(slot_cache& cache) noexcept {
    if (cache.count == 0 && !refill(cache)) return nullptr;
    return cache.free[--cache.count];
  }

  /// Gives a free slot back.
  void give(slot_cache& cache, slot* free) noexcept {
    if (cache.count == slot_cache::capacity) spill(cache, slot_cache::capacity / 2);
    cache.free[cache.count++] = free;
  }

  /// Empties a cache whose thread goes.
  void flush(slot_cache& cache) noexcept { spill(cache, cache.count); }

  /// Calls visit(slot&) for every slot ever handed out. Any thread; slots change meanwhile.
  template <class Visit>
  void for_each(Visit&& visit) const {
    // [ST3] acquire: as ST1, for all chunks below; pairs ST2.
    const std::uint32_t chunks = chunk_count_.load(base::acquire);
    for (std::uint32_t chunk = 0; chunk < chunks; ++chunk) {
      slot* const first = directory_[chunk].load(base::acquire);  // [ST1]
      for (std::uint32_t i = 0; i < chunk_slots; ++i) visit(first[i]);
    }
  }

 private:
  bool refill(slot_cache& cache) noexcept;
  void spill(slot_cache& cache, std::uint32_t count) noexcept;
  bool add_chunk(slot_cache& cache) noexcept;

  std::uint32_t chunk_count_max_;
  std::unique_ptr<base::atomic<slot*>[]> directory_;
  base::atomic<std::uint32_t> chunk_count_{0};
  std::mutex grow_;
  sync::injection_queue<slot> shared_free_;
};

}  // namespace sluice::inline v0::core
