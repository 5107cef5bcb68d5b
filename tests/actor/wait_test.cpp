// What else a handler waits for: time, its turn, helper threads, other coroutines.
#include <catch2/catch_test_macros.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "actor/test_node.hpp"
#include "base/clock.hpp"

using namespace std::chrono_literals;
using sluice::error_code;
using sluice::result;
using sluice::task;

namespace {

struct begin {};
struct note {
  int number = 0;
};
struct tick {
  using reply = int;
};

struct outcomes {
  test_counter done;
  std::vector<int> values;
  std::vector<error_code> errors;
  std::mutex guard;
  std::string text;  // of who ended last; many may end at once
};

struct runner : sluice::actor<runner, begin, note, tick> {
  using body_function = task<void> (*)(runner&);
  runner(outcomes& into_, body_function body_, int number_ = 0)
      : into(&into_), body(body_), number(number_) {}
  task<void> on(begin) {
    co_await body(*this);
    into->done.add();
  }
  void on(note each) {
    into->values.push_back(each.number);
    into->done.add();
  }
  task<int> on(tick) {
    co_await body(*this);
    co_return number;
  }
  void terminate(const sluice::exit_reason& reason) {
    {
      const std::lock_guard lock{into->guard};
      into->text = reason.message();
    }
    into->done.add();
  }
  outcomes* into;
  body_function body;
  int number;
};

struct farewell {
  explicit farewell(test_counter& gone_) : gone(&gone_) {}
  farewell(const farewell&) = delete;
  farewell& operator=(const farewell&) = delete;
  ~farewell() { gone->add(); }
  test_counter* gone;
};

}  // namespace

TEST_CASE("sleep: a process sleeps as long as it said or longer, and its mail waits") {
  outcomes seen;
  test_node node;
  const auto one = node->spawn<runner>({}, seen,
                                       [](runner& self) -> task<void> {
                                         for (const auto time : {3ms, 0ms, 12ms, 1ms}) {
                                           const std::int64_t begun_ns = sluice::base::now_ns();
                                           const result<void> slept = co_await self.sleep(time);
                                           const bool is_early =
                                               sluice::base::now_ns() - begun_ns <
                                               std::chrono::nanoseconds{time}.count();
                                           self.into->values.push_back(slept && !is_early);
                                         }
                                       })
                       .value();
  one.send(begin{});
  one.send(note{5});
  seen.done.wait_for(2);
  CHECK(seen.values == std::vector<int>{1, 1, 1, 1, 5});
}

TEST_CASE("sleep: a long sleep armed before a short call does not make the short one late") {
  outcomes seen;
  test_node node;
  const auto one = node->spawn<runner>({}, seen,
                                       [](runner& self) -> task<void> {
                                         // The call's timer stays armed for its minute.
                                         struct silent : sluice::actor<silent, tick> {
                                           int on(tick) { return 1; }
                                         };
                                         const auto other = self.spawn<silent>().value();
                                         for (int i = 0; i < 20; ++i) {
                                           const result<int> answer =
                                               co_await self.call(other, tick{}, 60s);
                                           self.into->values.push_back(answer.value());
                                           static_cast<void>(co_await self.sleep(200us));
                                         }
                                       })
                       .value();
  one.send(begin{});
  seen.done.wait_for(1);
  CHECK(seen.values.size() == 20);
}

TEST_CASE("sleep: who is asked to end does not sleep on") {
  outcomes seen;
  test_counter gone;
  test_node node;
  struct sleeper : sluice::actor<sleeper, begin> {
    sleeper(outcomes& into_, test_counter& gone_) : into(&into_), gone(&gone_) {}
    task<void> on(begin) {
      const farewell held{*gone};
      into->done.add();
      static_cast<void>(co_await sleep(1h));
    }
    outcomes* into;
    test_counter* gone;
  };
  const auto one = node->spawn<sleeper>({}, seen, gone).value();
  one.send(begin{});
  seen.done.wait_for(1);
  one.exit();
  gone.wait_for(1);
}

