// Calls: a handler asks, its process waits, and there is one outcome whatever happens.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <string>
#include <utility>
#include <vector>

#include "actor/call_graph.hpp"
#include "actor/test_node.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"

using namespace std::chrono_literals;
using sluice::error_code;
using sluice::exit_reason;
using sluice::priority;
using sluice::result;
using sluice::task;

namespace {

struct doubled {
  using reply = int;
  int value = 0;
};
struct named {
  using reply = std::string;
  std::string text;
};
struct kept {  // answered when the callee is told to
  using reply = int;
};
struct checked {
  using reply = int;
};
struct when_due {
  using reply = std::int64_t;
};
struct release_all {};
struct begin {};
struct note {
  int number = 0;
};

struct callee : sluice::actor<callee, doubled, named, kept, checked, when_due, release_all> {
  explicit callee(test_counter* asked_ = nullptr) : asked(asked_) {}
  int on(doubled question) { return 2 * question.value; }
  std::string on(const named& question) { return question.text + "!"; }
  result<int> on(checked) { return sluice::error{error_code::permission_denied, 0, "checked"}; }
  std::int64_t on(when_due) { return deadline().time_since_epoch().count(); }
  void on(kept, sluice::reply_to<kept> answer) {
    waiting.push_back(std::move(answer));
    if (asked != nullptr) asked->add();
  }
  void on(release_all) {
    for (auto& each : waiting) each.reply(1);
    waiting.clear();
  }
  test_counter* asked;
  std::vector<sluice::reply_to<kept>> waiting;
};

// What a test sees of a process; the counter orders it.
struct outcomes {
  test_counter done;
  std::vector<int> values;
  std::vector<error_code> errors;
  std::string text;
  std::int64_t time_ns = 0;
};

// Runs the body that the test gives it, and notes what else comes.
struct client : sluice::actor<client, begin, note> {
  using body_function = task<void> (*)(client&);
  client(outcomes& into_, body_function body_, sluice::address other_ = {})
      : into(&into_), body(body_), other(other_) {}
  task<void> on(begin) {
    co_await body(*this);
    into->done.add();
  }
  void on(note each) {
    into->values.push_back(each.number);
    into->done.add();
  }
  void terminate(const exit_reason& reason) {
    into->text = reason.message();
    into->done.add();
  }
  outcomes* into;
  body_function body;
  sluice::address other;
};

task<void> wait_for_kept(client& self) {
  const result<int> answer = co_await self.call(self.other, kept{}, 60s);
  self.into->errors.push_back(answer.error().code);
}

}  // namespace

TEST_CASE("call: a handler that waits goes on with the answer, by handle, pid and name") {
  outcomes seen;
  test_node node;
  const auto other = node->spawn<callee>({.name = "other"}).value();
  const auto first =
      node->spawn<client>(
              {}, seen,
              [](client& self) -> task<void> {
                const sluice::handle<callee> typed{nullptr, self.other.as_pid()};
                for (int i = 0; i < 3; ++i) {
                  const result<int> twice = co_await self.call(typed, doubled{i}, 10s);
                  self.into->values.push_back(twice.value());
                }
                self.into->values.push_back((co_await self.call("other", doubled{50})).value());
                const named question{std::string(100, 'x')};
                self.into->text = (co_await self.call(self.other, question, 10s)).value();
              },
              other.id())
          .value();
  first.send(begin{});
  first.send(note{7});
  seen.done.wait_for(2);
  CHECK(seen.values == std::vector<int>{0, 2, 4, 100, 7});
  CHECK(seen.text == std::string(100, 'x') + "!");
}

namespace {

// Answers with what another one answers, when that has.
struct relay : sluice::actor<relay, doubled> {
  explicit relay(sluice::handle<callee> next_) : next(next_) {}
  task<result<int>> on(const doubled& question) {
    const doubled onward{question.value + 1};
    const result<int> answer = co_await call(next, onward, 10s);
    if (!answer) co_return answer.error();
    // The question is still there.
    co_return answer.value() + 1000 * question.value;
  }
  sluice::handle<callee> next;
};

}  // namespace

