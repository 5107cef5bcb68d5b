// dead_letter_watchers: processes that want to see each message that nobody will handle.
//
// Who: any thread. With nobody subscribed a dead letter costs one load here.
#pragma once

#include <mutex>
#include <vector>

#include <sluice/dead_letters.hpp>
#include <sluice/pid.hpp>

#include "base/atomic.hpp"

namespace sluice::inline v0::core {

class execution;

class dead_letter_watchers {
 public:
  void add(pid who);
  bool remove(pid who) noexcept;
  [[nodiscard]] bool is_empty() const noexcept {
    return count_.load(base::relaxed) == 0;  // Relaxed: a hint; the list is locked.
  }
  void tell(execution& by, const dead_letter_report& what) noexcept;

 private:
  std::mutex guard_;
  std::vector<pid> watchers_;             // under guard_
  base::atomic<std::uint32_t> count_{0};  // written under guard_
};

}  // namespace sluice::inline v0::core
