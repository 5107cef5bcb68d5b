// timeout: one absolute deadline on the ring, for the io layer's own limits (flush, linger,
// backoff).
//
// Not for actors' timers: those live in the scheduler's wheel. Never early. Owner thread only.
#pragma once

#include "base/clock.hpp"
#include "io/operation.hpp"
#include "io/uring_driver.hpp"

namespace sluice::inline v0::io {

/// Calls `on_expired` once per start, unless cancelled first. A cancelled timeout tells nobody but
/// is in flight until reaped: the owner waits for is_idle(), told by `on_idle`.
class timeout {
 public:
  /// Who is told. Both on the owner thread from the driver's poll().
  class listener {
   public:
    virtual void on_timeout_expired() noexcept = 0;
    /// The operation was reaped after a cancel; it may be destroyed now.
    virtual void on_timeout_idle() noexcept = 0;

   protected:
    ~listener() = default;
  };

  timeout(uring_driver& driver, listener& told) noexcept : driver_(driver), told_(told) {}

  /// Starts, or moves a running one to, the absolute deadline.
  void start(base::nanoseconds_t deadline_ns);
  void cancel() noexcept;
  [[nodiscard]] bool is_idle() const noexcept { return !operation_.in_flight(); }
  [[nodiscard]] bool is_armed() const noexcept { return armed_; }

 private:
  void submit();
  void on_completion(completion what) noexcept;

  uring_driver& driver_;
  listener& told_;
  base::nanoseconds_t deadline_ns_ = base::no_deadline;
  ::__kernel_timespec spec_{};
  bool armed_ = false;
  bound_operation<timeout, &timeout::on_completion> operation_{*this};
};

}  // namespace sluice::inline v0::io
