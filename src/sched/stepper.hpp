// stepper: runs the one worker of a scheduler that has no thread, a piece of work at a time.
//
// When: simulations, where somebody else decides what runs next. Who: one thread, which the worker
// takes for its own; scheduler::start_stepped() comes first. Nothing here sleeps or polls a clock.
#pragma once

#include <cstddef>
#include <vector>

#include "base/clock.hpp"
#include "sched/work.hpp"

namespace sluice::inline v0::sched {

class worker;

class stepper {
 public:
  explicit stepper(worker& of) : worker_(of) { runnable_.reserve(64); }

  /// Takes what has become runnable from all queues; how much there is now, oldest first.
  std::size_t collect();
  [[nodiscard]] const work& runnable(std::size_t index) const noexcept { return *runnable_[index]; }
  void run(std::size_t index);
  /// Timers that are due and completions that are there. False: there were none.
  bool poll();
  [[nodiscard]] base::nanoseconds_t next_timer() noexcept;
  [[nodiscard]] std::size_t timer_count() const noexcept;
  /// Moves a virtual clock of the driver to its next event, to `until_ns` at the latest.
  void wait(base::nanoseconds_t until_ns);

 private:
  worker& worker_;
  std::vector<work*> runnable_;
};

}  // namespace sluice::inline v0::sched
