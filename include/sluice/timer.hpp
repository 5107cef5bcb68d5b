// timer: a message that will be sent later, and the means to prevent it.
#pragma once

#include <utility>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

namespace core {
struct delayed_send;
bool cancel_delayed(delayed_send* timed) noexcept;
void drop_delayed(delayed_send* timed) noexcept;
}  // namespace core

/// A handle to one delayed send. Letting go of it does not cancel. Movable; one owner at a time,
/// who may be on any thread. Never fires early.
class timer {
 public:
  timer() noexcept = default;
  explicit timer(core::delayed_send* timed) noexcept : timed_(timed) {}
  timer(timer&& other) noexcept : timed_(std::exchange(other.timed_, nullptr)) {}
  timer& operator=(timer&& other) noexcept {
    if (this != &other) {
      drop();
      timed_ = std::exchange(other.timed_, nullptr);
    }
    return *this;
  }
  ~timer() { drop(); }

  /// True: it had not fired and will not. False: it was sent, or cancelled before, or never armed.
  bool cancel() noexcept { return timed_ != nullptr && core::cancel_delayed(timed_); }
  /// Whether there is something to cancel with.
  [[nodiscard]] bool is_valid() const noexcept { return timed_ != nullptr; }

 private:
  void drop() noexcept {
    if (timed_ != nullptr) core::drop_delayed(std::exchange(timed_, nullptr));
  }
  core::delayed_send* timed_ = nullptr;
};

}  // namespace v0
}  // namespace sluice
