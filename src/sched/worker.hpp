// worker: one thread that runs work. In the API's words, a scheduler.
//
// Roles: runs processes (has a run queue, steals), owns a ring (its driver), or both; the code is
// one. Work comes from four places, asked in the order of `next()`:
//
//   lifo slot    the process just made runnable by this worker; at most lifo_run_max in a row;
//                a thief may take it after it sat still for stuck_after_us (PROTOCOLS 14)
//   lingering    not runnable: the process that ran last and keeps its right to run, because two
//                processes seem to send to and fro: the next message then finds it without a
//                grant. It is settled (runs on, or gives the right back) when another one lingers
//                and before this worker looks anywhere else for work; thieves as for the slot
//   run queue    fixed ring, FIFO, stealable; overflow goes to the injection queue
//   affine list  work that must run here (metas of this worker's ring); 1:1 with processes
//   injection    shared; foreign threads and overflow; looked at every look_around_interval turns
//
// Who may call: schedule*, timers(), poll(): the owner thread. post(): any thread. The rest says
// so. Progress: post is lock-free, the others wait-free but for the injection queue.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "sched/driver.hpp"
#include "sched/idle_set.hpp"
#include "sched/timer_wheel.hpp"
#include "sched/work.hpp"
#include "sync/lent_place.hpp"
#include "sync/run_queue.hpp"
#include "sync/take_all_stack.hpp"

namespace sluice::inline v0::sched {

class scheduler;

/// A timer of this worker: armed in timers(), called on this thread when due.
struct timer : timer_node {
  void (*on_due)(timer&, worker&) = nullptr;
};

/// Single-writer counters; any thread may read them (relaxed: statistics).
struct worker_statistics {
  base::atomic<std::uint64_t> activations{0};
  base::atomic<std::uint64_t> steals{0};
  base::atomic<std::uint64_t> parks{0};
  base::atomic<std::uint64_t> sentinel_ticks{0};
  base::atomic<std::uint64_t> rescued_by_timeout{0};
  base::atomic<std::uint64_t> polls{0};
  base::atomic<std::uint64_t> left_to_others{
      0};                                     ///< times it handed its processes over and sat out
  base::atomic<std::uint64_t> wakes{0};       ///< parks that ended otherwise than by time
  base::atomic<std::uint64_t> busy_ticks{0};  ///< until it last began to be idle
  base::atomic<std::uint64_t> busy_since{0};  ///< base::ticks(); 0 = idle
};

class alignas(base::cache_line_bytes) worker {
 public:
  static constexpr std::uint32_t run_queue_capacity = 256;
  static constexpr std::uint32_t lifo_run_max = 64;
  static constexpr std::uint32_t look_around_interval = 64;  ///< activations
  static constexpr std::uint32_t clock_interval = 32;       ///< activations between two clock looks
  static constexpr std::uint32_t look_around_us_max = 500;  ///< plus clock_interval activations
  static constexpr std::uint32_t fetch_count_max = 64;
  static constexpr std::uint32_t stuck_after_us = 50;
  static constexpr std::uint32_t linger_misses_max = 8;  ///< in a row, before it is given up
  // When a worker leaves its work to the others (worker_sharing.cpp).
  static constexpr std::uint32_t short_activation_ns = 4000;  ///< on the mean
  static constexpr std::uint32_t shared_looks_min = 8;        ///< before it is judged…
  static constexpr std::uint32_t shared_looks_max = 256;      ///< …and, if in doubt, so many

  worker(scheduler& owner, std::uint32_t index, bool runs_processes, driver& parking,
         std::uint32_t idle_poll_us);
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  /// Owner, from a handler: runs next on this worker unless it is stolen.
  void schedule(work* item) noexcept {
    if (item == left_last_) [[unlikely]] {  // It should have lingered.
      left_last_ = nullptr;
      if (may_ever_linger_) linger_credit_ = linger_misses_max;
    }
    if (lifo_.is_empty() && runs_processes_) [[likely]] {
      lifo_.put(item);
      idle_.ensure_sentinel();
    } else {
      schedule_displacing(item);
    }
  }
  /// Owner: at the tail of the run queue (a budget was used up).
  void schedule_last(work* item) noexcept;
  /// Owner: work that only this worker may run.
  void schedule_affine(work* item) noexcept;
  /// Any thread: the same, from outside; wakes the worker if it sleeps.
  void post(work* item) noexcept;

  /// The thread's body: runs until the scheduler stops.
  void run_until_stopped() noexcept;

  /// Owner, at the end of an item's run. Whether it may linger instead of giving its right to run
  /// back; if not, it is remembered: should it be made runnable at once, the next ones may.
  [[nodiscard]] bool may_linger(const work* item) noexcept {
    if (linger_credit_ != 0) return true;
    left_last_ = item;
    return false;
  }
  /// Owner: `item` lingers from here on and may be stolen. Returns who lingered before and is now
  /// the caller's to settle, or null.
  [[nodiscard]] work* linger(work* item) noexcept {
    work* const before = lingering_.take();
    lingering_.put(item);
    return before;
  }
  /// Owner: who lingers, or null.
  [[nodiscard]] work* lingering() const noexcept { return lingering_.peek(); }
  /// Owner: takes it back, to give it something to do. Null: a thief was faster.
  [[nodiscard]] work* take_lingering() noexcept { return lingering_.take(); }
  /// Owner: one that was just taken runs next: it was worth it that it lingered.
  void schedule_taken(work* item) noexcept {
    linger_credit_ = linger_misses_max;
    if (lifo_.is_empty()) [[likely]] {
      lifo_.put(item);
      idle_.ensure_sentinel();
    } else {
      schedule_displacing(item);
    }
  }
  /// Owner: one that was just taken lingers on.
  void linger_on(work* item) noexcept { lingering_.put(item); }
  /// Owner: what became of one that lingered: it got mail, or it had to be let go.
  void note_lingered(bool was_worth_it) noexcept {
    linger_credit_ = was_worth_it ? linger_misses_max : linger_credit_ - (linger_credit_ != 0);
  }
  /// Before the first work: nothing ever lingers here.
  void forbid_lingering() noexcept { may_ever_linger_ = false; }

