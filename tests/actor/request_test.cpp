// Requests: one completion each, whatever becomes of the request.
#include <catch2/catch_test_macros.hpp>

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "actor/requests.hpp"
#include "actor/test_node.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"

using namespace std::chrono_literals;
using sluice::address;
using sluice::completion;
using sluice::error_code;
using sluice::priority;
using sluice::reply_to;
using sluice::request_options;
using sluice::result;

namespace {

struct doubled {
  using reply = int;
  int value = 0;
};
struct checked {  // answered by a result
  using reply = std::string;
  bool is_good = true;
};
struct flush {
  using reply = void;
};
struct kept {  // answered when the callee is told to
  using reply = int;
};
struct unknown_request {
  using reply = int;
};
struct answer_now {
  int value = 0;
};
struct drop_now {};
struct throw_now {};
struct asked_to_throw {
  using reply = int;
};
struct wait_here {};

struct callee : sluice::actor<callee, doubled, checked, flush, kept, answer_now, drop_now,
                              asked_to_throw, wait_here> {
  explicit callee(test_counter* entered_ = nullptr, test_counter* gate_ = nullptr)
      : entered(entered_), gate(gate_) {}
  int on(doubled asked) { return 2 * asked.value; }
  result<std::string> on(const checked& asked) {
    if (!asked.is_good) return sluice::error{error_code::permission_denied, 0, "checked"};
    return std::string(100, 'x');
  }
  void on(flush) { ++flushed; }
  void on(kept, reply_to<kept> answer) {
    if (deadline == std::chrono::steady_clock::time_point{}) deadline = answer.deadline();
    waiting.push_back(std::move(answer));
    if (entered != nullptr) entered->add();
  }
  void on(answer_now now) {
    while (!waiting.empty()) {
      waiting.front().reply(now.value);
      // A second answer is none.
      if (waiting.front().reply(0) != sluice::send_outcome::unknown) ++flushed;
      waiting.pop_front();
    }
  }
  void on(drop_now) { waiting.clear(); }
  int on(asked_to_throw) { throw 1; }
  void on(wait_here) {
    entered->add();
    static_cast<void>(gate->reaches(1));
  }
  int flushed = 0;
  std::deque<reply_to<kept>> waiting;
  std::chrono::steady_clock::time_point deadline{};
  test_counter* entered;
  test_counter* gate;
};

struct ended {
  std::uint64_t label;
  error_code code;
  std::string value;
};

// What one requester heard, oldest first.
struct record {
  std::mutex guard;
  std::vector<ended> all;
  test_counter count;
  test_counter asked;
  void add(ended one) {
    {
      const std::lock_guard lock{guard};
      all.push_back(std::move(one));
    }
    count.add();
  }
  ended at(std::size_t index) {
    const std::lock_guard lock{guard};
    return all.at(index);
  }
};

template <class M>
std::string text_of(completion<M>& done) {
  if (!done.answer) return done.answer.error().place;
  if constexpr (std::is_void_v<typename M::reply>) {
    return "done";
  } else if constexpr (std::is_same_v<typename M::reply, int>) {
    return std::to_string(*done.answer);
  } else {
    return *done.answer;
  }
}

// Asks in the order of what it is told.
template <class M>
struct ask {
  address to;
  M asked;
  request_options options;
};
struct cancel_last {};
struct cancel_each {};
struct stop_asking {};

template <class Self, class Base>
struct asker_part : Base {
  explicit asker_part(record& to) : out(to) {}
  template <class M>
  void on(ask<M> order) {
    start_request(order);
    out.asked.add();
  }
  template <class M>
  void start_request(const ask<M>& order) {
    auto made = static_cast<Self*>(this)->request(order.to, order.asked, order.options);
    if (made) {
      last = made.value();
    } else {
      out.add({order.options.label, made.error().code, "refused"});
    }
  }
  template <class M>
  void on(completion<M> done) {
    out.add({done.label, done.answer.error().code, text_of(done)});
  }
  void on(cancel_last) {
    const bool was_pending = this->cancel_request(last);
    // The second never succeeds.
    if (this->cancel_request(last)) out.add({0, error_code::system, "cancelled twice"});
    out.add({999, was_pending ? error_code::none : error_code::cancelled, "cancel"});
  }
  void on(stop_asking) { this->exit(); }
  sluice::ref last;
  record& out;
};

using asks = sluice::messages<ask<doubled>, ask<checked>, ask<flush>, ask<kept>,
                              ask<unknown_request>, ask<asked_to_throw>, cancel_last, stop_asking>;

struct asker : asker_part<asker, sluice::actor<asker, asks>> {
  using asker_part::asker_part;
  using asker_part::on;
};
// Asks from its handlers, which run on the schedulers.
struct asking_meta : asker_part<asking_meta, sluice::meta<asking_meta, asks>> {
  using asker_part::asker_part;
  using asker_part::on;
  void start(std::stop_token stop) {
    test_counter stopped;
    const std::stop_callback on_stop{stop, [&] { stopped.add(); }};
    static_cast<void>(stopped.reaches(1));
  }
};

struct scene {
  record out;
  test_counter entered;
  test_counter gate;
  test_node node;
  sluice::handle<callee> to;
  sluice::handle<asker> from;

