// Processes that keep their right to run for a while because messages go to and fro (activation
// A4): nothing may depend on whether one lingers.
#include <catch2/catch_test_macros.hpp>

#include <vector>

#include "actor/test_node.hpp"
#include "base/random.hpp"

using namespace std::chrono_literals;
using sluice::exit_reason;
using sluice::pid;

namespace {

// After so many the two linger in turn.
constexpr std::uint32_t rounds_until_lingering = 100;

struct ball {
  pid from;
  std::uint32_t number = 0;
};
struct poke {
  std::uint32_t number = 0;
};

// What the two and the test know of each other.
struct game {
  test_counter holds;   // one of the two sits in its handler
  test_counter poked;   // the other one has heard of the test
  test_counter played;  // all rounds were played
  test_counter ended;
  sluice::base::atomic<std::uint32_t> wrong{0};
  std::uint32_t rounds = rounds_until_lingering;
  bool holds_at_the_end = false;
};

struct player : sluice::actor<player, ball, poke> {
  explicit player(game& of_) : of(of_) {}
  void on(const ball& one) {
    // Relaxed: read after the node has stopped.
    if (one.number < expected) of.wrong.fetch_add(1, sluice::base::relaxed);
    expected = one.number + 1;
    if (one.number < of.rounds) return static_cast<void>(send(one.from, ball{self(), expected}));
    if (of.holds_at_the_end) {
      of.holds.add();
      if (!of.poked.reaches(1)) of.wrong.fetch_add(1, sluice::base::relaxed);
    }
    of.played.add();
  }
  void on(poke) { of.poked.add(); }
  void terminate(const exit_reason&) { of.ended.add(); }
  game& of;
  std::uint32_t expected = 0;
};

}  // namespace

TEST_CASE("lingering: a message to one that lingers behind a long handler is handled elsewhere") {
  for (int round = 0; round < (has_sanitizer ? 5 : 20); ++round) {
    game played;
    played.rounds += static_cast<std::uint32_t>(round % 2);
    played.holds_at_the_end = true;
    test_node node;
    const auto one = node->spawn<player>({}, std::ref(played)).value();
    const auto two = node->spawn<player>({}, std::ref(played)).value();
    one.send(ball{two.id(), 0});
    played.holds.wait_for(1);
    // Who does not hold ran before the one that does: on the same scheduler, where it lingers.
    const auto& other = round % 2 == 0 ? two : one;
    other.send(poke{});
    played.poked.wait_for(1);
    played.played.wait_for(1);
    CHECK(played.wrong.load(sluice::base::relaxed) == 0);
  }
}

TEST_CASE("lingering: one that lingers when its scheduler has nothing more to do is found again") {
  for (const std::uint32_t schedulers : {1u, 2u}) {
    game played;
    test_node node{plain_options(schedulers)};
    const auto one = node->spawn<player>({}, std::ref(played)).value();
    const auto two = node->spawn<player>({}, std::ref(played)).value();
    for (std::uint32_t game_number = 1; game_number <= 200; ++game_number) {
      one.send(ball{two.id(), 0});
      played.played.wait_for(game_number);
      one.send(poke{});
      two.send(poke{});
      played.poked.wait_for(2 * game_number);
    }
  }
}

TEST_CASE("lingering: one that is asked to end while it lingers ends, and so does one that plays") {
  sluice::base::random_source random{static_cast<std::uint64_t>(sluice::base::now_ns())};
  for (int round = 0; round < (has_sanitizer ? 20 : 200); ++round) {
    game played;
    played.rounds = UINT32_MAX;
    test_node node{plain_options(1 + static_cast<std::uint32_t>(round) % 2)};
    const auto one = node->spawn<player>({}, std::ref(played)).value();
    const auto two = node->spawn<player>({}, std::ref(played)).value();
    one.send(ball{two.id(), 0});
    const auto until = sluice::base::now_ns() + random.next_below(200'000);
    while (sluice::base::now_ns() < until) {
    }
    static_cast<void>(node->exit(one, exit_reason::shutdown()));
    played.ended.wait_for(1);
    static_cast<void>(node->exit(two, exit_reason::shutdown()));
    played.ended.wait_for(2);
  }
}

TEST_CASE(
    "lingering: pairs that play while others disturb them lose nothing and keep their order") {
  constexpr std::uint32_t pairs = 4;
  constexpr std::uint32_t pokes = has_sanitizer ? 500 : 5'000;
  for (const std::uint32_t schedulers : {1u, 2u, 3u}) {
    game played;
    played.rounds = has_sanitizer ? 5'000 : 100'000;
    test_node node{plain_options(schedulers)};
    std::vector<sluice::handle<player>> all;
    for (std::uint32_t i = 0; i < 2 * pairs; ++i) {
      all.push_back(node->spawn<player>({}, std::ref(played)).value());
    }
    for (std::uint32_t i = 0; i < pairs; ++i) all[2 * i].send(ball{all[2 * i + 1].id(), 0});
    std::vector<std::thread> disturbers;
    for (std::uint32_t i = 0; i < 2; ++i) {
      disturbers.emplace_back([&, i] {
        for (std::uint32_t number = 0; number < pokes; ++number) {
          all[(number + i) % all.size()].send(poke{number});
        }
      });
    }
    for (auto& each : disturbers) each.join();
    played.played.wait_for(pairs);
    played.poked.wait_for(2 * pokes);
    CHECK(played.wrong.load(sluice::base::relaxed) == 0);
  }
}

namespace {

struct question {
  using reply = std::uint32_t;
  std::uint32_t number = 0;
};

struct answerer : sluice::actor<answerer, question> {
  std::uint32_t on(const question& asked) { return asked.number + 1; }
};

struct asker : sluice::actor<asker, poke> {
  asker(game& of_, sluice::handle<answerer> other_) : of(of_), other(other_) {}
  sluice::task<> on(poke) {
    for (std::uint32_t number = 0; number < of.rounds; ++number) {
      const auto answer = co_await call(other, question{number}, 60s);
      if (!answer || answer.value() != number + 1) {
        of.wrong.fetch_add(1, sluice::base::relaxed);
      }
    }
    of.played.add();
  }
  game& of;
  sluice::handle<answerer> other;
};

}  // namespace

TEST_CASE("lingering: who calls again and again hears each answer, and mail meanwhile waits") {
  for (const std::uint32_t schedulers : {1u, 2u}) {
    game played;
    played.rounds = has_sanitizer ? 2'000 : 50'000;
    test_node node{plain_options(schedulers)};
    const auto other = node->spawn<answerer>({}).value();
    const auto client = node->spawn<asker>({}, std::ref(played), other).value();
    constexpr std::uint32_t handlers = 3;
    for (std::uint32_t i = 0; i < handlers; ++i) client.send(poke{});
    played.played.wait_for(handlers);
    CHECK(played.wrong.load(sluice::base::relaxed) == 0);
  }
}
