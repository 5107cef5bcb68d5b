// become<State>: swaps the handlers of a process for those of a state, a state machine of handlers.
//
//   struct closed;
//   struct opened;
//   struct door : sluice::actor<door, push, pull> {
//     int pushes = 0;
//     void on_start() { become<closed>(); }
//     void on(push) { ++pushes; }                 // what the state has no handler for
//     void on(pull) {}
//   };
//   struct closed : sluice::state<closed, door, pull> {
//     void on(pull);                              // { become<opened>(); }
//   };
//   struct opened : sluice::state<opened, door, push> {
//     void enter() {}                             // each time the door becomes opened
//     void on(push) { ++actor().pushes; become<closed>(); }
//   };
//
// From the next message on, also of those that are queued, what the state handles goes to it, and
// everything else to the actor's own handlers, unless it has one for any_message. A state lists its
// messages as an actor does; those that its actor lists need not be listed again. Typed handles of
// the actor go on working. A state object is made when its actor first becomes it and lives as long
// as the actor: what it keeps is there when it is entered again. `enter`, if it has one, takes the
// arguments of become. Cost: who does not use it pays nothing; a change is two stores.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include <sluice/behaviour.hpp>
#include <sluice/handle.hpp>
#include <sluice/library_messages.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace core {

struct slot;
struct state_tag {};
template <class S>
concept state_type = std::is_base_of_v<state_tag, S>;

/// The state object of `self` for `what`, or null when there is none yet.
[[nodiscard]] void* find_state(slot& self, const behaviour& what) noexcept;
/// Adds one, which the process owns from here. False: memory is out, and it is still the caller's.
[[nodiscard]] bool add_state(slot& self, const behaviour& what, std::string_view name, void* made,
                             void (*drop)(void*) noexcept) noexcept;
/// From the next message on `what` handles, with an object that has been added; null: the actor.
void use_state(slot& self, const behaviour* what) noexcept;
/// For what a state has no handler.
void pass_to_actor(slot& self, envelope& carried);

/// The dispatch table of a state: its own handlers, then its actor's.
template <class S, class Actor, class Own, class Theirs, class Library>
struct state_table;
template <class S, class Actor, class... Own, class... Theirs, class... Library>
struct state_table<S, Actor, messages<Own...>, messages<Theirs...>, messages<Library...>> {
  static_assert(((handles<S, Own> || answers<S, Own>)&&...),
                "sluice: a state lists a message type for which it has no handler: write "
                "void on(that type)");

  template <invoke_function Handler>
  static void invoke_actor(void* object, envelope& carried) {
    Handler(&static_cast<S*>(object)->actor(), carried);
  }
  template <class M>
  static constexpr bool is_own = (std::is_same_v<M, Own> || ...);
  // One that takes any_message takes everything.
  static constexpr bool passes_on = !catches_all<S>;
  template <class M>
  static constexpr std::size_t entries_for =
      std::size_t{handles<S, M> || (passes_on && handles<Actor, M>)} +
      std::size_t{answers<S, M> || (passes_on && answers<Actor, M>)};
  static constexpr std::size_t used = (std::size_t{0} + ... + entries_for<Own>)+(
      std::size_t{0} + ... + entries_for<Theirs>)+(std::size_t{0} + ... + entries_for<Library>);
  static constexpr std::size_t size = std::bit_ceil(2 * used + 1);

  template <class M>
  static constexpr void add_first(handler_entries<size>& made) {
    if constexpr (handles<S, M>) {
      made.template add<M>(handler_of<S, M>());
    } else if constexpr (passes_on && handles<Actor, M>) {
      made.template add<M>(&invoke_actor<handler_of<Actor, M>()>);
    }
    if constexpr (answers<S, M>) {
      made.template add<request_of<M>>(&invoke_request<S, M>);
    } else if constexpr (passes_on && answers<Actor, M>) {
      made.template add<request_of<M>>(&invoke_actor<&invoke_request<Actor, M>>);
    }
  }
  template <class M>
  static constexpr void add_unless_own(handler_entries<size>& made) {
    if constexpr (!is_own<M>) add_first<M>(made);
  }
  static constexpr std::array<handler_entry, size> build() {
    handler_entries<size> made;
    (add_first<Own>(made), ...);
    (add_unless_own<Theirs>(made), ...);
    (add_first<Library>(made), ...);
    return made.table;
  }

  static constexpr std::array<handler_entry, size> entries = build();
};

