// stop_order: processes that end in order when their node stops: the roots of supervision.
//
// Who: a root enters itself when it begins and leaves at its end, on its own thread; the node's
// stop reads. Blocking, short; never on the way of a message.
#pragma once

#include <algorithm>
#include <mutex>
#include <vector>

#include <sluice/pid.hpp>

namespace sluice::inline v0::core {

class stop_order {
 public:
  void enter(pid who) {
    const std::lock_guard lock{guard_};
    roots_.push_back(who);
  }
  /// Looks from the youngest on, since most that leave are.
  void leave(pid who) noexcept {
    const std::lock_guard lock{guard_};
    const auto found = std::find(roots_.rbegin(), roots_.rend(), who);
    if (found != roots_.rend()) roots_.erase(std::next(found).base());
  }
  /// The youngest first.
  [[nodiscard]] std::vector<pid> in_reverse() const {
    const std::lock_guard lock{guard_};
    return {roots_.rbegin(), roots_.rend()};
  }

 private:
  mutable std::mutex guard_;
  std::vector<pid> roots_;  // in the order of their start
};

}  // namespace sluice::inline v0::core
