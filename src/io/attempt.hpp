// attempt: one io::request carried out by non-blocking system calls.
//
// When: by drivers that have no io_uring behind them (epoll_driver, simulated_driver). It keeps no
// state of the descriptor; who calls it knows when it is worth while.
// Never blocks, whatever the descriptor's own mode is: sockets are asked with MSG_DONTWAIT,
// listening and connecting ones are made non-blocking, pipes and devices are asked with RWF_NOWAIT
// or polled first. Files of a disk are the exception: they are read and written at once, as every
// program without io_uring does. A received datagram is laid out in its buffer as a multishot
// recvmsg of io_uring lays it out (struct io_uring_recvmsg_out, room for the name, room for the
// control messages, payload).
// SIGPIPE: sockets raise none; a write to a pipe without a reader is found by poll(2) first.
// Threads that a node starts block signals anyway.
#pragma once

#include <cstdint>

#include "io/operation.hpp"
#include "io/receive_buffers.hpp"
#include "io/request.hpp"

namespace sluice::inline v0::io {

/// What an attempt leaves for the next one of the same start.
struct attempt_state {
  bool is_begun = false;  ///< accept: the socket does not block; connect: it is under way
};

struct attempt_result {
  completion what{};            ///< without flag_more, which is the driver's business
  std::uint32_t wait_for = 0;   ///< not 0: nothing was done; worth while after these poll events
  bool is_drained = false;      ///< the descriptor has no more of this at the moment
  bool ends_multishot = false;  ///< io_uring would end a multishot request here
  [[nodiscard]] bool is_blocked() const noexcept { return wait_for != 0; }
};

/// `size_max` cuts what is received, sent, read or written; not for datagrams.
[[nodiscard]] attempt_result attempt(const request& what, attempt_state& state,
                                     receive_buffers& buffers,
                                     std::uint32_t size_max = UINT32_MAX) noexcept;

}  // namespace sluice::inline v0::io
