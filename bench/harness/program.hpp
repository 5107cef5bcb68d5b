// program: one program of a published suite, as the table of its executable lists it.
//
// A program's run function is the protocol and nothing else: it spawns, sends what the suite's
// driver sends, waits until all actors have ended and states what must have come out. Time,
// verification and printing are the iteration's.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::bench {

class iteration;

/// Where a run's time goes: geometric means are taken over those bound by messages. What is bound
/// by rule lasts as long as it is told to: its times are no figures, only what it measures is.
enum class bound : std::uint8_t { by_messages, by_computing, by_rule };

struct program {
  /// A size. Names are those of the expected values, where there are any.
  struct parameter {
    std::string_view name{};
    std::uint64_t normal = 0;  ///< the published default, or what a machine of two cores can run
    std::uint64_t small = 0;   ///< a reduced set
    std::uint64_t tiny = 0;    ///< for CI: ends within milliseconds
    std::uint64_t least = 1;   ///< that the command line may ask for
  };

  std::string_view name;
  std::string_view what;
  bound is_bound;
  parameter parameters[9];  ///< those without a name do not exist
  void (*run)(iteration& it);
};

}  // namespace sluice::bench
