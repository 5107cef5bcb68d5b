// handler_states: the states that a process has become so far, beside its own handlers.
//
// Owner only. While a state is in use, slot::what and slot::object are its, and the actor's own are
// kept here; the end of the process puts them back first. A state object is never destroyed before
// the process ends, so a handler may change the state it belongs to.
#pragma once

#include <string_view>
#include <vector>

#include <sluice/behaviour.hpp>

#include "actor/slot.hpp"

namespace sluice::inline v0::core {

struct handler_states {
  struct entry {
    const behaviour* what;
    void* object;
    void (*drop)(void*) noexcept;
    std::string_view name;
  };

  handler_states(const behaviour* own_what_, void* own_object_) noexcept
      : own_what(own_what_), own_object(own_object_) {}
  handler_states(const handler_states&) = delete;
  handler_states& operator=(const handler_states&) = delete;
  ~handler_states() {
    for (const entry& each : made) each.drop(each.object);
  }

  const behaviour* own_what;
  void* own_object;
  std::vector<entry> made;
};

/// Owner, before the object goes: the actor's own handlers again, and no states.
void drop_states(slot& self) noexcept;
/// Owner: the type of the state in use, or empty.
[[nodiscard]] std::string_view name_of_state(const slot& self) noexcept;

}  // namespace sluice::inline v0::core
