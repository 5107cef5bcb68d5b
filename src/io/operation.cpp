#include "io/operation.hpp"

namespace sluice::inline v0::io {

std::uint64_t operation_table::enter(operation& op) {
  SLUICE_ASSERT(!op.in_flight(), "O1: an operation was started twice");
  if (first_free_ == no_slot) {
    SLUICE_ASSERT(slots_.size() < slot_count_max, "more operations in flight than slots exist");
    slots_.emplace_back();
    first_free_ = static_cast<std::uint32_t>(slots_.size() - 1);
  }
  const std::uint32_t slot = first_free_;
  entry& taken = slots_[slot];
  first_free_ = taken.next_free;
  taken.next_free = no_slot;
  taken.op = &op;
  op.user_data_ = number(slot, taken.generation, entry_kind::operation);
  op.cancel_asked_ = false;
  ++in_flight_count_;
  return op.user_data_;
}

void operation_table::leave(operation& op) noexcept {
  const std::uint32_t slot = slot_of(op.user_data_);
  entry& left = slots_[slot];
  SLUICE_ASSERT(left.op == &op, "O3: a slot was freed by an operation that does not hold it");
  left.op = nullptr;
  ++left.generation;
  left.next_free = first_free_;
  first_free_ = slot;
  op.user_data_ = 0;
  --in_flight_count_;
}

}  // namespace sluice::inline v0::io
