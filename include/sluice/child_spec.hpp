// child_spec: what a supervisor or pool needs to start a child again and again.
//
//   child<database>("db", "host=...")             // copies of these arguments for each start
//   child<cache>({.id = "cache", .restart = restart_policy::transient}, 4096)
//
// A constructor parameter that is a reference gets std::ref(...), and what it names must outlive
// the supervisor.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <sluice/actor.hpp>
#include <sluice/supervision.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

class supervisor;

namespace core {

/// Makes a child below `parent`; `base` says all but the type and its arguments.
class child_factory {
 public:
  child_factory() noexcept = default;
  child_factory(const child_factory&) = delete;
  child_factory& operator=(const child_factory&) = delete;
  virtual ~child_factory() = default;
  [[nodiscard]] virtual result<pid> start(slot& parent, const spawn_order& base) const = 0;
  /// Whether it has children of its own that it ends in order.
  [[nodiscard]] virtual bool makes_supervisors() const noexcept = 0;
};

template <class A>
concept keeps_children = requires {
  typename A::keeps_children;
};

template <class A, class... Arguments>
class child_factory_of final : public child_factory {
 public:
  explicit child_factory_of(Arguments... arguments) : arguments_(std::move(arguments)...) {}

  [[nodiscard]] result<pid> start(slot& parent, const spawn_order& base) const override {
    return std::apply(
        [&](const Arguments&... each) {
          return order_and_spawn<A>(
              base, [&parent](const spawn_order& order) { return spawn_from(parent, order); },
              Arguments(each)...);
        },
        arguments_);
  }
  [[nodiscard]] bool makes_supervisors() const noexcept override { return keeps_children<A>; }

 private:
  std::tuple<Arguments...> arguments_;
};

}  // namespace core

/// A value: copies start the same kind of child.
struct child_spec {
  child_options options;
  std::shared_ptr<const core::child_factory> factory;
};
using children = std::vector<child_spec>;

template <class A, class... Arguments>
requires std::derived_from<A, actor_base>
[[nodiscard]] child_spec child(child_options options, Arguments... arguments) {
  static_assert(std::is_constructible_v<A, Arguments...>,
                "sluice: the actor cannot be constructed from these arguments");
  static_assert((std::is_copy_constructible_v<Arguments> && ...),
                "sluice: the arguments of a child are copied for each start");
  return {std::move(options),
          std::make_shared<core::child_factory_of<A, Arguments...>>(std::move(arguments)...)};
}
/// The same for one of whom nothing but its id, a string, is to be said.
template <class A, std::convertible_to<std::string> Id, class... Arguments>
requires std::derived_from<A, actor_base>
[[nodiscard]] child_spec child(Id id, Arguments... arguments) {
  child_options options;
  options.id = std::move(id);
  return child<A>(std::move(options), std::move(arguments)...);
}

}  // namespace v0
}  // namespace sluice
