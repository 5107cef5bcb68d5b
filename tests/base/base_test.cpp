// The small parts of base: clock, random, cores, descriptors, futex, threads.
#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/cpu_topology.hpp"
#include "base/park.hpp"
#include "base/random.hpp"
#include "base/thread.hpp"
#include "base/unique_fd.hpp"

namespace base = sluice::base;

TEST_CASE("clock: never goes back, and ticks have a rate") {
  base::nanoseconds_t previous = base::now_ns();
  for (int i = 0; i < 1000; ++i) {
    const base::nanoseconds_t now = base::now_ns();
    REQUIRE(now >= previous);
    previous = now;
  }
  REQUIRE(base::ticks_per_us() > 0);
}

TEST_CASE(
    "random: equal seeds give equal sequences, and bounded values reach every value below the "
    "bound") {
  const std::uint64_t seed = Catch::getSeed();
  CAPTURE(seed);
  base::random_source first{seed};
  base::random_source second{seed};
  std::vector<bool> seen(10);
  for (int i = 0; i < 1000; ++i) {
    const auto value = first.next_below(10);
    REQUIRE(value < 10);
    REQUIRE(value == second.next_below(10));
    seen[value] = true;
  }
  REQUIRE(std::find(seen.begin(), seen.end(), false) == seen.end());
}

TEST_CASE("cores: at least one is allowed, and the default count is not above them") {
  const auto cores = base::allowed_cores();
  REQUIRE_FALSE(cores.empty());
  REQUIRE(std::is_sorted(cores.begin(), cores.end()));
  REQUIRE(base::default_scheduler_count() >= 1);
  REQUIRE(base::default_scheduler_count() <= static_cast<int>(cores.size()));
}

TEST_CASE("cores: pins walk all allowed cores in turn") {
  const std::vector<int> cores{3, 5, 8};
  std::vector<int> pins;
  for (int i = 0; i < 3; ++i) pins.push_back(base::next_pin_core(cores));
  std::sort(pins.begin(), pins.end());
  REQUIRE(pins == cores);
}

TEST_CASE("unique_fd: closes once, when the last owner goes") {
  const int raw = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  REQUIRE(raw >= 0);
  {
    base::unique_fd first{raw};
    base::unique_fd second{std::move(first)};
    REQUIRE_FALSE(first.is_open());
    REQUIRE(second.get() == raw);
    REQUIRE(::fcntl(raw, F_GETFD) != -1);
  }
  REQUIRE(::fcntl(raw, F_GETFD) == -1);
}

TEST_CASE(
    "futex: returns at once when the word has changed, and times out not before the deadline") {
  const base::atomic<std::uint32_t> word{1};
  REQUIRE(base::futex_wait(word, 0, base::no_deadline) == base::wait_outcome::woken_or_changed);
  const auto deadline_ns = base::now_ns() + 100'000;
  while (base::futex_wait(word, 1, deadline_ns) != base::wait_outcome::timed_out) {
  }
  REQUIRE(base::now_ns() >= deadline_ns);
}

TEST_CASE(
    "thread: runs named and with all signals blocked, and a core outside the mask is an error") {
  std::string name;
  bool is_blocked = false;
  auto started = base::start_thread({"sluice-test", {}}, [&] {
    char text[16] = {};
    ::pthread_getname_np(::pthread_self(), text, sizeof(text));
    name = text;
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    is_blocked = ::sigismember(&mask, SIGTERM) == 1;
  });
  REQUIRE(started);
  std::move(started).value().join();
  REQUIRE(name == "sluice-test");
  REQUIRE(is_blocked);
  REQUIRE_FALSE(base::start_thread({"x", {100'000}}, [] {}));
}
