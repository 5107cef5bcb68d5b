#include "actor/execution.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "actor/delivery.hpp"
#include "actor/meta_state.hpp"
#include "actor/node_core.hpp"
#include "actor/process_alias.hpp"
#include "actor/requests.hpp"
#include "actor/room.hpp"
#include "actor/send_tap.hpp"
#include "base/assert.hpp"
#include "sched/scheduler.hpp"
#include "sched/worker.hpp"

namespace sluice::inline v0::core {

namespace {

// The one global: which execution this thread is. Constant-initialised, so no guard.
constinit thread_local execution* this_thread_execution = nullptr;

void count(execution_counters::counter& counter, std::uint64_t amount = 1) noexcept {
  base::add_single_writer(counter, amount);
}

bool is_only_worker(const sched::worker* on) noexcept {
  return on != nullptr && on->runs_processes() && on->owner().process_worker_count() == 1;
}

}  // namespace

execution::execution(node_core& of, sched::worker* on, mem::cache& from) noexcept
    : node(of),
      worker(on),
      blocks(from),
      lane_bits_(is_only_worker(on) ? lane_may_grow : std::uint8_t{0}) {}

execution* current_execution() noexcept { return this_thread_execution; }
void set_current_execution(execution* now) noexcept { this_thread_execution = now; }

envelope* execution::make_urgent_envelope(std::uint8_t block, std::size_t bytes) noexcept {
  void* memory = block == block_on_heap ? nullptr : blocks.allocate(block);
  if (memory == nullptr && block != block_on_heap) memory = blocks.allocate_urgent(block);
  if (memory == nullptr) {
    block = block_on_heap;
    memory = ::operator new (bytes, std::align_val_t{64}, std::nothrow);
    SLUICE_ASSERT(memory != nullptr, "no memory left for a control message");
  }
  count(counters.envelopes_made);
  auto* made = new (memory) envelope;
  made->block = block;
  return made;
}

std::uint32_t execution::credits_max(const slot& to) noexcept {
  const std::uint32_t word = to.bounded_max.load(base::relaxed);  // Relaxed: set by the spawner.
  const std::uint32_t bound = word & ~bound_flags;
  return (word & bound_drops_oldest) != 0 ? 2 * bound : bound;
}

bool execution::take_credit(slot& to, envelope* last) noexcept {
  // Relaxed: a count, early or late by the number of concurrent senders (PROTOCOLS 21).
  const std::uint32_t taken = to.bounded_count.fetch_add(1, base::relaxed) & ~room_mark;
  if (taken >= credits_max(to)) {
    give_back_credit(to);
    return false;
  }
  last->lane |= lane_has_credit;  // Bounded receivers get no chains: this is one message.
  return true;
}

// Of a sender, who may have had it for an attempt only: who found it taken then waits for room that
// is there now, and perhaps no receiver will tell of it.
void execution::give_back_credit(slot& to) noexcept {
  // Relaxed: as in take_credit.
  const std::uint32_t before = to.bounded_count.fetch_sub(1, base::relaxed);
  if ((before & room_mark) != 0 && (before & ~room_mark) - 1 < credits_max(to)) [[unlikely]] {
    tell_waiting(*this, to, 1);  // RO1
  }
}

bool execution::deliver_if_room(slot& to, envelope* carried, std::uint32_t to_generation,
                                send_outcome& sent) noexcept {
  flush_chain();  // What was sent to it before comes before.
  carried->next = carried;
  carried->to_generation = to_generation;
  carried->lane = static_cast<std::uint8_t>(priority::main);
  if (is_bounded(to) && !take_credit(to, carried)) return false;
  count(counters.sent);  // X1
  switch (to.box.push(carried, false)) {
    case push_outcome::schedule: schedule(to); [[fallthrough]];
    case push_outcome::queued: sent = send_outcome::accepted; break;
    case push_outcome::closed: sent = push_refused(to, carried); break;
  }
  return true;
}

send_outcome execution::deliver_behind(envelope* carried, std::uint32_t to_slot,
                                       std::uint32_t to_generation) noexcept {
  slot* const to = find_tenant(to_slot, to_generation);
  if (to == nullptr || worker == nullptr || is_bounded(*to) || kind_of(*to) == slot_kind::io_meta)
      [[unlikely]] {
    return deliver(carried, to_slot, to_generation, priority::main);
  }
  flush_chain();  // What was sent to it before comes before.
  carried->next = carried;
  carried->to_generation = to_generation;
  carried->lane = static_cast<std::uint8_t>(priority::main);
  count(counters.sent);  // X1
  switch (to->box.push(carried, false)) {
    case push_outcome::queued: return send_outcome::accepted;
    case push_outcome::schedule: worker->schedule_last(&to->job); return send_outcome::accepted;
    case push_outcome::closed: break;
  }
  return push_refused(*to, carried);
}

send_outcome execution::push_bounded(slot& to, envelope* last) noexcept {
  return take_credit(to, last) ? push_unbounded(to, last, false) : push_overflowing(to, last);
}

send_outcome execution::push_after_all(envelope* carried, slot& to, priority lane) noexcept {
  return push(to, carried, is_control_lane(lane));
}

// To one that lingers here; no chain stands before it.
send_outcome execution::deliver_by_hand(envelope* carried, slot& to, priority lane) noexcept {
  if (is_bounded(to) || !take_quiet(*this, to, &run_process)) [[unlikely]] {  // HO2
    return push_after_all(carried, to, lane);
  }
  hand_message(*this, to, *carried);
  return send_outcome::accepted;
}

// A chain to somebody else stands before it.
send_outcome execution::deliver_past_chain(envelope* carried, slot& to, priority lane) noexcept {
  publish_chain();
  chain_target_ = &to;
  chain_generation_ = carried->to_generation;
  chain_lane_ = lane;
  return push(to, carried, is_control_lane(lane));
}

// No credit is left. What is refused is a message, or a chain for the slot's last tenant.
send_outcome execution::push_overflowing(slot& to, envelope* last) noexcept {
  // What the runtime says to a process is never refused for lack of room (control_send.hpp).
  if (last->next == last && last->from_generation == 0 &&
      last->type->identity->when_unhandled != nullptr) {
    switch (to.box.push(last, false)) {
      case push_outcome::queued: return send_outcome::accepted;
      case push_outcome::schedule: schedule(to); return send_outcome::accepted;  // X3
      case push_outcome::closed: return push_refused(to, last);
    }
  }
  // Relaxed: as in take_credit.
  if ((to.bounded_max.load(base::relaxed) & bound_hands_over) != 0 && last->next == last &&
      hand_over(to, last)) {
    return send_outcome::accepted;
  }
  last->older = nullptr;
  refused_by_ = to.index;
  bury_take(last, dead_letter::full);
  refused_by_ = slot::no_slot;
  return send_outcome::full;
}

// False: nobody took it, and it is as it was.
bool execution::hand_over(slot& full, envelope* carried) noexcept {
  const address taker =
      resolve_alias(node, node.fallbacks.find(full.index, carried->to_generation, node.names));
  if (!taker.is_valid() || taker.node != node.id) return false;
  slot* const to = find_tenant(taker.slot, taker.generation);
  if (to == nullptr || to == &full) return false;
  if (is_bounded(*to) && !take_credit(*to, carried)) return false;
  const std::uint32_t meant_for = std::exchange(carried->to_generation, taker.generation);
  switch (to->box.push(carried, false)) {
    case push_outcome::schedule: schedule(*to); break;
    case push_outcome::queued: break;
    case push_outcome::closed:
      if ((carried->lane & lane_has_credit) != 0) give_back_credit(*to);
      carried->lane &= lane_mask;
      carried->to_generation = meant_for;
      return false;
  }
  count(counters.handed_over);
  return true;
}

send_outcome execution::push_refused(slot& to, envelope* last) noexcept {
  if (kind_of(to) == slot_kind::alias) {
    if (const party owner = owner_of_alias(to, last->to_generation); owner.generation != 0) {
      return forward_chain(*node.slots.find(owner.slot), owner.generation, last);
    }
  }
  if (node.tap != nullptr && node.tap->take(*this, to, last)) return send_outcome::accepted;
  if ((last->lane & lane_has_credit) != 0) give_back_credit(to);
  last->older = nullptr;
  refused_by_ = to.index;
  bury_take(last, dead_letter::unknown);
  refused_by_ = slot::no_slot;
  return send_outcome::unknown;
}

// What came for an alias goes to its owner: one by one if that is bounded, else as the chain it is.
send_outcome execution::forward_chain(slot& owner, std::uint32_t generation,
                                      envelope* last) noexcept {
  const bool is_control = is_control_lane(static_cast<priority>(last->lane & lane_mask));
  const bool is_split = is_bounded(owner) && !is_control;
  send_outcome outcome = send_outcome::accepted;
  for (envelope* each = last->next;;) {
    envelope* const following = each->next;
    const bool is_last = each == last;
    each->to_generation = generation;
    if (is_split) {
      each->next = each;
      outcome = push(owner, each, false);
    }
    if (is_last) break;
    each = following;
  }
  if (is_split) return outcome;
  return push(owner, last, is_control);
}

// A refused chain runs destructors of payloads, and those may send: again until nothing is left.
void execution::publish_chain() noexcept {
  while (chain_last_ != nullptr) {
    envelope* const last = std::exchange(chain_last_, nullptr);
    slot* const target = std::exchange(chain_target_, nullptr);
    chain_count_ = 0;
    chain_limit_ = chain_first_max;
    push(*target, last, is_control_lane(chain_lane_));
  }
}

// The run goes on: its next chain may be longer.
void execution::publish_and_grow() noexcept {
  slot* const target = chain_target_;
  const std::uint32_t limit = chain_limit_;
  publish_chain();
  chain_target_ = target;
  chain_limit_ = std::min(2 * limit, chain_max);
}

void execution::schedule_elsewhere(slot& ready) noexcept {
  if (kind_of(ready) == slot_kind::io_meta) {
    sched::worker& home = *ready.meta->home;
    if (&home == worker) {
      home.schedule_affine(&ready.job);
    } else {
      home.post(&ready.job);
    }
  } else if (node.scheduler != nullptr) {
    node.scheduler->inject(&ready.job);
  }  // Else the threads are gone and the last sweep of stop finds the receiver (node/stop.cpp).
}

void execution::count_dead(envelope& dead, dead_letter why) noexcept {
  count(counters.dead[static_cast<unsigned>(why)]);
  if (why == dead_letter::unhandled || why == dead_letter::unknown) {
    node.report_dead_letter(dead, why);
  }
  if (!node.watchers.is_empty()) report_dead(dead, why);
  if (dead.type->when_lost != nullptr) dead.type->when_lost(*this, dead.payload(), code_of(why));
}

// Whose it was is known while it is refused, or when its receiver is who runs.
void execution::report_dead(const envelope& dead, dead_letter why) noexcept {
  if (dead.from_generation == 0 && dead.type->name.starts_with("sluice::")) return;
  dead_letter_report report{static_cast<dead_letter_reason>(why), {}, {}, dead.type->name};
  const bool is_meta_sender = (dead.block & block_from_meta) != 0;
  if (dead.from_generation != 0) {
    const pid from{node.id, dead.from_slot, dead.from_generation};
    report.from = is_meta_sender ? address{alias{from.node, from.slot, from.generation}} : from;
  }
  const bool is_runners = why == dead_letter::unhandled || why == dead_letter::receiver_ended ||
                          why == dead_letter::overflowed;
  std::uint32_t to_slot = refused_by_;
  if (to_slot == slot::no_slot && is_runners && running != nullptr) to_slot = running->index;
  if (to_slot != slot::no_slot) report.to = pid{node.id, to_slot, dead.to_generation};
  const std::uint32_t refused_by = std::exchange(refused_by_, slot::no_slot);
  node.watchers.tell(*this, report);
  refused_by_ = refused_by;
}

void execution::bury(envelope* dead, dead_letter why) noexcept {
  count_dead(*dead, why);
  free_envelope(dead);
}

std::uint64_t execution::bury_take(envelope* newest, dead_letter why) noexcept {
  std::uint64_t buried = 0;
  while (newest != nullptr) {
    envelope* const older = newest->older;
    envelope* each = newest->next;
    while (true) {
      envelope* const following = each->next;
      const bool is_last = each == newest;
      bury(each, why);
      ++buried;
      if (is_last) break;
      each = following;
    }
    newest = older;
  }
  return buried;
}

send_outcome execution::reject(envelope* carried, dead_letter why, std::uint32_t to_slot) noexcept {
  refused_by_ = to_slot;
  bury(carried, why);
  refused_by_ = slot::no_slot;
  switch (why) {
    case dead_letter::full: return send_outcome::full;
    case dead_letter::stopping: return send_outcome::stopping;
    default: return send_outcome::unknown;
  }
}

}  // namespace sluice::inline v0::core
