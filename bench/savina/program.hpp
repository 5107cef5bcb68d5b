// program: the 30 programs of the Savina suite.
#pragma once

#include <span>

#include "../harness/iteration.hpp"

namespace savina {

using namespace sluice::bench;

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

}  // namespace savina
