// Delayed sends: never early, cancelled or fired but never both.
#include <catch2/catch_test_macros.hpp>

#include <vector>

#include "actor/test_node.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"

using namespace std::chrono_literals;
using sluice::base::now_ns;

namespace {

struct due {
  std::int64_t at_ns = 0;
};
struct go {};
struct cancel_all {};

struct outcome {
  test_counter fired;
  test_counter early;
  test_counter cancelled;
  test_counter armed;
};

// Arms timers; some it cancels, from wherever it runs by then.
struct clockwork : sluice::actor<clockwork, go, due, cancel_all> {
  clockwork(std::uint32_t count_, std::uint64_t seed, outcome& to)
      : count(count_), random(seed), out(to) {}
  void on(go) {
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::chrono::microseconds delay{random.next_below(20'000)};
      timers.push_back(
          send_after(delay, self(), due{now_ns() + std::chrono::nanoseconds{delay}.count()}));
    }
    out.armed.add();
  }
  void on(due one) {
    if (now_ns() < one.at_ns) out.early.add();
    out.fired.add();
  }
  void on(cancel_all) {
    for (auto& each : timers) {
      if (each.cancel()) out.cancelled.add();
      if (each.cancel()) out.early.add();  // A second cancel never succeeds.
    }
    timers.clear();
    out.armed.add();
  }
  std::uint32_t count;
  sluice::base::random_source random;
  outcome& out;
  std::vector<sluice::timer> timers;
};

}  // namespace

TEST_CASE("send_after: fires once, never early, whatever the delay") {
  outcome out;
  const std::uint64_t seed = static_cast<std::uint64_t>(now_ns());
  INFO("seed " << seed);
  test_node node;
  constexpr std::uint32_t count = 300;
  auto made = node->spawn_many<clockwork>(4, count, seed, std::ref(out));
  for (auto& each : made.value()) each.send(go{});
  out.fired.wait_for(4 * count);
  node.finish();
  REQUIRE(out.early.value() == 0);
  REQUIRE(out.fired.value() == 4 * count);
}

TEST_CASE("send_after: each timer either fires or was cancelled, and cancel says which") {
  outcome out;
  test_node node;
  constexpr std::uint32_t count = 300;
  auto made = node->spawn_many<clockwork>(4, count, 7u, std::ref(out));
  for (auto& each : made.value()) each.send(go{});
  for (auto& each : made.value()) each.send(cancel_all{});
  out.armed.wait_for(8);
  node.settle();  // What a thief cancelled stays in the wheel until it is due.
  const auto sums = node.finish();
  REQUIRE(out.early.value() == 0);
  REQUIRE(out.fired.value() + out.cancelled.value() == 4 * count);
  REQUIRE(sums.cancelled == out.cancelled.value());
}

namespace {

struct legacy : sluice::actor<legacy, go> {
  legacy(sluice::timer& into_, test_counter& armed_) : into(into_), armed(armed_) {}
  void on(go) {
    into = send_after(1h, self(), due{});
    static_cast<void>(send_after(2ms, self(), due{}));
    armed.add();
    exit();
  }
  sluice::timer& into;
  test_counter& armed;
};

}  // namespace

TEST_CASE(
    "send_after: a timer for a dead receiver is accounted, one of a stopped node is harmless") {
  sluice::timer kept;
  test_counter armed;
  {
    test_node node;
    auto made = node->spawn<legacy>({}, kept, armed);
    made.value().send(go{});
    armed.wait_for(1);
    eventually([&] { return node->messages().unknown == 1; });
    const auto report = node->stop(30s);
    REQUIRE(report.is_clean());
    REQUIRE_FALSE(kept.cancel());
    kept = sluice::timer{};
    node.judge();
  }
}
