// behaviour: the erased description of an actor type, built at compile time, one constant a type.
//
// The runtime knows an actor by its behaviour only: size, hooks, and a dispatch table from message
// descriptors to handlers. A user never names one.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <sluice/exit_reason.hpp>
#include <sluice/inspection.hpp>
#include <sluice/message.hpp>
#include <sluice/request.hpp>
#include <sluice/result.hpp>
#include <sluice/task.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

/// A list of message types, for naming them once.
template <class... M>
struct messages {};

namespace core {

struct handler_entry {
  const message_type* type;
  invoke_function invoke;
};

/// What the runtime needs of an actor or meta type. All functions take the object.
struct behaviour {
  std::string_view name;
  std::uint32_t object_bytes;
  std::uint32_t object_align;
  const handler_entry* handlers;  ///< open addressing by message_type::hash
  std::uint32_t handler_mask;     ///< entries - 1
  invoke_function catch_all;      ///< or null
  void (*destroy)(void*) noexcept;
  result<void> (*start)(void*);                      ///< on_start or init; null if none
  void (*terminate)(void*, const exit_reason&);      ///< null if none
  void (*inspect)(void*, inspect_items&) = nullptr;  ///< on_inspect
};

/// The handler of `type` (an identity), or null.
[[nodiscard]] inline invoke_function find_handler(const behaviour& what,
                                                  const message_type& type) noexcept {
  for (std::uint32_t i = type.hash;; ++i) {
    const handler_entry& entry = what.handlers[i & what.handler_mask];
    if (entry.type == &type) return entry.invoke;
    if (entry.type == nullptr) return nullptr;
  }
}

template <class A, class M>
concept handles = requires(A& actor, M&& message) {
  actor.on(std::move(message));
}
|| requires(A& actor, M& message) { actor.on(message); };

template <class M>
[[nodiscard]] M& payload_of(envelope& carried) noexcept {
  return *reinterpret_cast<M*>(reinterpret_cast<std::byte*>(&carried) + payload_offset<M>());
}

/// Calls A's handler for M, by && or by &.
template <class A, class M>
requires handles<A, M>
decltype(auto) call_handler(A& actor, M& message) {
  if constexpr (requires { actor.on(std::move(message)); }) {
    return actor.on(std::move(message));
  } else {
    return actor.on(message);
  }
}

/// Calls what may be a coroutine; `carried` stays until that is over.
template <class A, class Call>
void run_handler(A& actor, envelope& carried, Call&& call) {
  using returned = decltype(call());
  if constexpr (outcome_of<returned>::is_task) {
    static_assert(
        requires { A::may_wait; },
        "sluice: only a process waits: a meta's handler is no coroutine. Use request() "
        "and on(completion<...>), or await in start()");
    run_task(actor.place(), carried, call());
  } else {
    static_cast<void>(call());
  }
}

template <class A, class M>
void invoke_handler(void* object, envelope& carried) {
  A& actor = *static_cast<A*>(object);
  run_handler(actor, carried,
              [&]() -> decltype(auto) { return call_handler(actor, payload_of<M>(carried)); });
}

/// A answers the request M by `void on(M, reply_to<M>)`.
template <class A, class M>
concept answers_later = request_type<M> && requires(A& actor, M&& asked, reply_to<M>&& answer) {
  actor.on(std::move(asked), std::move(answer));
};

// By what its handler returns: the reply or a result of it.
template <class A, class M>
[[nodiscard]] constexpr bool returns_the_reply() noexcept {
  if constexpr (request_type<M> && handles<A, M>) {
    using reply = typename M::reply;
    using returned =
        typename outcome_of<decltype(call_handler(std::declval<A&>(), std::declval<M&>()))>::type;
    if constexpr (std::is_void_v<reply> && std::is_void_v<returned>) {
      return true;
    } else if constexpr (std::is_void_v<returned>) {
      return false;
    } else {
      return std::is_convertible_v<returned, result<reply>>;
    }
  } else {
    return false;
  }
}
template <class A, class M>
concept answers_by_return = returns_the_reply<A, M>();

/// `A answers M`: the request M.
template <class A, class M>
concept answers = answers_later<A, M> || answers_by_return<A, M>;

/// A coroutine's outcome is the answer.
template <class M, class T>
void answer_with_outcome(process_promise_base& root, envelope& carried) {
  auto& body = static_cast<process_promise<T>&>(root);
  auto& asked = payload_of<request_of<M>>(carried);
  if constexpr (std::is_void_v<T>) {
    body.take();
    asked.answer.answer({});
  } else {
    asked.answer.answer(body.take());
  }
}

template <class A, class M>
void invoke_request(void* object, envelope& carried) {
  A& actor = *static_cast<A*>(object);
  auto& asked = payload_of<request_of<M>>(carried);
  if constexpr (answers_later<A, M>) {
    asked.answer.close_deadline();
    run_handler(actor, carried, [&]() -> decltype(auto) {
      return actor.on(std::move(asked.message), std::move(asked.answer));
    });
  } else if constexpr (outcome_of<decltype(call_handler(actor, asked.message))>::is_task) {
    static_assert(
        requires { A::may_wait; },
        "sluice: only a process waits: a meta answers by "
        "return or by reply_to");
    process_promise_base& root = call_handler(actor, asked.message).release();
    using outcome = typename outcome_of<decltype(call_handler(actor, asked.message))>::type;
    root.finish = &answer_with_outcome<M, outcome>;
    begin_task(actor.place(), carried, root);
  } else if constexpr (std::is_void_v<decltype(call_handler(actor, asked.message))>) {
    call_handler(actor, asked.message);
    asked.answer.answer_at_return(actor.place(), result<typename M::reply>{});
  } else {
    asked.answer.answer_at_return(actor.place(), call_handler(actor, asked.message));
  }
}

/// Of the request C ends: only the first of an answer, a time-out and a cancel gets through.
template <class A, class C>
void invoke_completion(void* object, envelope& carried) {
  A& actor = *static_cast<A*>(object);
  C& done = payload_of<C>(carried);
  switch (settle_request(actor.place(), done.id, done.label)) {
    case request_state::over: return;
    case request_state::cancelled: done.answer = error{error_code::cancelled, 0, "request"}; break;
    case request_state::answered: break;
  }
  run_handler(actor, carried, [&]() -> decltype(auto) { return call_handler(actor, done); });
}

/// Of a message that may have been taken back since it was sent.
template <class A, class M>
void invoke_if_accepted(void* object, envelope& carried) {
  if ((carried.lane & lane_was_accepted) == 0 &&
      !accept_action<M>(static_cast<A*>(object)->place(), payload_of<M>(carried))) {
    return;
  }
  invoke_handler<A, M>(object, carried);
}

template <class A, class M>
[[nodiscard]] constexpr invoke_function handler_of() noexcept {
  if constexpr (completion_traits<M>::is_completion) {
    return &invoke_completion<A, M>;
  } else if constexpr (has_accept_action<M>) {
    return &invoke_if_accepted<A, M>;
  } else {
    return &invoke_handler<A, M>;
  }
}

template <class A>
concept catches_all = requires(A& actor, any_message& message) {
  actor.on(message);
};
template <class A>
concept tells_of_itself = requires(A& actor, inspect_items& items) {
  actor.on_inspect(items);
};
template <class A>
concept terminates = requires(A& actor, const exit_reason& reason) {
  actor.terminate(reason);
};

template <class A>
void invoke_catch_all(void* object, envelope& carried) {
  any_message message{carried};
  static_assert(std::is_void_v<decltype(static_cast<A*>(object)->on(message))>,
                "sluice: the handler of any_message returns void and is no coroutine");
  static_cast<A*>(object)->on(message);
}

// Flattens messages<...> lists inside lists.
template <class Done, class... Rest>
struct flatten;
template <class... Done>
struct flatten<messages<Done...>> {
  using type = messages<Done...>;
};
template <class... Done, class... Inner, class... Rest>
struct flatten<messages<Done...>, messages<Inner...>, Rest...>
    : flatten<messages<Done...>, Inner..., Rest...> {};
template <class... Done, class First, class... Rest>
struct flatten<messages<Done...>, First, Rest...> : flatten<messages<Done..., First>, Rest...> {};

/// A dispatch table of Size entries, at most half full, while it is built.
// Which places are taken is noted apart: under UBSan g++ 12 cannot compare an address with null
// in a constant expression.
template <std::size_t Size>
struct handler_entries {
  std::array<handler_entry, Size> table{};
  std::array<bool, Size> is_taken{};

