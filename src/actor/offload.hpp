// What becomes of a function that a process has offloaded when it comes back.
#pragma once

#include <sluice/offload.hpp>

namespace sluice::inline v0::core {

void take_offloaded(slot& self, envelope& carried);
template <>
inline constexpr unhandled_function unhandled_action<offload_done> = &take_offloaded;

}  // namespace sluice::inline v0::core
