#include "sched/park_driver.hpp"

#include <catch2/catch_test_macros.hpp>

#include <thread>

#include "base/clock.hpp"

using sluice::sched::park_driver;
using sluice::sched::park_outcome;

TEST_CASE("park driver: has nothing to poll, times out at the deadline, and keeps an early wake") {
  park_driver driver;
  REQUIRE(driver.attach());
  REQUIRE_FALSE(driver.has_ready());
  REQUIRE(driver.poll() == 0);
  const auto deadline_ns = sluice::base::now_ns() + 100'000;
  REQUIRE(driver.park(deadline_ns) == park_outcome::timed_out);
  REQUIRE(sluice::base::now_ns() >= deadline_ns);
  driver.wake();
  REQUIRE(driver.park(sluice::base::no_deadline) == park_outcome::woken);
  driver.detach();
}

TEST_CASE("park driver: a wake from another thread ends a sleep without a deadline") {
  park_driver driver;
  REQUIRE(driver.attach());
  std::thread waker([&] { driver.wake(); });
  REQUIRE(driver.park(sluice::base::no_deadline) == park_outcome::woken);
  waker.join();
  driver.detach();
}
