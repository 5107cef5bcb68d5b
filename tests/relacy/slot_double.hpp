// Stands for actor/slot.hpp in the models of the slot table and of timers: what they read of a
// slot.
#pragma once

#include <cstdint>

#include <sluice/message.hpp>

#include "base/atomic.hpp"

namespace sluice::inline v0::core {

struct slot {
  base::atomic<std::uint32_t> generation{1};
  model::plain<std::uint32_t> index;
};

}  // namespace sluice::inline v0::core
