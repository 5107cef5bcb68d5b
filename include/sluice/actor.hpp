// actor<Self, Messages...>: a process. Handlers are plain overloads of `on`.
//
//   struct counter : sluice::actor<counter, add> {
//     int value = 0;
//     void on(add message) { value += message.amount; }
//   };
//
// A handler takes its message by value, by && or by const &. Messages that arrive through a
// handle<counter> need no list. Those that may also arrive by pid, alias or name are listed after
// Self (a sender by pid cannot know the actor's type, nor the actor every type of the program); one
// that is not listed goes to `void on(sluice::any_message&)` if there is one, else it is counted
// and reported as unhandled. The library's own messages (sluice::tcp) need no list.
//
// Hooks, found by name: result<void> or void on_start() (an error or exception: nothing is
// spawned); void terminate(const exit_reason&), once, before the object goes; void
// on_inspect(inspect_items&), what it says of itself beside the library's own fields.
// Threads: a process handles one message at a time; what is declared here may be called only from
// its own handlers and hooks.
#pragma once

#include <chrono>
#include <concepts>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <sluice/batch.hpp>
#include <sluice/become.hpp>
#include <sluice/behaviour.hpp>
#include <sluice/context.hpp>
#include <sluice/dead_letters.hpp>
#include <sluice/event.hpp>
#include <sluice/exit_reason.hpp>
#include <sluice/forwarding.hpp>
#include <sluice/groups.hpp>
#include <sluice/handle.hpp>
#include <sluice/library_messages.hpp>
#include <sluice/linking.hpp>
#include <sluice/log.hpp>
#include <sluice/logging.hpp>
#include <sluice/offload.hpp>
#include <sluice/options.hpp>
#include <sluice/pid.hpp>
#include <sluice/receiving.hpp>
#include <sluice/request.hpp>
#include <sluice/send_waiting.hpp>
#include <sluice/stash.hpp>
#include <sluice/timer.hpp>
#include <sluice/waiting.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

namespace core {

template <class A>
struct construct_from {
  template <class Arguments>
  static void build(void* memory, void* arguments, slot& place) {
    std::apply(
        [memory, &place](auto&&... each) {
          A* const made = new (memory) A(std::forward<decltype(each)>(each)...);
          made->bind(place);
        },
        std::move(*static_cast<Arguments*>(arguments)));
  }
};

template <class M>
struct options_for {
  using type = meta_options;
};
template <class M>
requires requires { typename M::options; }
struct options_for<M> {
  using type = typename M::options;
};
/// What spawn_meta<M> takes: M::options (which have a member `meta`), else meta_options.
template <class M>
using options_of = typename options_for<M>::type;

}  // namespace core

/// What processes and metas can do alike.
class participant {
 public:
  /// Sends `message` to a pid, alias, address or handle; without a priority by the usual one: main,
  /// for a meta what its options say. Order is kept per receiver and priority. Never throws, never
  /// blocks.
  template <message M>
  send_outcome send(address to, M message, priority lane) noexcept {
    return core::send_from(*self_, core::message_type_of<M>, to, std::move(message), lane);
  }
  template <class A, class Address, message M>
  send_outcome send(const basic_handle<A, Address>& to, M message, priority lane) noexcept {
    static_assert(accepts<A, M>,
                  "sluice: this actor has no handler for the message: add void on(that type)");
    using target = basic_handle<A, Address>;
    return core::send_from(*self_, target::template type_for<M>(), to, std::move(message), lane);
  }
  /// To whoever has the name now.
  template <message M>
  send_outcome send(std::string_view name, M message, priority lane) noexcept {
    return core::carry(
        core::message_type_of<M>, std::move(message),
        [this](std::uint8_t block, std::size_t bytes) {
          return core::open_envelope(*self_, block, bytes);
        },
        [&](core::envelope* carried) { return core::post_named(*self_, carried, name, lane); });
  }

  /// Sends `message` after `delay`, never earlier. The handle cancels it.
  template <message M>
  timer send_after(std::chrono::nanoseconds delay, address to, M message,
                   priority lane = priority::main) noexcept {
    core::envelope* const carried = core::prepare(*self_, std::move(message));
    return carried == nullptr ? timer{} : core::post_later(*self_, carried, to, lane, delay);
  }
  /// Sends copies of `message` at a fixed rate: at now + period, now + 2 periods, ..., never early.
  /// Times that were missed are left out. Ends when it is cancelled, when this process or meta ends
  /// and when the receiver has. No timer for a period that is not positive.
  template <message M>
  timer send_every(std::chrono::nanoseconds period, address to, M message,
                   priority lane = priority::main) noexcept {
    static_assert(repeatable_message<M>,
                  "sluice: a repeated message is copied for each time: make its type copyable, or "
                  "send_after again from its handler");
    core::envelope* const carried = core::prepare(*self_, std::move(message));
    if (carried == nullptr) return {};
    return core::post_every(*self_, carried, to, lane, period, core::repeat_kind_of<M>);
  }

