#include "actor/handler_states.hpp"

#include <sluice/become.hpp>

#include <algorithm>
#include <new>

#include "actor/caller.hpp"
#include "actor/process_extension.hpp"

namespace sluice {
inline namespace v0 {
namespace core {

namespace {

handler_states* states_or_null(const slot& self) noexcept {
  const seldom_used* const more = seldom_or_null(self);
  return more == nullptr ? nullptr : more->states.get();
}

const handler_states::entry* find(const handler_states& in, const behaviour& what) noexcept {
  const auto found = std::find_if(in.made.begin(), in.made.end(),
                                  [&what](const auto& each) { return each.what == &what; });
  return found == in.made.end() ? nullptr : &*found;
}

handler_states* make_states(slot& self) noexcept {
  seldom_used* const more = seldom_or_made(self);
  if (more == nullptr) return nullptr;
  auto& states = more->states;
  if (states == nullptr) states.reset(new (std::nothrow) handler_states(self.what, self.object));
  return states.get();
}

}  // namespace

void* find_state(slot& self, const behaviour& what) noexcept {
  const caller from{self};
  const handler_states* const states = states_or_null(self);
  const auto* const known = states == nullptr ? nullptr : find(*states, what);
  return known == nullptr ? nullptr : known->object;
}

bool add_state(slot& self, const behaviour& what, std::string_view name, void* made,
               void (*drop)(void*) noexcept) noexcept {
  handler_states* const states = make_states(self);
  if (states == nullptr) return false;
  states->made.push_back({&what, made, drop, name});
  return true;
}

void use_state(slot& self, const behaviour* what) noexcept {
  const caller from{self};
  const handler_states* const states = states_or_null(self);
  if (states == nullptr) return;  // It has become nothing so far.
  const auto* const next = what == nullptr ? nullptr : find(*states, *what);
  // Relaxed: others look at it for a list.
  base::store_relaxed<const behaviour*>(self.what, next == nullptr ? states->own_what : next->what);
  self.object = next == nullptr ? states->own_object : next->object;
}

void pass_to_actor(slot& self, envelope& carried) {
  const handler_states& states = *states_or_null(self);
  const behaviour& own = *states.own_what;
  // A message for the actor's own handler that neither lists.
  if (carried.type->bound_to == &own) return carried.type->invoke(states.own_object, carried);
  if (own.catch_all != nullptr) return own.catch_all(states.own_object, carried);
  // Relaxed: the owner.
  execution& by = *self.running_on.load(base::relaxed);
  by.count_dead(carried, dead_letter::unhandled);
  // The caller will count it as handled.
  base::add_single_writer(by.counters.handled, std::uint64_t{0} - 1);
}

void drop_states(slot& self) noexcept {
  handler_states* const states = states_or_null(self);
  if (states == nullptr) return;
  base::store_relaxed<const behaviour*>(self.what, states->own_what);  // Relaxed: as above.
  self.object = states->own_object;
  self.extension->seldom->states.reset();
}

std::string_view name_of_state(const slot& self) noexcept {
  const handler_states* const states = states_or_null(self);
  const auto* const now = states == nullptr ? nullptr : find(*states, *self.what);
  return now == nullptr ? std::string_view{} : now->name;
}

}  // namespace core
}  // namespace v0
}  // namespace sluice