  explicit scene(std::uint32_t schedulers = 2, std::uint32_t callee_max = 0)
      : node(plain_options(schedulers)),
        to(node->spawn<callee>({.mailbox_max = callee_max}, &entered, &gate).value()),
        from(node->spawn<asker>({}, out).value()) {}
  template <class M>
  void ask_for(M asked, request_options options = {}) {
    from.send(ask<M>{to, asked, options});
  }
};

}  // namespace

TEST_CASE("request: the table of what is under way finds what is in it and nothing else") {
  const std::uint64_t seed = static_cast<std::uint64_t>(sluice::base::now_ns());
  INFO("seed " << seed);
  sluice::base::random_source random{seed};
  sluice::core::request_table table;
  std::set<std::uint64_t> model;
  for (int step = 0; step < 20'000; ++step) {
    // Few places and many collisions: the numbers share their low bits.
    const std::uint64_t number = (1 + random.next_below(12)) * 64 + random.next_below(3);
    sluice::core::pending_request* const known = table.find({number});
    REQUIRE((known != nullptr) == model.contains(number));
    if (known != nullptr) {
      REQUIRE(known->label == number + 1);
      table.remove(known);
      model.erase(number);
    } else if (random.next_below(3) != 0) {
      REQUIRE(table.add({number, number + 1, nullptr, {}, false}));
      model.insert(number);
    }
    REQUIRE(table.count() == model.size());
  }
}

TEST_CASE("request: a handler answers by its return, by a result, or with nothing") {
  scene at;
  at.ask_for(doubled{21}, {.label = 1});
  at.ask_for(checked{true}, {.label = 2});
  at.ask_for(checked{false}, {.label = 3});
  at.ask_for(flush{}, {.label = 4});
  at.out.count.wait_for(4);
  REQUIRE(at.out.at(0).value == "42");
  REQUIRE(at.out.at(0).label == 1);
  REQUIRE(at.out.at(1).value == std::string(100, 'x'));
  REQUIRE(at.out.at(2).code == error_code::permission_denied);
  REQUIRE(at.out.at(2).value == "checked");
  REQUIRE(at.out.at(3).value == "done");
  REQUIRE(at.out.at(3).label == 4);
}

TEST_CASE("request: an answer may come later, once, and one let go of says no_reply") {
  scene at;
  at.ask_for(kept{}, {.timeout = 1h, .label = 1});
  at.ask_for(kept{}, {.timeout = 1h, .label = 2});
  at.entered.wait_for(2);
  REQUIRE(at.out.count.value() == 0);
  at.to.send(answer_now{5});
  at.out.count.wait_for(2);
  REQUIRE(at.out.at(0).value == "5");
  REQUIRE(at.out.at(1).label == 2);
  at.ask_for(kept{}, {.timeout = 1h, .label = 3});
  at.entered.wait_for(3);
  at.to.send(drop_now{});
  at.out.count.wait_for(3);
  REQUIRE(at.out.at(2).code == error_code::no_reply);
}