  /// Ends a request that has no completion yet: it will say cancelled. False: it is not known here,
  /// or its completion was handed over.
  bool cancel_request(ref id) noexcept { return core::cancel_request(*self_, id); }

  /// Who sent the message being handled; names nobody outside of a handler.
  [[nodiscard]] address sender() const noexcept { return core::sender_of(*self_); }
  /// The process with this name, or a pid that names nobody.
  [[nodiscard]] pid find(std::string_view name) const noexcept {
    return core::find_name(*self_, name);
  }
  /// Ends this process or meta when the handler returns.
  void exit(exit_reason reason = exit_reason::normal()) noexcept {
    core::want_exit(*self_, std::move(reason));
  }
  /// Asks another one to end.
  send_outcome exit(address who, exit_reason reason) noexcept {
    return core::exit_from(*self_, who, std::move(reason));
  }

  /// The same after `delay`. The handle prevents it.
  timer exit_after(std::chrono::nanoseconds delay, address who, exit_reason reason) noexcept {
    return core::exit_later(*self_, who, std::move(reason), delay);
  }

  /// The value of an environment variable, as long as this process or meta lives.
  [[nodiscard]] std::optional<std::string_view> env(std::string_view name) const noexcept {
    return core::find_variable(*self_, name);
  }
  /// Hands a line to the node's log, with the name, pid or alias of this one in front.
  void log(log_severity level, std::string_view text) const { core::log_line(*self_, level, text); }

  /// Spawns a meta process (meta.hpp, tcp.hpp) below this one.
  template <class M, class... Arguments>
  [[nodiscard]] result<meta_handle<M>> spawn_meta(core::options_of<M> options = {},
                                                  Arguments&&... arguments);

  /// For the library.
  void bind(core::slot& place) noexcept { self_ = &place; }
  [[nodiscard]] core::slot& place() const noexcept { return *self_; }

 protected:
  participant() noexcept = default;
  ~participant() = default;
  participant(const participant&) = delete;
  participant& operator=(const participant&) = delete;

  // Until bind(): a place whose every use says that this is not inside of a handler.
  core::slot* self_ = &core::unbound_slot();
};

namespace core {

/// Sends that name no priority.
enum class usual_lane : bool { main, of_options };
template <usual_lane Lane>
class sending : public batching<forwarding<participant>> {
 public:
  using participant::send;
  template <message M>
  send_outcome send(address to, M message) noexcept {
    return participant::send(to, std::move(message), lane());
  }
  template <class A, class Address, message M>
  send_outcome send(const basic_handle<A, Address>& to, M message) noexcept {
    return participant::send(to, std::move(message), lane());
  }
  template <message M>
  send_outcome send(std::string_view name, M message) noexcept {
    return participant::send(name, std::move(message), lane());
  }

 protected:
  sending() noexcept = default;
  ~sending() = default;

 private:
  [[nodiscard]] priority lane() const noexcept {
    if constexpr (Lane == usual_lane::main) {
      return priority::main;
    } else {
      return usual_lane_of(*self_);
    }
  }
};

/// The part of a participant that must know its own type: asking, since the completion comes back
/// to a handler of Self.
template <class Self, class Base>
class asking : public Base {
 public:
  /// Asks `to`, a pid, alias, address or handle; goes on at once. One completion<M> follows for
  /// `on(completion<M>)`, also if nobody is there. An error means that none follows: bad_argument
  /// (to itself), stopping (the node or the requester ends), out_of_memory.
  template <class M>
  result<ref> request(address to, M asked, const request_options& options = {}) noexcept {
    check_request<M>();
    return request_from<M>(*this->self_, message_type_of<request_of<M>>,
                           completion_kind_of<Self, M>, to, std::move(asked), options);
  }
  template <class A, class Address, class M>
  result<ref> request(const basic_handle<A, Address>& to, M asked,
                      const request_options& options = {}) noexcept {
    check_request<M>();
    return request_from<M>(*this->self_, basic_handle<A, Address>::template type_for_request<M>(),
                           completion_kind_of<Self, M>, to, std::move(asked), options);
  }

  /// Asks what it has to say about itself: a request in the urgent lane, completion<inspect>.
  result<ref> request_inspect(address who, request_options options = {}) noexcept {
    options.lane = priority::urgent;
    return request(who, inspect{}, options);
  }

 private:
  template <class M>
  static constexpr void check_request() noexcept {
    static_assert(request_type<M>,
                  "sluice: a request names its reply: add `using reply = T;` to its type (void is "
                  "a reply too)");
    static_assert(handles<Self, completion<M>>,
                  "sluice: who requests hears of the end: add void on(sluice::completion<that "
                  "type>)");
  }
};

}  // namespace core

