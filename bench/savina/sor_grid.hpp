// The grid of sor apart from its actors: who owns which column, what the values are at first, and
// what comes out. Peers on other runtimes compute the same grid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../harness/random.hpp"

namespace savina {

constexpr double omega = 1.25;
constexpr std::int64_t seed = 10101010;
constexpr double scale = 1e-6;

// The part of the grid that one owner knows: its own half and the other's border column.
struct half {
  std::size_t rows;
  std::size_t columns;

  [[nodiscard]] std::size_t at(std::size_t row, std::size_t column) const noexcept {
    return row * columns + column;
  }
};

struct spot {
  std::size_t row;
  std::size_t column;
};

inline double relaxed(double old, double neighbours) noexcept {
  return 0.25 * omega * neighbours + (1 - omega) * old;
}

// (0, 0) has colour 1.
inline bool begins(std::size_t row, std::size_t column) noexcept { return (row + column) % 2 == 0; }

struct problem {
  std::size_t side = 0;
  std::uint64_t iterations = 0;
  std::vector<double> first_values{};  // Row by row.

  [[nodiscard]] std::size_t runner_columns() const noexcept { return side / 2; }
};

inline void draw_values(problem& given) {
  sluice::bench::java_random draw{seed};
  for (std::size_t i = 0; i < given.side * given.side; ++i) {
    given.first_values.push_back(draw.next_double() * scale);
  }
}

// The columns of the whole grid that belong to an owner: `first` and up to, not with, `last`.
struct owned {
  std::size_t first;
  std::size_t last;
  std::size_t offset;  // What a column of the grid has more than the same one of the half.
};

// The same without actors.
inline double relax(const problem& given) {
  const std::size_t side = given.side;
  std::vector<double> grid = given.first_values;
  const auto sweep = [&](bool colour) {
    for (std::size_t row = 0; row < side; ++row) {
      for (std::size_t column = 0; column < side; ++column) {
        if (begins(row, column) != colour) continue;
        const std::size_t at = row * side + column;
        double sum = 0;
        if (column + 1 < side) sum += grid[at + 1];
        if (row + 1 < side) sum += grid[at + side];
        if (column > 0) sum += grid[at - 1];
        if (row > 0) sum += grid[at - side];
        grid[at] = relaxed(grid[at], sum);
      }
    }
  };
  sweep(false);
  for (std::uint64_t i = 1; i < given.iterations; ++i) {
    sweep(true);
    sweep(false);
  }
  double total = 0;
  for (const double each : grid) total += each;
  return total;
}

}  // namespace savina
