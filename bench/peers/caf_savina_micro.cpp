// The micro programs of the suite on CAF that have few kinds of actors: what a message, a hop and
// an actor's life cost.
//
//   pingpong    ping --send_ping--> pong --send_pong--> ping --again--> itself, N times
//   count       producer --increment--> counter, N times; --retrieve--> counter --result-->
//   producer fjthrput    driver --message--> each of A actors in turn, N rounds
//   fjcreate    driver: N times { create an actor; --message--> it }
//   threadring  a token round a ring of N actors, then depart round the same ring
#include <algorithm>

#include "../savina/fork_join.hpp"
#include "caf_savina_run.hpp"

namespace caf_savina {

namespace {

// -- pingpong

struct start {};
struct send_ping {
  caf::actor from;
};
void spoil(send_ping& message) { message.from = nullptr; }
struct send_pong {
  caf::actor from;
};
struct again {};
struct stop {};

struct pong : player<pong, send_ping, stop> {
  pong(caf::actor_config& config, std::uint64_t& count) : player(config), count_(count) {}

  void on(const send_ping& ping) {
    tell(ping.from, send_pong{self()});
    ++count_;
  }
  void on(stop) { quit(); }

  std::uint64_t& count_;
};

struct ping : player<ping, send_pong, again, start> {
  ping(caf::actor_config& config, std::uint64_t rounds, caf::actor other)
      : player(config), left_(static_cast<std::int64_t>(rounds)), other_(std::move(other)) {}

  void on(start) { send_next(); }
  void on(again) { send_next(); }
  void on(const send_pong&) {
    if (left_ > 0) return tell_self(again{});
    tell(other_, stop{});
    quit();
    arrive();
  }
  void forget() override { other_ = nullptr; }

  void send_next() {
    tell(other_, send_ping{self()});
    --left_;
  }

  std::int64_t left_;
  caf::actor other_;
};

void run_pingpong(iteration& it) {
  const std::uint64_t rounds = it.parameter("N");
  std::uint64_t& count = it.keep<std::uint64_t>(0);
  it.tell(it.spawn<ping>(rounds, it.spawn<pong>(count)), start{});
  it.wait();
  it.check_that(count == rounds, "pong hears every ping");
  it.check("pong_count", count);
  it.check_messages(3 * rounds + 1);
  it.check("messages", it.sums().sent);
}

// -- count

struct increment {};
struct retrieve {
  caf::actor from;
};
void spoil(retrieve& message) { message.from = nullptr; }
struct result {
  std::uint64_t count;
};
void spoil(result& message) { ++message.count; }

struct counter : player<counter, increment, retrieve> {
  using player::player;

  void on(increment) { ++count_; }
  void on(const retrieve& question) {
    tell(question.from, result{count_});
    quit();
  }

  std::uint64_t count_ = 0;
};

struct producer : player<producer, increment, result> {
  producer(caf::actor_config& config, std::uint64_t& counted, std::uint64_t increments,
           caf::actor to)
      : player(config), counted_(counted), increments_(increments), counter_(std::move(to)) {}

  void on(increment) {
    for (std::uint64_t i = 0; i < increments_; ++i) tell(counter_, increment{});
    tell(counter_, retrieve{self()});
  }
  void on(const result& answer) {
    counted_ = answer.count;
    quit();
    arrive();
  }
  void forget() override { counter_ = nullptr; }

  std::uint64_t& counted_;
  std::uint64_t increments_;
  caf::actor counter_;
};

void run_count(iteration& it) {
  const std::uint64_t increments = it.parameter("N");
  std::uint64_t& counted = it.keep<std::uint64_t>(0);
  it.tell(it.spawn<producer>(counted, increments, it.spawn<counter>()), increment{});
  it.wait();
  it.check_that(counted == increments, "the counter has counted every message when it is asked");
  it.check("count", counted);
  it.check_messages(increments + 3);
  it.check("messages", it.sums().sent);
}

// -- fjthrput and fjcreate

struct message {};

struct joined {
  std::uint64_t handled = 0;
  double result = 0;
};

struct joiner : player<joiner, message> {
  joiner(caf::actor_config& config, joined& own, std::uint64_t expected)
      : player(config), own_(own), expected_(expected) {}

  void on(message) {
    const double result = savina::fork_join_work();
    require(result > 0, "the work has a positive result");
    if (++count_ != expected_) return;
    own_ = {count_, result};
    quit();
    arrive();
  }

  joined& own_;
  std::uint64_t count_ = 0;
  std::uint64_t expected_;
};

void run_fjthrput(iteration& it) {
  const std::uint64_t rounds = it.parameter("N");
  const std::uint64_t actors = it.parameter("A");
  auto& all = it.keep<std::vector<joined>>(actors);
  it.expect_arrivals(actors);
  roster& joiners = it.share();
  for (joined& own : all) joiners.push_back(it.spawn<joiner>(own, rounds));
  for (std::uint64_t i = 0; i < rounds; ++i) {
    for (const auto& each : joiners) it.tell(each, message{});
  }
  it.wait();
  for (const joined& each : all) {
    it.check_that(each.handled == rounds, "each actor handles all its messages");
    it.check("handled_per_actor", each.handled);
    it.check("work_result", each.result, {.relative = 1e-15});
  }
  it.check_messages(actors * rounds);
  it.check("messages", it.sums().sent);
}

struct leaf : player<leaf, message> {
  leaf(caf::actor_config& config, double& result) : player(config), result_(result) {}