/// The erased base of all processes.
class actor_base
    : public core::logging<core::hearing_dead_letters<
          core::receiving<core::waiting_for_room<core::offloading<core::waiting<
              core::linking<core::stashing<core::sending<core::usual_lane::main>>>>>>>>> {
 public:
  [[nodiscard]] pid self() const noexcept { return core::pid_of(*self_); }

  /// Spawns a process from here; on_start of it runs within this call.
  template <class A, class... Arguments>
  requires std::derived_from<A, actor_base>
  [[nodiscard]] result<handle<A>> spawn(const spawn_options& options, Arguments&&... arguments);
  template <class A>
  requires std::derived_from<A, actor_base>
  [[nodiscard]] result<handle<A>> spawn() { return spawn<A>(spawn_options{}); }

  /// A further address of this process: any number, until it is destroyed or this ends. What comes
  /// by it is handled as what comes by the pid; links and monitors mean the process. Errors:
  /// limit_reached, stopping.
  [[nodiscard]] result<alias> create_alias() noexcept { return core::create_alias(*self_); }
  /// Sends to it answer `unknown` from here on. False: it is none of this process.
  bool destroy_alias(alias own) noexcept { return core::destroy_alias(*self_, own); }

  /// Gives this process a name. Errors: name_taken, bad_argument (empty, too long, has one
  /// already).
  [[nodiscard]] result<void> register_name(std::string_view name) {
    return core::register_name(*self_, name);
  }
  /// Gives the name up: it is free for others at once. False: there was none.
  bool unregister_name() noexcept { return core::unregister_name(*self_); }
};

template <class Self, class... Messages>
class actor : public core::grouping<
                  core::hearing<Self, core::becoming<Self, core::asking<Self, actor_base>>>> {
 public:
  using listed_messages = typename core::flatten<messages<>, Messages...>::type;
};

namespace core {

template <class A>
result<void> invoke_on_start(void* object) {
  A& self = *static_cast<A*>(object);
  if constexpr (std::is_void_v<decltype(self.on_start())>) {
    self.on_start();
    return {};
  } else {
    return self.on_start();
  }
}

template <class A>
[[nodiscard]] constexpr auto on_start_of() noexcept -> result<void> (*)(void*) {
  if constexpr (requires(A & self) { self.on_start(); }) {
    return &invoke_on_start<A>;
  } else {
    return nullptr;
  }
}

}  // namespace core

template <class A>
requires std::derived_from<A, actor_base>
struct behaviour_of<A> {
  using table = core::dispatch_table<A, typename A::listed_messages, library_messages>;
  static constexpr core::behaviour value{core::type_name<A>(),
                                         sizeof(A),
                                         alignof(A),
                                         table::entries.data(),
                                         table::size - 1,
                                         core::catch_all_of<A>(),
                                         &core::destroy_object<A>,
                                         core::on_start_of<A>(),
                                         core::terminate_of<A>(),
                                         core::inspect_of<A>()};
};

namespace core {

/// Fills a spawn_order for A from options and constructor arguments and hands it to `spawn_it`.
template <class A, class Order, class SpawnIt, class... Arguments>
auto order_and_spawn(Order order, SpawnIt&& spawn_it, Arguments&&... arguments) {
  static_assert(std::is_constructible_v<A, Arguments...>,
                "sluice: the actor cannot be constructed from these arguments");
  std::tuple<Arguments&&...> packed{std::forward<Arguments>(arguments)...};
  order.what = &behaviour_of<A>::value;
  order.construct = &construct_from<A>::template build<decltype(packed)>;
  order.arguments = &packed;
  return spawn_it(order);
}

[[nodiscard]] inline spawn_order order_from(const spawn_options& options) noexcept {
  spawn_order order;
  order.name = options.name;
  order.mailbox_max = options.mailbox_max;
  order.overflow = options.overflow;
  order.fallback = options.fallback;
  order.stash_max = options.stash_max;
  order.log_level = options.log_level;
  order.env = &options.env;
  order.link = options.link;
  order.monitor = options.monitor;
  order.monitored_as = options.monitored_as;
  return order;
}

}  // namespace core

template <class A, class... Arguments>
requires std::derived_from<A, actor_base> result<handle<A>> actor_base::spawn(
    const spawn_options& options, Arguments&&... arguments) {
  return core::order_and_spawn<A>(
      core::order_from(options),
      [this](const core::spawn_order& order) -> result<handle<A>> {
        auto made = core::spawn_from(*self_, order);
        if (!made) return made.error();
        return handle<A>{core::gate_of(*self_), made.value()};
      },
      std::forward<Arguments>(arguments)...);
}

}  // namespace v0
}  // namespace sluice
