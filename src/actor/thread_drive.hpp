// thread_drive: nodes without threads, which run while the thread they belong to waits for them.
//
// Who waits for something of a node (a foreign call, the stages of stop) asks drive_this_thread()
// instead of sleeping; for a node with threads of its own the answer is that there is nothing to
// drive. Who: one thread; the list is its own.
#pragma once

#include "base/clock.hpp"

namespace sluice::inline v0::core {

class thread_drive {
 public:
  thread_drive() noexcept;
  thread_drive(const thread_drive&) = delete;
  thread_drive& operator=(const thread_drive&) = delete;

  /// Runs something, or lets time pass, to `until_ns` at most.
  virtual void turn(base::nanoseconds_t until_ns) = 0;

 protected:
  ~thread_drive();

 private:
  friend bool drive_this_thread(base::nanoseconds_t until_ns);
  thread_drive* next_;
};

/// False: this thread drives no node, so that it may sleep.
bool drive_this_thread(base::nanoseconds_t until_ns);
/// Whether it would.
[[nodiscard]] bool drives_this_thread() noexcept;

}  // namespace sluice::inline v0::core
