#include "actor/delayed_send.hpp"

#include <new>

#include "actor/delivery.hpp"
#include "actor/node_core.hpp"
#include "base/assert.hpp"
#include "sched/scheduler.hpp"

namespace sluice::inline v0::core {

enum class delayed_state : std::uint8_t { armed, fired, cancelled };

// As work it travels to its home to be armed there.
struct delayed_send : sched::timer, sched::work {
  sched::worker* home = nullptr;
  envelope* carried = nullptr;  // the wheel's, until fired or buried
  std::uint32_t to_slot = 0;
  std::uint32_t to_generation = 0;
  priority lane = priority::main;
  base::nanoseconds_t wanted_ns = 0;
  base::atomic<delayed_state> state{delayed_state::armed};
  base::atomic<std::uint8_t> owners{2};
};

namespace {

execution& execution_on(sched::worker& on) noexcept { return *static_cast<execution*>(on.context); }

void let_go(delayed_send& timed) noexcept {
  // [DS1] acq_rel: the other owner's last use happens before the free; pairs DS1.
  if (timed.owners.fetch_sub(1, base::acq_rel) != 1) return;
  timed.~delayed_send();
  mem::this_thread_cache().free_bytes(&timed, sizeof(delayed_send));
}

bool leave_armed(delayed_send& timed, delayed_state to) noexcept {
  delayed_state seen = delayed_state::armed;
  // [DS2] acq_rel: T1; pairs DS2.
  return timed.state.compare_exchange_strong(seen, to, base::acq_rel, base::relaxed);
}

void send_when_due(sched::timer& due, sched::worker& on) {
  auto& timed = static_cast<delayed_send&>(due);
  execution& by = execution_on(on);
  if (leave_armed(timed, delayed_state::fired)) {
    by.deliver_counted(timed.carried, timed.to_slot, timed.to_generation, timed.lane);
  } else {
    by.bury(timed.carried, dead_letter::cancelled);
  }
  by.flush_chain();
  let_go(timed);
}

// On the home worker, posted by a thread without a wheel.
void arm_at_home(sched::work* posted, sched::worker& on) {
  auto& timed = static_cast<delayed_send&>(*posted);
  on.timers().arm(timed, timed.wanted_ns);
}

}  // namespace

delayed_send* arm_delayed(execution& by, envelope* carried, std::uint32_t to_slot,
                          std::uint32_t to_generation, priority lane,
                          base::nanoseconds_t deadline_ns) noexcept {
  void* const memory = by.blocks.allocate_bytes(sizeof(delayed_send));
  base::add_single_writer(by.counters.sent, std::uint64_t{1});  // X1: from here it is under way.
  if (memory == nullptr) {
    by.bury(carried, dead_letter::full);
    return nullptr;
  }
  auto* timed = new (memory) delayed_send;
  timed->on_due = &send_when_due;
  timed->run = &arm_at_home;
  timed->carried = carried;
  timed->to_slot = to_slot;
  timed->to_generation = to_generation;
  timed->lane = lane;
  timed->wanted_ns = deadline_ns;
  if (by.worker != nullptr) {
    timed->home = by.worker;
    by.worker->timers().arm(*timed, deadline_ns);
  } else {
    timed->home = &by.node.scheduler->worker_at(0);
    timed->home->post(timed);
  }
  return timed;
}

bool cancel_delayed(delayed_send* timed) noexcept {
  if (!leave_armed(*timed, delayed_state::cancelled)) return false;
  execution* const by = current_execution();
  if (by != nullptr && by->worker == timed->home && timed->home->timers().cancel(*timed)) {
    by->bury(timed->carried, dead_letter::cancelled);
    let_go(*timed);
  }
  // Elsewhere the wheel finds it cancelled when it comes due.
  return true;
}

void drop_delayed(delayed_send* timed) noexcept { let_go(*timed); }

void bury_delayed(execution& by) noexcept {
  by.worker->timers().advance(INT64_MAX / 2, [&by](sched::timer_node& node) {
    auto& due = static_cast<sched::timer&>(node);
    if (due.on_due != &send_when_due) return;  // A start coroutine's: left with its frame.
    auto& timed = static_cast<delayed_send&>(due);
    leave_armed(timed, delayed_state::cancelled);
    by.bury(timed.carried, dead_letter::cancelled);
    let_go(timed);
  });
}

}  // namespace sluice::inline v0::core
