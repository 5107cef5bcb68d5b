// fjthrput: throughput of one sender to many receivers, each message with a little work.
//
//   driver --message--> each of A actors in turn, N rounds
//
// An actor ends with its N-th message. The driver is no actor, and there is one channel and no
// priority, as the published defaults have it.
#include "fork_join.hpp"
#include "program.hpp"

namespace savina {

namespace {

struct message {};

struct outcome {
  std::uint64_t handled = 0;
  double result = 0;
};

struct joiner : player<joiner> {
  joiner(outcome& own, std::uint64_t expected) : own_(own), expected_(expected) {}

  void on(message) {
    const double result = fork_join_work();
    require(result > 0, "the work has a positive result");
    if (++handled_ != expected_) return;
    own_ = {handled_, result};
    exit();
    arrive();
  }

  outcome& own_;
  std::uint64_t handled_ = 0;
  std::uint64_t expected_;
};

void run_fjthrput(iteration& it) {
  const std::uint64_t rounds = it.parameter("N");
  const std::uint64_t actors = it.parameter("A");
  auto& all = it.keep<std::vector<outcome>>(actors);
  it.expect_arrivals(actors);
  std::vector<sluice::handle<joiner>> joiners;
  joiners.reserve(actors);
  for (outcome& own : all) joiners.push_back(it.spawn<joiner>(own, rounds));
  for (std::uint64_t i = 0; i < rounds; ++i) {
    for (const auto& each : joiners) it.tell(each, message{});
  }
  it.wait();
  for (const outcome& each : all) {
    it.check_that(each.handled == rounds, "each actor handles all its messages");
    it.check("handled_per_actor", each.handled);
    it.check("work_result", each.result, {.relative = 1e-15});
  }
  it.check_messages(actors * rounds);
  it.check("messages", it.sums().sent);
}

}  // namespace

constinit const program fjthrput{"fjthrput",
                                 "the driver sends to many actors in turn",
                                 bound::by_messages,
                                 {{"N", 10'000, 1'000, 100}, {"A", 60, 60, 60}},
                                 &run_fjthrput};

}  // namespace savina
