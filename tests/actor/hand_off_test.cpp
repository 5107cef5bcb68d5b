// What goes to and fro without its mailbox's word (hand_off.hpp): nothing may depend on the way.
#include <catch2/catch_test_macros.hpp>

#include <thread>
#include <vector>

#include "actor/test_node.hpp"

using namespace std::chrono_literals;
using sluice::exit_reason;
using sluice::pid;
using clock_type = std::chrono::steady_clock;

namespace {

// After so many the two linger in turn.
constexpr std::uint32_t rounds_until_lingering = 100;
constexpr std::uint32_t rounds_of_many = has_sanitizer ? 2'000 : 50'000;

struct volley {
  pid from;
  std::uint32_t number = 0;
};

struct match {
  test_counter over;
  test_counter ended;
  sluice::base::atomic<std::uint32_t> heard{0};  // after the last stroke
  bool kills = false;                            // who makes the last stroke
};

struct striker : sluice::actor<striker, volley> {
  explicit striker(match& of_) : of(of_) {}
  void on(const volley& one) {
    const std::uint32_t next = one.number + 1;
    if (one.number > rounds_until_lingering) {
      // Relaxed: read after the match.
      const std::uint32_t before = of.heard.fetch_add(1, sluice::base::relaxed);
      if (one.number == rounds_until_lingering + 1 + before) of.over.add();
    } else if (one.number < rounds_until_lingering) {
      send(one.from, volley{self(), next});
    } else if (of.kills) {
      send(one.from, volley{self(), next});
      exit(one.from, exit_reason::killed());
    } else {
      for (std::uint32_t i = 0; i < 5; ++i) send(one.from, volley{self(), next + i});
    }
  }
  void terminate(const exit_reason&) { of.ended.add(); }
  match& of;
};

}  // namespace

TEST_CASE("hand-off: a kill overtakes the message that its sender sent before") {
  match played;
  played.kills = true;
  test_node node{plain_options(1)};
  const auto one = node->spawn<striker>({}, std::ref(played)).value();
  const auto two = node->spawn<striker>({}, std::ref(played)).value();
  one.send(volley{two.id(), 0});
  played.ended.wait_for(1);
  CHECK(played.heard.load(sluice::base::relaxed) == 0);
}

TEST_CASE("hand-off: what is sent behind a message that was handed off comes behind it") {
  for (const std::uint32_t schedulers : {1u, 2u}) {
    match played;
    test_node node{plain_options(schedulers)};
    const auto one = node->spawn<striker>({}, std::ref(played)).value();
    const auto two = node->spawn<striker>({}, std::ref(played)).value();
    one.send(volley{two.id(), 0});
    played.over.wait_for(5);
  }
}

namespace {

struct query {
  using reply = std::uint32_t;
  std::uint32_t number = 0;
  clock_type::time_point asked;
  std::chrono::nanoseconds timeout = 60s;
};
struct begin {};
struct nudge {};

struct talk {
  test_counter over;
  test_counter nudged;
  sluice::base::atomic<std::uint32_t> wrong{0};
  std::uint32_t rounds = rounds_until_lingering;
  bool chats = false;  // who is asked sends something beside its answer
  void expect(bool is_right) {
    if (!is_right) wrong.fetch_add(1, sluice::base::relaxed);  // Relaxed: a count, read at the end.
  }
};

// Answers by return, and looks at the deadline each time.
struct oracle : sluice::actor<oracle, query, nudge> {
  explicit oracle(talk& of_) : of(of_) {}
  std::uint32_t on(const query& asked) {
    const auto until = deadline();
    of.expect(until >= asked.asked + asked.timeout);
    // What the clock extrapolates may be some microseconds late.
    of.expect(until <= clock_type::now() + asked.timeout + 1ms);
    of.expect(until == deadline());
    if (of.chats && asked.number % 8 != 0) send(sender(), nudge{});
    return asked.number + 1;
  }
  void on(nudge) { of.nudged.add(); }
  talk& of;
};

// Asks somebody else before it answers.
struct go_between : sluice::actor<go_between, query> {
  go_between(talk& of_, sluice::handle<oracle> next_) : of(of_), next(next_) {}
  sluice::task<std::uint32_t> on(query asked) {
    of.expect(deadline() >= asked.asked + asked.timeout);
    query passed{asked.number, clock_type::now(), 30s};
    const auto answer = co_await call(next, passed, passed.timeout);
    of.expect(bool(answer));
    co_return answer ? answer.value() : 0;
  }
  talk& of;
  sluice::handle<oracle> next;
};

// Waits twice, now and then, before it looks at the deadline, which begins with the first wait.
struct ponderer : sluice::actor<ponderer, query> {
  explicit ponderer(talk& of_) : of(of_) {}
  sluice::task<std::uint32_t> on(query asked) {
    if (asked.number % 64 == 63) {
      co_await sleep(1ms);
      const auto waited = clock_type::now();
      co_await sleep(3ms);
      of.expect(deadline() >= asked.asked + asked.timeout);
      of.expect(deadline() <= waited + asked.timeout + 1ms);
    }
    co_return asked.number + 1;
  }
  talk& of;
};

template <class Callee>
struct client : sluice::actor<client<Callee>, begin, nudge> {
  client(talk& of_, sluice::handle<Callee> other_) : of(of_), other(other_) {}
  sluice::task<> on(begin) {
    for (std::uint32_t number = 0; number < of.rounds; ++number) {
      query asked{number, clock_type::now()};
      const auto answer = co_await this->call(other, asked, asked.timeout);
      of.expect(answer && answer.value() == number + 1);
    }
    of.over.add();
  }
  void on(nudge) { of.nudged.add(); }
  talk& of;
  sluice::handle<Callee> other;
};

}  // namespace

