// handle<A>: the typed address of a process. meta_handle<M>: of a meta process.
//
// Plain values: copy them, keep them, put them into messages. They may outlive their node; sends
// answer `stopping` then. Usable on any thread, inside handlers and outside of them.
#pragma once

#include <sluice/batch.hpp>
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
[[nodiscard]] constexpr message_type bind_message_type(invoke_function invoke) noexcept {
  message_type bound = message_type_of<M>;
  bound.bound_to = &behaviour_of<A>::value;
  bound.invoke = invoke;
  return bound;
}
template <class A, class M>
inline constexpr message_type bound_message_type_of = bind_message_type<A, M>(handler_of<A, M>());
template <class A, class M>
inline constexpr message_type bound_request_type_of =
    bind_message_type<A, request_of<M>>(&invoke_request<A, M>);

/// The completion of M on its way back to a Self, which needs no list either.
template <class Self, class M>
inline constexpr message_type bound_completion_type_of =
    bind_message_type<Self, completion<M>>(&invoke_completion<Self, completion<M>>);
template <class Self, class M>
inline constexpr completion_kind completion_kind_of =
    completion_kind_by<M>(&bound_completion_type_of<Self, M>);

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
  /// Sends a range of messages as one; see batch.hpp. Any thread.
  template <class Range>
  batch_outcome send_batch(Range&& range, priority lane = priority::main) const noexcept {
    using M = core::batched_message<Range>;
    static_assert(accepts<A, M>,
                  "sluice: this actor has no handler for the message: add void on(that type)");
    return core::send_batch_through(node_, type_for<M>(), who_, std::forward<Range>(range), lane);
  }
  /// Asks it to end for `reason`.
  send_outcome exit(exit_reason reason = exit_reason::shutdown()) const noexcept {
    return core::exit_through(node_, who_, std::move(reason));
  }

  [[nodiscard]] Address id() const noexcept { return who_; }
  /// The same address for what a B accepts: of a pool or router, whose workers are B.
  template <class B>
  [[nodiscard]] basic_handle<B, Address> as() const noexcept {
    return {node_, who_};
  }
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
  /// The same for the request M.
  template <class M>
  [[nodiscard]] static const core::message_type& type_for_request() noexcept {
    static_assert(
        core::answers<A, M> || requires(A & actor, any_message & any) { actor.on(any); },
        "sluice: this actor does not answer the request: add `reply on(that type)` or "
        "`void on(that type, reply_to<that type>)`");
    if constexpr (core::answers<A, M>) {
      return core::bound_request_type_of<A, M>;
    } else {
      return core::message_type_of<core::request_of<M>>;
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
