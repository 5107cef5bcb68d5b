// The three bare UDP echo servers behind raw-udp: what a datagram there and back costs when nothing
// else is in the way. Each answers every datagram to whoever sent it. What the socket does not take
// at once is dropped and counted, as UDP may; one that did not fit its buffer is counted and not
// answered.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::bench {

struct datagram_options {
  int fd = -1;         // bound, blocking
  int signal_fd = -1;  // readable when the server shall stop
  unsigned buffers = 256;
  unsigned buffer_bytes = 2048;    // room for a datagram
  unsigned batch = 64;             // datagrams a call (mmsg)
  std::uint64_t poll_ns = 20'000;  // how long an idle loop looks before it sleeps
};

struct datagram_counts {
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
  std::uint64_t refused = 0;    // the socket did not take them
  std::uint64_t truncated = 0;  // longer than buffer_bytes
  std::uint64_t starved = 0;    // times a receive found no provided buffer
  std::uint64_t syscalls = 0;
};

// Each returns when signal_fd is readable; false leaves a sentence in `problem`.
// io_uring: multishot receive into provided buffers, a turn's answers in one enter.
[[nodiscard]] bool answer_with_uring(const datagram_options& options, datagram_counts& counts,
                                     std::string& problem);
// recvmmsg and sendmmsg.
[[nodiscard]] bool answer_in_batches(const datagram_options& options, datagram_counts& counts,
                                     std::string& problem);
// recvfrom and sendto.
[[nodiscard]] bool answer_one_by_one(const datagram_options& options, datagram_counts& counts,
                                     std::string& problem);

}  // namespace sluice::bench