TEST_CASE("yield: two processes on one scheduler take turns") {
  outcomes seen;
  test_node node{plain_options(1)};
  const auto body = [](runner& self) -> task<void> {
    for (int i = 0; i < 3; ++i) {
      self.into->values.push_back(self.number);
      co_await self.yield();
    }
  };
  struct pair : sluice::actor<pair, begin> {
    pair(sluice::handle<runner> a_, sluice::handle<runner> b_) : a(a_), b(b_) {}
    void on(begin) {
      send(a, begin{});
      send(b, begin{});
    }
    sluice::handle<runner> a, b;
  };
  const auto a = node->spawn<runner>({}, seen, body, 1).value();
  const auto b = node->spawn<runner>({}, seen, body, 2).value();
  node->spawn<pair>({}, a, b).value().send(begin{});
  seen.done.wait_for(2);
  const int first = seen.values.at(0);
  const int other = 3 - first;
  CHECK(seen.values == std::vector<int>{first, other, first, other, first, other});
}

namespace {

task<int> depth_of(runner& self, int levels) {
  if (levels == 0) {
    static_cast<void>(co_await self.sleep(1ms));
    co_return 0;
  }
  const int below = co_await depth_of(self, levels - 1);
  co_return below + 1;
}

task<int> at_once(int value) { co_return value; }

constexpr int deep = has_sanitizer ? 20'000 : 100'000;

}  // namespace

TEST_CASE("task: helpers in helpers, a hundred thousand deep, need no stack") {
  outcomes seen;
  test_node node;
  node->spawn<runner>({}, seen,
                      [](runner& self) -> task<void> {
                        self.into->values.push_back(co_await depth_of(self, deep));
                      })
      .value()
      .send(begin{});
  seen.done.wait_for(1);
  CHECK(seen.values == std::vector<int>{deep});
}

TEST_CASE("task: a process that ends deep in its helpers lets go of all of them") {
  outcomes seen;
  test_node node;
  const auto one =
      node->spawn<runner>({}, seen,
                          [](runner& self) -> task<void> {
                            self.into->done.add();
                            self.exit_after(1ms, self.self(), sluice::exit_reason::shutdown());
                            struct bottom {
                              static task<int> wait(runner& in, int levels) {
                                if (levels == 0) {
                                  static_cast<void>(co_await in.sleep(1h));
                                  co_return 0;
                                }
                                co_return co_await wait(in, levels - 1);
                              }
                            };
                            self.into->values.push_back(co_await bottom::wait(self, deep));
                          })
          .value();
  one.send(begin{});
  seen.done.wait_for(2);
  CHECK(seen.values.empty());
}

TEST_CASE("task: a loop of helpers that never wait uses no stack") {
  outcomes seen;
  test_node node;
  node->spawn<runner>({}, seen,
                      [](runner& self) -> task<void> {
                        int sum = 0;
                        for (int i = 0; i < 10 * deep; ++i) sum += co_await at_once(1);
                        self.into->values.push_back(sum);
                      })
      .value()
      .send(begin{});
  seen.done.wait_for(1);
  CHECK(seen.values == std::vector<int>{10 * deep});
}

TEST_CASE("task: an exception is the end of the process, before and after it has waited") {
  const auto before = [](runner&) -> task<void> {
    throw std::runtime_error{"before"};
    co_return;
  };
  const auto after = [](runner& self) -> task<void> {
    static_cast<void>(co_await self.sleep(1ms));
    throw std::runtime_error{"after"};
  };
  const std::pair<runner::body_function, std::string> rows[] = {{before, "before"},
                                                                {after, "after"}};
  for (const auto& [body, what] : rows) {
    outcomes seen;
    test_node node;
    const auto one = node->spawn<runner>({}, seen, body).value();
    // Its caller hears of it.
    CHECK(node->call(one, tick{}).error().code == error_code::receiver_ended);
    seen.done.wait_for(1);
    CHECK(seen.text == "exception: " + what);
  }
}

TEST_CASE("task: an exception of a helper can be caught by who awaits it") {
  outcomes seen;
  test_node node;
  node->spawn<runner>({}, seen,
                      [](runner& self) -> task<void> {
                        struct failing {
                          static task<int> late(runner& in) {
                            static_cast<void>(co_await in.sleep(1ms));
                            throw std::runtime_error{"late"};
                          }
                        };
                        try {
                          self.into->values.push_back(co_await failing::late(self));
                        } catch (const std::exception& why) {
                          self.into->text = why.what();
                        }
                      })
      .value()
      .send(begin{});
  seen.done.wait_for(1);
  CHECK(seen.text == "late");
}

