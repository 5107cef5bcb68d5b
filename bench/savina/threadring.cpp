// threadring: what it costs to go from one actor to the next. N actors in a ring, one token.
//
//   driver --data next--> each actor
//   driver --ping R--> actor 0 --ping R - 1--> actor 1 --> ... --> the actor that gets ping 0
//   which --leave N--> its next, which --leave N - 1--> its next and ends, ...
//
// Who gets ping 0 is the last one to end, with leave 1; its leave 0 meets an actor that has ended
// and is lost.
#include "program.hpp"

namespace savina {

namespace {

struct runner;

struct data {
  sluice::handle<runner> next;
};
void spoil(data& message) { message.next = {}; }
struct ping {
  std::uint64_t left;
};
void spoil(ping& message) { ++message.left; }
struct leave {
  std::uint64_t left;
};
void spoil(leave& message) { --message.left; }

struct outcome {
  std::uint64_t pings = 0;
  std::uint64_t leaves = 0;
  std::uint64_t leaves_sent = 0;
  std::uint64_t last_pings = 0;  // with nothing left
};

struct runner : player<runner> {
  runner(outcome& own, std::uint64_t actors) : own_(own), actors_(actors) {}

  void on(const data& neighbour) { next_ = neighbour.next; }
  void on(const ping& token) {
    ++counts_.pings;
    if (token.left > 0) return send(next_, ping{token.left - 1});
    ++counts_.last_pings;
    pass(leave{actors_});
  }
  void on(const leave& order) {
    ++counts_.leaves;
    if (order.left > 0) pass(leave{order.left - 1});
    own_ = counts_;
    exit();
    arrive();
  }

  void pass(leave order) {
    send(next_, order);
    ++counts_.leaves_sent;
  }

  outcome& own_;
  outcome counts_{};
  std::uint64_t actors_;
  sluice::handle<runner> next_;
};

void run_threadring(iteration& it) {
  const std::uint64_t actors = it.parameter("N");
  const std::uint64_t pings = it.parameter("R");
  auto& all = it.keep<std::vector<outcome>>(actors);
  it.expect_arrivals(actors);
  std::vector<sluice::handle<runner>> runners;
  for (outcome& own : all) runners.push_back(it.spawn<runner>(own, actors));
  for (std::uint64_t i = 0; i < actors; ++i) it.tell(runners[i], data{runners[(i + 1) % actors]});
  it.tell(runners[0], ping{pings});
  it.wait();

  outcome sum;
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
                "each actor is told once to leave, and one message more is sent");
  it.check("pings_handled", sum.pings);
  it.check("final_holder", holder);
  it.check("exit_sends", sum.leaves_sent);
  it.check("exits_handled", sum.leaves);
  it.check_messages(actors + (pings + 1) + (actors + 1), 1);
}

}  // namespace

constinit const program threadring{"threadring",
                                   "a token goes round a ring of actors",
                                   bound::by_messages,
                                   {{"N", 100, 100, 100}, {"R", 100'000, 100'000, 12'345}},
                                   &run_threadring};

}  // namespace savina
