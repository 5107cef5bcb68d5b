// send_tap: what stands in for everybody else when one process is tested alone.
//
// Its node gives out addresses whose mailboxes are closed, though their generation is right. What
// is sent to one ends where a receiver that has just closed would refuse it, a cold place, and is
// handed over here; so are spawns by processes and metas, and the ends of processes. A node that is
// not under such a test has none.
#pragma once

#include <sluice/exit_reason.hpp>
#include <sluice/pid.hpp>
#include <sluice/result.hpp>
#include <sluice/spawn_order.hpp>

#include "actor/execution.hpp"
#include "actor/slot.hpp"

namespace sluice::inline v0::core {

class send_tap {
 public:
  send_tap() = default;
  send_tap(const send_tap&) = delete;
  send_tap& operator=(const send_tap&) = delete;

  /// Takes a chain over (mailbox M4) when `to` is one of those addresses. False: it is not.
  virtual bool take(execution& by, slot& to, envelope* last) = 0;
  /// Errors: name_taken.
  virtual result<pid> spawned(execution& by, slot& spawner, const spawn_order& order) = 0;
  virtual alias spawned_meta(const meta_order& order) = 0;
  virtual void ended(slot& self, const exit_reason& reason) = 0;

 protected:
  ~send_tap() = default;
};

}  // namespace sluice::inline v0::core
