#include "sched/timer_wheel.hpp"

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <map>
#include <vector>

#include "base/random.hpp"

namespace {

using sluice::base::nanoseconds_t;
using sluice::base::no_deadline;
using sluice::sched::timer_node;
using sluice::sched::timer_wheel;

constexpr nanoseconds_t tick = timer_wheel::tick_ns;
constexpr nanoseconds_t start = 1'000'000'000'000 / tick * tick;

const auto ignore = [](timer_node&) {};

}  // namespace

TEST_CASE("timer wheel: nothing fires before its deadline or later than a tick after it") {
  // Deadlines on both sides of every level's boundaries.
  std::vector<nanoseconds_t> delays{0, 1, tick - 1, tick, tick + 1};
  for (int level = 1; level < 7; ++level) {
    const nanoseconds_t span = tick << (6 * level);
    for (const nanoseconds_t off : {-tick - 1, -tick, nanoseconds_t{-1}, nanoseconds_t{0},
                                    nanoseconds_t{1}, tick, tick + 1}) {
      delays.push_back(span + off);
      delays.push_back(3 * span + off);
    }
  }
  for (const nanoseconds_t begin : {start, start + 1, start + 63 * tick + 5}) {
    for (const nanoseconds_t delay : delays) {
      CAPTURE(begin, delay);
      timer_wheel wheel{begin};
      timer_node node;
      wheel.arm(node, begin + delay);
      if (delay > 0) REQUIRE(wheel.advance(begin + delay - 1, ignore) == 0);
      REQUIRE(node.is_armed());
      REQUIRE(wheel.advance(begin + delay + tick, ignore) == 1);
      REQUIRE_FALSE(node.is_armed());
      REQUIRE(wheel.size() == 0);
    }
  }
}

TEST_CASE(
    "timer wheel: next_deadline is when the earliest fires: one wake-up a timer, however far") {
  for (int level = 0; level < 7; ++level) {
    timer_wheel wheel{start};
    timer_node node;
    const nanoseconds_t deadline = start + (tick << (6 * level)) * 5 + 12'345;
    wheel.arm(node, deadline);
    const nanoseconds_t wake = wheel.next_deadline();
    CAPTURE(level, deadline, wake);
    REQUIRE(wake >= deadline);
    REQUIRE(wake < deadline + tick);
    REQUIRE(wheel.advance(wake, ignore) == 1);
    REQUIRE(wheel.next_deadline() == no_deadline);
  }
}

TEST_CASE("timer wheel: after the earliest is cancelled next_deadline is the second's") {
  timer_wheel wheel{start};
  timer_node nodes[3];
  const nanoseconds_t far = start + tick * 1000;
  wheel.arm(nodes[0], far);
  wheel.arm(nodes[1], far + 3 * tick);
  wheel.arm(nodes[2], far + 5 * tick);
  REQUIRE(wheel.next_deadline() < far + tick);
  REQUIRE(wheel.cancel(nodes[0]));
  REQUIRE(wheel.next_deadline() >= far + 3 * tick);
  REQUIRE(wheel.next_deadline() < far + 4 * tick);
  REQUIRE_FALSE(wheel.cancel(nodes[0]));
  REQUIRE(wheel.cancel(nodes[1]));
  REQUIRE(wheel.cancel(nodes[2]));
  REQUIRE(wheel.next_deadline() == no_deadline);
}

TEST_CASE("timer wheel: in a crowded slot a cancelled earliest costs one early wake-up at most") {
  constexpr std::size_t count = 1000;
  timer_wheel wheel{start};
  std::vector<timer_node> nodes(count);
  const nanoseconds_t far = start + (tick << 12) * 3;
  for (std::size_t i = 0; i < count; ++i) {
    wheel.arm(nodes[i], far + tick + static_cast<nanoseconds_t>(i) * tick);
  }
  REQUIRE(wheel.cancel(nodes[0]));
  const nanoseconds_t early = wheel.next_deadline();
  REQUIRE(early <= far + 2 * tick);
  REQUIRE(wheel.advance(early, ignore) == 0);
  const nanoseconds_t exact = wheel.next_deadline();
  REQUIRE(exact == far + 2 * tick);
  REQUIRE(wheel.advance(exact, ignore) == 1);
}

TEST_CASE("timer wheel: nodes of one tick fire in the order armed, also after moving down") {
  timer_wheel wheel{start};
  std::vector<timer_node> nodes(5);
  const nanoseconds_t deadline = start + tick * 5000;
  wheel.arm(nodes[0], deadline);
  wheel.arm(nodes[1], deadline);
  REQUIRE(wheel.advance(deadline - tick * 100, ignore) == 0);
  wheel.arm(nodes[2], deadline);
  REQUIRE(wheel.advance(deadline - tick * 2, ignore) == 0);
  wheel.arm(nodes[3], deadline);
  wheel.arm(nodes[4], deadline - tick);
  std::vector<long> order;
  wheel.advance(deadline, [&](timer_node& node) { order.push_back(&node - nodes.data()); });
  REQUIRE(order == std::vector<long>{4, 0, 1, 2, 3});
}

