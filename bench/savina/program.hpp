// program: one of the 30 programs of the Savina suite, as the table in programs.cpp lists it.
//
// A program's run function is the protocol and nothing else: it spawns, sends what the suite's
// driver sends, waits until all actors have ended and states what must have come out. Time,
// verification and printing are the iteration's.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace savina {

class iteration;

/// A size of a program. Names are those of expected.json, where that file has them.
struct parameter {
  std::string_view name{};
  std::uint64_t normal = 0;  ///< the published default, or what a machine of two cores can run
  std::uint64_t small = 0;   ///< the reduced sets of the suite's ports
  std::uint64_t tiny = 0;    ///< for CI: ends within milliseconds
};

/// Where a run's time goes: geometric means are taken over those bound by messages.
enum class bound : std::uint8_t { by_messages, by_computing };

struct program {
  std::string_view name;
  std::string_view what;
  bound is_bound;
  parameter parameters[8];  ///< those without a name do not exist
  void (*run)(iteration& it);
};

extern const program apsp;
extern const program astar;
extern const program banking;
extern const program barber;
extern const program big;
extern const program bitonicsort;
extern const program bndbuffer;
extern const program chameneos;
extern const program cigsmok;
extern const program concdict;
extern const program concsll;
extern const program count;
extern const program facloc;
extern const program fib;
extern const program filterbank;
extern const program fjcreate;
extern const program fjthrput;
extern const program logmap;
extern const program nqueenk;
extern const program philosopher;
extern const program pingpong;
extern const program piprecision;
extern const program quicksort;
extern const program radixsort;
extern const program recmatmul;
extern const program sieve;
extern const program sor;
extern const program threadring;
extern const program trapezoid;
extern const program uct;

/// In the order of the suite.
[[nodiscard]] std::span<const program* const> all_programs() noexcept;
/// Null when there is none of that name.
[[nodiscard]] const program* find_program(std::string_view name) noexcept;

}  // namespace savina
