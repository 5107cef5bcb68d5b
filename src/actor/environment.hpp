// environment: the variables that a process and all below it see. Immutable once made, so any
// thread may read it; shared by those who inherit it unchanged.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include <sluice/environment.hpp>

namespace sluice::inline v0::core {

class environment {
 public:
  environment() = default;
  /// `below`, with `changes` on top.
  environment(const environment& below, const env_variables& changes);

  /// As long as this lives.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;
  [[nodiscard]] bool is_empty() const noexcept { return variables_.empty(); }

 private:
  env_variables variables_;  // by name, one each
};

/// Null stands for the node's own.
using shared_environment = std::shared_ptr<const environment>;

/// What is seen by one who is spawned below `spawner` with `changes`.
[[nodiscard]] shared_environment inherit(const environment& of_node,
                                         const shared_environment& of_spawner,
                                         const env_variables* changes);

}  // namespace sluice::inline v0::core