template <class S>
void invoke_unhandled_by_state(void* object, envelope& carried) {
  pass_to_actor(static_cast<S*>(object)->place(), carried);
}

template <class S>
void terminate_actor_of(void* object, const exit_reason& reason) {
  terminate_of<typename S::actor_type>()(&static_cast<S*>(object)->actor(), reason);
}
template <class S>
void inspect_actor_of(void* object, inspect_items& items) {
  inspect_of<typename S::actor_type>()(&static_cast<S*>(object)->actor(), items);
}

template <class S>
[[nodiscard]] constexpr behaviour state_behaviour() noexcept {
  using owner = typename S::actor_type;
  using table = state_table<S, owner, typename S::listed_messages, typename owner::listed_messages,
                            library_messages>;
  behaviour made{};
  made.name = type_name<owner>();
  made.object_bytes = sizeof(S);
  made.object_align = alignof(S);
  made.handlers = table::entries.data();
  made.handler_mask = table::size - 1;
  if constexpr (catches_all<S>) {
    made.catch_all = catch_all_of<S>();
  } else {
    made.catch_all = &invoke_unhandled_by_state<S>;
  }
  if constexpr (terminates<owner>) made.terminate = &terminate_actor_of<S>;
  if constexpr (tells_of_itself<owner>) made.inspect = &inspect_actor_of<S>;
  return made;
}

template <class S>
void drop_state(void* made) noexcept {
  delete static_cast<S*>(made);
}

/// The state object of `self`, made if need be; null: memory is out.
template <class S>
[[nodiscard]] S* state_of_process(slot& self, typename S::actor_type& actor) {
  const behaviour& what = behaviour_of<S>::value;
  if (void* const known = find_state(self, what)) return static_cast<S*>(known);
  S* const made = new S{actor};
  if (add_state(self, what, type_name<S>(), made, &drop_state<S>)) return made;
  delete made;
  return nullptr;
}

template <class S, class... Arguments>
bool become_state(slot& self, typename S::actor_type& actor, Arguments&&... arguments) {
  S* const next = state_of_process<S>(self, actor);
  if (next == nullptr) return false;
  use_state(self, &behaviour_of<S>::value);
  if constexpr (requires { next->enter(std::forward<Arguments>(arguments)...); }) {
    next->enter(std::forward<Arguments>(arguments)...);
  } else {
    static_assert(sizeof...(Arguments) == 0,
                  "sluice: become passes its arguments to the state's enter(...), which does not "
                  "take these");
  }
  return true;
}

/// The part of a process that swaps its handlers.
template <class Self, class Base>
class becoming : public Base {
 public:
  /// From a handler or on_start. False: memory is out, and nothing has changed.
  template <class State, class... Arguments>
  bool become(Arguments&&... arguments) {
    static_assert(state_type<State>, "sluice: a state derives from sluice::state<it, its actor>");
    static_assert(std::is_base_of_v<typename State::actor_type, Self>,
                  "sluice: this is a state of another actor");
    return become_state<State>(*this->self_, static_cast<Self&>(*this),
                               std::forward<Arguments>(arguments)...);
  }
  /// Back to the actor's own handlers.
  void unbecome() noexcept { use_state(*this->self_, nullptr); }
};

}  // namespace core

/// A set of handlers of an Actor, for a while.
template <class Self, class Actor, class... Messages>
class state : public core::state_tag {
 public:
  using actor_type = Actor;
  using listed_messages = typename core::flatten<messages<>, Messages...>::type;
  static constexpr bool may_wait = true;

  // Not explicit: so a state without a constructor of its own can be made of its actor.
  state(Actor& of) noexcept : actor_(&of) {}

  [[nodiscard]] Actor& actor() noexcept { return *actor_; }
  [[nodiscard]] const Actor& actor() const noexcept { return *actor_; }
  /// As the actor's.
  template <class Next, class... Arguments>
  bool become(Arguments&&... arguments) {
    return actor_->template become<Next>(std::forward<Arguments>(arguments)...);
  }
  void unbecome() noexcept { actor_->unbecome(); }

  /// For the library.
  [[nodiscard]] core::slot& place() const noexcept { return actor_->place(); }

 private:
  Actor* actor_;
};

template <core::state_type S>
struct behaviour_of<S> {
  static constexpr core::behaviour value = core::state_behaviour<S>();
};

}  // namespace v0
}  // namespace sluice