TEST_CASE("hand-off: calls that are nudged in every lane hear each answer, and all nudges count") {
  constexpr std::uint32_t nudges = has_sanitizer ? 300 : 3'000;
  for (const std::uint32_t schedulers : {1u, 2u, 3u}) {
    talk held;
    held.rounds = rounds_of_many;
    test_node node{plain_options(schedulers)};
    const auto other = node->spawn<oracle>({}, std::ref(held)).value();
    const auto one = node->spawn<client<oracle>>({}, std::ref(held), other).value();
    one.send(begin{});
    std::vector<std::thread> disturbers;
    for (const auto lane : {sluice::priority::urgent, sluice::priority::main}) {
      disturbers.emplace_back([&, lane] {
        for (std::uint32_t i = 0; i < nudges; ++i) {
          one.send(nudge{}, lane);
          other.send(nudge{}, lane);
        }
      });
    }
    for (auto& each : disturbers) each.join();
    held.over.wait_for(1);
    held.nudged.wait_for(4 * nudges);
    CHECK(held.wrong.load(sluice::base::relaxed) == 0);
  }
}

TEST_CASE("hand-off: who is called may send to who calls before it answers") {
  for (const std::uint32_t schedulers : {1u, 2u}) {
    talk held;
    held.rounds = rounds_of_many / 8 * 8;
    held.chats = true;
    test_node node{plain_options(schedulers)};
    const auto other = node->spawn<oracle>({}, std::ref(held)).value();
    const auto one = node->spawn<client<oracle>>({}, std::ref(held), other).value();
    one.send(begin{});
    held.over.wait_for(1);
    held.nudged.wait_for(held.rounds / 8 * 7);
    CHECK(held.wrong.load(sluice::base::relaxed) == 0);
  }
}

TEST_CASE("hand-off: who is called may call before it answers") {
  for (const std::uint32_t schedulers : {1u, 2u}) {
    talk held;
    held.rounds = rounds_of_many / 2;
    test_node node{plain_options(schedulers)};
    const auto last = node->spawn<oracle>({}, std::ref(held)).value();
    const auto between = node->spawn<go_between>({}, std::ref(held), last).value();
    const auto one = node->spawn<client<go_between>>({}, std::ref(held), between).value();
    one.send(begin{});
    held.over.wait_for(1);
    CHECK(held.wrong.load(sluice::base::relaxed) == 0);
  }
}

TEST_CASE("hand-off: the deadline of a call begins when its callee waits, at the latest") {
  for (const std::uint32_t schedulers : {1u, 2u}) {
    talk held;
    held.rounds = 10 * 64;
    test_node node{plain_options(schedulers)};
    const auto other = node->spawn<ponderer>({}, std::ref(held)).value();
    const auto one = node->spawn<client<ponderer>>({}, std::ref(held), other).value();
    one.send(begin{});
    held.over.wait_for(1);
    CHECK(held.wrong.load(sluice::base::relaxed) == 0);
  }
}

namespace {

// Keeps the last question, or kills who asked it behind its answer.
struct sphinx : sluice::actor<sphinx, query> {
  enum end : bool { keeps, kills };
  sphinx(talk& of_, end how_) : of(of_), how(how_) {}
  void on(query asked, sluice::reply_to<query> answer) {
    of.expect(answer.deadline() >= asked.asked + asked.timeout);
    const bool is_last = asked.number == of.rounds;
    if (is_last && how == keeps) {
      kept = std::move(answer);
      return;
    }
    answer.reply(asked.number + 1);
    if (is_last) exit(sender(), exit_reason::killed());
  }
  talk& of;
  end how;
  sluice::reply_to<query> kept;
};

struct traveller : sluice::actor<traveller, begin> {
  traveller(talk& of_, sluice::handle<sphinx> other_) : of(of_), other(other_) {}
  sluice::task<> on(begin) {
    for (std::uint32_t number = 0; number <= of.rounds; ++number) {
      const bool is_last = number == of.rounds;
      query asked{number, clock_type::now(), is_last ? 20ms : 60'000ms};
      const auto answer = co_await call(other, asked, asked.timeout);
      if (is_last) {  // Nobody who was killed comes here.
        of.expect(!answer && answer.error().code == sluice::error_code::timed_out);
        of.expect(clock_type::now() >= asked.asked + asked.timeout);
        of.over.add();
      } else {
        of.expect(answer && answer.value() == number + 1);
      }
    }
  }
  void terminate(const exit_reason&) { of.nudged.add(); }
  talk& of;
  sluice::handle<sphinx> other;
};

}  // namespace

TEST_CASE("hand-off: a call whose deadline was left open times out, and not early") {
  for (std::uint32_t round = 0; round < 10; ++round) {
    talk held;
    held.rounds += round;
    test_node node{plain_options(1 + round % 2)};
    const auto other = node->spawn<sphinx>({}, std::ref(held), sphinx::keeps).value();
    const auto one = node->spawn<traveller>({}, std::ref(held), other).value();
    const auto before = clock_type::now();
    one.send(begin{});
    held.over.wait_for(1);
    CHECK(clock_type::now() - before < 10s);
    CHECK(held.wrong.load(sluice::base::relaxed) == 0);
  }
}

TEST_CASE("hand-off: a kill overtakes the answer that came before it") {
  talk held;
  test_node node{plain_options(1)};
  const auto other = node->spawn<sphinx>({}, std::ref(held), sphinx::kills).value();
  const auto one = node->spawn<traveller>({}, std::ref(held), other).value();
  one.send(begin{});
  held.nudged.wait_for(1);
  CHECK(held.over.value() == 0);
  CHECK(held.wrong.load(sluice::base::relaxed) == 0);
}
