#include "actor/fallback_table.hpp"

#include <mutex>

#include "actor/name_registry.hpp"

namespace sluice::inline v0::core {

void fallback_table::set(std::uint32_t slot, std::uint32_t generation,
                         const fallback_receiver& fallback) {
  stripe& in = stripes_[slot % stripe_count];
  const std::unique_lock lock{in.guard};
  in.entries.insert_or_assign(slot, entry{generation, fallback.who, std::string{fallback.name}});
}

void fallback_table::remove(std::uint32_t slot) noexcept {
  stripe& in = stripes_[slot % stripe_count];
  const std::unique_lock lock{in.guard};
  in.entries.erase(slot);
}

address fallback_table::find(std::uint32_t slot, std::uint32_t generation,
                             const name_registry& names) const noexcept {
  const stripe& in = stripes_[slot % stripe_count];
  const std::shared_lock lock{in.guard};
  const auto found = in.entries.find(slot);
  if (found == in.entries.end() || found->second.generation != generation) return {};
  const entry& known = found->second;
  return known.who.is_valid() ? known.who : names.find(known.name);
}

}  // namespace sluice::inline v0::core
