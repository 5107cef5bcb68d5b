// A whole node on one thread in virtual time: deterministic, random in order, exact in time.
#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>
#include <vector>

#include <sluice/sluice.hpp>
#include <sluice/testing.hpp>

using sluice::completion;
using sluice::error_code;
using sluice::handle;
using sluice::overflow_policy;
using sluice::send_outcome;
using sluice::task;
using sluice::testing::world;
using namespace std::chrono_literals;

namespace {

struct item {
  std::uint32_t from = 0;
  std::uint32_t number = 0;
};
struct go {};
struct tick {};
struct stop_ticking {};
struct question {
  using reply = std::uint32_t;
  std::uint32_t value = 0;
};

struct sink : sluice::actor<sink, item> {
  explicit sink(std::vector<item>& seen_) : seen(seen_) {}
  void on(item one) { seen.push_back(one); }
  std::vector<item>& seen;
};

struct source : sluice::actor<source, go> {
  source(std::uint32_t own_, handle<sink> to_) : own(own_), to(to_) {}
  void on(go) {
    send(to, item{own, sent++});
    if (sent < 10) send(self(), go{});
  }
  std::uint32_t own;
  handle<sink> to;
  std::uint32_t sent = 0;
};

struct run_of_sources {
  std::vector<item> seen;
  std::uint64_t hash = 0;
  std::vector<std::string> trace;
};

run_of_sources run_sources(std::uint64_t seed) {
  run_of_sources made;
  world in{{.seed = seed, .keeps_trace = true, .io = false}};
  auto to = in->spawn<sink>({}, made.seen).value();
  for (std::uint32_t i = 0; i < 4; ++i) in->spawn<source>({}, i, to).value().send(go{});
  REQUIRE(in.run_until_idle());
  REQUIRE(in->messages().queued == 0);
  made.hash = in.trace_hash();
  made.trace = in.trace();
  return made;
}

std::string order_of(const std::vector<item>& seen) {
  std::string text;
  for (const item& each : seen) text += static_cast<char>('a' + each.from);
  return text;
}

}  // namespace

TEST_CASE("world: equal seeds give equal runs, other seeds other orders; pairs keep their order") {
  std::set<std::string> orders;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto first = run_sources(seed);
    const auto second = run_sources(seed);
    REQUIRE(first.hash == second.hash);
    REQUIRE(first.trace == second.trace);
    REQUIRE(order_of(first.seen) == order_of(second.seen));
    REQUIRE(first.seen.size() == 40);
    std::uint32_t next[4] = {};
    for (const item& each : first.seen) REQUIRE(each.number == next[each.from]++);
    orders.insert(order_of(first.seen));
  }
  REQUIRE(orders.size() >= 15);
}

TEST_CASE("world: supervisors wait equally long for equal seeds") {
  struct crasher : sluice::actor<crasher, go> {
    void on_start() { send(self(), go{}); }
    void on(go) { exit(sluice::exit_reason::error("again")); }
  };
  const auto begin = [](world& in) {
    REQUIRE(in->spawn<sluice::supervisor>(
        {}, sluice::supervisor_options{.limit = {.restarts_max = 20}},
        sluice::children{sluice::child<crasher>({.id = "c", .backoff = {.first = 100ms}})}));
  };
  world first{{.seed = 7, .io = false}};
  world second{{.seed = 7, .io = false}};
  begin(first);
  begin(second);
  REQUIRE(first.advance(1min));
  REQUIRE(second.advance(1min));
  REQUIRE(first.trace_hash() == second.trace_hash());
}

namespace {

struct clockwork : sluice::actor<clockwork, go, tick, stop_ticking> {
  clockwork(world& in_, std::vector<std::chrono::nanoseconds>& at_) : in(in_), at(at_) {}
  void on(go) {
    every = send_every(10ms, self(), tick{});
    static_cast<void>(send_after(25ms, self(), stop_ticking{}));
  }
  void on(tick) { at.push_back(in.elapsed()); }
  void on(stop_ticking) { every.cancel(); }
  world& in;
  std::vector<std::chrono::nanoseconds>& at;
  sluice::timer every;
};

}  // namespace

