// Checks of the two parts of sluice-load whose mistakes would look like good results: the histogram
// and the pattern. A program of its own without a test library, so that it is built wherever the
// benches are. Exit code 0: all hold.
#include <cstdio>
#include <string>
#include <vector>

#include "histogram.hpp"
#include "pattern.hpp"

namespace {

using sluice::bench::histogram;
using sluice::bench::pattern;

int failures = 0;

void check(bool holds, const std::string& promise) {
  if (holds) return;
  ++failures;
  std::printf("failed: %s\n", promise.c_str());
}

void check_histogram() {
  std::size_t previous = 0;
  for (std::uint64_t value = 0; value < histogram::limit_ns; value += 1 + value / 700) {
    const std::size_t index = histogram::index_of(value);
    const std::uint64_t highest = histogram::highest_of(index);
    check(index >= previous, "a larger value never has a smaller index");
    check(highest >= value && highest - value <= value / 1000, "a step is at most 0.1 % wide");
    check(histogram::index_of(highest) == index && histogram::index_of(highest + 1) == index + 1,
          "a step ends where the next begins");
    previous = index;
  }
  histogram values;
  for (std::uint64_t us = 1; us <= 100'000; ++us) values.record(us * 1000);
  const auto is_near = [](std::uint64_t found, double expected) {
    const double difference = static_cast<double>(found) - expected;
    return difference >= 0 && difference <= expected * 0.001;
  };
  check(is_near(values.percentile(0.5), 50e6), "the median of 1..100000 us is 50000 us");
  check(is_near(values.percentile(0.99), 99e6), "the 99th percentile is 99000 us");
  check(is_near(values.percentile(0.999), 99.9e6), "the 99.9th percentile is 99900 us");
  check(values.percentile(1) == 100'000'000 && values.max() == 100'000'000, "the maximum is exact");
  std::uint64_t seen = 0, largest = 0;
  bool is_ascending = true;
  values.for_each([&](std::uint64_t value, std::uint64_t count) {
    is_ascending = is_ascending && value > largest && count != 0;
    largest = value;
    seen += count;
  });
  check(is_ascending && seen == values.count() && is_near(largest, 100e6),
        "every value is in one of the steps, which ascend");
  histogram one;
  check(one.percentile(0.5) == 0 && one.max() == 0, "an empty histogram reports 0");
  one.record(histogram::limit_ns * 3);
  check(one.max() == histogram::limit_ns * 3 && one.count() == 1,
        "a value beyond the limit counts");
}

void check_pattern() {
  const pattern stream(12345, 7);
  std::vector<char> whole(4096);
  for (std::size_t i = 0; i < whole.size(); ++i) whole[i] = stream.byte_at(i);
  std::vector<char> part(4096);
  for (std::size_t offset = 0; offset < 40; ++offset) {
    for (std::size_t length : {0u, 1u, 7u, 8u, 9u, 64u, 255u, 256u, 257u, 1000u}) {
      stream.write(offset, part.data(), length);
      bool is_same = true;
      for (std::size_t i = 0; i < length; ++i) is_same = is_same && part[i] == whole[offset + i];
      check(is_same, "any piece of the stream is written as the whole has it");
      check(stream.find_mismatch(offset, part.data(), length) == pattern::all_match,
            "the right bytes match");
      for (std::size_t i = 0; i < length; ++i) {
        part[i] = static_cast<char>(part[i] ^ 1);
        check(stream.find_mismatch(offset, part.data(), length) == i,
              "one flipped bit is found where it is");
        part[i] = static_cast<char>(part[i] ^ 1);
      }
    }
  }
  const char* bytes = whole.data();
  for (std::size_t shift = 1; shift < 2000; ++shift) {
    check(stream.find_mismatch(0, bytes + shift, 64) != pattern::all_match, "a shift is found");
  }
  for (std::uint32_t other = 0; other < 1000; ++other) {
    if (other == 7) continue;
    check(pattern(12345, other).find_mismatch(0, bytes, 8) != pattern::all_match,
          "another connection's bytes are found");
  }
}

}  // namespace

int main() {
  check_histogram();
  check_pattern();
  std::printf("%s\n", failures == 0 ? "histogram and pattern hold" : "broken");
  return failures == 0 ? 0 : 1;
}
