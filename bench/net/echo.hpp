// The two bare echo servers behind raw-echo: what the kernel interface costs when nothing else is
// in the way. Both echo every byte in order, keep memory bounded when a peer does not read (its
// socket is not read either until it does), and answer everything received before they close a
// half-closed connection.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::bench {

struct echo_options {
  int listen_fd = -1;
  int signal_fd = -1;      // readable when the server shall stop
  unsigned buffers = 256;  // io_uring only: a power of two
  unsigned buffer_bytes = 16384;
  std::uint64_t poll_ns = 20'000;  // how long an idle loop looks before it sleeps
};

struct echo_counts {
  std::uint64_t accepted = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t receives = 0;
  std::uint64_t syscalls = 0;
  std::uint64_t paused = 0;   // times a connection's reading stopped because its peer did not read
  std::uint64_t starved = 0;  // times a receive found no provided buffer
};

// Each returns when signal_fd is readable; false leaves a sentence in `problem`.
[[nodiscard]] bool echo_with_uring(const echo_options& options, echo_counts& counts,
                                   std::string& problem);
[[nodiscard]] bool echo_with_epoll(const echo_options& options, echo_counts& counts,
                                   std::string& problem);

}  // namespace sluice::bench
