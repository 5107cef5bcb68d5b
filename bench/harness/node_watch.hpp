// node_watch: what the benches hold against a node's account of its messages.
//
// Who: the driver of a run, a thread that is foreign to the node.
#pragma once

#include <sluice/node.hpp>

#include <stdexcept>
#include <string>

namespace sluice::bench {

/// A check failed: the run has no figure.
struct void_run : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// " (sent 3, handled 2, ...)".
[[nodiscard]] std::string describe(const message_statistics& sums);

/// Everything sent was handled, lost for a named reason, or waits.
[[nodiscard]] bool is_conserved(const message_statistics& sums) noexcept;

/// Finds a run that cannot go on: nothing moves, nothing is queued but what waits itself.
class stall_watch {
 public:
  explicit stall_watch(const node& watched) noexcept : watched_(watched) {}

  /// Called about every `interval`. Throws void_run after several looks without any change.
  void look();

  static constexpr std::chrono::milliseconds interval{50};

 private:
  const node& watched_;
  message_statistics before_{};
  int still_looks_ = 0;
};

}  // namespace sluice::bench
