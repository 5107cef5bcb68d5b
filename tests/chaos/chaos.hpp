// chaos: a server of frames, and clients that are killed in the middle of one.
#pragma once

#include <cstdint>

namespace chaos {

/// Serves on a free port of the loopback until its standard input ends or says `quit`; answers each
/// line `status` with one of numbers. The exit status of the program.
[[nodiscard]] int serve(bool with_epoll);

struct killing {
  std::uint16_t port = 0;
  std::uint64_t count = 0;
  std::uint64_t seed = 1;
  bool may_be_refused = false;  ///< whether a connection that is not killed may end unanswered
};

/// `count` clients, one after the other, each killed in a manner that the seed draws; of every
/// sixteen one is not, and must hear what it said. The exit status of the program.
[[nodiscard]] int kill_clients(const killing& how);

}  // namespace chaos
