// control_send: messages of the runtime itself, to a receiver that may have gone meanwhile.
//
// Never refused for lack of room. Without a sender they are counted like all others but not
// reported as dead letters: nobody wonders why a connection that is gone was told to close.
#pragma once

#include <new>
#include <utility>

#include <sluice/message.hpp>

#include "actor/delivery.hpp"

namespace sluice::inline v0::core {

/// An unsigned envelope with `told` in it; `by` is the caller's thread.
template <message M>
[[nodiscard]] envelope* make_control(execution& by, M told) noexcept {
  constexpr std::size_t bytes = payload_offset<M>() + sizeof(M);
  envelope* const carried = by.make_urgent_envelope(block_class_for(bytes), bytes);
  carried->type = &message_type_of<M>;
  leave_unsigned(*carried);
  new (carried->payload()) M(std::move(told));
  return carried;
}

template <message M>
send_outcome send_control(execution& by, std::uint32_t to_slot, std::uint32_t to_generation,
                          priority lane, M told) noexcept {
  return by.deliver(make_control(by, std::move(told)), to_slot, to_generation, lane);
}

}  // namespace sluice::inline v0::core
