// event<T>: a stream of values that processes publish and any number of processes hear.
//
//   struct feed : sluice::actor<feed> {
//     void on_start() { rates = register_event<rate>("rates", {.buffer = 10}).value(); }
//     void on(rate now) { publish(rates, now); }
//     sluice::event<rate> rates;                        // the right to publish
//   };
//   struct board : sluice::actor<board> {
//     void on_start() { static_cast<void>(subscribe<rate>("rates")); }
//     void on(sluice::published<rate> now) { show(*now); }   // one value, shared by all
//     void on(const sluice::event_ended& over) {}            // optional
//   };
//
// Order: who subscribes hears the last `buffer` values, then each later one, in the order in which
// they were published, each once; it hears none that it missed by being full. What one process
// publishes and what it subscribes to afterwards keep their order. sender() of a value is the event
// itself: a pid that may be monitored.
// A value reaches a million subscribers in slices, so no scheduler is held up by it. The value is
// shared: who hears it sees it const, on whatever thread.
// The producer hears event_wanted and event_unwanted, if it has handlers for them. When it ends, or
// unregisters the event, subscribers hear event_ended behind all values.
#pragma once

#include <cstdint>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include <sluice/behaviour.hpp>
#include <sluice/context.hpp>
#include <sluice/event_messages.hpp>
#include <sluice/handle.hpp>
#include <sluice/message.hpp>
#include <sluice/pid.hpp>
#include <sluice/result.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

struct event_options {
  std::uint32_t buffer = 0;  ///< values kept for those who subscribe later
  bool is_open = false;      ///< anybody may publish by name, not only who holds the event<T>
  /// Values that were published and have not reached all subscribers yet; more answer `full`.
  std::uint32_t unsent_max = 4096;
};

namespace core {

struct event_record;

/// How a subscriber takes a value: the message, and how it is built in its envelope.
struct event_kind {
  const message_type* type;
  void (*build)(void* where, event_share* share, const event_value* value) noexcept;
};

/// An event as a token or a name gives it.
struct event_place {
  gate* node = nullptr;
  pid who{};
  event_record* record = nullptr;
};

[[nodiscard]] result<event_place> register_event(slot& self, std::string_view name,
                                                 const message_type& type,
                                                 const event_options& options) noexcept;
bool unregister_event(slot& self, pid event) noexcept;
[[nodiscard]] result<pid> subscribe_to(slot& self, const event_place& event,
                                       const event_kind& how) noexcept;
[[nodiscard]] result<pid> subscribe_by_name(slot& self, std::string_view name,
                                            const message_type& type,
                                            const event_kind& how) noexcept;
bool unsubscribe_from(slot& self, pid event) noexcept;
/// Takes the value over in every case. Any thread.
send_outcome publish_value(const event_place& event, event_value* value) noexcept;
send_outcome publish_by_name(slot& self, std::string_view name, const message_type& type,
                             event_value* value) noexcept;

template <class T>
void destroy_event_value(event_value* value) noexcept {
  delete static_cast<event_value_of<T>*>(value);
}
template <class T>
[[nodiscard]] event_value* make_event_value(T value) noexcept {
  return new (std::nothrow) event_value_of<T>{{&destroy_event_value<T>}, std::move(value)};
}

template <class T>
void build_published(void* where, event_share* share, const event_value* value) noexcept {
  new (where) published<T>{share, &static_cast<const event_value_of<T>*>(value)->value};
}
template <class Self, class T>
inline constexpr message_type bound_published_type_of =
    bind_message_type<Self, published<T>>(&invoke_handler<Self, published<T>>);
template <class Self, class T>
inline constexpr event_kind event_kind_of{&bound_published_type_of<Self, T>, &build_published<T>};

}  // namespace core

/// The right to publish one event. A plain value: keep it, put it into messages, hand it to metas.
template <message T>
class event {
 public:
  event() noexcept = default;
  explicit event(const core::event_place& place) noexcept : place_(place) {}

  /// Any thread. `full`: unsent_max values wait; `unknown`: it has ended.
  send_outcome publish(T value) const noexcept {
    return core::publish_value(place_, core::make_event_value(std::move(value)));
  }
  /// For monitors, and to tell events apart by sender().
  [[nodiscard]] pid id() const noexcept { return place_.who; }
  [[nodiscard]] bool is_valid() const noexcept { return place_.who.is_valid(); }

  /// For the library.
  [[nodiscard]] const core::event_place& place() const noexcept { return place_; }

 private:
  core::event_place place_;
};

namespace core {

/// What processes and metas can do with events.
template <class Base>
class publishing : public Base {
 public:
  /// To all subscribers; see event<T>::publish.
  template <message T>
  send_outcome publish(const event<T>& to, T value) noexcept {
    return to.publish(std::move(value));
  }
  /// To an open event. `unknown`: none of that name and type, or it is not open.
  template <message T>
  send_outcome publish(std::string_view name, T value) noexcept {
    return publish_by_name(*this->self_, name, message_type_of<T>,
                           make_event_value(std::move(value)));
  }
};

/// What processes alone can do: they own events and hear them.
template <class Self, class Base>
class hearing : public publishing<Base> {
 public:
  /// Makes an event that ends with this process. Errors: name_taken, bad_argument (the name),
  /// limit_reached, stopping.
  template <message T>
  [[nodiscard]] result<event<T>> register_event(std::string_view name,
                                                const event_options& options = {}) noexcept {
    auto made = core::register_event(*this->self_, name, message_type_of<T>, options);
    if (!made) return made.error();
    return event<T>{made.value()};
  }
  /// Ends an event of this process. False: it is none.
  bool unregister_event(pid which) noexcept { return core::unregister_event(*this->self_, which); }

  /// From here on `on(published<T>)` hears it. The event's id; the same again if it is heard
  /// already. Errors: unknown_address, bad_argument (the name belongs to an event of another type).
  template <message T>
  result<pid> subscribe(std::string_view name) noexcept {
    check_hears<T>();
    return subscribe_by_name(*this->self_, name, message_type_of<T>, event_kind_of<Self, T>);
  }
  template <message T>
  result<pid> subscribe(const event<T>& which) noexcept {
    check_hears<T>();
    return subscribe_to(*this->self_, which.place(), event_kind_of<Self, T>);
  }
  /// Values that are on their way may still arrive. False: it was not subscribed to.
  bool unsubscribe(pid which) noexcept { return unsubscribe_from(*this->self_, which); }

 private:
  template <class T>
  static constexpr void check_hears() noexcept {
    static_assert(handles<Self, published<T>>,
                  "sluice: who subscribes hears values: add void on(sluice::published<that type>)");
  }
};

}  // namespace core
}  // namespace v0
}  // namespace sluice
