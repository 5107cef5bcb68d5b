// What subscribers and producers of an event hear; see event.hpp.
#pragma once

#include <string>
#include <utility>

#include <sluice/exit_reason.hpp>
#include <sluice/message.hpp>
#include <sluice/pid.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

namespace core {

/// A published value; made by the publisher, destroyed by the last who holds it.
struct event_value {
  void (*destroy)(event_value*) noexcept;
};
template <class T>
struct event_value_of : event_value {
  T value;
};
/// Part of the count of a value's holders.
struct event_share;
void hold_share(event_share* share) noexcept;
void drop_share(event_share* share) noexcept;
[[nodiscard]] pid event_of(const event_share* share) noexcept;

}  // namespace core

/// A value as a subscriber hears it: a counted reference, which may be kept.
template <class T>
class published {
 public:
  published(core::event_share* share, const T* value) noexcept : share_(share), value_(value) {}
  published(const published& other) noexcept : share_(other.share_), value_(other.value_) {
    if (share_ != nullptr) core::hold_share(share_);
  }
  published(published&& other) noexcept
      : share_(std::exchange(other.share_, nullptr)),
        value_(std::exchange(other.value_, nullptr)) {}
  published& operator=(published other) noexcept {
    std::swap(share_, other.share_);
    std::swap(value_, other.value_);
    return *this;
  }
  ~published() {
    if (share_ != nullptr) core::drop_share(share_);
  }

  [[nodiscard]] const T& value() const noexcept { return *value_; }
  [[nodiscard]] const T& operator*() const noexcept { return *value_; }
  [[nodiscard]] const T* operator->() const noexcept { return value_; }
  /// Which event it is of.
  [[nodiscard]] pid event() const noexcept { return core::event_of(share_); }

 private:
  core::event_share* share_;
  const T* value_;
};

/// To subscribers: no more values will come. The subscription is over.
struct event_ended {
  pid event;
  std::string name;    ///< empty for who subscribed when it was over…
  exit_reason reason;  ///< …and then no_process; else of the producer's end, or normal when it
                       ///< unregistered the event
};

/// To the producer: the first subscriber came, or the last one went.
struct event_wanted {
  pid event;
};
struct event_unwanted {
  pid event;
};

namespace core {

void ignore_event_notice(slot& self, envelope& carried);
template <>
inline constexpr unhandled_function unhandled_action<event_ended> = &ignore_event_notice;
template <>
inline constexpr unhandled_function unhandled_action<event_wanted> = &ignore_event_notice;
template <>
inline constexpr unhandled_function unhandled_action<event_unwanted> = &ignore_event_notice;

}  // namespace core
}  // namespace v0
}  // namespace sluice
