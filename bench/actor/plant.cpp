#include "plant.hpp"

#include <mutex>

namespace actor_bench {

constinit plant planted;

namespace {

// Shared by all actors; only planted sends come here.
constinit std::mutex guard;
constinit bool is_spent = false;
constinit const void* swapper = nullptr;  // who has sent `at + 1` and owes `at`

}  // namespace

void plant::arm(defect kind, std::uint64_t at) noexcept {
  kind_ = kind;
  at_ = kind == defect::none ? nowhere : at;
}

unsigned plant::spoil(const void* sender, std::uint64_t& number) noexcept {
  if (crossed.is_counting()) {
    number = crossed.mark(number);
    return 1;
  }
  const std::lock_guard lock{guard};
  if (swapper == sender && number == at_ + 1) {
    swapper = nullptr;
    number = at_;
    return 1;
  }
  if (is_spent || number != at_) return 1;
  is_spent = true;
  switch (kind_) {
    case defect::none:
    case defect::wrong_content: return 1;  // Of the message, not of its number.
    case defect::drop: return 0;
    case defect::duplicate: return 2;
    case defect::wrong_value: number ^= std::uint64_t{1} << 40; return 1;
    case defect::reorder:
      swapper = sender;
      number = at_ + 1;
      return 1;
  }
  return 1;
}

}  // namespace actor_bench