TEST_CASE(
    "call: a request is answered by what its coroutine returns; its message stays until then") {
  test_node node;
  const auto last = node->spawn<callee>().value();
  const auto first = node->spawn<relay>({}, last).value();
  CHECK(node->call(first, doubled{3}, {.timeout = 10s}).value() == 3008);
  last.exit();
  eventually([&] { return node->messages().alive == 1; });
  CHECK(node->call(first, doubled{3}, {.timeout = 10s}).error().code ==
        error_code::unknown_address);
}

TEST_CASE("call: who is not there, oneself, and an error of the callee are errors at once") {
  outcomes seen;
  test_node node;
  test_node elsewhere{plain_options(1), test_node::beside_another};
  const auto dead = node->spawn<callee>().value();
  const auto alive = node->spawn<callee>().value();
  const auto foreign = elsewhere->spawn<callee>().value();
  dead.exit();
  eventually([&] { return node->messages().alive == 1; });
  struct probe : sluice::actor<probe, begin, doubled> {
    probe(outcomes& into_, std::vector<sluice::pid> to_) : into(&into_), to(std::move(to_)) {}
    task<void> on(begin) {
      for (const sluice::pid each : to) {
        const result<int> answer = co_await call(each, checked{}, 10s);
        into->errors.push_back(answer.error().code);
      }
      const result<int> own = co_await call(self(), checked{}, 10s);
      into->errors.push_back(own.error().code);
      const result<int> nobody = co_await call("nobody", checked{}, 10s);
      into->errors.push_back(nobody.error().code);
      into->done.add();
    }
    int on(doubled) { return 0; }
    outcomes* into;
    std::vector<sluice::pid> to;
  };
  const std::vector<sluice::pid> to{dead.id(), foreign.id(), alive.id(), sluice::pid{}};
  node->spawn<probe>({}, seen, to).value().send(begin{});
  seen.done.wait_for(1);
  CHECK(seen.errors ==
        std::vector<error_code>{error_code::unknown_address, error_code::unknown_address,
                                error_code::permission_denied, error_code::unknown_address,
                                error_code::bad_argument, error_code::unknown_address});
}

TEST_CASE("call: a time-out is never early, and the answer that comes too late is counted") {
  outcomes seen;
  test_counter asked;
  test_node node;
  const auto other = node->spawn<callee>({}, &asked).value();
  node->spawn<client>(
          {}, seen,
          [](client& self) -> task<void> {
            const std::int64_t begun_ns = sluice::base::now_ns();
            const result<int> answer = co_await self.call(self.other, kept{}, 20ms);
            self.into->time_ns = sluice::base::now_ns() - begun_ns;
            self.into->errors.push_back(answer.error().code);
            // A late answer does not settle the next call.
            self.send(self.other, release_all{});
            const result<int> next = co_await self.call(self.other, doubled{4}, 10s);
            self.into->values.push_back(next.value());
          },
          other.id())
      .value()
      .send(begin{});
  seen.done.wait_for(1);
  CHECK(seen.errors == std::vector<error_code>{error_code::timed_out});
  CHECK(seen.values == std::vector<int>{8});
  CHECK(seen.time_ns >= 20'000'000);
}