TEST_CASE("world: timers fire at their time, never early, however long that is") {
  std::vector<std::chrono::nanoseconds> at;
  world in{{.io = false}};
  auto one = in->spawn<clockwork>({}, in, at).value();
  one.send(go{});
  REQUIRE(in.run_until_idle());
  REQUIRE(at.empty());
  REQUIRE(in.advance(9ms));
  REQUIRE(at.empty());
  REQUIRE(in.advance(24h));
  REQUIRE(at.size() == 2);
  constexpr auto tick_of_wheel = 66us;
  REQUIRE(at[0] >= 10ms);
  REQUIRE(at[0] <= 10ms + tick_of_wheel);
  REQUIRE(at[1] >= 20ms);
  REQUIRE(at[1] <= 20ms + tick_of_wheel);
  REQUIRE(in.elapsed() >= 24h);
}

namespace {

struct silent : sluice::actor<silent, question> {
  void on(question, sluice::reply_to<question> answer) { kept = std::move(answer); }
  sluice::reply_to<question> kept;
};
struct doubling : sluice::actor<doubling, question> {
  task<std::uint32_t> on(question asked) {
    static_cast<void>(co_await sleep(3ms));
    co_return 2 * asked.value;
  }
};
struct asker : sluice::actor<asker, go> {
  asker(sluice::address to_, std::vector<std::string>& heard_) : to(to_), heard(heard_) {}
  void on(go) { static_cast<void>(request(to, question{21}, {.timeout = 50ms})); }
  void on(completion<question> done) {
    heard.push_back(done.answer ? std::to_string(done.answer.value())
                                : std::string{to_string(done.answer.error().code)});
  }
  sluice::address to;
  std::vector<std::string>& heard;
};

}  // namespace

TEST_CASE("world: requests, their time-outs and calls in virtual time") {
  std::vector<std::string> heard;
  world in{{.seed = 7, .io = false}};
  auto good = in->spawn<doubling>().value();
  auto bad = in->spawn<silent>().value();
  in->spawn<asker>({}, sluice::address{good}, heard).value().send(go{});
  in->spawn<asker>({}, sluice::address{bad}, heard).value().send(go{});
  REQUIRE(in.run_until_idle());
  REQUIRE(heard.empty());
  REQUIRE(in.advance(40ms));
  REQUIRE(heard == std::vector<std::string>{"42"});
  REQUIRE(in.advance(11ms));
  REQUIRE(heard == std::vector<std::string>{"42", to_string(error_code::timed_out)});
  // A thread that waits runs the world.
  REQUIRE(in->call(good, question{4}).value() == 8);
  REQUIRE(in->call(bad, question{4}, {.timeout = 1h}).error().code == error_code::timed_out);
  REQUIRE(in.elapsed() >= 1h);
  const auto seen = in->inspect(good).value();
  REQUIRE(seen.behaviour.find("doubling") != seen.behaviour.npos);
}

TEST_CASE("world: bounded mailboxes fill up to their bound exactly, for any seed") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    std::vector<item> seen;
    std::vector<item> spare;
    world in{{.seed = seed, .io = false}};
    auto rest = in->spawn<sink>({}, spare).value();
    auto to =
        in->spawn<sink>({.mailbox_max = 5, .overflow = overflow_policy::fallback, .fallback = rest},
                        seen)
            .value();
    for (std::uint32_t i = 0; i < 8; ++i) {
      REQUIRE(to.send(item{0, i}) == send_outcome::accepted);
    }
    REQUIRE(in->messages().handed_over == 3);
    REQUIRE(in.run_until_idle());
    REQUIRE(seen.size() == 5);
    REQUIRE(spare.size() == 3);
    auto strict = in->spawn<sink>({.mailbox_max = 2}, seen).value();
    REQUIRE(strict.send(item{}) == send_outcome::accepted);
    REQUIRE(strict.send(item{}) == send_outcome::accepted);
    REQUIRE(strict.send(item{}) == send_outcome::full);
    REQUIRE(in.run_until_idle());
    REQUIRE(strict.send(item{}) == send_outcome::accepted);
  }
}

