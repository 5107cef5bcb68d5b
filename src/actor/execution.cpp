#include "actor/execution.hpp"

#include <new>

#include "actor/meta_state.hpp"
#include "actor/node_core.hpp"
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

constexpr bool is_control_lane(priority lane) noexcept { return lane <= priority::system; }

}  // namespace

execution* current_execution() noexcept { return this_thread_execution; }
void set_current_execution(execution* now) noexcept { this_thread_execution = now; }

envelope* execution::make_envelope(std::uint8_t block, std::size_t bytes) noexcept {
  void* memory = block == block_on_heap ? ::operator new(bytes, std::align_val_t{64}, std::nothrow)
                                        : blocks.allocate(block);
  if (memory == nullptr) return nullptr;
  count(counters.envelopes_made);
  auto* made = new (memory) envelope;
  made->block = block;
  return made;
}

envelope* execution::make_urgent_envelope(std::uint8_t block, std::size_t bytes) noexcept {
  void* memory = block == block_on_heap ? nullptr : blocks.allocate_urgent(block);
  if (memory == nullptr) {
    block = block_on_heap;
    memory = ::operator new(bytes, std::align_val_t{64}, std::nothrow);
    SLUICE_ASSERT(memory != nullptr, "no memory left for a control message");
  }
  count(counters.envelopes_made);
  auto* made = new (memory) envelope;
  made->block = block;
  return made;
}

void execution::free_envelope(envelope* done) noexcept {
  if (done->type->destroy != nullptr) done->type->destroy(done->payload());
  const auto block = static_cast<std::uint8_t>(done->block & ~block_from_meta);
  if (block == block_on_heap) {
    ::operator delete(done, std::align_val_t{64});
  } else {
    blocks.free(done, block);
  }
  count(counters.envelopes_freed);
}

send_outcome execution::deliver_counted(envelope* carried, std::uint32_t to_slot,
                                        std::uint32_t to_generation, priority lane) noexcept {
  carried->next = carried;
  carried->to_generation = to_generation;
  carried->lane = static_cast<std::uint8_t>(lane);
  slot* const to = node.slots.find(to_slot);
  // [EX1] acquire: a generation that matches means a tenant that was opened; pairs LF1 (spawn, end).
  if (to == nullptr || to->generation.load(base::acquire) != to_generation) [[unlikely]] {
    return reject(carried, dead_letter::unknown);
  }
  if (chain_target_ == to && chain_generation_ == to_generation && chain_lane_ == lane &&
      to->bounded_max == 0) {
    if (chain_last_ != nullptr) {
      carried->next = chain_last_->next;
      chain_last_->next = carried;
    }
    chain_last_ = carried;
    if (++chain_count_ == chain_max) publish_chain();
    return send_outcome::accepted;
  }
  if (worker != nullptr) {
    flush_chain();
    chain_target_ = to;
    chain_generation_ = to_generation;
    chain_lane_ = lane;
  }
  return push(*to, carried, is_control_lane(lane));
}

send_outcome execution::push(slot& to, envelope* last, bool is_control) noexcept {
  if (to.bounded_max != 0 && !is_control) {
    // Relaxed: a count, early or late by the number of concurrent senders (PROTOCOLS 21).
    if (to.bounded_count.fetch_add(1, base::relaxed) >= to.bounded_max) {
      to.bounded_count.fetch_sub(1, base::relaxed);
      return reject(last, dead_letter::full);
    }
    last->lane |= lane_has_credit;  // Bounded receivers get no chains: this is one message.
  }
  switch (to.box.push(last, is_control)) {
    case push_outcome::queued: return send_outcome::accepted;
    case push_outcome::schedule: schedule(to); return send_outcome::accepted;  // X3
    case push_outcome::closed: break;
  }
  if ((last->lane & lane_has_credit) != 0) to.bounded_count.fetch_sub(1, base::relaxed);
  if (last->next == last) return reject(last, dead_letter::unknown);
  last->older = nullptr;
  bury_take(last, dead_letter::unknown);
  return send_outcome::unknown;
}

void execution::publish_chain() noexcept {
  envelope* const last = chain_last_;
  chain_last_ = nullptr;
  chain_count_ = 0;
  push(*chain_target_, last, is_control_lane(chain_lane_));
}

void execution::schedule(slot& ready) noexcept {
  if (ready.kind == slot_kind::io_meta) {
    sched::worker& home = *ready.meta->home;
    if (&home == worker) {
      home.schedule_affine(&ready.job);
    } else {
      home.post(&ready.job);
    }
    return;
  }
  if (worker != nullptr) {
    worker->schedule(&ready.job);
  } else {
    node.scheduler->inject(&ready.job);
  }
}

void execution::bury(envelope* dead, dead_letter why) noexcept {
  count(counters.dead[static_cast<unsigned>(why)]);
  node.report_dead_letter(*dead, why);
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

send_outcome execution::reject(envelope* carried, dead_letter why) noexcept {
  bury(carried, why);
  switch (why) {
    case dead_letter::full: return send_outcome::full;
    case dead_letter::stopping: return send_outcome::stopping;
    default: return send_outcome::unknown;
  }
}

}  // namespace sluice::inline v0::core
