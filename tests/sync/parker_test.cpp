#include "sync/parker.hpp"

#include <catch2/catch_test_macros.hpp>

#include <thread>

#include "base/clock.hpp"

using sluice::base::no_deadline;
using sluice::base::now_ns;
using sluice::sync::park_result;
using sluice::sync::parker;

TEST_CASE("parker: a wake before the park makes that park return at once, and only that one") {
  parker sleeper;
  REQUIRE_FALSE(sleeper.has_wake());
  sleeper.wake();
  sleeper.wake();
  REQUIRE(sleeper.has_wake());
  REQUIRE(sleeper.park(no_deadline) == park_result::woken);
  REQUIRE_FALSE(sleeper.has_wake());
  REQUIRE(sleeper.park(now_ns()) == park_result::timed_out);
}

TEST_CASE("parker: a time-out never comes before the deadline") {
  parker sleeper;
  for (int round = 0; round < 20; ++round) {
    const auto deadline_ns = now_ns() + 200'000;
    REQUIRE(sleeper.park(deadline_ns) == park_result::timed_out);
    REQUIRE(now_ns() >= deadline_ns);
  }
}

TEST_CASE("parker: a deadline that has passed times out, and a wake beats it") {
  parker sleeper;
  REQUIRE(sleeper.park(0) == park_result::timed_out);
  sleeper.wake();
  REQUIRE(sleeper.park(0) == park_result::woken);
}

TEST_CASE(
    "parker: two threads that wake each other in turn lose no wake and see each other's writes") {
  constexpr int rounds = 5'000;
  parker ours;
  parker theirs;
  int timed_out = 0;
  int turn = 0;  // Plain: ordered by the wakes alone.
  std::thread other([&] {
    for (int i = 0; i < rounds; ++i) {
      timed_out += theirs.park(no_deadline) != park_result::woken;
      ++turn;
      ours.wake();
    }
  });
  for (int i = 0; i < rounds; ++i) {
    ++turn;
    theirs.wake();
    timed_out += ours.park(no_deadline) != park_result::woken;
  }
  other.join();
  REQUIRE(timed_out == 0);
  REQUIRE(turn == 2 * rounds);
}