TEST_CASE(
    "timer wheel: a callback may cancel, re-arm and arm; what it arms in the past waits a turn") {
  timer_wheel wheel{start};
  timer_node victim;
  timer_node periodic;
  timer_node killer;
  wheel.arm(killer, start + tick);
  wheel.arm(victim, start + tick);
  wheel.arm(periodic, start + tick);
  int fired = 0;
  const auto on_due = [&](timer_node& node) {
    REQUIRE(&node != &victim);
    ++fired;
    if (&node == &killer) REQUIRE(wheel.cancel(victim));
    if (&node == &periodic) wheel.arm(periodic, start);
  };
  REQUIRE(wheel.advance(start + tick, on_due) == 2);
  REQUIRE(wheel.next_deadline() <= start + tick);
  REQUIRE(wheel.advance(start + tick, on_due) == 1);
  REQUIRE(fired == 3);
  REQUIRE(wheel.cancel(periodic));
  REQUIRE(wheel.size() == 0);
}

TEST_CASE("timer wheel: a bounded advance leaves the rest due, and the rest can be cancelled") {
  timer_wheel wheel{start};
  std::vector<timer_node> nodes(5);
  for (auto& node : nodes) wheel.arm(node, start + tick);
  REQUIRE(wheel.advance(start + 2 * tick, ignore, 2) == 2);
  REQUIRE(wheel.next_deadline() <= start + 2 * tick);
  REQUIRE(wheel.cancel(nodes[2]));
  REQUIRE(wheel.advance(start + 2 * tick, ignore) == 2);
  REQUIRE(wheel.next_deadline() == no_deadline);
}

TEST_CASE("timer wheel: the farthest deadlines are held and never fire") {
  timer_wheel wheel{start};
  timer_node node;
  wheel.arm(node, no_deadline);
  REQUIRE(wheel.next_deadline() == no_deadline);
  REQUIRE(wheel.advance(start + (tick << 40), ignore) == 0);
  REQUIRE(wheel.cancel(node));
}

TEST_CASE("timer wheel: random arms, cancels and steps agree with a sorted map") {
  const std::uint64_t seed = Catch::getSeed();
  CAPTURE(seed);
  sluice::base::random_source random{seed};
  constexpr std::size_t count = 300;
  for (int round = 0; round < 20; ++round) {
    nanoseconds_t now = start + random.next_below(1'000'000);
    timer_wheel wheel{now};
    std::vector<timer_node> nodes(count);
    std::multimap<nanoseconds_t, timer_node*> expected;
    const auto forget = [&](timer_node& node) {
      const auto range = expected.equal_range(node.deadline_ns);
      const auto at = std::find_if(range.first, range.second,
                                   [&](const auto& entry) { return entry.second == &node; });
      REQUIRE(at != range.second);
      expected.erase(at);
    };
    const auto random_delay = [&] {
      return static_cast<nanoseconds_t>(random.next() >> (20 + random.next_below(44)));
    };
    for (int step = 0; step < 3000; ++step) {
      timer_node& node = nodes[random.next_below(count)];
      if (node.is_armed()) {
        if (random.next_below(2) == 0) {
          forget(node);
          REQUIRE(wheel.cancel(node));
        }
      } else {
        const nanoseconds_t deadline = now + random_delay() - tick;
        wheel.arm(node, deadline);
        expected.emplace(deadline, &node);
      }
      REQUIRE(wheel.size() == expected.size());
      const nanoseconds_t wake = wheel.next_deadline();
      if (!expected.empty()) REQUIRE(wake < std::max(now, expected.begin()->first) + tick);
      if (random.next_below(4) != 0) continue;
      now = random.next_below(3) == 0 && wake != no_deadline ? std::max(now, wake)
                                                             : now + random_delay() / 64;
      wheel.advance(now, [&](timer_node& due) {
        REQUIRE(due.deadline_ns <= now);
        forget(due);
      });
      if (!expected.empty()) REQUIRE(expected.begin()->first > now / tick * tick);
    }
    for (auto& node : nodes) static_cast<void>(wheel.cancel(node));
    REQUIRE(wheel.next_deadline() == no_deadline);
  }
}

TEST_CASE("timer wheel: a million timers fire once each, in tick order") {
  constexpr std::size_t count = 1'000'000;
  const std::uint64_t seed = Catch::getSeed();
  CAPTURE(seed);
  sluice::base::random_source random{seed};
  timer_wheel wheel{start};
  std::vector<timer_node> nodes(count);
  for (auto& node : nodes) {
    wheel.arm(node, start + static_cast<nanoseconds_t>(random.next_below(1'000'000'000)) * 10);
  }
  std::size_t fired = 0;
  std::size_t wrong = 0;
  nanoseconds_t previous = 0;
  while (wheel.size() != 0) {
    const nanoseconds_t now = wheel.next_deadline();
    wheel.advance(now, [&](timer_node& node) {
      wrong += node.deadline_ns > now || node.deadline_ns <= now - tick;
      ++fired;
    });
    wrong += now <= previous;
    previous = now;
  }
  REQUIRE(fired == count);
  REQUIRE(wrong == 0);
}
