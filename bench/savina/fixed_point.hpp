// fixed_point: numbers not below zero with as many decimals as wanted, kept as a whole number of
// units of the last decimal; what a quotient cannot hold is rounded half to even.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace savina {

class fixed_point {
 public:
  fixed_point() noexcept = default;  ///< 0, with any number of decimals
  fixed_point(std::uint32_t whole, std::uint64_t decimals);

  // Both numbers have as many decimals.
  fixed_point& operator+=(const fixed_point& other);
  fixed_point& operator-=(const fixed_point& other) noexcept;  ///< other is not the larger one

  [[nodiscard]] fixed_point divided_by(std::uint32_t divisor) const;
  [[nodiscard]] fixed_point divided_by_power_of_2(std::uint64_t exponent) const;

  /// Not above 1 of the last decimal.
  [[nodiscard]] bool is_at_most_one_unit() const noexcept;
  /// "3.1415", for the number of decimals it has.
  [[nodiscard]] std::string text(std::uint64_t decimals) const;

 private:
  // 0 beyond the top.
  [[nodiscard]] bool bit(std::uint64_t index) const noexcept;
  [[nodiscard]] bool has_bits_below(std::uint64_t index) const noexcept;
  void multiply(std::uint32_t factor);
  std::uint32_t divide(std::uint32_t divisor) noexcept;  // Returns the remainder.
  void add_unit();
  void trim() noexcept;

  std::vector<std::uint32_t> words_{};  // least significant first, without zeros at the top
};

}  // namespace savina
