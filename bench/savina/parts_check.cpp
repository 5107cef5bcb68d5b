// parts_check: the parts of savina that its programs cannot check by themselves.
//
// Both generators and the hashes against known vectors, the statistics against series and long
// numbers against quotients worked out by hand. Prints a line for each promise; exit code 1 when
// one does not hold.
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <set>
#include <vector>

#include "../harness/random.hpp"
#include "../harness/statistics.hpp"
#include "fixed_point.hpp"
#include "sha256.hpp"

namespace savina {

namespace {

using namespace sluice::bench;

int failures = 0;

void check(bool holds, const char* promise) {
  std::printf("%s %s\n", holds ? "ok    " : "FAILED", promise);
  if (!holds) ++failures;
}

bool is_near(double got, double wanted) {
  return std::abs(got - wanted) <= 1e-12 * std::abs(wanted);
}

template <std::size_t Count>
bool draws(pseudo_random source, const std::int64_t (&wanted)[Count]) {
  bool is_equal = true;
  for (const std::int64_t each : wanted) is_equal = source.next() == each && is_equal;
  return is_equal;
}

void check_pseudo_random() {
  check(
      draws(pseudo_random{}, {22896, 34761, 34014, 39231, 52540, 41445, 1546, 5947, 65224, 64193}),
      "pseudo_random draws what the suite's does, by its own seed");
  check(draws(pseudo_random{0}, {13849, 54254, 56847, 43212, 20789}), "and by seed 0");
  pseudo_random bounded;
  check(bounded.next_below(100) == 96 && bounded.next_below(1000) == 761,
        "next_below is the remainder of the next one");
  pseudo_random fraction{0};
  check(is_near(fraction.next_double(), 1.0 / 13850), "next_double is 1 / (the next one + 1)");
  pseudo_random around;
  std::set<std::int64_t> seen;
  bool does_alternate = true;
  std::int64_t before = 1;  // The first draw is even.
  for (int i = 0; i < 65536; ++i) {
    const std::int64_t drawn = around.next();
    does_alternate = (drawn + before) % 2 == 1 && does_alternate;
    before = drawn;
    seen.insert(drawn);
  }
  check(seen.size() == 65536 && around.next() == 22896, "its period is 65,536");
  check(does_alternate, "its lowest bit alternates");
}

// The sums over many draws were computed from the published definition, in another language.
void check_java_random() {
  java_random mixed{10010};
  check(
      mixed.next_below(100) == 61 && mixed.next_int() == 1779334007 && mixed.next_below(100) == 80,
      "java_random draws what Java's does, bounded or not");
  java_random whole{42};
  check(whole.next_int() == -1170105035 && whole.next_int() == 234785527, "also below zero");
  java_random small{42};
  check(small.next_below(10) == 0 && small.next_below(10) == 3, "a small bound");
  java_random power{42};
  check(power.next_below(16) == 11 && power.next_below(16) == 0, "a bound that is a power of 2");
  java_random large{42};
  std::int64_t sum = 0;
  for (int i = 0; i < 1000; ++i) sum += large.next_below((1 << 30) + 1);
  check(sum == 555'222'755'224, "a bound for which almost half of the draws are refused");
  java_random coin{42};
  int heads = 0;
  for (int i = 0; i < 1000; ++i) heads += coin.next_bool() ? 1 : 0;
  check(heads == 509, "next_bool");
  java_random fraction{42};
  check(fraction.next_double() == 0.7275636800328681, "next_double, to the last bit");
  java_random normal{42};
  check(is_near(normal.next_gaussian(), 1.1419053154730547) &&
            is_near(normal.next_gaussian(), 0.9194079489827879),
        "next_gaussian, also the one that is kept");
}

void check_hash31() {
  check(hash31(std::vector<int>{}) == 0, "hash31 of nothing is 0");
  check(hash31(std::array{1, 2, 3}) == (1 * 31 + 2) * 31 + 3, "hash31 of 1, 2, 3");
  check(hash31(std::array{3, 2, 1}) != hash31(std::array{1, 2, 3}), "hash31 knows the order");
  check(hash31(std::array<std::int64_t, 2>{-1, 1}) == std::uint64_t{0} - 30,
        "hash31 wraps, and takes negative ones");
}

// 8, 9, 10, 12 around the median 10, and 30, which is too far off. Sum 39, so the mean is 9.75;
// squares of the distances 3.0625 + 0.5625 + 0.0625 + 5.0625 = 8.75; cubes -5.359375 - 0.421875 +
// 0.015625 + 11.390625 = 5.625; product 8640; inverses 151 / 360.
void check_statistics() {
  const statistics all = summarise(std::array{12.0, 30.0, 8.0, 10.0, 9.0});
  check(all.median == 10 && all.kept == 4, "the median is of all, and far ones are left out");
  check(all.best == 8 && all.worst == 12, "best and worst, with those just a fifth off");
  check(is_near(all.arithmetic_mean, 9.75), "arithmetic mean");
  check(is_near(all.geometric_mean, std::sqrt(std::sqrt(8640.0))), "geometric mean");
  check(is_near(all.harmonic_mean, 1440.0 / 151), "harmonic mean");
  const double deviation = std::sqrt(8.75 / 3);
  check(is_near(all.deviation, deviation), "deviation of a sample");
  check(is_near(all.interval, 1.96 * deviation / 2), "half of the 95 % interval");
  check(is_near(all.variation, deviation / 9.75), "variation");
  check(is_near(all.skewness, 5.625 / 4 / (2.1875 * std::sqrt(2.1875))), "skewness");
  const statistics even = summarise(std::array{4.0, 1.0, 3.0, 2.0});
  check(even.median == 3 && even.kept == 1, "of two medians the upper one");
  check(even.deviation == 0 && even.interval == 0 && even.skewness == 0, "one value does not vary");
  const statistics alike = summarise(std::array{5.0, 5.0});
  check(alike.kept == 2 && alike.deviation == 0 && alike.skewness == 0, "nor do equal ones");
}

// The vectors of the standard, of one block and of two, and a text that leaves no room for its
// length in its last block.
void check_sha256() {
  check(sha256_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha256 of nothing");
  check(sha256_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "sha256 of one block");
  check(sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        "sha256 of two blocks");
  check(sha256_of(std::string(63, 'a')) ==
            "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34",
        "sha256 of 63 bytes");
}

void check_fixed_point() {
  const auto quotient = [](std::uint32_t whole, std::uint32_t divisor, std::uint64_t decimals) {
    return fixed_point(whole, decimals).divided_by(divisor).text(decimals);
  };
  check(quotient(2, 3, 30) == "0.666666666666666666666666666667", "a quotient is rounded");
  check(quotient(1, 8, 2) == "0.12" && quotient(3, 8, 2) == "0.38", "half to even, down and up");
  check(quotient(4'000'000'000, 1, 12) == "4000000000.000000000000", "a number of several words");
  const auto half = [](std::uint32_t whole, std::uint64_t exponent) {
    return fixed_point(whole, 0).divided_by_power_of_2(exponent).text(0);
  };
  check(half(5, 1) == "2." && half(7, 1) == "4." && half(9, 2) == "2." && half(11, 2) == "3.",
        "so are quotients by powers of 2");
  check(fixed_point(1, 20).divided_by_power_of_2(64).text(20) == "0.00000000000000000005",
        "by whole words");
  check(fixed_point(1, 20).divided_by_power_of_2(67).is_at_most_one_unit() &&
            fixed_point(1, 20).divided_by_power_of_2(200).text(3) == "0.000",
        "down to one unit, and to nothing");
  fixed_point sum(1, 30);
  sum += fixed_point(4'294'967'295, 30);
  check(sum.text(30) == "4294967296." + std::string(30, '0'), "a sum with a carry");
  sum -= fixed_point(1, 30).divided_by(1'000'000'000).divided_by(1'000'000'000);
  check(sum.text(30) == "4294967295.999999999999999999" + std::string(12, '0'),
        "a difference with a borrow");
}

}  // namespace

}  // namespace savina

int main() {
  savina::check_pseudo_random();
  savina::check_java_random();
  savina::check_hash31();
  savina::check_statistics();
  savina::check_sha256();
  savina::check_fixed_point();
  std::printf("%d failures\n", savina::failures);
  return savina::failures == 0 ? 0 : 1;
}