  template <class M>
  constexpr void add(invoke_function invoke) {
    std::size_t at = name_hash(type_name<M>()) & (Size - 1);
    while (is_taken[at]) at = (at + 1) & (Size - 1);
    is_taken[at] = true;
    table[at] = {&message_type_of<M>, invoke};
  }
};

/// The dispatch table of A for the listed messages and those library messages that A handles.
template <class A, class Listed, class Library>
struct dispatch_table;
template <class A, class... Listed, class... Library>
struct dispatch_table<A, messages<Listed...>, messages<Library...>> {
  static_assert(((handles<A, Listed> || answers<A, Listed>)&&...),
                "sluice: an actor lists a message type for which it has no handler: write "
                "void on(that type)");

  // A request type may also come as a plain message.
  template <class M>
  static constexpr std::size_t entries_for =
      std::size_t{handles<A, M>} + std::size_t{answers<A, M>};
  static constexpr std::size_t used =
      (std::size_t{0} + ... + entries_for<Listed>)+(std::size_t{0} + ... + entries_for<Library>);
  static constexpr std::size_t size = std::bit_ceil(2 * used + 1);

  template <class M>
  static constexpr void add_if_handled(handler_entries<size>& made) {
    if constexpr (handles<A, M>) made.template add<M>(handler_of<A, M>());
    if constexpr (answers<A, M>) made.template add<request_of<M>>(&invoke_request<A, M>);
  }
  static constexpr std::array<handler_entry, size> build() {
    handler_entries<size> made;
    (add_if_handled<Listed>(made), ...);
    (add_if_handled<Library>(made), ...);
    return made.table;
  }

  static constexpr std::array<handler_entry, size> entries = build();
};

template <class A>
void destroy_object(void* object) noexcept {
  static_cast<A*>(object)->~A();
}

template <class A>
[[nodiscard]] constexpr invoke_function catch_all_of() noexcept {
  if constexpr (catches_all<A>) {
    return &invoke_catch_all<A>;
  } else {
    return nullptr;
  }
}

template <class A>
void invoke_inspect(void* object, inspect_items& items) {
  static_cast<A*>(object)->on_inspect(items);
}

template <class A>
[[nodiscard]] constexpr auto inspect_of() noexcept -> void (*)(void*, inspect_items&) {
  if constexpr (tells_of_itself<A>) {
    return &invoke_inspect<A>;
  } else {
    return nullptr;
  }
}

template <class A>
void invoke_terminate(void* object, const exit_reason& reason) {
  static_cast<A*>(object)->terminate(reason);
}

template <class A>
[[nodiscard]] constexpr auto terminate_of() noexcept -> void (*)(void*, const exit_reason&) {
  if constexpr (terminates<A>) {
    return &invoke_terminate<A>;
  } else {
    return nullptr;
  }
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
