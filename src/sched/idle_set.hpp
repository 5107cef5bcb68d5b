// idle_set: who sleeps, who watches, whom to wake.
//
// What: the shared half of the idle protocol (src/sched/README section in src/README.md). A worker
// announces its sleep, re-checks every queue and parks; a producer makes its work visible, then
// asks here whether somebody must be woken.
// Progress: lock-free; wake_one scans the workers only when somebody sleeps.
// Rules:
//   I1 announce() and published() both RMW epoch_: whichever comes first in its order, either the
//      sleeper's re-check sees the work or the producer sees the sleeper. No fence is needed.
//   I2 A sleeper is claimed by exactly one: asleep goes true → false by exchange, and only the one
//      who saw true wakes the driver and takes it off the count.
//   I3 While any worker is active at most one sleeper is the sentinel: it sleeps timed and looks
//      for work that is stuck behind a long handler. Its ticks are not rescues.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/atomic.hpp"

namespace sluice::inline v0::sched {

class driver;

/// One per worker that runs processes; written by its owner and by wakers.
struct alignas(base::cache_line_bytes) idle_cell {
  base::atomic<bool> asleep{false};
  driver* sleeper = nullptr;  ///< set once before any thread runs
};

class idle_set {
 public:
  static constexpr std::uint32_t nobody = UINT32_MAX;
  static constexpr std::uint32_t vacancy_noticed = UINT32_MAX - 1;

  explicit idle_set(std::size_t worker_count) : cells_(worker_count) {}

  /// Before any thread runs: the driver to wake for worker `index`.
  void bind(std::size_t index, driver& sleeper) noexcept { cells_[index].sleeper = &sleeper; }

  /// Owner: from here on this worker counts as asleep; queues are re-checked after it (I1).
  void announce(std::size_t index) noexcept;

  /// Owner: back from sleep or from a re-check that found work.
  void retract(std::size_t index) noexcept;

  /// Any thread, after making work visible in a shared queue: wakes one sleeper if nobody searches.
  void published() noexcept;

  /// Wakes one sleeper if there is one. Answers whether it did.
  bool wake_one() noexcept;

  /// Changes with every announce() and published().
  [[nodiscard]] std::uint64_t epoch() const noexcept {
    // [IS5] acquire: what was published before it; pairs IS1, IS2.
    return epoch_.load(base::acquire);
  }
  [[nodiscard]] std::size_t size() const noexcept { return cells_.size(); }
  /// A hint; relaxed because every use of it is re-checked or watched by the sentinel.
  [[nodiscard]] std::uint32_t sleeping() const noexcept { return sleeping_.load(base::relaxed); }
  [[nodiscard]] std::uint32_t searching() const noexcept { return searching_.load(base::relaxed); }
  [[nodiscard]] bool is_asleep(std::size_t index) const noexcept {
    return cells_[index].asleep.load(base::relaxed);
  }

  /// At most half of the workers search at a time. Relaxed: a hint that bounds wasted spinning.
  [[nodiscard]] bool try_begin_search() noexcept;
  void end_search() noexcept {
    searching_.fetch_sub(1, base::relaxed);
    // [IS6] acq_rel: the end of the search before, the next look at the queues after; pairs IS2.
    epoch_.fetch_add(1, base::acq_rel);
  }

  /// Owner, announced: takes the sentinel's post if it is vacant.
  [[nodiscard]] bool try_become_sentinel(std::uint32_t index) noexcept;
  /// The sentinel leaves its post (it wakes to run, or everybody sleeps for long).
  void resign_sentinel(std::uint32_t index) noexcept;

  /// Owner, about to run something: if the post is vacant (this worker had it, or was called to
  /// take it) and others run too, a sleeper is called to it (I3).
  void hand_over_post() noexcept;

  /// Hot: called when a worker makes work stealable. Cold only when the post is vacant.
  void ensure_sentinel() noexcept {
    // Relaxed: a stale answer costs one late tick; the next schedule asks again.
    if (sentinel_.load(base::relaxed) == nobody && sleeping() != 0) [[unlikely]]
      call_sentinel();
  }

 private:
  void call_sentinel() noexcept;

  std::vector<idle_cell> cells_;
  // Written on every sleep and every publication.
  alignas(base::cache_line_bytes) base::atomic<std::uint64_t> epoch_{0};
  // Read on every schedule, written on sleep and wake only.
  alignas(base::cache_line_bytes) base::atomic<std::uint32_t> sleeping_{0};
  base::atomic<std::uint32_t> searching_{0};
  base::atomic<std::uint32_t> sentinel_{nobody};
};

}  // namespace sluice::inline v0::sched
