// Blocking and waking a thread: a futex on a word of the caller's.
//
// The word belongs to the caller, who also owns the protocol around it. Both calls may return
// early; callers re-check. This is the seam where a simulated scheduler takes over.
#pragma once

#include <cstdint>

#include "base/atomic.hpp"
#include "base/clock.hpp"

namespace sluice::inline v0::base {

enum class wait_outcome : unsigned char { woken_or_changed, timed_out };

/// Sleeps while `word` holds `expected`, until woken or the absolute deadline passes.
wait_outcome futex_wait(const atomic<std::uint32_t>& word, std::uint32_t expected,
                        nanoseconds_t deadline_ns) noexcept;

/// Wakes at most `count` sleepers on `word`.
void futex_wake(const atomic<std::uint32_t>& word, int count) noexcept;

}  // namespace sluice::inline v0::base
