// Waiting for a message of one type: the one that fits is taken, all others keep their order.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "actor/test_node.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"

using namespace std::chrono_literals;
using sluice::error_code;
using sluice::exit_reason;
using sluice::overflow_policy;
using sluice::priority;
using sluice::result;
using sluice::send_outcome;
using sluice::task;

namespace {

struct begin {};
struct hold {};
struct keep {};
struct note {
  int number = 0;
};
struct wanted {  // nobody lists or handles it
  int number = 0;
};
struct parcel {
  std::unique_ptr<std::string> text;
};
struct watch {};
struct feed {
  int count = 0;
};
struct asked {
  using reply = int;
  int number = 0;
};

struct outcomes {
  test_counter waits;
  test_counter done;
  test_counter entered;
  test_counter gate;
  test_counter ended;
  std::vector<int> values;
  std::vector<error_code> errors;
  std::string text;
  std::int64_t time_ns = 0;
};

// Runs the body that the test gives it, and notes what else comes.
struct receiver : sluice::actor<receiver, begin, hold, note, keep, watch, asked, sluice::down> {
  using body_function = task<void> (*)(receiver&);
  receiver(outcomes& into_, body_function body_, sluice::address other_ = {})
      : into(&into_), body(body_), other(other_) {}
  task<void> on(begin) {
    into->waits.add();
    co_await body(*this);
    into->done.add();
  }
  void on(hold) {
    into->entered.add();
    static_cast<void>(into->gate.reaches(1));
  }
  void on(note&& each) {
    if (keeps) {
      static_cast<void>(stash(std::move(each)));
    } else {
      into->values.push_back(each.number);
    }
    into->done.add();
  }
  void on(keep) { keeps = true; }
  void on(watch) { static_cast<void>(monitor(other)); }
  int on(asked one) { return one.number; }
  void on(const sluice::down&) {
    into->text += "down ";
    unstash_all();
  }
  void terminate(const exit_reason& reason) {
    into->text += reason.message();
    into->done.add();
    into->ended.add();
  }
  outcomes* into;
  body_function body;
  sluice::address other;
  bool keeps = false;
};

struct plain : sluice::actor<plain, asked> {
  int on(asked one) { return 2 * one.number; }
};

struct feeder : sluice::actor<feeder, feed> {
  explicit feeder(sluice::address to_) : to(to_) {}
  void on(feed order) {
    for (int i = 0; i < order.count; ++i) static_cast<void>(send(to, note{i}));
  }
  sluice::address to;
};

task<void> take_one(receiver& self) {
  const result<wanted> taken = co_await self.receive<wanted>(60s);
  self.into->values.push_back(taken ? taken->number : -1);
}
task<void> take_two(receiver& self) {
  co_await take_one(self);
  co_await take_one(self);
}

struct waiting_room;
struct machine : sluice::actor<machine, begin, note> {
  explicit machine(outcomes& into_) : into(&into_) {}
  void on_start() { become<waiting_room>(); }
  void on(begin) {}
  void on(note each) {
    into->values.push_back(each.number);
    into->done.add();
  }
  task<void> take() {
    const result<wanted> taken = co_await receive<wanted>(60s);
    into->values.push_back(taken ? taken->number : -1);
  }
  outcomes* into;
};
struct waiting_room : sluice::state<waiting_room, machine, begin> {
  using state::state;
  task<void> on(begin) {
    actor().into->waits.add();
    co_await actor().take();
    unbecome();
    co_await actor().take();
    actor().into->done.add();
  }
};

}  // namespace

TEST_CASE("receive: takes a message that comes later, and all others keep their order") {
  outcomes seen;
  test_node node{plain_options(GENERATE(1u, 2u))};
  const auto self = node->spawn<receiver>({}, seen, &take_two).value();
  node->send(self, begin{});
  seen.waits.wait_for(1);
  node->send(self, note{1});
  node->send(self, note{2});
  node->send(self, wanted{100});
  node->send(self, note{3});
  node->send(self, wanted{101});
  node->send(self, note{4});
  seen.done.wait_for(5);
  REQUIRE(seen.values == std::vector<int>{100, 101, 1, 2, 3, 4});
}

TEST_CASE("receive: takes what lies in the mailbox already") {
  outcomes seen;
  test_node node;
  const auto self = node->spawn<receiver>({}, seen, &take_two).value();
  node->send(self, hold{});
  seen.entered.wait_for(1);
  node->send(self, begin{});
  node->send(self, note{1});
  node->send(self, wanted{100});
  node->send(self, note{2});
  node->send(self, wanted{101});
  node->send(self, note{3});
  seen.gate.add();
  seen.done.wait_for(4);
  REQUIRE(seen.values == std::vector<int>{100, 101, 1, 2, 3});
}

