// wake_signal: how any thread ends the sleep of the one that waits in the kernel.
//
// A word and an eventfd. The sleeper announces its sleep in the word; who turns asleep into woken,
// and only it, writes the eventfd, which the sleeper's kernel wait watches. Sticky: a wake that
// comes before the sleep makes announce() fail.
// Who: announce() and end() by the owner thread, wake() by any.
//
//            announce        wake                end
//   awake    asleep          woken               -
//   asleep   -               woken, eventfd      awake: false
//   woken    awake: false    woken               awake: true
#pragma once

#include <cstdint>

#include <sluice/result.hpp>

#include "base/atomic.hpp"
#include "base/unique_fd.hpp"

namespace sluice::inline v0::io {

class wake_signal {
 public:
  wake_signal() noexcept = default;

  /// Makes the eventfd. Once, before any other call.
  [[nodiscard]] result<void> open();
  /// Readable from the first wake of a sleep on. It is never read: a watcher that reports each
  /// write (edge-triggered) is told anew by each.
  [[nodiscard]] int fd() const noexcept { return event_.get(); }

  /// False: a wake came before, and was taken; do not sleep.
  [[nodiscard]] bool announce() noexcept;
  /// After the sleep: whether it was ended by a wake (or one came meanwhile).
  [[nodiscard]] bool end() noexcept;
  void wake() noexcept;

  /// Eventfd writes.
  [[nodiscard]] std::uint64_t write_count() const noexcept {
    return writes_.load(base::relaxed);  // Relaxed: a counter.
  }

 private:
  enum : std::uint32_t { awake, asleep, woken };

  base::unique_fd event_;
  // Written by wakers and the owner.
  alignas(base::cache_line_bytes) base::atomic<std::uint32_t> word_{awake};
  base::atomic<std::uint64_t> writes_{0};
};

}  // namespace sluice::inline v0::io
