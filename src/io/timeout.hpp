// timeout: one absolute deadline on the driver's wheel, for the io layer's own limits (idle, flush,
// linger, backoff).
//
// Not for actors' timers: those live in the scheduler's wheel. Never early, at most a tick of the
// wheel late. Owner thread only. Leaves the wheel when destroyed.
#pragma once

#include "base/clock.hpp"
#include "io/driver.hpp"
#include "sched/timer_wheel.hpp"

namespace sluice::inline v0::io {

class timeout : private sched::timer_node {
 public:
  /// Who is told, from the driver's poll(), once a start() that was not cancelled. It may start the
  /// timeout again or destroy it.
  class listener {
   public:
    virtual void on_timeout() noexcept = 0;

   protected:
    ~listener() = default;
  };

  timeout(driver& on, listener& told) noexcept : driver_(on), told_(told) {}
  timeout(const timeout&) = delete;
  timeout& operator=(const timeout&) = delete;
  ~timeout() { cancel(); }

  /// Starts, or moves a running one to, the absolute deadline.
  void start(base::nanoseconds_t at_ns) noexcept {
    cancel();
    driver_.deadlines().arm(*this, at_ns);
  }
  void cancel() noexcept {
    if (is_armed()) driver_.deadlines().cancel(*this);  // Else the driver may be gone.
  }
  [[nodiscard]] bool is_running() const noexcept { return is_armed(); }

 private:
  friend class driver;
  void expire() noexcept { told_.on_timeout(); }

  driver& driver_;
  listener& told_;
};

}  // namespace sluice::inline v0::io
