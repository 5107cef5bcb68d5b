#include "node_watch.hpp"

namespace sluice::bench {

namespace {

// So many looks without any change: a message is missing.
constexpr int looks_until_stalled = 5;

}  // namespace

std::string describe(const message_statistics& sums) {
  return " (sent " + std::to_string(sums.sent) + ", handled " + std::to_string(sums.handled) +
         ", rejected " + std::to_string(sums.rejected) + ", dropped " +
         std::to_string(sums.dropped) + ", queued " + std::to_string(sums.queued) + " (" +
         std::to_string(sums.timed) + " on timers, " + std::to_string(sums.suspended) +
         " in handlers that wait), alive " + std::to_string(sums.alive) + ")";
}

bool is_conserved(const message_statistics& sums) noexcept {
  return sums.sent == sums.handled + sums.dropped + sums.rejected + sums.queued;
}

void stall_watch::look() {
  const message_statistics now = watched_.messages();
  const bool stands_still = now.queued == now.timed + now.suspended && now.sent == before_.sent &&
                            now.handled == before_.handled && now.alive == before_.alive;
  still_looks_ = stands_still ? still_looks_ + 1 : 0;
  before_ = now;
  if (still_looks_ >= looks_until_stalled) {
    throw void_run{"a message is missing: nothing moves and not all is done" + describe(now)};
  }
}

}  // namespace sluice::bench
