// message_stash: what a process has put aside of its mail, one list per lane.
//
// Owner only. Lists are circular and named by their last envelope, as in lanes, so that taking all
// back is one step a lane. Made when it is first needed, or by the spawn for a limit of its own.
#pragma once

#include <cstdint>
#include <utility>

#include <sluice/stash.hpp>

#include "actor/lanes.hpp"

namespace sluice::inline v0::core {

struct message_stash {
  envelope* last[lane_count] = {};
  std::uint32_t count = 0;
  std::uint32_t count_max = stash_max_usually;
};

/// Spawner: a limit of its own. False: memory is out.
[[nodiscard]] bool limit_stash(slot& self, std::uint32_t count_max) noexcept;
/// Owner: puts what is in the stash in front of its mail; how much that was. The owner must go on
/// with its mail then.
std::uint32_t put_back_stash(slot& self) noexcept;

}  // namespace sluice::inline v0::core
