// teller: sends in the name of an I/O meta's start flow, from callbacks of its driver.
//
// When: everything that a meta of this layer says outside of its handlers. Who: the meta's home
// thread. The sends of one turn to one receiver become one chain, published when the turn is over.
// Must be gone, or silent, when core::leave_start is called.
#pragma once

#include <utility>

#include <sluice/context.hpp>
#include <sluice/pid.hpp>

#include "actor/control_send.hpp"
#include "actor/delivery.hpp"
#include "actor/meta_state.hpp"
#include "actor/node_core.hpp"
#include "actor/start_flow_scope.hpp"
#include "io/driver.hpp"

namespace sluice::inline v0::net {

class teller {
 public:
  /// Of a meta that has a home: from begin() on.
  explicit teller(core::meta_state& meta) noexcept
      : meta_(meta), by_(core::execution_on(*meta.home)) {}

  [[nodiscard]] core::meta_state& meta() const noexcept { return meta_; }
  [[nodiscard]] core::execution& by() const noexcept { return by_; }
  [[nodiscard]] alias id() const noexcept {
    return {by_.node.id, meta_.self.index, meta_.generation};
  }
  // I/O metas live on workers that own a driver of the io layer (core::spawn_meta).
  [[nodiscard]] io::driver& driver() const noexcept {
    return static_cast<io::driver&>(meta_.home->parking());
  }
  /// The driver goes before the meta was asked to end: its node gave up on it, and nothing is
  /// handled any more.
  [[nodiscard]] bool is_given_up() const noexcept {
    return driver().is_stopping() && !meta_.is_stopping;
  }
  /// Relaxed: a hint; a send has the last word.
  [[nodiscard]] bool is_alive(pid who) const noexcept {
    const core::slot* const place = by_.node.slots.find(who.slot);
    return place != nullptr && place->generation.load(base::relaxed) == who.generation;
  }

  template <message M>
  send_outcome tell(address to, M message, priority lane = priority::main) noexcept {
    const core::start_flow_scope scope{by_, meta_.self};
    const send_outcome outcome =
        core::send_from(meta_.self, core::message_type_of<M>, to, std::move(message), lane);
    // One chain for all metas of a turn.
    if (scope.opened_run()) driver().call_after_turn(by_.turn_end);
    return outcome;
  }
  /// Never refused for lack of room: out of order beats not told.
  template <message M>
  void tell_surely(address to, M message) noexcept {
    if (tell(to, M{message}) == send_outcome::full) tell(to, std::move(message), priority::system);
  }
  /// A message of the runtime itself, unsigned.
  template <message M>
  send_outcome control(address to, priority lane, M message) noexcept {
    const bool was_chaining = by_.has_run_of_sends();
    const send_outcome outcome =
        core::send_control(by_, to.slot, to.generation, lane, std::move(message));
    // What is told after it in this turn may be chained, too.
    if (!was_chaining && by_.has_run_of_sends()) driver().call_after_turn(by_.turn_end);
    return outcome;
  }

 private:
  core::meta_state& meta_;
  core::execution& by_;
};

}  // namespace sluice::inline v0::net