TEST_CASE("offload: what a helper thread returns comes back, an error and an exception too") {
  outcomes seen;
  test_node node;
  node->spawn<runner>(
          {}, seen,
          [](runner& self) -> task<void> {
            const auto scheduler_thread = std::this_thread::get_id();
            const result<int> number = co_await self.offload([scheduler_thread] {
              return std::this_thread::get_id() == scheduler_thread ? 0 : 42;
            });
            self.into->values.push_back(number.value());
            int touched = 0;
            const result<void> nothing = co_await self.offload([&touched] { touched = 7; });
            self.into->values.push_back(nothing ? touched : -1);
            const result<int> refused = co_await self.offload([]() -> result<int> {
              return sluice::error{error_code::bad_address, 0, "test"};
            });
            self.into->errors.push_back(refused.error().code);
            const result<int> thrown =
                co_await self.offload([]() -> int { throw std::runtime_error{"planted"}; });
            self.into->errors.push_back(thrown.error().code);
            const result<std::unique_ptr<int>> owned =
                co_await self.offload([] { return std::make_unique<int>(9); });
            self.into->values.push_back(*owned.value());
          })
      .value()
      .send(begin{});
  seen.done.wait_for(1);
  CHECK(seen.values == std::vector<int>{42, 7, 9});
  CHECK(seen.errors == std::vector<error_code>{error_code::bad_address, error_code::threw});
  CHECK(node.log().find("planted") != std::string::npos);
}

TEST_CASE("offload: a process that ends meanwhile leaves its function to run unheard") {
  outcomes seen;
  test_counter entered;
  test_counter open;
  test_counter left;
  test_node node;
  struct worker : sluice::actor<worker, begin> {
    worker(test_counter& entered_, test_counter& open_, test_counter& left_)
        : entered(&entered_), open(&open_), left(&left_) {}
    task<void> on(begin) {
      static_cast<void>(co_await offload([in = entered, gate = open, out = left] {
        in->add();
        static_cast<void>(gate->reaches(1));
        out->add();
      }));
    }
    test_counter *entered, *open, *left;
  };
  const auto one = node->spawn<worker>({}, entered, open, left).value();
  one.send(begin{});
  entered.wait_for(1);
  one.exit();
  eventually([&] { return node->messages().alive == 0; });
  open.add();
  left.wait_for(1);
}

TEST_CASE("offload: many functions share few threads") {
  auto options = plain_options();
  options.offload_threads_max = 3;
  outcomes seen;
  static sluice::base::atomic<int> running{0};
  static sluice::base::atomic<int> most{0};
  test_node node{std::move(options)};
  for (int i = 0; i < 50; ++i) {
    node->spawn<runner>({}, seen,
                        [](runner& self) -> task<void> {
                          static_cast<void>(co_await self.offload([] {
                            // Relaxed: counts of a test.
                            const int now = running.fetch_add(1, sluice::base::relaxed) + 1;
                            int before = most.load(sluice::base::relaxed);
                            while (before < now &&
                                   !most.compare_exchange_weak(before, now, sluice::base::relaxed,
                                                               sluice::base::relaxed)) {
                            }
                            running.fetch_sub(1, sluice::base::relaxed);
                          }));
                        })
        .value()
        .send(begin{});
  }
  seen.done.wait_for(50);
  CHECK(most.load(sluice::base::relaxed) >= 1);
  CHECK(most.load(sluice::base::relaxed) <= 3);
}

TEST_CASE("offload: a function that does not end is named by stop, and may end later") {
  test_counter entered;
  const auto open = std::make_shared<test_counter>();
  const auto left = std::make_shared<test_counter>();
  {
    sluice::node node{"under test", plain_options()};
    REQUIRE(node.start());
    struct worker : sluice::actor<worker, begin> {
      worker(test_counter& entered_, std::shared_ptr<test_counter> open_,
             std::shared_ptr<test_counter> left_)
          : entered(&entered_), open(std::move(open_)), left(std::move(left_)) {}
      task<void> on(begin) {
        auto blocks = [in = entered, gate = open, out = left] {
          in->add();
          static_cast<void>(gate->reaches(1));
          out->add();
        };
        static_cast<void>(co_await offload(std::move(blocks)));
      }
      test_counter* entered;
      std::shared_ptr<test_counter> open, left;
    };
    node.spawn<worker>({}, entered, open, left).value().send(begin{});
    entered.wait_for(1);
    const auto report = node.stop(50ms);
    REQUIRE(report.not_stopped.size() == 1);
    CHECK(report.not_stopped[0].find("offload") != std::string::npos);
  }
  open->add();
  left->wait_for(1);
}

