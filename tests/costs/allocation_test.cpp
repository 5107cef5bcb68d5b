// What needs no memory from the system in steady state: neither of malloc nor for the block pool.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <memory>

#include "actor/call_graph.hpp"
#include "actor/test_node.hpp"
#include "costs/counted_malloc.hpp"
#include "mem/block_pool.hpp"

using namespace std::chrono_literals;
using sluice::result;
using sluice::task;

namespace {

constexpr int times = 10'000;

/// What 10,000 times of something have cost, after 10,000 that were not looked at.
struct meter {
  test_counter done;
  std::uint64_t allocations = 0;
  std::size_t mapped_bytes = 0;
  int failures = 0;

  // Before the first, and after each.
  void look(int passed) {
    if (passed == times) {
      mapped_bytes = sluice::mem::pool().statistics().mapped_bytes;
      allocations = malloc_count();
    } else if (passed == 2 * times) {
      allocations = malloc_count() - allocations;
      mapped_bytes = sluice::mem::pool().statistics().mapped_bytes - mapped_bytes;
    }
  }
  void check() {
    done.wait_for(1);
    CHECK(failures == 0);
    CHECK(allocations == 0);
    CHECK(mapped_bytes == 0);
  }
};

struct begin {};
struct ball {
  int number = 0;
};
struct plain {
  using reply = int;
  int value = 0;
};
struct by_coroutine {
  using reply = int;
  int value = 0;
};
struct by_helper {
  using reply = int;
  int value = 0;
};
struct silent {
  using reply = int;
};

struct callee : sluice::actor<callee, plain, by_coroutine, by_helper, silent, ball> {
  int on(plain asked) { return asked.value; }
  task<int> on(by_coroutine asked) { co_return asked.value; }
  task<int> on(by_helper asked) {
    const int given = co_await help(asked.value);
    co_return given;
  }
  task<int> help(int value) {
    co_await yield();
    co_return value;
  }
  void on(silent, sluice::reply_to<silent> answer) { kept = std::move(answer); }
  void on(ball one) { send(sender(), one); }
  sluice::reply_to<silent> kept;
};

template <class Asked>
struct caller : sluice::actor<caller<Asked>, begin> {
  caller(meter& to, sluice::handle<callee> other_) : out(to), other(other_) {}
  task<void> on(begin) {
    for (int i = 0; i < 2 * times; ++i) {
      out.look(i);
      const Asked question{i};
      const result<int> answer = co_await this->call(other, question, 60s);
      if (!answer || answer.value() != i) ++out.failures;
    }
    out.look(2 * times);
    out.done.add();
  }
  meter& out;
  sluice::handle<callee> other;
};

template <class Asked>
struct requester : sluice::actor<requester<Asked>, begin> {
  requester(meter& to, sluice::handle<callee> other_) : out(to), other(other_) {}
  void on(begin) { ask(); }
  void on(const sluice::completion<Asked>& over) {
    if (!over.answer || over.answer.value() != count) ++out.failures;
    ++count;
    if (count <= 2 * times) out.look(count);
    if (count == 2 * times) return out.done.add();
    ask();
  }
  void ask() { static_cast<void>(this->request(other, Asked{count}, {.timeout = 60s})); }
  meter& out;
  sluice::handle<callee> other;
  int count = 0;
};

struct player : sluice::actor<player, begin, ball> {
  player(meter& to, sluice::handle<callee> other_) : out(to), other(other_) {}
  void on(begin) { send(other, ball{0}); }
  void on(ball one) {
    ++one.number;
    out.look(one.number);
    if (one.number == 2 * times) return out.done.add();
    send(other, one);
  }
  meter& out;
  sluice::handle<callee> other;
};

// Arms and cancels; then each of its timers fires and arms the next.
struct clockwork : sluice::actor<clockwork, begin, ball> {
  clockwork(meter& to, bool fires_) : out(to), fires(fires_) {}
  void on(begin) {
    if (fires) return on(ball{0});
    for (int i = 0; i < 2 * times; ++i) {
      out.look(i);
      sluice::timer one = send_after(1s, self(), ball{});
      if (!one.cancel()) ++out.failures;
    }
    out.look(2 * times);
    out.done.add();
  }
  void on(ball one) {
    out.look(one.number);
    if (one.number == 2 * times) return out.done.add();
    send_after(0s, self(), ball{one.number + 1});
  }
  meter& out;
  bool fires;
};

// Asks what is not answered in time.
struct impatient : sluice::actor<impatient, begin> {
  impatient(meter& to, sluice::handle<callee> other_) : out(to), other(other_) {}
  task<void> on(begin) {
    for (int i = 0; i < 2 * times; ++i) {
      out.look(i);
      const result<int> answer = co_await call(other, silent{}, 0s);
      if (answer) ++out.failures;
    }
    out.look(2 * times);
    out.done.add();
  }
  meter& out;
  sluice::handle<callee> other;
};

struct short_lived : sluice::actor<short_lived, ball> {
  void on(ball one) {
    send(sender(), one);
    exit();
  }
};

struct parent : sluice::actor<parent, begin, ball> {
  explicit parent(meter& to) : out(to) {}
  void on(begin) { next(0); }
  void on(ball one) {
    out.look(one.number);
    if (one.number == 2 * times) return out.done.add();
    next(one.number);
  }
  void next(int number) {
    const auto made = spawn<short_lived>();
    if (!made) ++out.failures;
    if (made) send(made.value(), ball{number + 1});
  }
  meter& out;
};

// `Asker` and a callee, on one scheduler or on two.
template <class Asker>
void check_cost() {
  if (!counts_malloc()) SKIP("sanitizers count in their own way");
  const std::uint32_t schedulers = GENERATE(1u, 2u);
  INFO("schedulers " << schedulers);
  meter out;
  test_node node{plain_options(schedulers)};
  const auto other = node->spawn<callee>().value();
  node->spawn<Asker>({}, std::ref(out), other).value().send(begin{});
  out.check();
}

}  // namespace

