// statistics: what Savina's runner says of a series of times.
#pragma once

#include <cstddef>
#include <span>

namespace sluice::bench {

/// All but `kept` in the unit of the times. Over the times that lie within a fifth of the median,
/// as the suite's runner does; the raw series is kept elsewhere.
struct statistics {
  std::size_t kept = 0;
  double best = 0, worst = 0, median = 0;
  double arithmetic_mean = 0, geometric_mean = 0, harmonic_mean = 0;
  double deviation = 0;  ///< standard, of a sample
  double interval = 0;   ///< half of the 95 % confidence interval
  double variation = 0;  ///< deviation / arithmetic mean
  double skewness = 0;
};

/// `times` are positive and not empty. The median is the runner's: the upper of two.
[[nodiscard]] statistics summarise(std::span<const double> times);

}  // namespace sluice::bench