TEST_CASE("request: what becomes of it is told apart") {
  scene at{2, 2};
  const sluice::pid nobody{at.to.id().node, at.to.id().slot, at.to.id().generation + 7};
  at.from.send(ask<doubled>{nobody, {1}, {.label = 1}});
  at.from.send(ask<doubled>{sluice::pid{}, {1}, {.label = 2}});
  at.from.send(ask<doubled>{at.from, {1}, {.label = 3}});
  at.ask_for(unknown_request{}, {.label = 4});
  at.out.count.wait_for(4);
  std::vector<error_code> codes(5);
  for (std::size_t i = 0; i < 4; ++i) codes[at.out.at(i).label] = at.out.at(i).code;
  REQUIRE(codes[1] == error_code::unknown_address);
  REQUIRE(codes[2] == error_code::unknown_address);
  REQUIRE(codes[3] == error_code::bad_argument);  // Oneself: refused, no completion.
  REQUIRE(codes[4] == error_code::unhandled);

  at.to.send(wait_here{});
  at.entered.wait_for(1);
  at.ask_for(doubled{1}, {.label = 5});
  at.ask_for(doubled{1}, {.label = 6});
  at.ask_for(doubled{1}, {.label = 7});
  at.out.count.wait_for(5);
  REQUIRE(at.out.at(4).code == error_code::mailbox_full);
  at.to.exit();
  at.gate.add();  // What is queued is answered at its end.
  at.out.count.wait_for(7);
  // The message under way has given its place back by now, or it has not.
  REQUIRE(at.out.at(6).code == error_code::receiver_ended);
  eventually([&] { return at.node->messages().alive == 1; });
  at.ask_for(doubled{1}, {.label = 8});
  at.out.count.wait_for(8);
  REQUIRE(at.out.at(7).code == error_code::unknown_address);
}

TEST_CASE("request: a callee that throws, or that keeps a request as it ends, answers it") {
  scene at;
  at.ask_for(kept{}, {.timeout = 1h, .label = 1});
  at.entered.wait_for(1);
  at.ask_for(asked_to_throw{}, {.timeout = 1h, .label = 2});
  at.out.count.wait_for(2);
  REQUIRE(at.out.at(0).code == error_code::receiver_ended);
  REQUIRE(at.out.at(0).label == 2);
  REQUIRE(at.out.at(1).code == error_code::no_reply);
}

TEST_CASE("request: a time-out is never early, and the late answer is counted, not delivered") {
  scene at;
  const auto begin = sluice::base::now_ns();
  at.ask_for(kept{}, {.timeout = 20ms, .label = 1});
  at.out.count.wait_for(1);
  REQUIRE(sluice::base::now_ns() - begin >= 20'000'000);
  REQUIRE(at.out.at(0).code == error_code::timed_out);
  at.to.send(answer_now{1});
  eventually([&] { return at.node->messages().late_completions == 1; });
  at.node.settle();
  REQUIRE(at.out.count.value() == 1);
}

TEST_CASE("request: the callee sees the deadline") {
  test_counter entered;
  test_node node;
  struct watcher : sluice::actor<watcher, kept> {
    explicit watcher(std::chrono::steady_clock::time_point& to, test_counter& done_)
        : seen(to), done(done_) {}
    void on(kept, reply_to<kept> answer) {
      seen = answer.deadline();
      answer.reply(1);
      done.add();
    }
    std::chrono::steady_clock::time_point& seen;
    test_counter& done;
  };
  std::chrono::steady_clock::time_point seen;
  auto to = node->spawn<watcher>({}, seen, entered).value();
  const auto before = std::chrono::steady_clock::now();
  REQUIRE(node->call(to, kept{}, {.timeout = 7s}));
  REQUIRE(seen >= before + 7s);
  REQUIRE(seen <= std::chrono::steady_clock::now() + 7s);
}

TEST_CASE("request: a cancelled one says cancelled, once, also when its answer is under way") {
  scene at;
  at.ask_for(kept{}, {.timeout = 1h, .label = 1});
  at.entered.wait_for(1);
  at.from.send(cancel_last{});
  at.out.count.wait_for(2);
  REQUIRE(at.out.at(0).label == 999);
  REQUIRE(at.out.at(0).code == error_code::none);
  REQUIRE(at.out.at(1).label == 1);
  REQUIRE(at.out.at(1).code == error_code::cancelled);
  at.from.send(cancel_last{});  // Over: nothing to cancel.
  at.out.count.wait_for(3);
  REQUIRE(at.out.at(2).code == error_code::cancelled);
  at.to.send(answer_now{1});
  eventually([&] { return at.node->messages().late_completions == 1; });
}

TEST_CASE("request: answers, time-outs and cancels racing make one completion each") {
  scene at{has_sanitizer ? 2u : 3u};
  constexpr std::uint64_t count = has_sanitizer ? 500 : 4000;
  std::uint64_t cancels = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    at.ask_for(kept{}, {.timeout = std::chrono::microseconds{i % 7 * 100}, .label = i});
    if (i % 5 == 0) {
      at.from.send(cancel_last{});
      ++cancels;
    }
    if (i % 3 == 0) at.to.send(answer_now{1});
  }
  at.out.asked.wait_for(count);
  at.out.count.wait_for(static_cast<std::uint32_t>(count + cancels));
  at.to.send(answer_now{1});
  at.node.settle();
  REQUIRE(at.out.count.value() == count + cancels);
  std::vector<int> ends(count);
  for (const ended& each : at.out.all) {
    REQUIRE(each.code != error_code::system);
    if (each.label != 999 || each.value != "cancel") ++ends.at(each.label);
  }
  for (const int each : ends) REQUIRE(each == 1);
}