TEST_CASE("call: the callee sees when its caller gives up") {
  outcomes seen;
  test_node node;
  const auto other = node->spawn<callee>().value();
  node->spawn<client>(
          {}, seen,
          [](client& self) -> task<void> {
            const std::int64_t begun_ns = sluice::base::now_ns();
            const result<std::int64_t> due = co_await self.call(self.other, when_due{}, 30s);
            self.into->time_ns = due.value() - begun_ns;
            self.into->values.push_back(self.deadline() ==
                                        std::chrono::steady_clock::time_point::max());
          },
          other.id())
      .value()
      .send(begin{});
  seen.done.wait_for(1);
  CHECK(seen.time_ns >= 30'000'000'000);
  CHECK(seen.time_ns < 40'000'000'000);
  CHECK(seen.values == std::vector<int>{1});
}

TEST_CASE("call: a callee that ends answers who waits for it") {
  outcomes seen;
  test_counter asked;
  test_node node;
  const auto other = node->spawn<callee>({}, &asked).value();
  node->spawn<client>({}, seen, &wait_for_kept, other.id()).value().send(begin{});
  asked.wait_for(1);
  other.exit();
  seen.done.wait_for(1);
  CHECK(seen.errors == std::vector<error_code>{error_code::no_reply});
}

TEST_CASE("call: user mail of any priority waits for the handler, in order and within the bound") {
  outcomes seen;
  test_counter asked;
  test_node node;
  const auto other = node->spawn<callee>({}, &asked).value();
  const auto first =
      node->spawn<client>({.mailbox_max = 4}, seen, &wait_for_kept, other.id()).value();
  first.send(begin{});
  asked.wait_for(1);
  REQUIRE(node->inspect(first, 60s));  // It has given back the credit of what it handles.
  CHECK(first.send(note{101}, priority::urgent) == sluice::send_outcome::accepted);
  CHECK(first.send(note{51}, priority::system) == sluice::send_outcome::accepted);
  CHECK(first.send(note{102}, priority::urgent) == sluice::send_outcome::accepted);
  int accepted = 0;
  for (int i = 1; i <= 10; ++i) {
    if (first.send(note{i}) == sluice::send_outcome::accepted) ++accepted;
  }
  CHECK(accepted == 4);
  // Inspection is served meanwhile, and is in line behind the urgent mail.
  const auto looked = node->inspect(first, 10s);
  REQUIRE(looked);
  CHECK(seen.done.value() == 0);
  other.send(release_all{});
  seen.done.wait_for(8);
  CHECK(seen.values == std::vector<int>{101, 102, 51, 1, 2, 3, 4});
  CHECK(seen.errors == std::vector<error_code>{error_code::none});
}

namespace {

// Says when it goes: what a frame holds.
struct farewell {
  explicit farewell(test_counter& gone_) : gone(&gone_) {}
  farewell(const farewell&) = delete;
  farewell& operator=(const farewell&) = delete;
  ~farewell() { gone->add(); }
  test_counter* gone;
};

struct holder : sluice::actor<holder, doubled> {
  holder(test_counter& gone_, sluice::handle<callee> other_) : gone(&gone_), other(other_) {}
  task<int> on(doubled) {
    const farewell held{*gone};
    const result<int> answer = co_await call(other, kept{}, 60s);
    co_return answer.value();
  }
  test_counter* gone;
  sluice::handle<callee> other;
};

}  // namespace

TEST_CASE("call: a process that ends while it waits lets go of its frame and answers its caller") {
  const exit_reason reason = GENERATE(0, 1) == 0 ? exit_reason::shutdown() : exit_reason::killed();
  test_counter asked;
  test_counter gone;
  outcomes seen;
  test_node node;
  const auto last = node->spawn<callee>({}, &asked).value();
  const auto middle = node->spawn<holder>({}, gone, last).value();
  node->spawn<client>(
          {}, seen,
          [](client& self) -> task<void> {
            const result<int> answer = co_await self.call(self.other, doubled{1}, 60s);
            self.into->errors.push_back(answer.error().code);
          },
          middle.id())
      .value()
      .send(begin{});
  asked.wait_for(1);
  CHECK(gone.value() == 0);
  middle.exit(reason);
  gone.wait_for(1);
  seen.done.wait_for(1);
  CHECK(seen.errors == std::vector<error_code>{error_code::receiver_ended});
  last.send(release_all{});  // Nobody hears it.
}

TEST_CASE("call: a node stops while its processes wait") {
  test_counter asked;
  test_counter gone;
  {
    test_node node;
    const auto last = node->spawn<callee>({}, &asked).value();
    const auto middle = node->spawn<holder>({}, gone, last).value();
    outcomes seen;
    node->spawn<client>(
            {}, seen,
            [](client& self) -> task<void> {
              static_cast<void>(co_await self.call(self.other, doubled{1}, 60s));
            },
            middle.id())
        .value()
        .send(begin{});
    asked.wait_for(1);
    node.finish();
  }
  CHECK(gone.value() == 1);
}

TEST_CASE("call: who waits for itself along a path is told in debug builds") {
  if (!sluice::core::watches_calls) SKIP("a build without debug checks");
  struct partner : sluice::actor<partner, doubled, begin> {
    task<int> on(doubled) {
      const result<int> answer = co_await call(other, doubled{}, 10s);
      co_return answer ? answer.value() : -static_cast<int>(answer.error().code);
    }
    void on(begin) { other = sender().as_pid(); }
    sluice::pid other;
  };
  struct starter : sluice::actor<starter, begin, doubled> {
    starter(outcomes& into_, sluice::handle<partner> other_) : into(&into_), other(other_) {}
    task<void> on(begin) {
      send(other, begin{});
      const result<int> answer = co_await call(other, doubled{}, 10s);
      into->values.push_back(answer.value());
      into->done.add();
    }
    int on(doubled) { return 1; }
    outcomes* into;
    sluice::handle<partner> other;
  };
  outcomes seen;
  test_node node;
  const auto other = node->spawn<partner>().value();
  node->spawn<starter>({}, seen, other).value().send(begin{});
  seen.done.wait_for(1);
  CHECK(seen.values == std::vector<int>{-static_cast<int>(error_code::call_cycle)});
  CHECK(node.log().find("calls who waits for it") != std::string::npos);
}

namespace {

constexpr int race_rounds = has_sanitizer ? 300 : 2000;

struct slow_answer {
  using reply = int;
  int value = 0;
};
struct answer_later {
  sluice::reply_to<slow_answer> answer;
  int value;
};
// Answers about when its callers give up.
struct racer : sluice::actor<racer, slow_answer, answer_later> {
  void on(slow_answer question, sluice::reply_to<slow_answer> answer) {
    send_after(std::chrono::microseconds{random.next() % 400}, self(),
               answer_later{std::move(answer), question.value});
  }
  void on(answer_later&& now) { now.answer.reply(now.value); }
  sluice::base::random_source random{7};
};

}  // namespace

TEST_CASE("call: a time-out that races with the answer has one outcome") {
  struct asker : sluice::actor<asker, begin> {
    asker(outcomes& into_, sluice::handle<racer> other_) : into(&into_), other(other_) {}
    task<void> on(begin) {
      for (int i = 0; i < race_rounds; ++i) {
        const result<int> answer = co_await call(other, slow_answer{i}, 200us);
        if (answer ? answer.value() != i : answer.error().code != error_code::timed_out) ++wrong;
        ++(answer ? answered : timed_out);
      }
      into->values = {answered + timed_out, wrong};
      into->done.add();
    }
    int answered = 0;
    int timed_out = 0;
    int wrong = 0;
    outcomes* into;
    sluice::handle<racer> other;
  };
  outcomes seen[4];
  test_node node;
  const auto other = node->spawn<racer>({.name = "racer"}).value();
  for (auto& each : seen) node->spawn<asker>({}, each, other).value().send(begin{});
  for (auto& each : seen) {
    each.done.wait_for(1);
    CHECK(each.values == std::vector<int>{race_rounds, 0});
  }
}

TEST_CASE("call: a hundred thousand processes wait, and each gets its answer") {
  constexpr std::uint32_t count = has_sanitizer ? 2'000 : 100'000;
  struct crowd : sluice::actor<crowd, begin> {
    crowd(test_counter& done_, sluice::handle<callee> other_) : done(&done_), other(other_) {}
    task<void> on(begin) {
      const result<int> answer = co_await call(other, kept{}, 60s);
      done->add(answer && answer.value() == 1 ? 1 : 0);
    }
    test_counter* done;
    sluice::handle<callee> other;
  };
  test_counter asked;
  test_counter done;
  test_node node;
  const auto other = node->spawn<callee>({}, &asked).value();
  for (std::uint32_t i = 0; i < count; ++i) {
    node->spawn<crowd>({}, done, other).value().send(begin{});
  }
  asked.wait_for(count);
  // What waits is neither queued nor handled.
  CHECK(node->messages().alive == count + 1);
  other.send(release_all{});
  done.wait_for(count);
  node.settle();
}
