// balance: whether it pays that several workers run short activations.
//
// What: how long a message took a worker that was alone, and until when workers leave each other's
//   processes alone.
// Who: any worker; everything is a hint, and relaxed. Times are base::ticks().
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/atomic.hpp"
#include "base/clock.hpp"

namespace sluice::inline v0::sched {

/// A mean that forgets: of the last 64 or, of those so far, `count`.
[[nodiscard]] constexpr std::uint64_t mean_of(std::uint64_t before, std::uint64_t now,
                                              std::uint32_t count) noexcept {
  const std::uint64_t weight = std::min<std::uint64_t>(count, 63);
  return (weight * before + now) / (weight + 1);
}

enum class verdict : std::uint8_t { pays, open, does_not_pay };

class balance {
 public:
  static constexpr std::uint64_t pause_first_us = 1000;  ///< times four while it is tried in vain…
  static constexpr std::uint64_t pause_max_us = 64'000;     ///< …up to this
  static constexpr std::uint64_t alone_holds_us = 200'000;  ///< then it is measured again
  /// Workers together are to be so much faster, in hundredths, than one alone.
  static constexpr std::uint64_t gain_min = 110;
  /// So slow, and it is not worth waiting for warm caches.
  static constexpr std::uint64_t loss_max = 80;

  /// A worker that is alone: what a message took lately (any fixed unit).
  void note_alone(std::uint64_t ticks, std::uint64_t now) noexcept {
    const std::uint64_t before = alone_ticks_.load(base::relaxed);
    alone_ticks_.store(mean_of(before, ticks, knows_alone(now) ? 63 : 0), base::relaxed);
    alone_at_.store(now, base::relaxed);
  }
  /// One of `awake` workers: a message takes it `ticks`.
  [[nodiscard]] verdict judge(std::uint64_t ticks, std::uint32_t awake,
                              std::uint64_t now) const noexcept {
    if (!knows_alone(now)) return verdict::does_not_pay;
    const std::uint64_t together = 100 * awake * alone_ticks_.load(base::relaxed);
    if (ticks * gain_min < together) return verdict::pays;
    return ticks * loss_max < together ? verdict::open : verdict::does_not_pay;
  }

  void begin_pause(std::uint64_t now) noexcept {
    const std::uint64_t before = pause_ticks_.load(base::relaxed);
    const bool was_recent = now < pause_until_.load(base::relaxed) + before;
    const std::uint64_t us = base::ticks_per_us();
    const std::uint64_t ticks =
        was_recent ? std::min(4 * before, pause_max_us * us) : pause_first_us * us;
    pause_ticks_.store(ticks, base::relaxed);
    pause_until_.store(now + ticks, base::relaxed);
  }
  void end_pause() noexcept {
    if (pause_until_.load(base::relaxed) != 0) pause_until_.store(0, base::relaxed);
  }
  [[nodiscard]] bool is_paused_at(std::uint64_t now) const noexcept {
    return now < pause_until_.load(base::relaxed);
  }

 private:
  [[nodiscard]] bool knows_alone(std::uint64_t now) const noexcept {
    return now < alone_at_.load(base::relaxed) + alone_holds_us * base::ticks_per_us();
  }

  // Read by workers that have a backlog, written when sharing is tried.
  alignas(base::cache_line_bytes) base::atomic<std::uint64_t> pause_until_{0};
  base::atomic<std::uint64_t> pause_ticks_{0};
  // Written by who is alone.
  alignas(base::cache_line_bytes) base::atomic<std::uint64_t> alone_ticks_{0};
  base::atomic<std::uint64_t> alone_at_{0};
};

}  // namespace sluice::inline v0::sched
