// driver: what a worker polls between activations and parks on when there is nothing to run.
//
// Implementations: park_driver (a futex, for workers without a ring), io::uring_driver, and later
// epoll and a simulated one. A driver belongs to one worker thread; only wake() may be called by
// others. A wake is sticky: one that comes before park() makes that park return at once. So the
// worker's protocol is: announce the sleep, re-check every queue, then park().
#pragma once

#include <sluice/result.hpp>

#include "base/clock.hpp"

namespace sluice::inline v0::sched {

/// Why park() came back. The caller re-checks everything whatever the answer.
enum class park_outcome : unsigned char {
  event,      ///< the driver's own work is ready (completions)
  woken,      ///< somebody called wake()
  timed_out,  ///< the deadline passed with nothing else
};

class driver {
 public:
  driver() = default;
  driver(const driver&) = delete;
  driver& operator=(const driver&) = delete;
  virtual ~driver() = default;

  /// Owner thread, once, before anything else: binds the driver to the calling thread.
  [[nodiscard]] virtual result<void> attach() = 0;

  /// Owner thread. Whether poll() would find something; a few loads, no system call.
  [[nodiscard]] virtual bool has_ready() const noexcept = 0;

  /// Owner thread. Submits what is queued, drains the completions that are there, then runs their
  /// callbacks. Never blocks. Returns the number of completions handled.
  virtual unsigned poll() noexcept = 0;

  /// Owner thread. Submits what is queued and sleeps until a completion, a wake or the absolute
  /// deadline. Runs no callbacks: the caller polls afterwards.
  [[nodiscard]] virtual park_outcome park(base::nanoseconds_t deadline_ns) noexcept = 0;

  /// Any thread. Ends the current park, or the next one if none is under way. Safe from the moment
  /// the driver is constructed until it is destroyed.
  virtual void wake() noexcept = 0;

  /// Owner thread, last: cancels what is in flight, reaps it all and lets go of the thread.
  virtual void detach() noexcept = 0;
};

}  // namespace sluice::inline v0::sched
