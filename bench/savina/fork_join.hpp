// The computation that fjthrput and fjcreate do for each message.
#pragma once

#include <cmath>

namespace savina {

/// sin(37.2) squared, worked out at each call: the compiler does not see the angle.
[[nodiscard]] inline double fork_join_work() noexcept {
  double angle = 37.2;
  asm volatile("" : "+m"(angle));
  const double sine = std::sin(angle);
  return sine * sine;
}

}  // namespace savina
