#include "fixed_point.hpp"

#include <algorithm>

namespace savina {

namespace {

constexpr std::uint64_t word_bits = 32;
// What fits into a word: decimals are made and taken apart so many at a time.
constexpr std::uint64_t decimals_at_once = 9;
constexpr std::uint32_t power_at_once = 1'000'000'000;

}  // namespace

fixed_point::fixed_point(std::uint32_t whole, std::uint64_t decimals) : words_{whole} {
  for (; decimals >= decimals_at_once; decimals -= decimals_at_once) multiply(power_at_once);
  for (; decimals != 0; --decimals) multiply(10);
  trim();
}

fixed_point& fixed_point::operator+=(const fixed_point& other) {
  words_.resize(std::max(words_.size(), other.words_.size()));
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    carry += std::uint64_t{words_[i]} + (i < other.words_.size() ? other.words_[i] : 0);
    words_[i] = static_cast<std::uint32_t>(carry);
    carry >>= word_bits;
  }
  if (carry != 0) words_.push_back(static_cast<std::uint32_t>(carry));
  return *this;
}

fixed_point& fixed_point::operator-=(const fixed_point& other) noexcept {
  std::uint64_t borrow = 0;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    const std::uint64_t taken = borrow + (i < other.words_.size() ? other.words_[i] : 0);
    borrow = words_[i] < taken ? 1 : 0;
    words_[i] -= static_cast<std::uint32_t>(taken);
  }
  trim();
  return *this;
}

fixed_point fixed_point::divided_by(std::uint32_t divisor) const {
  fixed_point quotient = *this;
  const std::uint64_t twice = 2 * std::uint64_t{quotient.divide(divisor)};
  if (twice > divisor || (twice == divisor && quotient.bit(0))) quotient.add_unit();
  return quotient;
}

fixed_point fixed_point::divided_by_power_of_2(std::uint64_t exponent) const {
  if (exponent == 0) return *this;
  fixed_point quotient;
  const std::uint64_t shift = exponent % word_bits;
  for (std::uint64_t i = exponent / word_bits; i < words_.size(); ++i) {
    std::uint64_t pair = words_[i];
    if (i + 1 < words_.size()) pair |= std::uint64_t{words_[i + 1]} << word_bits;
    quotient.words_.push_back(static_cast<std::uint32_t>(pair >> shift));
  }
  quotient.trim();
  const bool is_half_or_more = bit(exponent - 1);
  if (is_half_or_more && (has_bits_below(exponent - 1) || quotient.bit(0))) quotient.add_unit();
  return quotient;
}

bool fixed_point::is_at_most_one_unit() const noexcept {
  return words_.empty() || (words_.size() == 1 && words_[0] == 1);
}

std::string fixed_point::text(std::uint64_t decimals) const {
  fixed_point rest = *this;
  std::string digits;  // backwards
  while (!rest.words_.empty() || digits.size() <= decimals) {
    std::uint32_t group = rest.divide(power_at_once);
    for (std::uint64_t i = 0; i < decimals_at_once; ++i, group /= 10) {
      digits.push_back(static_cast<char>('0' + group % 10));
    }
  }
  while (digits.size() > decimals + 1 && digits.back() == '0') digits.pop_back();
  digits.insert(decimals, 1, '.');
  std::ranges::reverse(digits);
  return digits;
}

bool fixed_point::bit(std::uint64_t index) const noexcept {
  const std::uint64_t word = index / word_bits;
  return word < words_.size() && (words_[word] >> index % word_bits & 1) != 0;
}

bool fixed_point::has_bits_below(std::uint64_t index) const noexcept {
  const std::uint64_t whole = std::min<std::uint64_t>(index / word_bits, words_.size());
  for (std::uint64_t i = 0; i < whole; ++i) {
    if (words_[i] != 0) return true;
  }
  if (whole == words_.size()) return false;
  return (words_[whole] & ((std::uint32_t{1} << index % word_bits) - 1)) != 0;
}

void fixed_point::multiply(std::uint32_t factor) {
  std::uint64_t carry = 0;
  for (std::uint32_t& word : words_) {
    carry += std::uint64_t{word} * factor;
    word = static_cast<std::uint32_t>(carry);
    carry >>= word_bits;
  }
  if (carry != 0) words_.push_back(static_cast<std::uint32_t>(carry));
}

std::uint32_t fixed_point::divide(std::uint32_t divisor) noexcept {
  std::uint64_t remainder = 0;
  for (std::size_t i = words_.size(); i-- != 0;) {
    remainder = remainder << word_bits | words_[i];
    words_[i] = static_cast<std::uint32_t>(remainder / divisor);
    remainder %= divisor;
  }
  trim();
  return static_cast<std::uint32_t>(remainder);
}

void fixed_point::add_unit() {
  for (std::uint32_t& word : words_) {
    if (++word != 0) return;
  }
  words_.push_back(1);
}

void fixed_point::trim() noexcept {
  while (!words_.empty() && words_.back() == 0) words_.pop_back();
}

}  // namespace savina
