#include <catch2/catch_test_macros.hpp>

#include "net/rate_limit.hpp"

using sluice::net::rate_limit;

TEST_CASE("a rate limit lets so many through at once and then one an interval") {
  rate_limit limit{1000, 5};
  const sluice::base::nanoseconds_t start_ns = 7'000'000'000;
  for (int i = 0; i < 5; ++i) {
    CHECK(limit.next_ns() <= start_ns);
    limit.take(start_ns);
  }
  CHECK(limit.next_ns() == start_ns + 1'000'000);
  limit.take(start_ns + 1'000'000);
  CHECK(limit.next_ns() == start_ns + 2'000'000);
  // Unused time gives no more than the burst back.
  const auto later_ns = start_ns + 60'000'000'000;
  for (int i = 0; i < 5; ++i) {
    CHECK(limit.next_ns() <= later_ns);
    limit.take(later_ns);
  }
  CHECK(limit.next_ns() > later_ns);
}

TEST_CASE("a rate limit of one at once keeps the interval between any two") {
  rate_limit limit{4, 1};
  limit.take(1000);
  CHECK(limit.next_ns() == 1000 + 250'000'000);
  CHECK_FALSE(rate_limit{}.is_limit());
}