namespace {

struct load {
  int from = 0;
  int number = 0;
};
struct tell {
  using reply = int;
};

// Takes loads when it is told to, one at a time.
struct full_one : sluice::actor<full_one, load, tell> {
  explicit full_one(outcomes& into_) : into(&into_) {}
  task<void> on(load each) {
    if (!is_open) static_cast<void>(co_await sleep(5ms));
    is_open = true;
    into->values.push_back(each.from * 10'000 + each.number);
  }
  int on(tell) { return static_cast<int>(into->values.size()); }
  outcomes* into;
  bool is_open = false;
};

}  // namespace

TEST_CASE("send_wait: senders wait for room, nothing is lost, refused or out of order") {
  constexpr int senders = 4;
  constexpr int loads = has_sanitizer ? 200 : 2000;
  struct sender : sluice::actor<sender, begin> {
    sender(test_counter& done_, sluice::handle<full_one> to_, int number_)
        : done(&done_), to(to_), number(number_) {}
    task<void> on(begin) {
      for (int i = 0; i < loads; ++i) {
        const load next{number, i};
        const result<void> sent = co_await send_wait(to, next, 60s);
        if (!sent) co_return;
      }
      done->add();
    }
    test_counter* done;
    sluice::handle<full_one> to;
    int number;
  };
  outcomes seen;
  test_counter done;
  test_node node;
  const auto to = node->spawn<full_one>({.mailbox_max = 2}, seen).value();
  for (int i = 0; i < senders; ++i) {
    node->spawn<sender>({}, done, to, i).value().send(begin{});
  }
  done.wait_for(senders);
  node.settle();
  CHECK(node->call(to, tell{}).value() == senders * loads);
  CHECK(node->messages().full == 0);
  int expected[senders] = {};
  bool is_ordered = true;
  for (const int value : seen.values) {
    is_ordered = is_ordered && value % 10'000 == expected[value / 10'000]++;
  }
  CHECK(is_ordered);
}

TEST_CASE(
    "send_wait: gives up at its time, hears of the receiver's end, and lets others have its turn") {
  struct stuck : sluice::actor<stuck, load, begin> {
    explicit stuck(test_counter& begun_) : begun(&begun_) {}
    task<void> on(begin) {
      begun->add();
      static_cast<void>(co_await sleep(1h));
    }
    void on(load) {}
    test_counter* begun;
  };
  struct sender : sluice::actor<sender, begin> {
    sender(outcomes& into_, sluice::handle<stuck> to_, std::chrono::milliseconds patience_)
        : into(&into_), to(to_), patience(patience_) {}
    task<void> on(begin) {
      const result<void> sent = co_await send_wait(to, load{}, patience);
      into->errors.push_back(sent.error().code);
      into->done.add();
    }
    outcomes* into;
    sluice::handle<stuck> to;
    std::chrono::milliseconds patience;
  };
  outcomes hasty;
  outcomes patient;
  outcomes ended;
  test_node node;
  test_counter begun;
  const auto to = node->spawn<stuck>({.mailbox_max = 1}, begun).value();
  to.send(begin{});
  begun.wait_for(1);
  REQUIRE(node->inspect(to, 60s));  // It waits, and has given back the credit of what it handles.
  eventually([&] { return to.send(load{}) == sluice::send_outcome::full; });
  node->spawn<sender>({}, patient, to, 60'000ms).value().send(begin{});
  const auto gone = node->spawn<sender>({}, ended, to, 60'000ms).value();
  gone.send(begin{});
  node->spawn<sender>({}, hasty, to, 5ms).value().send(begin{});
  hasty.done.wait_for(1);
  CHECK(hasty.errors == std::vector<error_code>{error_code::timed_out});
  gone.exit();
  eventually([&] { return node->messages().alive == 3; });
  to.exit();
  patient.done.wait_for(1);
  CHECK(patient.errors == std::vector<error_code>{error_code::unknown_address});
}

TEST_CASE("sleep: a timer that a shorter call has left armed does not end it early") {
  outcomes seen;
  test_node node;
  node->spawn<runner>(
          {}, seen,
          [](runner& self) -> task<void> {
            struct quick : sluice::actor<quick, tick> {
              int on(tick) { return 1; }
            };
            const auto other = self.spawn<quick>().value();
            static_cast<void>(co_await self.call(other, tick{}, 2ms));
            const std::int64_t begun_ns = sluice::base::now_ns();
            static_cast<void>(co_await self.sleep(20ms));
            self.into->values.push_back(sluice::base::now_ns() - begun_ns >= 20'000'000);
          })
      .value()
      .send(begin{});
  seen.done.wait_for(1);
  CHECK(seen.values == std::vector<int>{1});
}
