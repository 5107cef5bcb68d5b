// The bare relays behind raw-echo and raw-forward: what the kernel interface costs when nothing
// else is in the way. An echo server is a relay whose connections lead back to themselves; a
// forwarder pairs each accepted connection with one to its target. Both pass every byte on in
// order, straight from the buffer it arrived in, keep memory bounded when a receiver does not read
// (its source is not read either until it does), and deliver everything received before they carry
// an end on.
//
// Sides: a connection is a side, named by its slot. What arrives at slot s leaves at slot
// s ^ across, where across is 0 for an echo and 1 for a forwarder, whose pairs lie at 2k (accepted)
// and 2k + 1 (opened). A flow is what goes from s to s ^ across.
#pragma once

#include <cstdint>
#include <string>

#include "sockets.hpp"

namespace sluice::bench {

struct relay_options {
  int listen_fd = -1;
  int signal_fd = -1;               // readable when the relay shall stop
  const address* target = nullptr;  // null: an echo server
  unsigned buffers = 256;           // io_uring only: a power of two
  unsigned buffer_bytes = 16384;
  std::uint64_t poll_ns = 20'000;  // how long an idle loop looks before it sleeps
  bool splice = false;             // epoll only: bytes move through a pipe, not through memory
};

struct relay_counts {
  std::uint64_t accepted = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t receives = 0;
  std::uint64_t syscalls = 0;
  std::uint64_t paused = 0;   // times a source rested because its destination did not read
  std::uint64_t starved = 0;  // times a receive found no provided buffer
};

// Each returns when signal_fd is readable; false leaves a sentence in `problem`.
[[nodiscard]] bool relay_with_uring(const relay_options& options, relay_counts& counts,
                                    std::string& problem);
[[nodiscard]] bool relay_with_epoll(const relay_options& options, relay_counts& counts,
                                    std::string& problem);

}  // namespace sluice::bench
