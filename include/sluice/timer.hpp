// timer: a message that will be sent later, once or at a fixed rate, and the means to prevent it.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include <sluice/message.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

namespace core {
struct delayed_send;
bool cancel_delayed(delayed_send* timed) noexcept;
void drop_delayed(delayed_send* timed) noexcept;

/// How the message of a repeated send is copied; one constant a type.
struct repeat_kind {
  std::uint32_t bytes;  ///< of the envelope
  std::uint8_t block;
  /// False: the copy threw, and this tick is left out.
  bool (*copy)(const void* from, void* to) noexcept;
};

template <class M>
bool copy_payload(const void* from, void* to) noexcept {
#if defined(__cpp_exceptions)
  try {
    new (to) M(*static_cast<const M*>(from));
    return true;
  } catch (...) {
    return false;
  }
#else
  new (to) M(*static_cast<const M*>(from));
  return true;
#endif
}

template <class M>
inline constexpr repeat_kind repeat_kind_of{payload_offset<M>() + sizeof(M),
                                            block_class_for(payload_offset<M>() + sizeof(M)),
                                            &copy_payload<M>};
}  // namespace core

/// A message that can be sent again and again.
template <class M>
concept repeatable_message = message<M> && std::copy_constructible<M>;

/// A handle to one delayed or repeated send. Letting go of it does not cancel. Movable; one owner
/// at a time, who may be on any thread. Never fires early.
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

  /// True: it was still armed and will not fire (again). False: it was sent, has ended by itself,
  /// was cancelled before, or never armed.
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