TEST_CASE("cost: malloc is counted") {
  if (!counts_malloc()) SKIP("sanitizers count in their own way");
  const std::uint64_t before = malloc_count();
  const auto one = std::make_unique<int>(1);
  const auto array = std::make_unique<std::byte[]>(*one + 100);
  REQUIRE(array != nullptr);
  CHECK(malloc_count() == before + 2);
}

TEST_CASE("cost: a message between two processes allocates nothing") { check_cost<player>(); }

TEST_CASE("cost: a call allocates nothing, answered by a return or by a coroutine") {
  if (sluice::core::watches_calls) SKIP("debug builds keep a map of who waits for whom");
  SECTION("by a return") { check_cost<caller<plain>>(); }
  SECTION("by a coroutine") { check_cost<caller<by_coroutine>>(); }
  SECTION("by a coroutine that awaits a helper that waits") { check_cost<caller<by_helper>>(); }
  SECTION("by nothing in time") { check_cost<impatient>(); }
}

TEST_CASE("cost: a request and its completion allocate nothing") {
  SECTION("by a return") { check_cost<requester<plain>>(); }
  SECTION("by a coroutine") { check_cost<requester<by_coroutine>>(); }
}

TEST_CASE("cost: a timer allocates nothing, whether it fires or is cancelled") {
  if (!counts_malloc()) SKIP("sanitizers count in their own way");
  for (const bool fires : {false, true}) {
    meter out;
    test_node node{plain_options(1)};
    node->spawn<clockwork>({}, std::ref(out), fires).value().send(begin{});
    out.check();
  }
}

TEST_CASE("cost: a process that comes and goes allocates nothing") {
  if (!counts_malloc()) SKIP("sanitizers count in their own way");
  meter out;
  test_node node{plain_options(1)};
  node->spawn<parent>({}, std::ref(out)).value().send(begin{});
  out.check();
}
