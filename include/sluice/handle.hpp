// handle<A>: the typed address of a process. meta_handle<M>: of a meta process.
//
// Plain values: copy them, keep them, put them into messages. They may outlive their node; sends
// answer `stopping` then. Usable on any thread, inside handlers and outside of them.
#pragma once

#include <sluice/behaviour.hpp>
#include <sluice/context.hpp>
#include <sluice/pid.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

template <class A>
struct behaviour_of;

namespace core {

/// The descriptor of M on its way to an A: carries A's handler, so that the receiver needs no
/// lookup.
template <class A, class M>
inline constexpr message_type bound_message_type_of{
    &message_type_of<M>,     std::is_trivially_destructible_v<M> ? nullptr : &destroy_payload<M>,
    &behaviour_of<A>::value, &invoke_handler<A, M>,
    type_name<M>(),          name_hash(type_name<M>()),
    payload_offset<M>(),     nullptr};

}  // namespace core

/// `A accepts M`: it has a handler for M, or one for any_message.
template <class A, class M>
concept accepts = core::handles<A, M> || requires(A& actor, any_message& any) {
  actor.on(any);
};

template <class A, class Address>
class basic_handle {
 public:
  basic_handle() noexcept = default;
  basic_handle(core::gate* node, Address who) noexcept : node_(node), who_(who) {}

  /// Sends `message`; see send_outcome. Never throws, never blocks. Any thread.
  template <message M>
  send_outcome send(M message, priority lane = priority::main) const noexcept {
    static_assert(accepts<A, M>,
                  "sluice: this actor has no handler for the message: add void on(that type)");
    return core::send_through(node_, type_for<M>(), who_, std::move(message), lane);
  }
  /// Asks it to end for `reason`.
  send_outcome exit(exit_reason reason = exit_reason::shutdown()) const noexcept {
    return core::exit_through(node_, who_, std::move(reason));
  }

  [[nodiscard]] Address id() const noexcept { return who_; }
  operator Address() const noexcept { return who_; }
  operator address() const noexcept { return who_; }
  [[nodiscard]] bool is_valid() const noexcept { return who_.is_valid(); }

  template <class M>
  [[nodiscard]] static const core::message_type& type_for() noexcept {
    if constexpr (core::handles<A, M>) {
      return core::bound_message_type_of<A, M>;
    } else {
      return core::message_type_of<M>;
    }
  }

  friend bool operator==(const basic_handle& left, const basic_handle& right) noexcept {
    return left.who_ == right.who_;
  }

 private:
  core::gate* node_ = nullptr;
  Address who_{};
};

template <class A>
using handle = basic_handle<A, pid>;
template <class M>
using meta_handle = basic_handle<M, alias>;

}  // namespace v0
}  // namespace sluice
