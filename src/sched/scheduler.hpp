// scheduler: the set of workers of one node, what they share, and their threads.
//
// start() makes the threads, stop() ends them; both from one foreign thread. inject() may be called
// by any thread between the two.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <sluice/result.hpp>

#include "base/atomic.hpp"
#include "sched/balance.hpp"
#include "sched/driver.hpp"
#include "sched/idle_set.hpp"
#include "sched/worker.hpp"
#include "sync/injection_queue.hpp"

namespace sluice::inline v0::sched {

/// One worker to be: its role, its place and what it parks on.
struct worker_plan {
  bool runs_processes = true;
  std::string thread_name;
  std::vector<int> cores;  ///< empty = not pinned
  /// How long an idle worker polls before it sleeps: longer than a wake costs (26 µs) and than
  /// worker::stuck_after_us. 0 where another worker needs the core meanwhile.
  std::uint32_t idle_poll_us = 60;
  std::unique_ptr<driver> parking;
};

struct scheduler_hooks {
  std::function<void(worker&)> on_thread_start;  ///< on the worker's thread, before any work
  std::function<void(worker&)> on_thread_end;    ///< on the worker's thread, after the last work
  /// On the worker's thread, when it has been idle for idle_hook_after_ns: housekeeping in small
  /// steps. True: there is more, call again unless work came.
  std::function<bool(worker&)> on_idle;
};

class scheduler {
 public:
  scheduler(std::vector<worker_plan> plans, scheduler_hooks hooks);
  scheduler(const scheduler&) = delete;
  scheduler& operator=(const scheduler&) = delete;
  ~scheduler();

  /// Starts all threads and waits until each has attached its driver. On an error none is left.
  [[nodiscard]] result<void> start();
  /// Instead of start(), for one worker: no thread; whoever calls its stepper is its thread, and
  /// this one now.
  [[nodiscard]] result<void> start_stepped();
  /// Ends all threads. What is still queued is not run: the layer above has emptied the queues.
  /// Returns the workers whose handler did not return by the deadline: their threads are detached,
  /// and this object must be left to them for ever.
  [[nodiscard]] std::vector<std::size_t> stop(base::nanoseconds_t deadline_ns) noexcept;

  /// Any thread: makes `item` runnable by any worker that runs processes.
  void inject(work* item) noexcept;
  void inject_bulk(work** items, std::size_t count) noexcept;

  [[nodiscard]] std::size_t worker_count() const noexcept { return workers_.size(); }
  [[nodiscard]] worker& worker_at(std::size_t index) noexcept { return *workers_[index]; }
  /// Workers that run processes have the indices [0, process_worker_count).
  [[nodiscard]] std::size_t process_worker_count() const noexcept { return idle_.size(); }

 private:
  friend class worker;

  void thread_body(std::size_t index) noexcept;
  [[nodiscard]] result<void> begin_thread(worker& self);
  [[nodiscard]] std::vector<std::size_t> join_all(base::nanoseconds_t deadline_ns) noexcept;
  /// Whether somebody stands between making work visible and waking a worker for it.
  [[nodiscard]] bool is_publishing() const noexcept {
    // [SC6] seq_cst: read beside the look at the queue; pairs SC5, SC7 (inject_bulk).
    return publishing_.load(base::seq_cst) != 0;
  }
  /// For workers with nothing to run; after announcing the sleep, too.
  [[nodiscard]] bool is_stopping() const noexcept {
    // [SC4] seq_cst: see SC3; pairs SC3 (join_all).
    return stopping_.load(base::seq_cst);
  }

  std::vector<worker_plan> plans_;
  scheduler_hooks hooks_;
  idle_set idle_;
  balance balance_;
  sync::injection_queue<work> injection_;
  std::vector<std::unique_ptr<worker>> workers_;
  std::vector<std::thread> threads_;
  std::vector<error> attach_errors_;
  base::atomic<std::uint32_t> attached_{0};
  base::atomic<std::uint32_t> ended_{0};       ///< threads whose last act is done
  bool is_stepped_ = false;                    ///< started without threads
  std::size_t refused_ = 0;                    ///< threads that could not attach
  base::atomic<std::uint32_t> publishing_{0};  // by foreign threads and overflowing workers
  // Written once by stop(), read by workers when they have nothing to run.
  alignas(base::cache_line_bytes) base::atomic<bool> stopping_{false};
};

}  // namespace sluice::inline v0::sched
