// A log-linear histogram of nanoseconds: exact below 2,048 ns, above that 1,024 equal steps an
// octave, so that a reported value is never more than 0.1 % above the recorded one (three
// significant digits). 0 .. 60 s; what is longer counts as 60 s in the percentiles and exactly in
// max(). Not thread-safe; one writer.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::bench {

class histogram {
 public:
  static constexpr std::uint64_t limit_ns = 60'000'000'000ull;

  histogram() : counts_(index_of(limit_ns) + 1) {}

  void record(std::uint64_t nanoseconds) {
    if (nanoseconds > max_) max_ = nanoseconds;
    ++counts_[index_of(nanoseconds < limit_ns ? nanoseconds : limit_ns)];
    ++count_;
  }

  // The smallest recorded value (rounded up to its step) that at least `share` of all values do not
  // exceed.
  [[nodiscard]] std::uint64_t percentile(double share) const {
    if (count_ == 0) return 0;
    auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_));
    if (static_cast<double>(wanted) < share * static_cast<double>(count_)) ++wanted;
    if (wanted == 0) wanted = 1;
    std::uint64_t seen = 0;
    for (std::size_t index = 0; index < counts_.size(); ++index) {
      seen += counts_[index];
      if (seen >= wanted) return highest_of(index) < max_ ? highest_of(index) : max_;
    }
    return max_;
  }

  // Calls visit(largest value, how many) for each step that has any, the smallest first.
  template <class Visit>
  void for_each(Visit visit) const {
    for (std::size_t index = 0; index < counts_.size(); ++index) {
      if (counts_[index] != 0) visit(highest_of(index), counts_[index]);
    }
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }

  [[nodiscard]] static constexpr std::size_t index_of(std::uint64_t value) {
    if (value < 2 * steps) return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - step_bits;
    return shift * steps + (value >> shift);
  }
  // The largest value that index_of() maps to this index.
  [[nodiscard]] static constexpr std::uint64_t highest_of(std::size_t index) {
    if (index < 2 * steps) return index;
    const std::uint64_t shift = index / steps - 1;
    return ((index - shift * steps + 1) << shift) - 1;
  }

 private:
  static constexpr unsigned step_bits = 10;
  static constexpr std::uint64_t steps = 1u << step_bits;

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace sluice::bench
