#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace sluice::bench {

namespace {

constexpr double kept_around_median = 0.2;
constexpr double normal_quantile_95 = 1.96;

}  // namespace

statistics summarise(std::span<const double> times) {
  std::vector<double> all{times.begin(), times.end()};
  std::ranges::sort(all);
  statistics found;
  found.median = all[all.size() / 2];
  std::erase_if(all, [&](double each) {
    return std::abs(each - found.median) > kept_around_median * found.median;
  });
  const auto count = static_cast<double>(all.size());
  found.kept = all.size();
  found.best = all.front();
  found.worst = all.back();
  double sum = 0, logarithms = 0, inverses = 0;
  for (const double each : all) {
    sum += each;
    logarithms += std::log(each);
    inverses += 1 / each;
  }
  found.arithmetic_mean = sum / count;
  found.geometric_mean = std::exp(logarithms / count);
  found.harmonic_mean = count / inverses;
  double squares = 0, cubes = 0;
  for (const double each : all) {
    const double off = each - found.arithmetic_mean;
    squares += off * off;
    cubes += off * off * off;
  }
  if (all.size() > 1) found.deviation = std::sqrt(squares / (count - 1));
  found.interval = normal_quantile_95 * found.deviation / std::sqrt(count);
  found.variation = found.deviation / found.arithmetic_mean;
  const double spread = std::sqrt(squares / count);
  if (spread > 0) found.skewness = cubes / count / (spread * spread * spread);
  return found;
}

}  // namespace sluice::bench
