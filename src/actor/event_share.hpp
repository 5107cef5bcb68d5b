// event_share: who still holds a published value, counted in parts.
//
// One count for a million holders on several cores would be one contended line. Each slice of
// receivers has a share of its own, and each share holds the root, which holds the value.
#pragma once

#include <cstdint>

#include <sluice/event_messages.hpp>
#include <sluice/pid.hpp>

#include "base/atomic.hpp"

namespace sluice::inline v0::core {

struct event_share {
  base::atomic<std::uint32_t> holders;
  event_share* root;   ///< null: this is the root
  event_value* value;  ///< the root's to destroy
  pid event;
};

/// With one holder, the caller; null when memory is out. Any thread.
[[nodiscard]] event_share* make_root_share(event_value* value, pid event) noexcept;
/// With `holders`; the root itself, held so many times, when memory is out.
[[nodiscard]] event_share& make_share(event_share& root, std::uint32_t holders) noexcept;
/// Lets go `holders` times.
void drop_share(event_share* share, std::uint32_t holders) noexcept;

}  // namespace sluice::inline v0::core
