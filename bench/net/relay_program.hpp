// The command line, start, stop and summary that raw-echo and raw-forward share.
#pragma once

namespace sluice::bench {

struct relay_program {
  const char* name;
  const char* usage;  // of the options that are this program's own
  bool has_target;    // --to HOST:PORT, which it must be given
};

// The exit code: 0 after a stop, 1 for a bad command line, 2 when it cannot start.
[[nodiscard]] int run_relay(const relay_program& program, int argc, char** argv);

}  // namespace sluice::bench
