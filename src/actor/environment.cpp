#include "actor/environment.hpp"

#include <algorithm>

namespace sluice::inline v0::core {

namespace {

// The first that is not before `name`.
template <class Variables>
auto place_of(Variables& variables, std::string_view name) noexcept {
  return std::lower_bound(
      variables.begin(), variables.end(), name,
      [](const env_variable& each, std::string_view wanted) { return each.name < wanted; });
}

}  // namespace

environment::environment(const environment& below, const env_variables& changes)
    : variables_(below.variables_) {
  for (const env_variable& change : changes) {
    const auto at = place_of(variables_, change.name);
    if (at != variables_.end() && at->name == change.name) {
      at->value = change.value;
    } else {
      variables_.insert(at, change);
    }
  }
}

std::optional<std::string_view> environment::find(std::string_view name) const noexcept {
  const auto at = place_of(variables_, name);
  if (at == variables_.end() || at->name != name) return std::nullopt;
  return std::string_view{at->value};
}

shared_environment inherit(const environment& of_node, const shared_environment& of_spawner,
                           const env_variables* changes) {
  if (changes == nullptr || changes->empty()) return of_spawner;
  return std::make_shared<const environment>(of_spawner ? *of_spawner : of_node, *changes);
}

}  // namespace sluice::inline v0::core
