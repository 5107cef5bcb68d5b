#include "actor/name_registry.hpp"

#include <mutex>
#include <utility>

namespace sluice::inline v0::core {

// The two maps are locked one after the other, never both: the owner adds and removes in order.
bool name_registry::add(std::string_view name, pid who) {
  {
    stripe& in = stripes_[stripe_of(name)];
    const std::unique_lock lock{in.guard};
    if (!in.names.try_emplace(std::string{name}, who).second) return false;
  }
  stripe& in = stripes_[stripe_of(who)];
  const std::unique_lock lock{in.guard};
  in.owners.insert_or_assign(who, std::string{name});
  return true;
}

void name_registry::remove(pid who) noexcept {
  std::string name;
  {
    stripe& in = stripes_[stripe_of(who)];
    const std::unique_lock lock{in.guard};
    auto node = in.owners.extract(who);
    if (node.empty()) return;
    name = std::move(node.mapped());
  }
  stripe& in = stripes_[stripe_of(name)];
  const std::unique_lock lock{in.guard};
  const auto found = in.names.find(std::string_view{name});
  if (found != in.names.end() && found->second == who) in.names.erase(found);
}

std::string name_registry::name_of(pid who) const {
  const stripe& in = stripes_[stripe_of(who)];
  const std::shared_lock lock{in.guard};
  const auto found = in.owners.find(who);
  return found == in.owners.end() ? std::string{} : found->second;
}

pid name_registry::find(std::string_view name) const {
  const stripe& in = stripes_[stripe_of(name)];
  const std::shared_lock lock{in.guard};
  const auto found = in.names.find(name);
  return found == in.names.end() ? pid{} : found->second;
}

}  // namespace sluice::inline v0::core
