// sluice-load --idle: many connections that have had one message echoed and then say nothing. What
// they cost the watched server: its own resident memory, the kernel's objects apart, and its
// processor time while nothing happens.
#pragma once

#include <cstdint>
#include <string>

#include "load.hpp"
#include "sockets.hpp"

namespace sluice::bench {

// Of the options: size, window (how long nothing happens) and watch_pid, which must be given.
// The exit code; a start that failed leaves a sentence in `problem`.
[[nodiscard]] int load_with_idle(const load_options& options, const address& to, std::uint64_t seed,
                                 std::string& problem);

}  // namespace sluice::bench
