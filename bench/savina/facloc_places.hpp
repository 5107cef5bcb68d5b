// The places of facloc apart from its actors: where customers are, what a quadrant covers, and how
// often a customer may be counted twice. Peers on other runtimes have the same places.
#pragma once

#include <cmath>
#include <cstdint>

#include "../harness/random.hpp"

namespace savina {

constexpr double grid = 500;
constexpr double alpha = 2;
inline const double threshold = alpha * std::sqrt(2.0) * grid;

struct point {
  double x;
  double y;
};

inline double distance(point a, point b) noexcept {
  return std::sqrt((a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y));
}

// Its borders are part of it.
struct box {
  double x1;
  double y1;
  double x2;
  double y2;

  [[nodiscard]] bool has(point p) const noexcept {
    return p.x >= x1 && p.y >= y1 && p.x <= x2 && p.y <= y2;
  }
  [[nodiscard]] point middle() const noexcept { return {(x1 + x2) / 2, (y1 + y2) / 2}; }
};

// Of children: top left, top right, bottom left, bottom right. 3 - position is the other side.
using position = std::uint32_t;
constexpr position children_count = 4;
constexpr position unknown_position = children_count;

// Places hug the axes: each is grid / (n + 1) from either.
class points {
 public:
  point draw() noexcept {
    const double x = random_.next_double() * grid;
    const double y = random_.next_double() * grid;
    return {x, y};
  }

 private:
  sluice::bench::pseudo_random random_{};
};

// How often customers may be counted twice: at the split of a quadrant the border between two
// children is part of both. Such borders are at odd multiples of the grid over powers of two, so
// each coordinate of a point doubles it at most once.
inline std::uint64_t count_doubles(std::uint64_t customers) {
  const auto is_on_border = [](double coordinate) {
    double width = grid;
    for (int depth = 0; depth < 16; ++depth, width /= 2) {  // 1 / (n + 1), n has 16 bits
      const double halves = coordinate / (width / 2);
      if (halves == std::floor(halves) && std::fmod(halves, 2) == 1) return true;
    }
    return false;
  };
  points all;
  std::uint64_t doubles = 0;
  for (std::uint64_t i = 0; i < customers; ++i) {
    const point one = all.draw();
    doubles += (is_on_border(one.x) ? 2u : 1u) * (is_on_border(one.y) ? 2u : 1u) - 1;
  }
  return doubles;
}

}  // namespace savina
