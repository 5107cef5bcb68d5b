#include "actor/delayed_send.hpp"

#include <new>

#include "actor/caller.hpp"
#include "actor/delivery.hpp"
#include "actor/requests.hpp"
#include "actor/wake_timer.hpp"
#include "sched/scheduler.hpp"

namespace sluice::inline v0::core {

enum class delayed_state : std::uint8_t { travelling, armed, fired, cancelled };
enum class delayed_form : std::uint8_t { once, repeated, time_out };

// As work it travels to its home, to be armed or to be taken off there.
struct delayed_send : sched::timer, sched::work {
  sched::worker* home = nullptr;
  gate* way_in = nullptr;  // to the home, for threads that are not its node's
  std::uint32_t node_id = 0;
  delayed_target to;
  delayed_form form = delayed_form::once;
  base::atomic<delayed_state> state{delayed_state::travelling};
  base::atomic<std::uint8_t> owners{2};
  base::nanoseconds_t wanted_ns = 0;
  envelope* carried = nullptr;  // once, repeated: the wheel's, until fired or buried
  union {
    const repeat_kind* copies = nullptr;
    const completion_kind* completion;
  };
  union {
    base::nanoseconds_t period_ns = 0;
    std::uint64_t request_number;
  };
};
static_assert(sizeof(delayed_send) <= 128, "two cache lines a timer");

namespace {

void let_go(delayed_send& timed) noexcept {
  // [DS1] acquire, acq_rel: the other owner's last use happens before the free; pairs DS1. The last
  // one need not say that it goes.
  if (timed.owners.load(base::acquire) != 1 && timed.owners.fetch_sub(1, base::acq_rel) != 1) {
    return;
  }
  timed.~delayed_send();
  mem::this_thread_cache().free_bytes(&timed, sizeof(delayed_send));
}

void count_timed(execution& by) noexcept {
  base::add_single_writer(by.counters.timed, std::uint64_t{1});
}
void count_timed_over(execution& by) noexcept {
  base::add_single_writer(by.counters.timed_over, std::uint64_t{1});
}

bool change(delayed_send& timed, delayed_state from, delayed_state to) noexcept {
  // [DS2] acq_rel: T1; pairs DS2.
  return timed.state.compare_exchange_strong(from, to, base::acq_rel, base::relaxed);
}

// What it will not send, on the home's thread.
void bury_carried(execution& by, delayed_send& timed) noexcept {
  if (timed.carried == nullptr) return;
  count_timed_over(by);
  by.bury(timed.carried, dead_letter::cancelled);
}

// Off the wheel for good, on the home's thread.
void take_off(execution& by, delayed_send& timed) noexcept {
  bury_carried(by, timed);
  let_go(timed);
}

bool is_sender_gone(execution& by, const envelope& carried) noexcept {
  if (carried.from_generation == 0) return false;
  const slot* const from = by.node.slots.find(carried.from_slot);
  // Relaxed: a tick more or less after the sender's end does not matter.
  return from->generation.load(base::relaxed) != carried.from_generation;
}

// Sends one copy. False: it is of no use to go on.
bool send_copy(execution& by, delayed_send& timed) noexcept {
  if (is_sender_gone(by, *timed.carried)) return false;
  envelope* const copy = by.make_envelope(timed.copies->block, timed.copies->bytes);
  if (copy == nullptr) return true;  // This tick is left out.
  copy->type = timed.carried->type;
  copy->from_slot = timed.carried->from_slot;
  copy->from_generation = timed.carried->from_generation;
  copy->from_node = timed.carried->from_node;
  copy->block |= timed.carried->block & block_from_meta;
  if (!timed.copies->copy(timed.carried->payload(), copy->payload())) {
    by.free_block(copy);
    return true;  // As above.
  }
  return by.deliver(copy, timed.to.slot, timed.to.generation, timed.to.lane) !=
         send_outcome::unknown;
}

void send_again_when_due(execution& by, sched::worker& on, delayed_send& timed) noexcept {
  const bool goes_on = send_copy(by, timed);
  by.flush_chain();
  // Relaxed: a cancel from elsewhere that is not seen here comes by post after this (T2).
  if (timed.state.load(base::relaxed) != delayed_state::armed) return;
  if (!goes_on) {
    if (change(timed, delayed_state::armed, delayed_state::fired)) take_off(by, timed);
    return;
  }
  const base::nanoseconds_t late_ns = base::now_ns() - timed.wanted_ns;
  timed.wanted_ns += (late_ns / timed.period_ns + 1) * timed.period_ns;
  if (timed.wanted_ns > latest_deadline_ns) timed.wanted_ns = latest_deadline_ns;
  on.timers().arm(timed, timed.wanted_ns);
}

void send_when_due(sched::timer& due, sched::worker& on) {
  auto& timed = static_cast<delayed_send&>(due);
  execution& by = execution_on(on);
  if (timed.form == delayed_form::repeated) return send_again_when_due(by, on, timed);
  if (!change(timed, delayed_state::armed, delayed_state::fired)) return;  // T2
  if (timed.form == delayed_form::once) {
    count_timed_over(by);
    by.deliver_counted(timed.carried, timed.to.slot, timed.to.generation, timed.to.lane);
  } else {
    send_failed_completion(by, timed.to.slot, timed.to.generation, *timed.completion,
                           {timed.request_number}, {error_code::timed_out, 0, "request"});
  }
  by.flush_chain();
  let_go(timed);
}

// On the home worker, posted by a thread without a wheel.
void arm_at_home(sched::work* posted, sched::worker& on) {
  auto& timed = static_cast<delayed_send&>(*posted);
  if (change(timed, delayed_state::travelling, delayed_state::armed)) {
    on.timers().arm(timed, timed.wanted_ns);
  } else {
    take_off(execution_on(on), timed);
  }
}

// On the home worker, posted by who cancelled it.
void take_off_at_home(sched::work* posted, sched::worker& on) {
  auto& timed = static_cast<delayed_send&>(*posted);
  on.timers().cancel(timed);
  take_off(execution_on(on), timed);
}

delayed_send* make_delayed(execution& by, delayed_form form, delayed_target to) noexcept {
  if (by.node.scheduler == nullptr) return nullptr;  // The node's last sweep: no wheel is left.
  void* const memory = by.blocks.allocate_bytes(sizeof(delayed_send));
  if (memory == nullptr) return nullptr;
  auto* timed = new (memory) delayed_send;
  timed->on_due = &send_when_due;
  timed->run = &arm_at_home;
  timed->form = form;
  timed->to = to;
  timed->way_in = by.node.way_in;
  timed->node_id = by.node.id;
  return timed;
}

delayed_send* arm(execution& by, delayed_send* timed, base::nanoseconds_t deadline_ns) noexcept {
  timed->wanted_ns = deadline_ns;
  if (by.worker != nullptr) {
    timed->home = by.worker;
    timed->state.store(delayed_state::armed, base::relaxed);  // Relaxed: nobody else has it yet.
    by.worker->timers().arm(*timed, deadline_ns);
  } else {
    timed->home = &by.node.scheduler->worker_at(0);
    timed->home->post(timed);
  }
  return timed;
}

void post_home(delayed_send& timed) noexcept {
  timed.run = &take_off_at_home;
  timed.home->post(&timed);
}

}  // namespace

delayed_send* arm_delayed(execution& by, envelope* carried, delayed_target to,
                          base::nanoseconds_t deadline_ns) noexcept {
  base::add_single_writer(by.counters.sent, std::uint64_t{1});  // X1: from here it is under way.
  delayed_send* const timed = make_delayed(by, delayed_form::once, to);
  if (timed == nullptr) {
    by.bury(carried, dead_letter::full);
    return nullptr;
  }
  timed->carried = carried;
  count_timed(by);
  return arm(by, timed, deadline_ns);
}

delayed_send* arm_repeated(execution& by, envelope* carried, delayed_target to,
                           base::nanoseconds_t period_ns, const repeat_kind& copies) noexcept {
  base::add_single_writer(by.counters.sent, std::uint64_t{1});  // Until it is taken off.
  delayed_send* const timed = make_delayed(by, delayed_form::repeated, to);
  if (timed == nullptr) {
    by.bury(carried, dead_letter::full);
    return nullptr;
  }
  timed->carried = carried;
  timed->copies = &copies;
  timed->period_ns = period_ns;
  count_timed(by);
  return arm(by, timed, deadline_after(period_ns));
}

delayed_send* arm_time_out(execution& by, delayed_target to, ref request,
                           const completion_kind& kind, base::nanoseconds_t deadline_ns) noexcept {
  delayed_send* const timed = make_delayed(by, delayed_form::time_out, to);
  if (timed == nullptr) return nullptr;
  timed->completion = &kind;
  timed->request_number = request.number;
  return arm(by, timed, deadline_ns);
}

namespace {

// By the thread of its wheel, which has both owners then: nothing races, so nothing is exchanged.
bool cancel_at_home(execution& by, delayed_send& timed) noexcept {
  timed.state.store(delayed_state::cancelled, base::relaxed);  // Relaxed, both: as just said.
  if (timed.home->timers().cancel(timed)) {
    bury_carried(by, timed);
    timed.owners.store(1, base::relaxed);
  } else {
    post_home(timed);
  }
  return true;
}

}  // namespace

bool cancel_delayed(delayed_send* timed) noexcept {
  execution* const here = own_thread_of(timed->node_id);
  if (here != nullptr && here->worker == timed->home &&
      timed->state.load(base::relaxed) == delayed_state::armed) {  // Relaxed: armed here.
    return cancel_at_home(*here, *timed);
  }
  if (change(*timed, delayed_state::travelling, delayed_state::cancelled)) return true;
  if (!change(*timed, delayed_state::armed, delayed_state::cancelled)) return false;
  if (here != nullptr) {
    post_home(*timed);
    return true;
  }
  // A node that is about to end buries what is on its wheels.
  const foreign_access access{*timed->way_in, timed->node_id};
  if (access) post_home(*timed);
  return true;
}

void drop_delayed(delayed_send* timed) noexcept { let_go(*timed); }

void bury_delayed(execution& by) noexcept {
  by.worker->timers().advance(INT64_MAX / 2, [&by](sched::timer_node& node) {
    if (bury_wake_timer(by, node)) return;
    auto& due = static_cast<sched::timer&>(node);
    if (due.on_due != &send_when_due) return;  // A start coroutine's: left with its frame.
    auto& timed = static_cast<delayed_send&>(due);
    static_cast<void>(change(timed, delayed_state::armed, delayed_state::cancelled));
    take_off(by, timed);
  });
}

}  // namespace sluice::inline v0::core
