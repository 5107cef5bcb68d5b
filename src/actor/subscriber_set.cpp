#include "actor/subscriber_set.hpp"

#include <cstddef>

namespace sluice::inline v0::core {

namespace {

constexpr std::uint32_t cell_bits_min = 3;

}  // namespace

bool subscriber_set::add(const subscriber& who) {
  const std::uint32_t known = find(who.slot, who.generation);
  if (known != nowhere) {
    members_[known].how = who.how;
    return false;
  }
  if (2 * (members_.size() + 1) > cells_.size()) grow();
  members_.push_back(who);
  place(size() - 1);
  return true;
}

std::uint32_t subscriber_set::find(std::uint32_t slot, std::uint32_t generation) const noexcept {
  if (cells_.empty()) return nowhere;
  const std::uint32_t mask = static_cast<std::uint32_t>(cells_.size()) - 1;
  for (std::uint32_t at = first_cell(slot);; at = (at + 1) & mask) {
    const std::uint32_t position = cells_[at];
    if (position == nowhere) return nowhere;
    const subscriber& seen = members_[position];
    if (seen.slot == slot && seen.generation == generation) return position;
  }
}

void subscriber_set::remove_at(std::uint32_t position) noexcept {
  const std::uint32_t mask = static_cast<std::uint32_t>(cells_.size()) - 1;
  std::uint32_t hole = cell_of(position);
  for (std::uint32_t at = (hole + 1) & mask; cells_[at] != nowhere; at = (at + 1) & mask) {
    const std::uint32_t home = first_cell(members_[cells_[at]].slot);
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    cells_[hole] = cells_[at];
    hole = at;
  }
  cells_[hole] = nowhere;
  const std::uint32_t last = size() - 1;
  if (position != last) {
    cells_[cell_of(last)] = position;
    members_[position] = members_[last];
  }
  members_.pop_back();
}

std::uint32_t subscriber_set::cell_of(std::uint32_t position) const noexcept {
  const std::uint32_t mask = static_cast<std::uint32_t>(cells_.size()) - 1;
  std::uint32_t at = first_cell(members_[position].slot);
  while (cells_[at] != position) at = (at + 1) & mask;
  return at;
}

void subscriber_set::place(std::uint32_t position) noexcept {
  const std::uint32_t mask = static_cast<std::uint32_t>(cells_.size()) - 1;
  std::uint32_t at = first_cell(members_[position].slot);
  while (cells_[at] != nowhere) at = (at + 1) & mask;
  cells_[at] = position;
}

void subscriber_set::grow() {
  const std::uint32_t bits = cells_.empty() ? cell_bits_min : 32 - shift_ + 1;
  cells_.assign(std::size_t{1} << bits, nowhere);
  shift_ = 32 - bits;
  for (std::uint32_t position = 0; position < size(); ++position) place(position);
}

}  // namespace sluice::inline v0::core
