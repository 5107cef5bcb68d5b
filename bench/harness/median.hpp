// The median of a series.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace sluice::bench {

/// Of values that are not empty; between the two in the middle where there are two.
[[nodiscard]] inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace sluice::bench
