// The sliding window of restarts and the waits between them.
#include <catch2/catch_test_macros.hpp>

#include <deque>
#include <random>

#include "sup/backoff.hpp"
#include "sup/restart_window.hpp"

using namespace std::chrono_literals;
using sluice::restart_backoff;
using sluice::restart_limit;
using sluice::sup::backoff;
using sluice::sup::restart_window;

namespace {

constexpr std::int64_t ms = 1'000'000;

}  // namespace

TEST_CASE("restart window: so many within the period, and one more is too much") {
  restart_window window{{.restarts_max = 3, .period = 10ms}};
  CHECK(window.admit(0));
  CHECK(window.admit(1 * ms));
  CHECK(window.admit(9 * ms));
  CHECK_FALSE(window.admit(10 * ms - 1));
  CHECK(window.admit(10 * ms));
  CHECK_FALSE(window.admit(10 * ms));
  CHECK(window.admit(11 * ms));
}

TEST_CASE("restart window: none are allowed, or any number") {
  restart_window none{{.restarts_max = 0, .period = 1ms}};
  CHECK_FALSE(none.admit(0));
  CHECK_FALSE(none.admit(100 * ms));
  restart_window any{{.restarts_max = restart_limit::unlimited, .period = 1h}};
  for (int i = 0; i < 100'000; ++i) REQUIRE(any.admit(0));
}

TEST_CASE("restart window: no period ever holds more restarts than the limit") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random{seed};
  for (int round = 0; round < 200; ++round) {
    const restart_limit limit{.restarts_max = static_cast<std::uint32_t>(random() % 6),
                              .period = std::chrono::nanoseconds{1 + random() % 50}};
    restart_window window{limit};
    std::deque<std::int64_t> admitted;
    std::int64_t now = 0;
    for (int step = 0; step < 300; ++step) {
      now += static_cast<std::int64_t>(random() % 20);
      while (!admitted.empty() && now - admitted.front() >= limit.period.count()) {
        admitted.pop_front();
      }
      const bool fits = admitted.size() < limit.restarts_max;
      REQUIRE(window.admit(now) == fits);
      if (fits) admitted.push_back(now);
    }
  }
}

TEST_CASE("backoff: waits grow to the maximum, and begin anew after a long run") {
  backoff wait{restart_backoff{.first = 10ms, .max = 70ms, .factor = 2, .jitter = 0}};
  CHECK(wait.next_wait_ns(0, 0.9) == 10 * ms);
  CHECK(wait.next_wait_ns(0, 0.1) == 20 * ms);
  CHECK(wait.next_wait_ns(69 * ms, 0.5) == 40 * ms);
  CHECK(wait.next_wait_ns(0, 0.5) == 70 * ms);
  CHECK(wait.next_wait_ns(0, 0.5) == 70 * ms);
  CHECK(wait.next_wait_ns(70 * ms, 0.5) == 10 * ms);
}

TEST_CASE("backoff: jitter stays within its share, and no backoff is no wait") {
  backoff wait{restart_backoff{.first = 100ms, .max = 100ms, .factor = 1, .jitter = 0.25}};
  CHECK(wait.next_wait_ns(0, 0) == 75 * ms);
  CHECK(wait.next_wait_ns(0, 0.5) == 100 * ms);
  for (double chance = 0; chance < 1; chance += 0.01) {
    const auto waited = wait.next_wait_ns(0, chance);
    CHECK(waited >= 75 * ms);
    CHECK(waited <= 125 * ms);
  }
  backoff none{restart_backoff{}};
  CHECK(none.next_wait_ns(0, 0.99) == 0);
}