TEST_CASE("request: many at once are told apart, in any order of their ends") {
  record out;
  test_node node;
  struct slow_answers : sluice::actor<slow_answers, kept, answer_now> {
    void on(kept, reply_to<kept> answer) { waiting.push_back(std::move(answer)); }
    void on(answer_now) {  // Every third first, then the rest from behind.
      for (std::size_t i = 0; i < waiting.size(); i += 3) waiting[i].reply(static_cast<int>(i));
      while (!waiting.empty()) {
        waiting.back().reply(static_cast<int>(waiting.size()) - 1);
        waiting.pop_back();
      }
    }
    std::vector<reply_to<kept>> waiting;
  };
  auto to = node->spawn<slow_answers>().value();
  auto from = node->spawn<asker>({}, out).value();
  constexpr std::uint32_t count = 1000;
  for (std::uint32_t i = 0; i < count; ++i) from.send(ask<kept>{to, {}, {.label = i}});
  out.asked.wait_for(count);
  to.send(answer_now{});
  out.count.wait_for(count);
  for (std::size_t i = 0; i < count; ++i) {
    REQUIRE(out.at(i).value == std::to_string(out.at(i).label));
  }
}

TEST_CASE("request: the end of who asked takes its time-outs along, and answers find nobody") {
  scene at;
  for (int i = 0; i < 100; ++i) at.ask_for(kept{}, {.timeout = 1h});
  at.entered.wait_for(100);
  at.from.send(stop_asking{});
  eventually([&] { return at.node->messages().alive == 1; });
  at.to.send(answer_now{1});
  eventually([&] { return at.node->messages().unknown == 100; });
  // The end of the test looks whether all blocks of the timers came back.
}

TEST_CASE("request: a full mailbox refuses no completion") {
  record out;
  test_counter entered;
  test_counter gate;
  test_node node;
  auto to = node->spawn<callee>({}, &entered, &gate).value();
  auto from = node->spawn<asker>({.mailbox_max = 1}, out).value();
  from.send(ask<kept>{to, {}, {.timeout = 1h}});
  entered.wait_for(1);
  test_counter stop;
  std::thread flood{[&] {
    while (stop.value() == 0) from.send(ask<doubled>{sluice::pid{}, {}, {}});
  }};
  to.send(answer_now{77});
  eventually([&] {
    const std::lock_guard lock{out.guard};
    for (const ended& each : out.all) {
      if (each.value == "77") return true;
    }
    return false;
  });
  stop.add();
  flood.join();
}

TEST_CASE("request: a reply_to may be answered from any thread and outlive its node") {
  reply_to<kept> left;
  test_counter taken;
  struct giver : sluice::actor<giver, kept> {
    giver(reply_to<kept>& to, test_counter& taken_) : into(to), taken(taken_) {}
    void on(kept, reply_to<kept> answer) {
      into = std::move(answer);
      taken.add();
    }
    reply_to<kept>& into;
    test_counter& taken;
  };
  {
    record out;
    test_node node;
    auto to = node->spawn<giver>({}, left, taken).value();
    auto from = node->spawn<asker>({}, out).value();
    from.send(ask<kept>{to, {}, {}});
    taken.wait_for(1);
    REQUIRE(left.reply(8) == sluice::send_outcome::accepted);
    REQUIRE_FALSE(left.is_valid());
    out.count.wait_for(1);
    REQUIRE(out.at(0).value == "8");
    from.send(ask<kept>{to, {}, {}});
    taken.wait_for(2);
  }
  REQUIRE(left.is_valid());
  REQUIRE(left.reply(9) == sluice::send_outcome::stopping);
  left = reply_to<kept>{};
}

namespace {

// Passes what it is asked on, with the duty to answer.
struct passed {
  reply_to<kept> answer;
};
struct dispatcher : sluice::actor<dispatcher, kept> {
  explicit dispatcher(address to_) : to(to_) {}
  void on(kept, reply_to<kept> answer) { send(to, passed{std::move(answer)}); }
  address to;
};
struct finisher : sluice::actor<finisher, passed> {
  void on(passed one) { one.answer.reply(12); }
};

}  // namespace

