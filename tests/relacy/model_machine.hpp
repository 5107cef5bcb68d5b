// What the system does for the code under test, as Relacy plays it: sleeping and waking on a word,
// the asymmetric barrier, and what an assertion's failure does.
#pragma once

namespace sluice::inline v0::model {

/// Before each execution.
void forget_sleepers() noexcept;

}  // namespace sluice::inline v0::model
