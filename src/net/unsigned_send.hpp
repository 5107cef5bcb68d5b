// unsigned_send: control messages of net itself, to a receiver that may have gone meanwhile.
//
// Without a sender they are counted like all others but not reported as dead letters: nobody
// wonders why a connection that is gone was told to close. The caller's thread is `by`'s.
#pragma once

#include <new>
#include <utility>

#include <sluice/message.hpp>
#include <sluice/pid.hpp>

#include "actor/delivery.hpp"

namespace sluice::inline v0::net {

template <message M>
send_outcome send_unsigned(core::execution& by, const address& to, M told, priority lane) noexcept {
  constexpr std::size_t bytes = core::payload_offset<M>() + sizeof(M);
  core::envelope* const carried = by.make_urgent_envelope(core::block_class_for(bytes), bytes);
  carried->type = &core::message_type_of<M>;
  carried->from_slot = 0;
  carried->from_generation = 0;
  carried->from_node = 0;
  new (carried->payload()) M(std::move(told));
  return by.deliver(carried, to.slot, to.generation, lane);
}

}  // namespace sluice::inline v0::net
