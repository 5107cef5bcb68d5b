// injection_queue: work from threads without a run queue, and the overflow of run queues.
//
// What: a multi-producer multi-consumer queue of pointers, FIFO per producing thread only. Its core
//   is moodycamel::ConcurrentQueue, seen by injection_queue.cpp alone.
// When not: messages (order between producers matters there).
// Who: anybody pushes and pops.
// Progress: lock-free. A push may allocate; it fails only when memory is out.
//
// Rules:
//   J1  A null from try_pop is not "empty": a push may be under way. Only is_empty() says empty.
//   J2  The count is raised before the item goes in and lowered after it came out, so is_empty() is
//       never true while a completed push is waiting. A sleeper announces itself (seq_cst), then
//       asks is_empty(); a producer pushes, then looks for sleepers (seq_cst): one of the two sees
//       the other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/atomic.hpp"

namespace sluice::inline v0::sync {

/// The erased core; use injection_queue<T>.
class injection_core {
 public:
  injection_core();
  injection_core(const injection_core&) = delete;
  injection_core& operator=(const injection_core&) = delete;
  ~injection_core();

  [[nodiscard]] bool push(void* item);
  [[nodiscard]] bool push_bulk(std::span<void* const> items);
  [[nodiscard]] void* try_pop() noexcept;
  [[nodiscard]] std::size_t try_pop_bulk(std::span<void*> items) noexcept;

  [[nodiscard]] std::size_t size_estimate() const noexcept {
    // [IQ1] seq_cst: orders a sleeper's announcement before this load; pairs IQ2 (push).
    return static_cast<std::size_t>(count_.load(base::seq_cst));
  }

 private:
  struct implementation;

  std::unique_ptr<implementation> queue_;
  // Written by everybody who pushes or pops.
  alignas(base::cache_line_bytes) base::atomic<std::uint64_t> count_{0};
};

template <class T>
class injection_queue {
 public:
  /// Any thread. False: out of memory, the item was not taken.
  [[nodiscard]] bool push(T* item) { return core_.push(item); }

  /// Any thread. In the order given, in chunks; returns how many were taken (all, unless memory is
  /// out).
  [[nodiscard]] std::size_t push_bulk(std::span<T* const> items) {
    std::size_t done = 0;
    while (done < items.size()) {
      void* chunk[chunk_count];
      const std::size_t count = std::min(items.size() - done, chunk_count);
      std::copy_n(items.begin() + static_cast<std::ptrdiff_t>(done), count, chunk);
      if (!core_.push_bulk({chunk, count})) break;
      done += count;
    }
    return done;
  }

  /// Any thread. Null is not "empty" (J1).
  [[nodiscard]] T* try_pop() noexcept { return static_cast<T*>(core_.try_pop()); }

  /// Any thread. Fills the front of `items` (at most 64 entries a call); returns how many. 0 is not
  /// "empty" (J1).
  [[nodiscard]] std::size_t try_pop_bulk(std::span<T*> items) noexcept {
    void* chunk[chunk_count];
    const std::size_t count = core_.try_pop_bulk({chunk, std::min(items.size(), chunk_count)});
    std::transform(chunk, chunk + count, items.begin(),
                   [](void* item) { return static_cast<T*>(item); });
    return count;
  }

  /// Anybody. One load. True only if no completed push is waiting (J2).
  [[nodiscard]] bool is_empty() const noexcept { return core_.size_estimate() == 0; }

  /// Anybody. Waiting items, plus pushes under way.
  [[nodiscard]] std::size_t size_estimate() const noexcept { return core_.size_estimate(); }

 private:
  static constexpr std::size_t chunk_count = 64;

  injection_core core_;
};

}  // namespace sluice::inline v0::sync
