// delivery: the hot half of execution, inline: a message from its block to its receiver's queue.
#pragma once

#include <new>

#include "actor/execution.hpp"
#include "actor/hand_off.hpp"
#include "actor/node_core.hpp"
#include "sched/worker.hpp"

namespace sluice::inline v0::core {

/// That of a worker of a node.
[[nodiscard]] inline execution& execution_on(const sched::worker& on) noexcept {
  return *static_cast<execution*>(on.context);
}

[[nodiscard]] constexpr bool is_control_lane(priority lane) noexcept {
  return lane <= priority::system;
}

/// Of a message that nobody can answer: from the runtime itself, or from outside of any actor.
inline void leave_unsigned(envelope& carried) noexcept {
  carried.from_slot = 0;
  carried.from_generation = 0;
  carried.from_node = 0;
}

inline envelope* execution::make_envelope(std::uint8_t block, std::size_t bytes) noexcept {
  return place_envelope(block == block_on_heap
                            ? ::operator new (bytes, std::align_val_t{64}, std::nothrow)
                            : blocks.allocate(block),
                        block);
}

inline envelope* execution::make_quickly(std::uint8_t block) noexcept {
  return place_envelope(blocks.allocate_quickly(block), block);
}

inline envelope* execution::place_envelope(void* memory, std::uint8_t block) noexcept {
  if (memory == nullptr) [[unlikely]]
    return nullptr;
  base::add_single_writer(counters.envelopes_made, std::uint64_t{1});
  auto* const made = new (memory) envelope;
  made->block = block;
  return made;
}

inline void execution::free_block(envelope* done) noexcept {
  const auto block = static_cast<std::uint8_t>(done->block & ~block_from_meta);
  base::add_single_writer(counters.envelopes_freed, std::uint64_t{1});
  if (block == block_on_heap) [[unlikely]] {
    ::operator delete (done, std::align_val_t{64});
  } else {
    blocks.free(done, block);
  }
}

inline slot* execution::find_tenant(std::uint32_t index, std::uint32_t generation) const noexcept {
  slot* const found = node.slots.find(index);
  // [EX1] acquire: a generation that matches means a tenant that was opened; pairs LF1 (end), AP1.
  if (found == nullptr || found->generation.load(base::acquire) != generation) [[unlikely]] {
    return nullptr;
  }
  return found;
}

inline void execution::schedule(slot& ready) noexcept {
  if (worker != nullptr && kind_of(ready) != slot_kind::io_meta) [[likely]] {
    worker->schedule(&ready.job);
  } else {
    schedule_elsewhere(ready);
  }
}

// What is rare below is called last, so that the common way needs no frame.

inline send_outcome execution::push(slot& to, envelope* last, bool is_control) noexcept {
  if (is_bounded(to) && !is_control) [[unlikely]]
    return push_bounded(to, last);
  return push_unbounded(to, last, is_control);
}

inline send_outcome execution::push_unbounded(slot& to, envelope* last, bool is_control) noexcept {
  const bool is_own = lane_bits_ != 0 && kind_of(to) == slot_kind::process;
  switch (is_own ? to.box.push_own(last, is_control) : to.box.push(last, is_control)) {
    case push_outcome::queued: return send_outcome::accepted;
    case push_outcome::schedule: schedule(to); return send_outcome::accepted;  // X3
    case push_outcome::closed: break;
  }
  return push_refused(to, last);
}

inline bool execution::take_for_hand_off(slot& to) noexcept {
  return worker->lingering() == &to.job && chain_last_ == nullptr && !is_bounded(to) &&  // HO2
         take_quiet(*this, to, &run_process);
}

inline send_outcome execution::deliver_counted(envelope* carried, std::uint32_t to_slot,
                                               std::uint32_t to_generation,
                                               priority lane) noexcept {
  carried->next = carried;
  carried->to_generation = to_generation;
  carried->lane = static_cast<std::uint8_t>(lane) | lane_bits_;
  slot* const to = find_tenant(to_slot, to_generation);
  if (to == nullptr) [[unlikely]]
    return reject(carried, dead_letter::unknown, to_slot);
  if (worker == nullptr) return push(*to, carried, is_control_lane(lane));
  if (chain_target_ != to || chain_generation_ != to_generation || chain_lane_ != lane ||
      is_bounded(*to)) {
    if (chain_last_ != nullptr) [[unlikely]]
      return deliver_past_chain(carried, *to, lane);
    chain_target_ = to;
    chain_generation_ = to_generation;
    chain_lane_ = lane;
    if (worker->lingering() == &to->job) return deliver_by_hand(carried, *to, lane);
    return push(*to, carried, is_control_lane(lane));
  }
  if (chain_last_ != nullptr) {
    carried->next = chain_last_->next;
    chain_last_->next = carried;
  }
  chain_last_ = carried;
  // Inside a chain `older` points some messages ahead (X4).
  envelope*& behind = chain_window_[chain_count_ % chain_look_ahead];
  if (chain_count_ >= chain_look_ahead) behind->older = carried;
  behind = carried;
  carried->older = nullptr;
  if (++chain_count_ == chain_limit_) publish_and_grow();
  return send_outcome::accepted;
}

}  // namespace sluice::inline v0::core