TEST_CASE("receive: a lone message, one after the other") {
  outcomes seen;
  test_node node{plain_options(GENERATE(1u, 2u))};
  const auto self = node->spawn<receiver>({}, seen,
                                          [](receiver& own) -> task<void> {
                                            for (int i = 0; i < 300; ++i) {
                                              const result<wanted> one =
                                                  co_await own.receive<wanted>(60s);
                                              own.into->values.push_back(one->number);
                                              own.into->waits.add();
                                            }
                                          })
                        .value();
  node->send(self, begin{});
  for (std::uint32_t i = 0; i < 300; ++i) {
    seen.waits.wait_for(i + 1);
    node->send(self, wanted{static_cast<int>(i)});
  }
  seen.done.wait_for(1);
  for (int i = 0; i < 300; ++i) REQUIRE(seen.values[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("receive_if: takes the first that fits, and what it moves") {
  outcomes seen;
  test_node node;
  const auto self =
      node->spawn<receiver>(
              {}, seen,
              [](receiver& own) -> task<void> {
                // More than fits in place: what a predicate holds is destroyed once.
                const std::string mark(100, 'x');
                auto fits = [mark, owner = std::make_shared<int>(7)](const parcel& each) {
                  return *each.text == mark && *owner == 7;
                };
                result<parcel> taken = co_await own.receive_if<parcel>(fits, 60s);
                own.into->text = *taken->text;
                const auto even = [](const wanted& each) { return each.number % 2 == 0; };
                const result<wanted> second = co_await own.receive_if<wanted>(even, 60s);
                own.into->values.push_back(second->number);
                const result<wanted> third = co_await own.receive<wanted>(60s);
                own.into->values.push_back(third->number);
                const result<parcel> other = co_await own.receive<parcel>(60s);
                own.into->text += *other->text;
              })
          .value();
  node->send(self, begin{});
  seen.waits.wait_for(1);
  node->send(self, parcel{std::make_unique<std::string>("no")});
  node->send(self, wanted{1});
  node->send(self, wanted{2});
  node->send(self, parcel{std::make_unique<std::string>(100, 'x')});
  seen.done.wait_for(1);
  REQUIRE(seen.text == std::string(100, 'x') + "no");
  REQUIRE(seen.values == std::vector<int>{2, 1});
}

TEST_CASE("receive: messages of every lane are taken, and what is left of them keeps its lane") {
  outcomes seen;
  test_node node;
  const auto self = node->spawn<receiver>({}, seen,
                                          [](receiver& own) -> task<void> {
                                            for (int i = 0; i < 4; ++i) co_await take_one(own);
                                          })
                        .value();
  node->send(self, begin{});
  seen.waits.wait_for(1);
  node->send(self, note{4}, priority::log);
  node->send(self, note{3});
  node->send(self, note{2}, priority::system);
  node->send(self, note{1}, priority::urgent);
  const std::vector<priority> lanes{priority::log, priority::urgent, priority::main,
                                    priority::system};
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    node->send(self, wanted{static_cast<int>(i) + 10}, lanes[i]);
  }
  seen.done.wait_for(5);
  auto taken = seen.values;
  std::sort(taken.begin(), taken.begin() + 4);
  REQUIRE(taken == std::vector<int>{10, 11, 12, 13, 1, 2, 3, 4});
}

TEST_CASE("receive: a time-out is never early, and zero looks at what is there") {
  outcomes seen;
  test_node node;
  const auto self =
      node->spawn<receiver>(
              {}, seen,
              [](receiver& own) -> task<void> {
                own.into->errors.push_back((co_await own.receive<wanted>(0s)).error().code);
                const auto from = sluice::base::now_ns();
                const result<wanted> none = co_await own.receive<wanted>(20ms);
                own.into->time_ns = sluice::base::now_ns() - from;
                own.into->errors.push_back(none.error().code);
                own.into->done.add();
                static_cast<void>(own.into->gate.reaches(1));
                const result<wanted> there = co_await own.receive<wanted>(0s);
                own.into->values.push_back(there ? there->number : -1);
              })
          .value();
  node->send(self, begin{});
  seen.done.wait_for(1);
  node->send(self, note{1});
  node->send(self, wanted{5});
  seen.gate.add();
  seen.done.wait_for(3);
  REQUIRE(seen.time_ns >= 20'000'000);
  REQUIRE(seen.errors == std::vector<error_code>{error_code::timed_out, error_code::timed_out});
  REQUIRE(seen.values == std::vector<int>{5, 1});
}

TEST_CASE("receive: a time-out that races with the message has one outcome and loses none") {
  outcomes seen;
  test_node node;
  constexpr std::uint32_t rounds = 300;
  const auto seed = static_cast<std::uint64_t>(sluice::base::now_ns());
  INFO("seed " << seed);
  sluice::base::random_source numbers{seed};
  const auto self =
      node->spawn<receiver>({}, seen,
                            [](receiver& own) -> task<void> {
                              for (std::uint32_t i = 0; i < rounds; ++i) {
                                own.into->waits.add();
                                const result<wanted> first = co_await own.receive<wanted>(100us);
                                if (!first) {
                                  own.into->errors.push_back(first.error().code);
                                  const result<wanted> late = co_await own.receive<wanted>(60s);
                                  own.into->values.push_back(late->number);
                                } else {
                                  own.into->values.push_back(first->number);
                                }
                                own.into->done.add();
                              }
                            })
          .value();
  node->send(self, begin{});
  for (std::uint32_t i = 0; i < rounds; ++i) {
    seen.waits.wait_for(i + 2);
    const auto until =
        sluice::base::now_ns() + static_cast<std::int64_t>(numbers.next_below(200'000));
    while (sluice::base::now_ns() < until) continue;
    node->send(self, wanted{static_cast<int>(i)});
    seen.done.wait_for(i + 1);
  }
  seen.done.wait_for(rounds + 1);
  for (std::uint32_t i = 0; i < rounds; ++i) REQUIRE(seen.values[i] == static_cast<int>(i));
  for (const error_code each : seen.errors) REQUIRE(each == error_code::timed_out);
}

TEST_CASE("receive: a bounded mailbox gets the room of what is taken back") {
  outcomes seen;
  test_node node;
  const auto self = node->spawn<receiver>({.mailbox_max = 2}, seen,
                                          [](receiver& own) -> task<void> {
                                            for (int i = 0; i < 50; ++i) {
                                              co_await take_one(own);
                                              own.into->waits.add();
                                            }
                                          })
                        .value();
  node->send(self, begin{});
  seen.waits.wait_for(1);
  eventually([&] { return node->send(self, note{1000}) == send_outcome::accepted; });
  for (std::uint32_t i = 0; i < 50; ++i) {
    eventually(
        [&] { return node->send(self, wanted{static_cast<int>(i)}) == send_outcome::accepted; });
  }
  seen.done.wait_for(2);
  REQUIRE(seen.values.size() == 51);
  REQUIRE(seen.values.back() == 1000);
}

TEST_CASE("receive: from a mailbox that drops its oldest") {
  outcomes seen;
  test_node node;
  const auto self =
      node->spawn<receiver>({.mailbox_max = 4, .overflow = overflow_policy::drop_oldest}, seen,
                            [](receiver& own) -> task<void> {
                              for (int i = 0; i < 2; ++i) {
                                co_await take_one(own);
                                own.into->waits.add();
                              }
                            })
          .value();
  node->send(self, begin{});
  seen.waits.wait_for(1);
  for (int i = 0; i < 1000; ++i) {
    node->send(self, note{i});
    if (i % 100 == 0) std::this_thread::yield();
  }
  eventually([&] { return node->send(self, wanted{1}) == send_outcome::accepted; });
  seen.waits.wait_for(2);
  eventually([&] { return node->send(self, wanted{2}) == send_outcome::accepted; });
  seen.waits.wait_for(3);
  node.settle();
  node->exit(self);
  seen.ended.wait_for(1);
  REQUIRE(seen.values.size() <= 2 + 8);
  REQUIRE(seen.values[0] == 1);
  REQUIRE(seen.values[1] == 2);
}

TEST_CASE("receive: what it looked at last may be dropped while the first stays") {
  outcomes seen;
  test_node node;
  const auto other = node->spawn<plain>().value();
  const auto self =
      node->spawn<receiver>({.mailbox_max = 4, .overflow = overflow_policy::drop_oldest}, seen,
                            &take_one, other.id())
          .value();
  const auto from = node->spawn<feeder>({}, self.id()).value();
  node->send(self, watch{});
  node->send(self, hold{});
  seen.entered.wait_for(1);
  node->send(self, begin{});
  node->exit(other);
  eventually([&] { return node->messages().alive == 2; });
  // The down waits behind `begin`; no bound counts it, so it is not dropped.
  seen.gate.add();
  seen.waits.wait_for(1);
  eventually([&] { return node->inspect(self, 30s).value().queued[2] == 1; });
  from.send(feed{4});
  eventually([&] { return node->inspect(self, 30s).value().queued[2] == 5; });
  from.send(feed{4});
  eventually([&] { return node->messages().overflowed == 4; });
  node->send(self, wanted{1});
  // One more of the eight goes for it; three are left.
  seen.done.wait_for(1 + 3);
  REQUIRE(seen.values[0] == 1);
  REQUIRE(seen.text == "down ");
}

TEST_CASE("receive: a long mailbox is looked at in turns, and others run between them") {
  outcomes seen;
  test_node node{plain_options(1)};
  const auto other = node->spawn<plain>().value();
  const auto self = node->spawn<receiver>({}, seen, &take_two).value();
  node->send(self, hold{});
  seen.entered.wait_for(1);
  node->send(self, begin{});
  constexpr int count = 50'000;
  for (int i = 0; i < count; ++i) node->send(self, note{i});
  node->send(self, wanted{100});
  for (int i = 0; i < count; ++i) node->send(self, note{count + i});
  node->send(self, wanted{101});
  seen.gate.add();
  REQUIRE(node->call(other, asked{4}).value() == 8);
  seen.done.wait_for(2 * count + 1);
  REQUIRE(seen.values.size() == 2 * count + 2);
  REQUIRE(seen.values[0] == 100);
  REQUIRE(seen.values[1] == 101);
  for (int i = 0; i < 2 * count; ++i) REQUIRE(seen.values[static_cast<std::size_t>(i) + 2] == i);
}

TEST_CASE("receive: many handlers that find their message do not run on top of each other") {
  outcomes seen;
  test_node node;
  const auto self = node->spawn<receiver>({}, seen, &take_one).value();
  node->send(self, hold{});
  seen.entered.wait_for(1);
  constexpr std::uint32_t count = 20'000;
  for (std::uint32_t i = 0; i < count; ++i) {
    node->send(self, begin{});
    node->send(self, wanted{static_cast<int>(i)});
  }
  seen.gate.add();
  seen.done.wait_for(count);
  for (std::uint32_t i = 0; i < count; ++i) REQUIRE(seen.values[i] == static_cast<int>(i));
}

TEST_CASE("receive: between calls, sleeps and yields of one handler") {
  outcomes seen;
  test_node node{plain_options(GENERATE(1u, 2u))};
  const auto other = node->spawn<plain>().value();
  const auto self = node->spawn<receiver>(
                            {}, seen,
                            [](receiver& own) -> task<void> {
                              for (int i = 0; i < 20; ++i) {
                                const result<int> twice =
                                    co_await own.call(own.other, asked{i}, 60s);
                                own.into->values.push_back(twice.value());
                                co_await take_one(own);
                                co_await own.yield();
                                co_await take_one(own);
                                if (i % 8 == 0) static_cast<void>(co_await own.sleep(1ms));
                              }
                            },
                            other.id())
                        .value();
  node->send(self, begin{});
  seen.waits.wait_for(1);
  for (int i = 0; i < 40; ++i) {
    node->send(self, note{1000 + i});
    node->send(self, wanted{100 + i});
  }
  seen.done.wait_for(41);
  for (std::size_t i = 0; i < 20; ++i) {
    REQUIRE(seen.values[3 * i] == 2 * static_cast<int>(i));
    REQUIRE(seen.values[3 * i + 1] == 100 + 2 * static_cast<int>(i));
    REQUIRE(seen.values[3 * i + 2] == 101 + 2 * static_cast<int>(i));
  }
  for (std::size_t i = 0; i < 40; ++i) REQUIRE(seen.values[60 + i] == 1000 + static_cast<int>(i));
}

TEST_CASE("receive: a request that comes meanwhile is answered afterwards") {
  outcomes seen;
  test_node node;
  const auto self = node->spawn<receiver>({}, seen, &take_one).value();
  node->send(self, begin{});
  seen.waits.wait_for(1);
  REQUIRE(node->call(self, asked{1}, {.timeout = 5ms}).error().code == error_code::timed_out);
  node->send(self, wanted{1});
  REQUIRE(node->call(self, asked{3}).value() == 3);
}

TEST_CASE("receive: what a handler served meanwhile takes out of the stash is looked at") {
  outcomes seen;
  test_node node;
  const auto other = node->spawn<plain>().value();
  const auto self = node->spawn<receiver>(
                            {}, seen,
                            [](receiver& own) -> task<void> {
                              static_cast<void>(own.monitor(own.other));
                              own.keeps = false;
                              own.into->waits.add();
                              const auto fits = [](const note& each) { return each.number == 2; };
                              const result<note> found = co_await own.receive_if<note>(fits, 60s);
                              own.into->values.push_back(found ? found->number + 100 : -1);
                              const result<note> next = co_await own.receive<note>(60s);
                              own.into->values.push_back(next ? next->number + 100 : -1);
                            },
                            other.id())
                        .value();
  // Two are put aside, and come back in front of what was looked at.
  node->send(self, keep{});
  node->send(self, note{1});
  node->send(self, note{2});
  seen.done.wait_for(2);
  node->send(self, begin{});
  seen.waits.wait_for(2);
  node->send(self, note{5});
  node->send(self, note{6});
  eventually([&] { return node->inspect(self, 30s).value().queued[2] == 2; });
  node->exit(other);
  seen.done.wait_for(5);
  REQUIRE(seen.text == "down ");
  REQUIRE(seen.values == std::vector<int>{102, 101, 5, 6});
}

TEST_CASE("receive_if: what the predicate throws comes out, and the message stays") {
  outcomes seen;
  test_node node;
  const auto self =
      node->spawn<receiver>({}, seen,
                            [](receiver& own) -> task<void> {
                              const auto throws = [](const wanted&) -> bool {
                                throw std::runtime_error("no");
                              };
                              try {
                                static_cast<void>(co_await own.receive_if<wanted>(throws, 60s));
                              } catch (const std::runtime_error& why) {
                                own.into->text = why.what();
                              }
                              co_await take_one(own);
                              static_cast<void>(co_await own.receive_if<wanted>(throws, 60s));
                            })
          .value();
  node->send(self, begin{});
  seen.waits.wait_for(1);
  node->send(self, wanted{1});
  node->send(self, wanted{2});
  seen.done.wait_for(1);
  REQUIRE(seen.text == "no" + exit_reason{sluice::exit_code::exception, "no"}.message());
  REQUIRE(seen.values == std::vector<int>{1});
  node.settle();
  REQUIRE(node->messages().receiver_ended == 1);
}

TEST_CASE("receive: a process that ends while it waits loses no account of its mail") {
  outcomes seen;
  test_node node;
  const auto self = node->spawn<receiver>({}, seen, &take_one).value();
  node->send(self, begin{});
  seen.waits.wait_for(1);
  for (int i = 0; i < 10; ++i) node->send(self, note{i}, static_cast<priority>(i % 4));
  node->exit(self, exit_reason::error("enough"));
  seen.done.wait_for(1);
  eventually([&] { return node->messages().alive == 0; });
  node.settle();
  REQUIRE(seen.values.empty());
  REQUIRE(node->messages().receiver_ended == 10);
}

TEST_CASE("receive: a node stops over processes that wait") {
  std::vector<outcomes> seen(20);
  test_node node;
  for (auto& each : seen) {
    const auto self = node->spawn<receiver>({}, each, &take_one).value();
    node->send(self, begin{});
    node->send(self, note{1});
  }
  for (auto& each : seen) each.waits.wait_for(1);
  node.finish();
  for (auto& each : seen) REQUIRE(each.done.value() >= 1);
}

TEST_CASE("receive: a handler served meanwhile may not wait") {
  struct trapper : sluice::actor<trapper, begin, wanted> {
    trapper(outcomes& into_, sluice::address other_) : into(&into_), other(other_) {}
    task<void> on(begin) {
      static_cast<void>(monitor(other));
      into->waits.add();
      const result<wanted> taken = co_await receive<wanted>(60s);
      into->values.push_back(taken ? taken->number : -1);
      into->done.add();
    }
    void on(wanted) {}
    task<void> on(sluice::down) {
      const result<wanted> refused = co_await receive<wanted>(60s);
      into->errors.push_back(refused.error().code);
      into->done.add();
    }
    outcomes* into;
    sluice::address other;
  };
  outcomes seen;
  test_node node;
  const auto other = node->spawn<plain>().value();
  const auto self = node->spawn<trapper>({}, seen, other.id()).value();
  self.send(begin{});
  seen.waits.wait_for(1);
  node->exit(other);
  seen.done.wait_for(1);
  self.send(wanted{3});
  seen.done.wait_for(2);
  REQUIRE(seen.errors == std::vector<error_code>{error_code::not_supported});
  REQUIRE(seen.values == std::vector<int>{3});
}

TEST_CASE("receive: in a state, and the type alone counts whatever the process becomes") {
  outcomes seen;
  test_node node;
  const auto self = node->spawn<machine>({}, seen).value();
  node->send(self, begin{});
  seen.waits.wait_for(1);
  node->send(self, note{1});
  node->send(self, wanted{2});
  node->send(self, wanted{3});
  seen.done.wait_for(2);
  REQUIRE(seen.values == std::vector<int>{2, 3, 1});
}
