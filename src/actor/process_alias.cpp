#include "actor/process_alias.hpp"

#include <algorithm>
#include <new>

#include <sluice/context.hpp>

#include "actor/caller.hpp"
#include "actor/life.hpp"
#include "actor/process_extension.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

namespace {

void end_alias(execution& by, slot& place) noexcept {
  // [AP1] release: from here a sender finds the alias gone; pairs AL2 (owner_of_alias), EX1.
  place.generation.store(place.generation.load(base::relaxed) + 1, base::release);
  release_slot(by, place);
}

}  // namespace

result<alias> create_alias(slot& self) noexcept {
  caller from{self};
  execution& by = from.by();
  by.flush_chain();  // X2
  if (self.state == life::ending) return error{error_code::stopping, 0, "create_alias"};
  seldom_used* const more = seldom_or_made(self);
  slot* const place = more == nullptr ? nullptr : by.node.slots.take(by.free_slots);
  if (place == nullptr) return error{error_code::limit_reached, 0, "create_alias"};
  more->aliases.push_back(place->index);
  place->bounded_max.store(0, base::relaxed);  // Relaxed: who gets the alias gets this with it.
  // [AP2] release: PA1; pairs AL1 (owner_of_alias).
  place->children.store(pack({own_generation(self), self.index}), base::release);
  place->kind.store(slot_kind::alias, base::relaxed);  // Relaxed: as bounded_max.
  return alias{by.node.id, place->index, place->generation.load(base::relaxed)};
}

bool destroy_alias(slot& self, alias own) noexcept {
  caller from{self};
  execution& by = from.by();
  seldom_used* const more = seldom_or_null(self);
  if (more == nullptr || own.node != by.node.id) return false;
  by.flush_chain();  // X2: what was sent by it before goes.
  auto& all = more->aliases;
  const auto known = std::find(all.begin(), all.end(), own.slot);
  if (known == all.end()) return false;
  slot& place = *by.node.slots.find(own.slot);
  if (place.generation.load(base::relaxed) != own.generation) return false;  // Relaxed: the owner.
  *known = all.back();
  all.pop_back();
  end_alias(by, place);
  return true;
}

void end_aliases(execution& by, slot& self) noexcept {
  seldom_used* const more = seldom_or_null(self);
  if (more == nullptr) return;
  by.flush_chain();
  for (const std::uint32_t each : more->aliases) end_alias(by, *by.node.slots.find(each));
  more->aliases.clear();
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
