// work: what a worker runs. The scheduler knows nothing else about it.
#pragma once

namespace sluice::inline v0::sched {

class worker;

/// Embedded in whatever can be scheduled. It is in at most one queue at a time, and `next` belongs
/// to that queue; who schedules it twice has broken the rule that one word grants the right to run.
struct work {
  using run_function = void (*)(work*, worker&);

  union {
    work* next = nullptr;
    void* kept;  ///< while it lingers (worker.hpp): the layer above's; null otherwise
  };
  run_function run = nullptr;
};

}  // namespace sluice::inline v0::sched
