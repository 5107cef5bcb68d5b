// start_flow_scope: a ring callback of an I/O meta's start flow at work: it may send and spawn.
//
// When: around everything a callback does in the meta's name; inside a handler of the meta itself
// it changes nothing. Who: the meta's home thread, from the ring's poll(). The scope must be gone
// before core::leave_start, which may end the meta.
// Sends are chained across the callbacks of one turn: who opened the scope owes the execution an
// end_run_of_sends() before the turn is over (opened_run() says when).
#pragma once

#include <utility>

#include "actor/execution.hpp"
#include "actor/slot.hpp"

namespace sluice::inline v0::core {

class start_flow_scope {
 public:
  start_flow_scope(execution& by, slot& self) noexcept
      : by_(by), self_(self), running_before_(by.running), was_chaining_(by.has_run_of_sends()) {
    // Relaxed: the owner stamp; both flows of an I/O meta are on this thread.
    self_.running_on.store(&by_, base::relaxed);
    by_.running = &self_;
    // A start flow handles no message, also when a handler's stop resumes it.
    message_before_ = std::exchange(by_.current, nullptr);
  }
  start_flow_scope(const start_flow_scope&) = delete;
  start_flow_scope& operator=(const start_flow_scope&) = delete;
  ~start_flow_scope() {
    by_.running = running_before_;
    by_.current = message_before_;
    // Relaxed: as above. Inside the meta's own handler flow the stamp stays.
    if (running_before_ != &self_) self_.running_on.store(nullptr, base::relaxed);
  }

  /// Whether this scope sent first since the last flush.
  [[nodiscard]] bool opened_run() const noexcept {
    return !was_chaining_ && by_.has_run_of_sends();
  }

 private:
  execution& by_;
  slot& self_;
  slot* const running_before_;
  const bool was_chaining_;
  envelope* message_before_ = nullptr;
};

}  // namespace sluice::inline v0::core
