// asymmetric_barrier: a barrier whose cost lies with one side only.
//
// What: two threads that each write one word and then read the other's must not both miss the
//   other's write. Instead of a full barrier on both sides the frequent side keeps the compiler
//   from moving its accesses, and the rare side makes the kernel run a full barrier on every core
//   that runs a thread of this process (membarrier(2)).
// When not: where both sides are frequent: the rare side costs microseconds and interrupts others.
// Who: any thread. Where the kernel refuses the call, has_asymmetric_barrier() says so, and
//   both sides need read-modify-writes instead.
// Source: membarrier(2) names this use.
#pragma once

namespace sluice::inline v0::base {

/// Asks the kernel once per process; the answer stays.
[[nodiscard]] bool has_asymmetric_barrier() noexcept;

/// The rare side, between its write and its read; only where there is one. The frequent side has
/// compiler_barrier() of the facade there.
void heavy_barrier() noexcept;

}  // namespace sluice::inline v0::base
