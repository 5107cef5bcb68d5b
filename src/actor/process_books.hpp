// process_books: what one process has done, from the first time somebody asked.
//
// What: kept by a run function of its own around the usual one, so a process that nobody has
//   inspected pays nothing, and one that was inspected pays two looks at the tick counter an
//   activation. Activations while a handler waits are not counted.
// Who: the worker that ran the process adds after the activation, when the process may already run
//   elsewhere or have ended; therefore the books are shared and their counts atomic.
#pragma once

#include <cstdint>
#include <memory>

#include "actor/slot.hpp"
#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "sched/work.hpp"

namespace sluice::inline v0::core {

struct process_books {
  base::atomic<std::uint64_t> activations{0};
  base::atomic<std::uint64_t> messages_in{0};
  base::atomic<std::uint64_t> messages_out{0};
  base::atomic<std::uint64_t> busy_ticks{0};
  base::nanoseconds_t since_ns = base::now_ns();
};

/// Owner, in a handler: the books, begun now if there were none.
[[nodiscard]] const process_books& begin_books(slot& self);

/// Owner: how its job is run when no handler of it waits.
[[nodiscard]] sched::work::run_function usual_run_of(const slot& self) noexcept;

}  // namespace sluice::inline v0::core
