#include "program.hpp"

#include <algorithm>

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

const program* find_program(std::string_view name) noexcept {
  const auto found = std::ranges::find(table, name, &program::name);
  return found == std::end(table) ? nullptr : *found;
}

}  // namespace savina