namespace {

struct busy : sluice::actor<busy, go> {
  void on(go) { send(self(), go{}); }
};

}  // namespace

TEST_CASE("world: one that never rests is noticed, and its end is clean all the same") {
  world in{{.steps_max = 1000, .io = false}};
  auto one = in->spawn<busy>().value();
  one.send(go{});
  REQUIRE_FALSE(in.run_until_idle());
  one.exit();
  REQUIRE(in.run_until_idle());
  const auto report = in->stop(1s);
  REQUIRE(report.is_clean());
  const auto sums = in->messages();
  REQUIRE(sums.sent == sums.handled + sums.dropped + sums.rejected + sums.queued);
  REQUIRE(sums.alive == 0);
}

TEST_CASE("world: several on one thread do not disturb each other") {
  std::vector<std::chrono::nanoseconds> at;
  world first{{.seed = 3, .io = false}};
  {
    world second{{.seed = 4, .io = false}};
    auto one = second->spawn<clockwork>({}, second, at).value();
    one.send(go{});
    REQUIRE(first.advance(1s));
    REQUIRE(second.advance(12ms));
    REQUIRE(at.size() == 1);
  }
  REQUIRE(first.elapsed() >= 1s);
  REQUIRE(first.elapsed() < 2s);
}

namespace {

struct heard_by {
  std::string text;
  int disconnects = 0;
};

struct echo : sluice::actor<echo> {
  void on(sluice::tcp::connected) {}
  void on(sluice::tcp::data some) { send(some.id, std::move(some)); }
};

struct caller : sluice::actor<caller> {
  explicit caller(heard_by& heard_) : heard(heard_) {}
  void on(sluice::tcp::connected now) {
    send(now.id, sluice::tcp::data{now.id, sluice::bytes::copy_of("hello, world")});
  }
  void on(sluice::tcp::data some) {
    heard.text.append(reinterpret_cast<const char*>(some.bytes.data()), some.bytes.size());
    if (heard.text.size() == 12) send(some.id, sluice::tcp::close{});
  }
  void on(sluice::tcp::disconnected) { ++heard.disconnects; }
  heard_by& heard;
};

}  // namespace

TEST_CASE("world: sockets on the simulated driver, with whatever completions a seed makes") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    heard_by heard;
    world in{{.seed = seed}};
    std::uint16_t port = 0;
    sluice::tcp::server_options options;
    options.workers = {in->spawn<echo>().value()};
    options.port_bound = &port;
    REQUIRE(in->spawn_meta<sluice::tcp::server>(options));
    sluice::tcp::client_options there;
    there.port = port;
    there.worker = in->spawn<caller>({}, heard).value();
    REQUIRE(in->spawn_meta<sluice::tcp::client>(there));
    for (int i = 0; i < 1000 && heard.disconnects == 0; ++i) REQUIRE(in.advance(1ms));
    REQUIRE(heard.text == "hello, world");
    REQUIRE(heard.disconnects == 1);
  }
}

TEST_CASE("world: a mailbox that drops its oldest keeps the down messages that wait their turn") {
  struct watcher : sluice::actor<watcher, item> {
    watcher(sluice::pid whom, std::uint32_t& downs_) : who(whom), downs(downs_) {}
    void on_start() { static_cast<void>(monitor(who)); }
    void on(item) {
      for (std::uint32_t i = 0; i < 4; ++i) send(self(), item{});
      if (--left == 0) exit();
    }
    void on(sluice::down) { ++downs; }
    sluice::pid who;
    std::uint32_t& downs;
    int left = 100;
  };
  struct idler : sluice::actor<idler, go> {
    void on(go) {}
  };
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::uint32_t downs = 0;
    world w{{.seed = seed, .io = false}};
    const auto watched = w->spawn<idler>().value();
    const auto made =
        w->spawn<watcher>({.mailbox_max = 2, .overflow = overflow_policy::drop_oldest},
                          watched.id(), downs)
            .value();
    REQUIRE(w.run_until_idle());
    for (std::uint32_t i = 0; i < 4; ++i) made.send(item{});
    watched.exit();
    REQUIRE(w.run_until_idle());
    REQUIRE(downs == 1);
  }
}
