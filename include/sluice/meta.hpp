// meta<Self, Messages...>: a meta process, the joint between blocking or socket I/O and actors.
//
// It has two flows: start(), alive from spawn to end, and the handlers `on`, activated by mail. The
// kind of start decides where they run:
//   void or result<void> start(std::stop_token)
//       blocking: on a thread of its own, pinned and named as the options say. The handlers run on
//       the schedulers, at the same time as start(): what both touch must be atomic or locked.
//   io::task<> start(io::context&)
//       I/O: a coroutine on the thread that owns the ring; the handlers run on that thread too,
//       between its suspensions: no lock.
//
// The return of start() ends the meta. A blocking start must honour its stop token: one that does
// not is named in the log at node stop and quarantined.
//
// Hooks: result<void> or void init() (in the spawner; an error spawns nothing), void
// terminate(const exit_reason&) noexcept: once, after both flows have left; void
// on_inspect(inspect_items&): name/value pairs and bytes in and out.
// A meta may send, spawn metas and use timers. It cannot call, link, monitor or register a name:
// these are no members, and naming them says why.
#pragma once

#include <concepts>
#include <stop_token>
#include <type_traits>
#include <utility>

#include <sluice/actor.hpp>
#include <sluice/meta_behaviour.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

namespace core {
[[nodiscard]] meta_state& state_of(const slot& self) noexcept;
}

/// The erased base of all metas.
class meta_base : public core::sending<core::usual_lane::of_options> {
 public:
  [[nodiscard]] alias self() const noexcept { return core::alias_of(*self_); }
  /// The process this meta belongs to.
  [[nodiscard]] pid parent() const noexcept { return core::parent_of(*self_); }

  /// For the library.
  [[nodiscard]] core::meta_state& state() const noexcept { return core::state_of(*self_); }

  // What a meta may not do: calling one of these fails to compile and says why.
  template <class Reply = void, class... Any>
  void call(Any&&...) {
    static_assert(sizeof...(Any) > 1000,
                  "sluice: a meta process cannot call: it has two flows and none of them may wait "
                  "for a reply. Send a message and take the answer in a handler");
  }
  template <class... Any>
  void link(Any&&...) {
    static_assert(
        sizeof...(Any) > 1000,
        "sluice: a meta process cannot link: it ends with its parent. Let its process link");
  }
  template <class... Any>
  void monitor(Any&&...) {
    static_assert(sizeof...(Any) > 1000,
                  "sluice: a meta process cannot monitor. Let its process monitor and tell it");
  }
  template <class A, class... Any>
  void spawn(const spawn_options& = {}, Any&&...) {
    static_assert(sizeof...(Any) > 1000,
                  "sluice: a meta process spawns metas, not processes. Let its process spawn them");
  }
  template <class... Any>
  void set_env(Any&&...) {
    static_assert(sizeof...(Any) > 1000,
                  "sluice: a meta process sees its process's environment and has none of its own. "
                  "Spawn the process with spawn_options::env");
  }
  template <class... Any>
  void register_name(Any&&...) {
    static_assert(sizeof...(Any) > 1000,
                  "sluice: a meta process has an alias and no name. Let its process have the name");
  }
};

template <class Self, class... Messages>
class meta : public core::group_sending<core::publishing<core::asking<Self, meta_base>>> {
 public:
  using listed_messages = typename core::flatten<messages<>, Messages...>::type;
};

namespace core {

template <class M>
concept has_blocking_start = requires(M& self, std::stop_token stop) {
  self.start(stop);
};

template <class M>
result<void> run_blocking_start(void* object, std::stop_token stop) {
  M& self = *static_cast<M*>(object);
  if constexpr (std::is_void_v<decltype(self.start(std::move(stop)))>) {
    self.start(std::move(stop));
    return {};
  } else {
    return self.start(std::move(stop));
  }
}

template <class M>
result<void> invoke_init(void* object) {
  M& self = *static_cast<M*>(object);
  if constexpr (std::is_void_v<decltype(self.init())>) {
    self.init();
    return {};
  } else {
    return self.init();
  }
}

template <class M>
[[nodiscard]] constexpr auto init_of() noexcept -> result<void> (*)(void*) {
  if constexpr (requires(M & self) { self.init(); }) {
    return &invoke_init<M>;
  } else {
    return nullptr;
  }
}

/// The parts of a behaviour that all kinds of metas share.
template <class M>
[[nodiscard]] constexpr behaviour meta_base_behaviour() noexcept {
  using table = dispatch_table<M, typename M::listed_messages, library_messages>;
  return {type_name<M>(),    sizeof(M),         alignof(M),         table::entries.data(),
          table::size - 1,   catch_all_of<M>(), &destroy_object<M>, init_of<M>(),
          terminate_of<M>(), inspect_of<M>()};
}

}  // namespace core

template <class M>
requires std::derived_from<M, meta_base> && core::has_blocking_start<M>
struct behaviour_of<M> {
  static constexpr core::meta_behaviour value{core::meta_base_behaviour<M>(),
                                              core::meta_flow::blocking,
                                              &core::run_blocking_start<M>,
                                              nullptr,
                                              nullptr,
                                              nullptr};
};

namespace core {

[[nodiscard]] inline meta_order order_from(const meta_options& options) noexcept {
  meta_order order;
  order.mailbox_max = options.mailbox_max;
  order.overflow = options.overflow;
  order.fallback = options.fallback;
  order.send_priority = options.send_priority;
  order.log_level = options.log_level;
  order.tie_to_spawner = options.tie_to_spawner;
  order.thread_name = options.thread_name;
  order.core = options.pin.number;
  order.is_pinned = options.is_pinned;
  order.ring = options.ring;
  return order;
}

/// Turns options and constructor arguments of M into an order for `spawn_it`.
template <class M, class SpawnIt, class... Arguments>
[[nodiscard]] result<alias> order_meta(options_of<M> options, SpawnIt&& spawn_it,
                                       Arguments&&... arguments) {
  if constexpr (std::is_same_v<options_of<M>, meta_options>) {
    return order_and_spawn<M>(order_from(options), std::forward<SpawnIt>(spawn_it),
                              std::forward<Arguments>(arguments)...);
  } else {
    const meta_order order = order_from(options.meta);
    return order_and_spawn<M>(order, std::forward<SpawnIt>(spawn_it), std::move(options),
                              std::forward<Arguments>(arguments)...);
  }
}

}  // namespace core

template <class M, class... Arguments>
result<meta_handle<M>> participant::spawn_meta(core::options_of<M> options,
                                               Arguments&&... arguments) {
  auto made = core::order_meta<M>(
      std::move(options),
      [this](const core::meta_order& order) { return core::spawn_meta_from(*self_, order); },
      std::forward<Arguments>(arguments)...);
  if (!made) return made.error();
  return meta_handle<M>{core::gate_of(*self_), made.value()};
}

}  // namespace v0
}  // namespace sluice
