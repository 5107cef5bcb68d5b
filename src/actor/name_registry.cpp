#include "actor/name_registry.hpp"

#include <algorithm>
#include <cstring>

#include "base/clock.hpp"
#include "base/out_of_memory.hpp"
#include "base/random.hpp"

namespace sluice::inline v0::core {

name_registry::name_registry()
    : seed_(base::random_source{base::ticks() ^ reinterpret_cast<std::uintptr_t>(this)}.next()) {}

std::uint64_t name_registry::hash_of(std::string_view name) const noexcept {
  std::uint64_t hash = seed_ ^ name.size();
  for (std::size_t begin = 0; begin < name.size(); begin += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, name.data() + begin, std::min(sizeof word, name.size() - begin));
    hash = base::random_source{hash ^ word}.next();
  }
  return hash;
}

// The two maps are locked one after the other, never both: the owner adds and removes in order.
bool name_registry::add(std::string_view name, pid who, std::uintptr_t tag) {
  const std::uint64_t hash = hash_of(name);
  owned made{nullptr, stripe_of(hash)};
  {
    stripe& in = stripes_[made.stripe];
    const std::lock_guard lock{in.guard};
    made.entry = in.names.add(name, hash, {who, tag});
  }
  if (made.entry == nullptr) return false;
  base::undo_unless_kept claimed{[&]() noexcept { give_up(made); }};
  {
    stripe& in = stripes_[stripe_of(who)];
    const std::lock_guard lock{in.guard};
    in.owners.insert_or_assign(who, made);
  }
  claimed.keep();
  return true;
}

bool name_registry::remove(pid who) noexcept {
  owned given{};
  {
    stripe& in = stripes_[stripe_of(who)];
    const std::lock_guard lock{in.guard};
    const auto found = in.owners.find(who);
    if (found == in.owners.end()) return false;
    given = found->second;
    in.owners.erase(found);
  }
  give_up(given);
  return true;
}

void name_registry::give_up(const owned& given) noexcept {
  stripe& in = stripes_[given.stripe];
  const std::lock_guard lock{in.guard};
  in.names.remove(given.entry);
}

std::string name_registry::name_of(pid who) const {
  const stripe& in = stripes_[stripe_of(who)];
  const std::lock_guard lock{in.guard};
  const auto found = in.owners.find(who);
  // Under this lock the entry is the owner's: remove() forgets it here first.
  return found == in.owners.end() ? std::string{} : name_table::name_of(*found->second.entry);
}

named name_registry::find_tagged(std::string_view name) const noexcept {
  const std::uint64_t hash = hash_of(name);
  return stripes_[stripe_of(hash)].names.find(name, hash);
}

}  // namespace sluice::inline v0::core