  void on(message) {
    result_ = savina::fork_join_work();
    require(result_ > 0, "the work has a positive result");
    quit();
    arrive();
  }

  double& result_;
};

void run_fjcreate(iteration& it) {
  const std::uint64_t actors = it.parameter("N");
  auto& results = it.keep<std::vector<double>>(actors);
  it.expect_arrivals(actors);
  for (double& each : results) it.tell(it.spawn<leaf>(each), message{});
  it.wait();
  const auto handled = static_cast<std::uint64_t>(
      std::ranges::count_if(results, [](double each) { return each > 0; }));
  it.check_that(handled == actors, "each actor handles its message");
  it.check("actors", handled);
  for (const double each : results) it.check("work_result", each, {.relative = 1e-15});
  it.check_messages(actors);
  it.check("messages", it.sums().sent);
}

// -- threadring

struct data {
  caf::actor next;
};
void spoil(data& message) { message.next = nullptr; }
struct token {
  std::uint64_t left;
};
void spoil(token& message) { ++message.left; }
struct depart {
  std::uint64_t left;
};
void spoil(depart& message) { --message.left; }

struct passed {
  std::uint64_t pings = 0;
  std::uint64_t leaves = 0;
  std::uint64_t leaves_sent = 0;
  std::uint64_t last_pings = 0;  // with nothing left
};

struct runner : player<runner, token, depart, data> {
  runner(caf::actor_config& config, passed& own, std::uint64_t actors)
      : player(config), own_(own), actors_(actors) {}

  void on(const data& neighbour) { next_ = neighbour.next; }
  void on(const token& one) {
    ++counts_.pings;
    if (one.left > 0) return tell(next_, token{one.left - 1});
    ++counts_.last_pings;
    pass(depart{actors_});
  }
  void on(const depart& order) {
    ++counts_.leaves;
    if (order.left > 0) pass(depart{order.left - 1});
    own_ = counts_;
    quit();
    arrive();
  }
  void forget() override { next_ = nullptr; }

  void pass(depart order) {
    tell(next_, order);
    ++counts_.leaves_sent;
  }

  passed& own_;
  passed counts_{};
  std::uint64_t actors_;
  caf::actor next_;
};

void run_threadring(iteration& it) {
  const std::uint64_t actors = it.parameter("N");
  const std::uint64_t pings = it.parameter("R");
  auto& all = it.keep<std::vector<passed>>(actors);
  it.expect_arrivals(actors);
  roster& runners = it.share();
  for (passed& own : all) runners.push_back(it.spawn<runner>(own, actors));
  for (std::uint64_t i = 0; i < actors; ++i) it.tell(runners[i], data{runners[(i + 1) % actors]});
  it.tell(runners[0], token{pings});
  it.wait();

  passed sum;
  std::uint64_t holder = actors;
  for (std::uint64_t i = 0; i < actors; ++i) {
    sum.pings += all[i].pings;
    sum.leaves += all[i].leaves;
    sum.leaves_sent += all[i].leaves_sent;
    sum.last_pings += all[i].last_pings;
    if (all[i].last_pings != 0) holder = i;
  }
  it.check_that(sum.pings == pings + 1, "the token is passed on as often as it says");
  it.check_that(sum.last_pings == 1 && holder == pings % actors,
                "the token ends with the actor that the ring puts there");
  it.check_that(sum.leaves == actors && sum.leaves_sent == actors + 1,
                "each actor is told once to depart, and one message more is sent");
  it.check("pings_handled", sum.pings);
  it.check("final_holder", holder);
  it.check("exit_sends", sum.leaves_sent);
  it.check("exits_handled", sum.leaves);
  it.check_messages(actors + (pings + 1) + (actors + 1), 1);
}

}  // namespace

constinit const program pingpong{
    "pingpong", {{"N", 40'000, 40'000, 1'000}}, scheduler::stealing, &run_pingpong};
constinit const program count{
    "count", {{"N", 1'000'000, 1'000'000, 10'000}}, scheduler::stealing, &run_count};
constinit const program fjthrput{
    "fjthrput", {{"N", 10'000, 1'000, 100}, {"A", 60, 60, 60}}, scheduler::stealing, &run_fjthrput};
constinit const program fjcreate{
    "fjcreate", {{"N", 40'000, 40'000, 1'000}}, scheduler::sharing, &run_fjcreate};
constinit const program threadring{"threadring",
                                   {{"N", 100, 100, 100}, {"R", 100'000, 100'000, 12'345}},
                                   scheduler::stealing,
                                   &run_threadring};

}  // namespace caf_savina