TEST_CASE("request: the duty to answer can be sent on") {
  record out;
  test_node node;
  auto last = node->spawn<finisher>().value();
  auto first = node->spawn<dispatcher>({}, last.id()).value();
  auto from = node->spawn<asker>({}, out).value();
  from.send(ask<kept>{first, {}, {.label = 1}});
  out.count.wait_for(1);
  REQUIRE(out.at(0).value == "12");
  last.exit();
  eventually([&] { return node->messages().alive == 2; });
  from.send(ask<kept>{first, {}, {.label = 2}});
  out.count.wait_for(2);
  REQUIRE(out.at(1).code == error_code::no_reply);
}

TEST_CASE("request: a meta asks from its handlers, as a process does") {
  record out;
  test_counter entered;
  test_node node;
  auto to = node->spawn<callee>({}, &entered).value();
  auto from = node->spawn_meta<asking_meta>({.is_pinned = false}, out).value();
  from.send(ask<doubled>{to, {4}, {.label = 1}});
  from.send(ask<kept>{to, {}, {.timeout = 5ms, .label = 2}});
  out.count.wait_for(2);
  REQUIRE(out.at(0).value == "8");
  REQUIRE(out.at(1).code == error_code::timed_out);
  from.send(ask<kept>{to, {}, {.timeout = 1h}});
  entered.wait_for(2);
}

namespace {

// Its start asks as fast as it can; its handlers, on other threads, hear of the ends.
struct busy_meta : sluice::meta<busy_meta> {
  busy_meta(address to_, std::uint32_t count_, record& out_) : to(to_), count(count_), out(out_) {}
  void start(std::stop_token stop) {
    for (std::uint32_t i = 0; i < count; ++i) {
      request_options options{.label = i};
      if (i % 4 == 1) options.timeout = 0s;
      const auto made = request(to, doubled{static_cast<int>(i)}, options);
      if (!made) out.add({i, made.error().code, "refused"});
      if (i % 8 == 2 && made) cancel_request(made.value());
    }
    test_counter stopped;
    // Within the stop itself, while the handler flow leaves.
    const std::stop_callback on_stop{stop, [&] {
                                       if (request(to, doubled{1})) {
                                         out.add({0, error_code::system, "asked in the stop"});
                                       }
                                       stopped.add();
                                     }};
    static_cast<void>(stopped.reaches(1));
    // The handler flow has left: nobody would hear of it.
    if (request(to, doubled{1})) out.add({0, error_code::system, "asked at the end"});
    out.asked.add();
  }
  void on(completion<doubled> done) {
    out.add({done.label, done.answer.error().code, text_of(done)});
  }
  address to;
  std::uint32_t count;
  record& out;
};

}  // namespace

TEST_CASE("request: the start of a blocking meta asks while its handler hears the ends") {
  record out;
  test_node node;
  auto to = node->spawn<callee>().value();
  constexpr std::uint32_t count = has_sanitizer ? 300 : 3000;
  auto from = node->spawn_meta<busy_meta>({.is_pinned = false}, to.id(), count, out).value();
  out.count.wait_for(count);
  from.exit();
  out.asked.wait_for(1);
  node.finish();
  REQUIRE(out.count.value() == count);
  std::vector<int> ends(count);
  for (const ended& each : out.all) {
    ++ends.at(each.label);
    if (each.code == error_code::none) REQUIRE(each.value == std::to_string(2 * each.label));
  }
  for (const int each : ends) REQUIRE(each == 1);
}

TEST_CASE("node.call: blocks the calling thread until the answer, an error or the time-out") {
  test_counter entered;
  test_node node;
  auto to = node->spawn<callee>({}, &entered).value();
  REQUIRE(node->call(to, doubled{4}).value() == 8);
  REQUIRE(node->call(to, flush{}));
  REQUIRE(node->call(to, checked{false}).error().code == error_code::permission_denied);
  REQUIRE(node->call(to.id(), unknown_request{}).error().code == error_code::unhandled);
  REQUIRE(node->call(sluice::pid{}, doubled{}).error().code == error_code::unknown_address);
  const auto begin = sluice::base::now_ns();
  REQUIRE(node->call(to, kept{}, {.timeout = 10ms}).error().code == error_code::timed_out);
  REQUIRE(sluice::base::now_ns() - begin >= 10'000'000);
  to.send(answer_now{1});  // The late answer finds nobody and frees what waited.
  to.exit();
  eventually([&] { return node->messages().alive == 0; });
  REQUIRE(node->call(to, doubled{}).error().code == error_code::unknown_address);
  REQUIRE(node->stop().is_clean());
  REQUIRE(node->call(to, doubled{}).error().code == error_code::stopping);
  node.judge();
}
