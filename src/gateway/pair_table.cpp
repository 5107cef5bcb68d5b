#include "pair_table.hpp"

#include <utility>

namespace gateway {

void pair_table::add(sluice::alias accepted, sluice::alias outgoing) {
  if (2 * (count_ + 2) > places_.size()) grow();
  insert({accepted, outgoing, true});
  insert({outgoing, accepted, false});
}

std::optional<pair_side> pair_table::take(sluice::alias own) noexcept {
  pair_side* const found = find(own);
  if (found == nullptr) return {};
  const pair_side taken = *found;
  if (pair_side* const other = find(taken.other)) other->is_alone = true;
  auto hole = static_cast<std::size_t>(found - places_.data());
  // Whoever probed past the hole moves up, unless it would then stand before its home.
  for (std::size_t at = next(hole); places_[at].own.is_valid(); at = next(at)) {
    const std::size_t mask = places_.size() - 1;
    const std::size_t from_home = (at - home_of(places_[at].own)) & mask;
    const std::size_t from_hole = (at - hole) & mask;
    if (from_home < from_hole) continue;
    places_[hole] = places_[at];
    hole = at;
  }
  places_[hole] = {};
  --count_;
  return taken;
}

void pair_table::insert(const pair_side& side) noexcept {
  std::size_t at = home_of(side.own);
  while (places_[at].own.is_valid()) at = next(at);
  places_[at] = side;
  ++count_;
}

void pair_table::grow() {
  std::vector<pair_side> old(2 * places_.size());
  std::swap(old, places_);
  count_ = 0;
  for (const pair_side& side : old) {
    if (side.own.is_valid()) insert(side);
  }
}

}  // namespace gateway