  [[nodiscard]] timer_wheel& timers() noexcept { return timers_; }
  [[nodiscard]] driver& parking() noexcept { return parking_; }
  [[nodiscard]] scheduler& owner() const noexcept { return scheduler_; }
  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
  [[nodiscard]] bool runs_processes() const noexcept { return runs_processes_; }
  /// Owner: base::ticks() when it last looked, on waking and every clock_interval activations.
  [[nodiscard]] std::uint64_t coarse_ticks() const noexcept { return looked_around_ticks_; }
  /// The thread, last; and whoever stops it (ordered by the scheduler's count of ended threads).
  void mark_ended() noexcept { has_ended_.store(true, base::relaxed); }
  [[nodiscard]] bool has_ended() const noexcept { return has_ended_.load(base::relaxed); }
  [[nodiscard]] const worker_statistics& statistics() const noexcept { return statistics_; }
  /// Anybody: ticks not spent idle, so far.
  [[nodiscard]] std::uint64_t busy_ticks() const noexcept;

  /// For the layer above: its per-thread state. Set on the owner thread before the first work.
  void* context = nullptr;
  /// The same: messages that this thread has handled, or whatever else is a measure of work.
  const base::atomic<std::uint64_t>* work_done = nullptr;
  /// The same: settles one that lingered (schedules it if it got mail).
  void (*settle)(work*, worker&) noexcept = nullptr;

 private:
  friend class stepper;
  using inbox_stack = sync::take_all_stack<work, &work::next>;

  void schedule_displacing(work* item) noexcept;
  work* next() noexcept;
  work* take_lifo_quickly() noexcept;
  work* take_queued() noexcept;
  work* take_affine() noexcept;
  void settle_lingering() noexcept;
  work* take_injected() noexcept;
  void collect_inbox() noexcept;

  // worker_sharing.cpp
  void share_backlog() noexcept;
  void weigh_sharing(std::uint64_t now) noexcept;
  [[nodiscard]] bool is_first_awake() const noexcept;
  void leave_to_others() noexcept;

  void look_around_if_due() noexcept;
  void fetch_injected() noexcept;
  void poll_driver() noexcept;
  void advance_timers() noexcept;

  // Idle protocol (worker_idle.cpp).
  work* idle() noexcept;
  void leave_idle() noexcept;
  void begin_idle() noexcept;
  work* search() noexcept;
  work* sleep() noexcept;
  work* steal() noexcept;
  work* steal_stuck() noexcept;
  work* recheck_before_sleep() noexcept;
  work* sentinel_tick() noexcept;
  void keep_house() noexcept;
  bool everybody_sleeps() const noexcept;

  // Read by thieves, written by the owner on each activation.
  sync::lent_place<work> lifo_;
  sync::lent_place<work> lingering_;
  worker_statistics statistics_;

  alignas(base::cache_line_bytes) sync::run_queue<work, run_queue_capacity> queue_;

  // Written by any thread.
  alignas(base::cache_line_bytes) inbox_stack inbox_;

  // Owner only from here.
  alignas(base::cache_line_bytes) scheduler& scheduler_;
  idle_set& idle_;
  driver& parking_;
  work* affine_first_ = nullptr;
  work* affine_last_ = nullptr;
  std::uint32_t turn_ = 0;
  std::uint32_t lifo_run_ = 0;
  std::uint32_t linger_credit_ = 0;  ///< how many more may linger in vain
  const work* left_last_ = nullptr;  ///< gave its right to run back; compared only
  std::uint32_t index_;
  bool runs_processes_;
  base::atomic<bool> has_ended_{false};
  bool had_backlog_ = false;
  bool may_ever_linger_ = true;
  std::uint64_t poll_ticks_;
  std::uint64_t look_around_ticks_;
  std::uint64_t looked_around_ticks_ = 0;
  std::uint64_t short_ticks_;        ///< clock_interval short activations
  std::uint64_t weighed_ticks_ = 0;  ///< of the last look
  std::uint64_t weighed_work_ = 0;
  std::uint64_t shared_ticks_ = 0;  ///< of 64 messages, mean of looks…
  std::uint32_t shared_looks_ = 0;  ///< …in a row with others awake and activations short
  std::uint32_t long_looks_ = 0;    ///< looks in a row that found long ones
  bool has_slept_ = true;           ///< since the last look
  bool sits_out_ = false;           ///< has just left its work to the others
  timer_wheel timers_;
  base::random_source random_;

  /// What this worker last saw of another one, to tell a stuck slot from a busy one.
  struct sighting {
    const work* item = nullptr;
    std::uint64_t activations = 0;
    std::uint64_t since_ticks = 0;
  };
  std::vector<sighting> sightings_;
  base::nanoseconds_t tick_ns_ = 0;
  base::nanoseconds_t quiet_since_ns_ = 0;
  base::nanoseconds_t housekeeping_ns_ = 0;
};

}  // namespace sluice::inline v0::sched
