// caller: whose thread a call on a process or meta comes from, and what it may use of it.
//
// What the public headers call is told the slot of the actor or meta whose flow calls; this finds
// the execution behind it. Used by the files that implement context.hpp.
#pragma once

#include <cstddef>

#include "actor/delivery.hpp"
#include "actor/meta_state.hpp"
#include "actor/node_core.hpp"
#include "actor/rundown.hpp"
#include "base/assert.hpp"

namespace sluice::inline v0::core {

/// The execution of the calling thread for a blocking meta, whose two flows are two threads. A
/// thread of another node spawning here goes by the owner stamp, as all others do.
[[nodiscard]] inline execution* execution_of(const slot& self) noexcept {
  execution* const here = current_execution();
  if (here != nullptr && here->node.slots.find(self.index) == &self) return here;
  return self.running_on.load(base::relaxed);  // Relaxed: the caller is the owner.
}

/// The execution of a thread that the node owns and waits for: it needs no rundown.
[[nodiscard]] inline execution* own_thread_of(std::uint32_t node_id) noexcept {
  execution* const here = current_execution();
  const bool is_own = here != nullptr && !here->needs_rundown && here->node.id == node_id;
  return is_own ? here : nullptr;
}

/// The execution behind a call on `self`: the worker's that runs it or, in a blocking meta's start
/// (which may outlive the node), that thread's own, under the rundown.
class caller {
 public:
  explicit caller(slot& self) noexcept {
    if (kind_of(self) != slot_kind::blocking_meta) {
      by_ = self.running_on.load(base::relaxed);  // Relaxed: the caller is the owner.
      SLUICE_ASSERT(by_ != nullptr, "an actor's member was called from outside of its handlers");
      return;
    }
    by_ = execution_of(self);
    SLUICE_ASSERT(by_ != nullptr, "a meta's member was called from a thread that is not its own");
    if (by_->needs_rundown) through_gate(*by_->node.way_in);
  }
  caller(const caller&) = delete;
  caller& operator=(const caller&) = delete;
  ~caller() {
    if (has_access_) access().~foreign_access();
  }

  /// False: the node is gone.
  explicit operator bool() const noexcept { return by_ != nullptr; }
  [[nodiscard]] execution& by() noexcept { return *by_; }

 private:
  foreign_access& access() noexcept { return *reinterpret_cast<foreign_access*>(storage_); }
  void through_gate(gate& way_in) noexcept {
    const std::uint32_t id = by_->node.id;
    new (storage_) foreign_access(way_in, id);
    has_access_ = true;
    if (!access()) by_ = nullptr;
  }

  execution* by_ = nullptr;
  bool has_access_ = false;
  alignas(foreign_access) std::byte storage_[sizeof(foreign_access)];
};

/// The generation of the pid or alias: a meta's outlives that of its slot.
[[nodiscard]] inline std::uint32_t own_generation(const slot& self) noexcept {
  return is_meta(self) ? self.meta->generation
                       : self.generation.load(base::relaxed);  // Relaxed: the owner.
}

/// The pid or alias, while it lives.
[[nodiscard]] inline address own_address(const execution& by, const slot& self) noexcept {
  const std::uint32_t generation = own_generation(self);
  if (is_meta(self)) return alias{by.node.id, self.index, generation};
  return pid{by.node.id, self.index, generation};
}

/// A meta sends; from the start of a blocking one at the same time as from its handler.
inline void count_out(slot& self) noexcept {
  // Relaxed: counts.
  if (kind_of(self) == slot_kind::blocking_meta) {
    self.meta->messages_out.fetch_add(1, base::relaxed);
  } else {
    base::add_single_writer(self.meta->messages_out, std::uint64_t{1});
  }
}

/// Writes who sends.
[[gnu::always_inline]] inline void sign_as_process(envelope& carried, const slot& self) noexcept {
  carried.from_slot = self.index;
  carried.from_node = 0;
  carried.from_generation = self.generation.load(base::relaxed);  // Relaxed: the owner.
}

inline void sign(envelope& carried, slot& self) noexcept {
  sign_as_process(carried, self);
  if (is_meta(self)) [[unlikely]] {
    count_out(self);
    carried.from_generation = self.meta->generation;
    carried.block |= block_from_meta;
  }
}

/// Inside a handler the sender is who runs; elsewhere nobody.
inline void sign_by_flow(execution& by, envelope& carried) noexcept {
  if (by.running != nullptr) {
    sign(carried, *by.running);
  } else {
    leave_unsigned(carried);
  }
}

/// A send that ends before it reaches a mailbox: counted as one all the same.
inline void refuse(execution& by, envelope* carried, dead_letter why) noexcept {
  base::add_single_writer(by.counters.sent, std::uint64_t{1});
  by.bury(carried, why);
}

}  // namespace sluice::inline v0::core
