// The block behind sluice::bytes: a count and the way home.
#pragma once

#include <cstdint>

#include <sluice/bytes.hpp>

#include "base/atomic.hpp"

namespace sluice {
inline namespace v0 {
namespace detail {

/// Embedded at the front of (or beside) the memory it stands for.
struct bytes_owner {
  /// Called once, by whichever thread dropped the last slice.
  using release_function = void (*)(bytes_owner*) noexcept;

  bytes_owner(std::uint32_t initial, release_function way_home) noexcept
      : count(initial), on_last_release(way_home) {}

  base::atomic<std::uint32_t> count;
  release_function on_last_release;
};

/// The release of an owner that stands at the front of a pool block of that class.
[[nodiscard]] bytes_owner::release_function pool_way_home(unsigned class_index) noexcept;

}  // namespace detail
}  // namespace v0
}  // namespace sluice
