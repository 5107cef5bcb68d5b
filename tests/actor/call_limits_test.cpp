// Calls into a full mailbox: so many as its bound wait, the others are told, and each has one
// outcome whatever becomes of the callee.
#include <catch2/catch_test_macros.hpp>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "actor/test_node.hpp"
#include "base/random.hpp"

using namespace std::chrono_literals;
using sluice::error_code;
using sluice::result;
using sluice::task;

namespace {

struct ask {
  using reply = int;
  int number = 0;
};
struct begin {
  int number = 0;
};
struct block {};
struct gates {
  test_counter entered;
  test_counter open;
};

// Is busy until the test says so; what is asked meanwhile fills its mailbox.
struct busy : sluice::actor<busy, ask, block> {
  explicit busy(gates& at_) : at(at_) {}
  int on(ask question) { return question.number + 1; }
  void on(block) {
    at.entered.add();
    static_cast<void>(at.open.reaches(1));
  }
  gates& at;
};

// What became of so many calls.
struct ledger {
  test_counter over;
  test_counter answered;
  test_counter full;
  test_counter timed_out;
  test_counter ended;
  test_counter wrong;

  void note(const result<int>& answer, int expected) {
    if (answer) {
      (answer.value() == expected ? answered : wrong).add();
    } else if (answer.error().code == error_code::mailbox_full) {
      full.add();
    } else if (answer.error().code == error_code::timed_out) {
      timed_out.add();
    } else if (answer.error().code == error_code::receiver_ended) {
      ended.add();
    } else {
      wrong.add();
    }
    over.add();
  }
  [[nodiscard]] std::array<std::uint32_t, 5> sums() const {
    return {answered.value(), full.value(), timed_out.value(), ended.value(), wrong.value()};
  }
};

enum class way { call, request };

struct client : sluice::actor<client, begin> {
  client(ledger& to, sluice::handle<busy> other_, way by_, std::chrono::nanoseconds timeout_)
      : out(to), other(other_), by(by_), timeout(timeout_) {}
  task<void> on(begin one) {
    if (by == way::request) {
      number = one.number;
      static_cast<void>(request(other, ask{one.number}, {.timeout = timeout}));
      co_return;
    }
    const ask question{one.number};
    const result<int> answer = co_await call(other, question, timeout);
    out.note(answer, one.number + 1);
  }
  void on(const sluice::completion<ask>& over) { out.note(over.answer, number + 1); }
  ledger& out;
  sluice::handle<busy> other;
  way by;
  std::chrono::nanoseconds timeout;
  int number = 0;
};

constexpr int bound = 20;
constexpr int taken = bound - 1;  // The message that is being handled has its place, too.
constexpr int clients = 100;
constexpr int refused = clients - taken;

// A callee that is busy, its mailbox full of calls, and as many callers told so as did not fit.
struct scene {
  test_node node;
  gates at;
  ledger out;
  sluice::handle<busy> other;
  std::vector<sluice::handle<client>> callers;

  explicit scene(way by, std::chrono::nanoseconds timeout = 60s) : node(plain_options(2)) {
    other = node->spawn<busy>({.mailbox_max = bound}, std::ref(at)).value();
    other.send(block{});
    at.entered.wait_for(1);
    for (int i = 0; i < clients; ++i) {
      callers.push_back(node->spawn<client>({}, std::ref(out), other, by, timeout).value());
      callers.back().send(begin{i});
    }
    out.full.wait_for(refused);
  }
  // The mailbox has room for as many as before.
  void check_room() {
    for (int i = 0; i < 3 * bound; ++i) {
      CHECK(node->call(other, ask{i}, {.timeout = 60s}).value() == i + 1);
    }
  }
};

}  // namespace

TEST_CASE("call: a mailbox full of calls answers those it took, and told the others at once") {
  for (const way by : {way::call, way::request}) {
    scene on{by};
    on.at.open.add();
    on.out.over.wait_for(clients);
    CHECK(on.out.sums() == std::array<std::uint32_t, 5>{taken, refused, 0, 0, 0});
    on.check_room();
  }
}

TEST_CASE("call: a callee that ends with its mailbox full of calls answers each once") {
  for (const way by : {way::call, way::request}) {
    for (const bool is_killed : {false, true}) {
      scene on{by};
      on.other.exit(is_killed ? sluice::exit_reason::killed() : sluice::exit_reason::shutdown());
      on.at.open.add();
      on.out.over.wait_for(clients);
      on.node.settle();
      CHECK(on.out.over.value() == clients);
      CHECK(on.out.sums() == std::array<std::uint32_t, 5>{0, refused, 0, taken, 0});
    }
  }
}

TEST_CASE(
    "call: who waits in a full mailbox gives up at its time, and the mailbox has room again") {
  for (const way by : {way::call, way::request}) {
    scene on{by, 20ms};
    on.out.over.wait_for(clients);
    CHECK(on.out.sums() == std::array<std::uint32_t, 5>{0, refused, taken, 0, 0});
    on.at.open.add();
    on.node.settle();
    CHECK(on.out.over.value() == clients);
    on.check_room();
  }
}

TEST_CASE("call: a node stops while a mailbox is full of calls") {
  for (const way by : {way::call, way::request}) {
    scene on{by};
    on.at.open.add();
    on.node.finish();
    // Answered, or over with who asked.
    CHECK(on.out.over.value() <= clients);
    CHECK(on.out.wrong.value() == 0);
  }
}

TEST_CASE("call: calls that race for the room of a small mailbox have one outcome each") {
  const std::uint64_t seed = static_cast<std::uint64_t>(sluice::base::now_ns());
  INFO("seed " << seed);
  sluice::base::random_source random{seed};
  test_node node{plain_options(3)};
  gates at;
  ledger out;
  const auto other = node->spawn<busy>({.mailbox_max = 4}, std::ref(at)).value();
  std::vector<sluice::handle<client>> callers;
  for (int i = 0; i < 30; ++i) {
    const auto timeout = random.next_below(4) == 0 ? std::chrono::nanoseconds{50us} : 60s;
    callers.push_back(node->spawn<client>({}, std::ref(out), other, way::call, timeout).value());
  }
  constexpr int rounds = has_sanitizer ? 30 : 300;
  for (int round = 0; round < rounds; ++round) {
    for (auto& each : callers) each.send(begin{round});
  }
  const auto total = static_cast<std::uint32_t>(rounds * callers.size());
  out.over.wait_for(total);
  node.settle();
  CHECK(out.over.value() == total);
  CHECK(out.wrong.value() == 0);
  CHECK(out.ended.value() == 0);
  CHECK(node->call(other, ask{1}, {.timeout = 60s}).value() == 2);
}
