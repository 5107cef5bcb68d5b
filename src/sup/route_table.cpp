#include "sup/route_table.hpp"

#include <algorithm>
#include <functional>

namespace sluice::inline v0::core {

namespace {

// splitmix64's finish: every bit of the key and of the member counts.
std::uint64_t mix(std::uint64_t z) noexcept {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

std::uint64_t seed_of(const route_member& who) noexcept {
  if (!who.name.empty()) return mix(std::hash<std::string>{}(who.name));
  const std::uint64_t slot_and_generation = std::uint64_t{who.who.generation} << 32 | who.who.slot;
  return mix(slot_and_generation + 0x9e3779b97f4a7c15ull);
}

bool is_nobody(const route_member& who) noexcept { return who.name.empty() && !who.who.is_valid(); }

}  // namespace

route_table::route_table(const routes& by, const route_members& first) : by_(by) {
  for (const route& each : by_.all()) by_type_[each.type] = &each;  // The last one counts.
  for (const route_member& each : first) join(each);
}

bool route_table::join(const route_member& who) {
  if (is_nobody(who)) return false;
  if (std::find(members_.begin(), members_.end(), who) != members_.end()) return false;
  members_.push_back(who);
  seeds_.push_back(seed_of(who));
  watches_.emplace_back();
  return true;
}

bool route_table::leave(const route_member& who) {
  const auto found = std::find(members_.begin(), members_.end(), who);
  if (found == members_.end()) return false;
  seeds_.erase(seeds_.begin() + (found - members_.begin()));
  watches_.erase(watches_.begin() + (found - members_.begin()));
  members_.erase(found);
  return true;
}

ref route_table::watch_of(const route_member& who) const noexcept {
  const auto found = std::find(members_.begin(), members_.end(), who);
  return found == members_.end() ? ref{}
                                 : watches_[static_cast<std::size_t>(found - members_.begin())];
}

void route_table::watch(const route_member& who, ref by) noexcept {
  const auto found = std::find(members_.begin(), members_.end(), who);
  if (found != members_.end()) watches_[static_cast<std::size_t>(found - members_.begin())] = by;
}

const route_member* route_table::member_for(std::uint64_t key_hash) const noexcept {
  const route_member* best = nullptr;
  std::uint64_t best_weight = 0;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const std::uint64_t weight = mix(mix(key_hash + 0x9e3779b97f4a7c15ull) ^ seeds_[i]);
    if (best != nullptr && weight <= best_weight) continue;
    best = &members_[i];
    best_weight = weight;
  }
  return best;
}

const route_member* route_table::find(const message_type& type, const void* payload) const {
  const auto found = by_type_.find(&type);
  if (found == by_type_.end()) return is_nobody(by_.otherwise()) ? nullptr : &by_.otherwise();
  const route& by = *found->second;
  switch (by.what) {
    case route::kind::fixed: return &by.target;
    case route::kind::key: return member_for(by.find(payload, members_.size()));
    case route::kind::choice: break;
  }
  if (members_.empty()) return nullptr;
  const std::uint64_t index = by.find(payload, members_.size());
  return index < members_.size() ? &members_[index] : nullptr;
}

}  // namespace sluice::inline v0::core
