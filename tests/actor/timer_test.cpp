// Delayed sends: never early, cancelled or fired but never both.
#include <catch2/catch_test_macros.hpp>

#include <string>
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
  node.settle();  // What a thief cancelled goes home first.
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

namespace {

struct tick {
  std::string text;
};
struct start_ticking {
  std::chrono::nanoseconds period{};
};
struct cancel_ticking {};
struct be_late {
  std::chrono::nanoseconds time{};
};

// Ticks at a fixed rate, and notes when.
struct ticker : sluice::actor<ticker, start_ticking, cancel_ticking, be_late, tick> {
  ticker(std::vector<std::int64_t>& times_, test_counter& count_, test_counter& answers_)
      : times(times_), count(count_), answers(answers_) {}
  void on(start_ticking order) {
    begin = now_ns();
    every = send_every(order.period, self(), tick{std::string(80, 't')});
    if (!every.is_valid()) answers.add(100);
  }
  void on(const tick& one) {
    if (one.text.size() != 80) return;
    times.push_back(now_ns() - begin);
    count.add();
  }
  void on(be_late order) {
    const auto until = now_ns() + order.time.count();
    while (now_ns() < until) {
    }
    answers.add();
  }
  void on(cancel_ticking) {
    answers.add(every.cancel() ? 1 : 10);
    answers.add(every.cancel() ? 10 : 1);
  }
  std::int64_t begin = 0;
  sluice::timer every;
  std::vector<std::int64_t>& times;
  test_counter& count;
  test_counter& answers;
};

}  // namespace

TEST_CASE("send_every: never early, at a fixed rate, without drift") {
  std::vector<std::int64_t> times;
  test_counter count;
  test_counter answers;
  test_node node;
  auto made = node->spawn<ticker>({}, times, count, answers).value();
  made.send(start_ticking{2ms});
  count.wait_for(20);
  made.send(cancel_ticking{});
  answers.wait_for(2);
  node.finish();
  REQUIRE(answers.value() == 2);  // Cancelled once, while it was armed.
  for (std::size_t i = 0; i < times.size(); ++i) {
    REQUIRE(times[i] >= static_cast<std::int64_t>(i + 1) * 2'000'000);
  }
}

TEST_CASE("send_every: times that were missed are left out, and the rest stay in phase") {
  std::vector<std::int64_t> times;
  test_counter count;
  test_counter answers;
  test_node node{plain_options(1)};
  auto made = node->spawn<ticker>({}, times, count, answers).value();
  made.send(start_ticking{10ms});
  count.wait_for(1);
  made.send(be_late{35ms});
  answers.wait_for(1);
  count.wait_for(3);
  made.send(cancel_ticking{});
  answers.wait_for(3);
  node.finish();
  // At least three times passed in the handler, and the receiver hears of one of them.
  const auto periods = times.back() / 10'000'000;
  REQUIRE(static_cast<std::int64_t>(times.size()) <= periods - 1);
}

TEST_CASE("send_every: ends with its receiver, with its sender, and makes none without a period") {
  std::vector<std::int64_t> times;
  test_counter count;
  test_counter answers;
  test_node node;
  auto made = node->spawn<ticker>({}, times, count, answers).value();
  made.send(start_ticking{0ns});
  answers.wait_for(100);
  made.send(start_ticking{1ms});
  count.wait_for(2);
  made.exit();
  node.settle();  // The message that is copied is queued until the timer has ended.
}

namespace {

struct far_order {
  std::uint32_t count = 0;
};
// Arms long timers and gives their handles away.
struct far_clock : sluice::actor<far_clock, far_order> {
  far_clock(std::vector<sluice::timer>& into_, test_counter& done_) : into(into_), done(done_) {}
  void on(far_order order) {
    for (std::uint32_t i = 0; i < order.count; ++i) into.push_back(send_after(10h, self(), due{}));
    into.push_back(send_every(1h, self(), due{}));
    done.add();
  }
  std::vector<sluice::timer>& into;
  test_counter& done;
};

}  // namespace

TEST_CASE("timer: one cancelled away from its home gives its memory back soon") {
  std::vector<sluice::timer> timers;
  test_counter done;
  test_node node;
  constexpr std::uint32_t count = 500;
  auto made = node->spawn<far_clock>({}, timers, done).value();
  made.send(far_order{count});
  done.wait_for(1);
  for (auto& each : timers) REQUIRE(each.cancel());
  for (auto& each : timers) REQUIRE_FALSE(each.cancel());
  eventually([&] { return node->messages().cancelled == count + 1; });
  node.settle();
  timers.clear();
}

namespace {

struct end_later {
  std::chrono::nanoseconds delay{};
};
struct ender : sluice::actor<ender, end_later, cancel_ticking> {
  ender(sluice::address victim_, test_counter& answers_) : victim(victim_), answers(answers_) {}
  void on(end_later order) {
    pending = exit_after(order.delay, victim, sluice::exit_reason::error("later"));
    if (pending.is_valid()) answers.add();
  }
  void on(cancel_ticking) { answers.add(pending.cancel() ? 1 : 10); }
  sluice::address victim;
  test_counter& answers;
  sluice::timer pending;
};
struct victim : sluice::actor<victim> {
  victim(sluice::exit_reason& to, test_counter& ended_) : why(to), ended(ended_) {}
  void terminate(const sluice::exit_reason& reason) {
    why = reason;
    ended.add();
  }
  sluice::exit_reason& why;
  test_counter& ended;
};

}  // namespace

TEST_CASE("exit_after: ends the other one for that reason, not early, unless it is cancelled") {
  sluice::exit_reason why;
  test_counter ended;
  test_counter answers;
  test_node node;
  auto to = node->spawn<victim>({}, why, ended).value();
  auto from = node->spawn<ender>({}, to.id(), answers).value();
  from.send(end_later{1h});
  from.send(cancel_ticking{});
  answers.wait_for(2);
  const auto begin = now_ns();
  from.send(end_later{5ms});
  ended.wait_for(1);
  REQUIRE(now_ns() - begin >= 5'000'000);
  REQUIRE(why == sluice::exit_reason::error("later"));
  REQUIRE(answers.value() == 3);
}
