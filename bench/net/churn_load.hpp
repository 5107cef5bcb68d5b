// sluice-load --churn: connect, one message, its echo verified, close, and again, on so many
// connections at once. Latency runs from the connect to the last byte of the answer.
//
// The client closes first, so the addresses in TIME_WAIT are the client's; to an IPv4 loopback
// service it connects from many addresses in turn, or it would run out of ports.
#pragma once

#include <cstdint>
#include <string>

#include "load.hpp"
#include "sockets.hpp"

namespace sluice::bench {

// Of the options: connections (at once), size, warm-up, window, poll, spin and watch_pid. The exit
// code; a start that failed leaves a sentence in `problem`.
[[nodiscard]] int load_with_churn(const load_options& options, const address& to,
                                  std::uint64_t seed, std::string& problem);

}  // namespace sluice::bench
