// sluice-load --udp: numbered datagrams to an echo service, each verified, the rest told.
//
// U1 A flow is a socket of its own with up to `depth` datagrams in flight. A datagram is its number
//    (8 bytes, little end first) and then the flow's pattern at number * stride: a foreign, moved
//    or changed one is an error.
// U2 What is not answered within lost_after_ns counts as lost and makes room for the next one; if
//    it comes after all, it is late and not lost. An answer that came before is a duplicate. One
//    with a lower number than an earlier answer of its flow is reordered. These are told, not
//    errors.
// U3 The run ends by time (the window is as in load.hpp L3) or, with `count`, when so many
//    datagrams were sent; then there is no warm-up and the window is the whole run. After the end
//    everything is waited for, and a little longer for duplicates.
#pragma once

#include <cstdint>
#include <string>

#include "sockets.hpp"

namespace sluice::bench {

struct udp_options {
  std::uint32_t flows = 50;
  std::uint64_t size_bytes = 64;
  std::uint64_t depth = 1;
  std::uint64_t count = 0;  // over all flows; 0: by time
  std::uint64_t warmup_ns = 500'000'000;
  std::uint64_t window_ns = 5'000'000'000;
  std::uint64_t poll_ns = 50'000;
  bool spin = false;
  int watch_pid = 0;
};

constexpr std::uint64_t udp_size_min = 16;
constexpr std::uint64_t udp_size_max = 65507;

// The exit code; a start that failed leaves a sentence in `problem`.
[[nodiscard]] int load_datagrams(const udp_options& options, const address& to, std::uint64_t seed,
                                 std::string& problem);

}  // namespace sluice::bench
