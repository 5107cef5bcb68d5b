// park_driver: the driver of a worker without a ring. It sleeps on a futex and completes nothing.
#pragma once

#include "sched/driver.hpp"
#include "sync/parker.hpp"

namespace sluice::inline v0::sched {

class park_driver final : public driver {
 public:
  [[nodiscard]] result<void> attach() override;
  [[nodiscard]] bool has_ready() const noexcept override;
  unsigned poll() noexcept override;
  [[nodiscard]] park_outcome park(base::nanoseconds_t deadline_ns) noexcept override;
  void wake() noexcept override;
  void detach() noexcept override;

 private:
  sync::parker parker_;
};

}  // namespace sluice::inline v0::sched
