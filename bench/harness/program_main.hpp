// program_main: the command line of an executable that runs the programs of published suites.
//
// As in Savina's runner the iterations of a program share a process, and each has an actor system
// of its own: its start, all actors' lives and its stop are timed. The inner time goes from the
// driver's first message to the last actor's end. Nothing is printed of an iteration whose checks
// fail.
#pragma once

#include <span>

#include "program.hpp"

namespace sluice::bench {

/// The executable `suite` with these programs. Its exit code; --help says all.
[[nodiscard]] int run_programs(const char* suite, std::span<const program* const> programs,
                               int count, char** texts);

}  // namespace sluice::bench
