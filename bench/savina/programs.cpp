#include "program.hpp"

namespace savina {

namespace {

// clang-format off
constexpr const program* table[] = {
    &pingpong,
    &count,
    &fjthrput,
    &fjcreate,
    &threadring,
    &chameneos,
    &big,
    &concdict,
    &concsll,
    &bndbuffer,
    &philosopher,
    &barber,
    &cigsmok,
    &logmap,
    &banking,
    &radixsort,
    &filterbank,
    &sieve,
    &uct,
    &facloc,
    &trapezoid,
    &piprecision,
    &recmatmul,
    &quicksort,
    &apsp,
    &sor,
    &astar,
    &nqueenk,
    &fib,
    &bitonicsort,
};
// clang-format on

}  // namespace

std::span<const program* const> all_programs() noexcept { return table; }

}  // namespace savina
