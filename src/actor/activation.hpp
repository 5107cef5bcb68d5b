// activation: a process or a meta's handler flow at work on one worker, for a bounded budget.
//
// Taken from the mailbox in one go, sorted into lanes, handled one by one; it ends by parking the
// mailbox (nothing left), by yielding (budget used up), or by the end of its owner.
// Who: the worker that runs the slot's job. At most one at a time: the owner stamp aborts else.
// Rules:
//   A1 The slot is not touched after a park that succeeded.
//   A2 Nothing but bookkeeping stands between "lanes empty" and the park.
//   A3 A handler's exception becomes the owner's exit reason and goes no further.
//   A4 One that lingers (sched/worker.hpp) keeps the right to run: its last message, handled, is
//      held in the word and named by job.kept until it is settled or runs on. Its worker may take
//      it back and give it something to do (hand_off.hpp).
#pragma once

#include "actor/execution.hpp"
#include "actor/slot.hpp"
#include "sched/work.hpp"

namespace sluice::inline v0::core {

/// One that lingered here and is the caller's now: with mail it is scheduled, else it gives the
/// right to run back (A4).
void settle_lingering(sched::work* job, sched::worker& on) noexcept;

/// The run functions of slot::job.
void run_process(sched::work* job, sched::worker& on);
void run_suspended(sched::work* job, sched::worker& on);  ///< of a process whose handler waits
void run_receiver(sched::work* job, sched::worker& on);   ///< of one whose handler receives
void run_meta(sched::work* job, sched::worker& on);

[[nodiscard]] inline slot& slot_of(sched::work* job) noexcept {
  return *reinterpret_cast<slot*>(reinterpret_cast<std::byte*>(job) - offsetof(slot, job));
}

}  // namespace sluice::inline v0::core
