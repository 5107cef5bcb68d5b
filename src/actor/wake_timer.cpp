#include "actor/wake_timer.hpp"

#include <new>
#include <utility>

#include "actor/control_send.hpp"
#include "actor/delivery.hpp"
#include "actor/node_core.hpp"
#include "actor/suspension.hpp"
#include "base/assert.hpp"
#include "sched/scheduler.hpp"
#include "sched/worker.hpp"

namespace sluice::inline v0::core {

enum class wake_state : std::uint8_t { armed, fired, dropped, fetched };

struct wake_timer : sched::timer {
  std::uint32_t to_slot = 0;
  std::uint32_t to_generation = 0;
  std::uint32_t home = 0;  // index of the worker
  base::atomic<wake_state> state{wake_state::armed};
  base::nanoseconds_t wanted_ns = 0;
};
static_assert(sizeof(wake_timer) <= 64, "one cache line a timer");

namespace {

// A dropped timer that fires within this time is left where it is.
constexpr base::nanoseconds_t soon_ns = 1'000'000'000;

void free_timer(execution& by, wake_timer* clock) noexcept {
  clock->~wake_timer();
  by.blocks.free_bytes(clock, sizeof(wake_timer));
}

// WT1
bool leave_armed(wake_timer& clock, wake_state for_state) noexcept {
  wake_state expected = wake_state::armed;
  // [WT1] acq_rel, acquire on failure: who frees it or uses it next has seen the other's last use;
  // pairs WT1, WT2.
  return clock.state.compare_exchange_strong(expected, for_state, base::acq_rel, base::acquire);
}

void wake_when_due(sched::timer& due, sched::worker& on) {
  auto& clock = static_cast<wake_timer&>(due);
  execution& by = execution_on(on);
  const std::uint32_t slot = clock.to_slot;
  const std::uint32_t generation = clock.to_generation;
  if (!leave_armed(clock, wake_state::fired)) {
    // Relaxed: a job of this thread frees what is fetched, and nothing leaves dropped.
    if (clock.state.load(base::relaxed) == wake_state::dropped) free_timer(by, &clock);
    return;
  }
  // From here it is the process's.
  send_control(by, slot, generation, priority::system, time_is_up{});
  by.flush_chain();
}

void arm_here(execution& by, wake_timer& clock, base::nanoseconds_t deadline_ns) noexcept {
  clock.home = by.worker->index();
  clock.wanted_ns = deadline_ns;
  // Relaxed: nobody else has it.
  clock.state.store(wake_state::armed, base::relaxed);
  by.worker->timers().arm(clock, deadline_ns);
}

// Takes a fetched timer off the wheel it is on (WT2).
struct retrieval : sched::work {
  wake_timer* fetched;
};

void retrieve(sched::work* posted, sched::worker& on) {
  auto* const job = static_cast<retrieval*>(posted);
  execution& by = execution_on(on);
  on.timers().cancel(*job->fetched);
  free_timer(by, job->fetched);
  job->~retrieval();
  by.blocks.free_bytes(job, sizeof(retrieval));
}

}  // namespace

bool wake_at(execution& by, const slot& self, wake_timer*& clock,
             base::nanoseconds_t deadline_ns) noexcept {
  SLUICE_ASSERT(by.worker != nullptr, "a process waits on a thread without a clock");
  if (clock != nullptr) {
    // [WT2] acquire: the wheel's last use; pairs WT1 (leave_armed).
    if (clock->state.load(base::acquire) == wake_state::fired) {
      arm_here(by, *clock, deadline_ns);
      return true;
    }
    if (clock->wanted_ns <= deadline_ns) return true;
    if (clock->home == by.worker->index()) {  // Nobody else can make it fire.
      by.worker->timers().cancel(*clock);
      arm_here(by, *clock, deadline_ns);
      return true;
    }
    let_go(by, std::exchange(clock, nullptr));
  }
  void* const memory = by.blocks.allocate_bytes(sizeof(wake_timer));
  if (memory == nullptr) return false;
  clock = new (memory) wake_timer;
  clock->on_due = &wake_when_due;
  clock->to_slot = self.index;
  clock->to_generation = self.generation.load(base::relaxed);  // Relaxed: the owner.
  arm_here(by, *clock, deadline_ns);
  return true;
}

void let_go(execution& by, wake_timer* clock) noexcept {
  if (clock == nullptr) return;
  const std::uint32_t home = clock->home;
  const bool is_soon = clock->wanted_ns - base::now_ns() < soon_ns;
  const bool is_here = by.worker != nullptr && by.worker->index() == home;
  // Its memory first: from the change of state on somebody else frees the timer.
  void* memory = nullptr;
  if (!is_here && !is_soon) memory = by.blocks.allocate_bytes(sizeof(retrieval));
  if (!is_here && memory == nullptr) {
    if (!leave_armed(*clock, wake_state::dropped)) free_timer(by, clock);
    return;
  }
  if (is_here) {
    by.worker->timers().cancel(*clock);
    return free_timer(by, clock);
  }
  if (leave_armed(*clock, wake_state::fetched) && by.node.scheduler != nullptr) {
    auto* const job = new (memory) retrieval;
    job->run = &retrieve;
    job->fetched = clock;
    by.node.scheduler->worker_at(home).post(job);
  } else {
    by.blocks.free_bytes(memory, sizeof(retrieval));
    free_timer(by, clock);
  }
}

bool bury_wake_timer(execution& by, sched::timer_node& node) noexcept {
  auto& due = static_cast<sched::timer&>(node);
  if (due.on_due != &wake_when_due) return false;
  auto& clock = static_cast<wake_timer&>(due);
  // Its process outlives the thread: the last sweep ends it.
  if (!leave_armed(clock, wake_state::fired)) free_timer(by, &clock);
  return true;
}

}  // namespace sluice::inline v0::core
