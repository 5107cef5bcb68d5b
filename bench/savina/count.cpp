// count: what a message of a flood costs, from one sender to one receiver.
//
//   driver --increment--> producer --increment--> counter     N of them
//   producer --retrieve--> counter --result c--> producer     c is N: retrieve overtakes nobody
#include "program.hpp"

namespace savina {

namespace {

struct increment {};
struct retrieve {
  sluice::pid from;
};
void spoil(retrieve& message) { message.from = {}; }
struct result {
  std::uint64_t count;
};
void spoil(result& message) { ++message.count; }

struct counter : player<counter> {
  void on(increment) { ++count_; }
  void on(const retrieve& question) {
    send(question.from, result{count_});
    exit();
  }

  std::uint64_t count_ = 0;
};

struct producer : player<producer, result> {
  producer(std::uint64_t& counted, std::uint64_t increments, sluice::handle<counter> to)
      : counted_(counted), increments_(increments), counter_(to) {}

  void on(increment) {
    for (std::uint64_t i = 0; i < increments_; ++i) send(counter_, increment{});
    send(counter_, retrieve{self()});
  }
  void on(const result& answer) {
    counted_ = answer.count;
    exit();
    arrive();
  }

  std::uint64_t& counted_;
  std::uint64_t increments_;
  sluice::handle<counter> counter_;
};

void run_count(iteration& it) {
  const std::uint64_t increments = it.parameter("N");
  std::uint64_t& counted = it.keep<std::uint64_t>(0);
  const auto to = it.spawn<counter>();
  const auto from = it.spawn<producer>(counted, increments, to);
  it.tell(from, increment{});
  it.wait();
  it.check_that(counted == increments, "the counter has counted every message when it is asked");
  it.check("count", counted);
  it.check_messages(increments + 3);
  it.check("messages", it.sums().sent);
}

}  // namespace

constinit const program count{"count",
                              "one sender floods one receiver",
                              bound::by_messages,
                              {{"N", 1'000'000, 1'000'000, 10'000}},
                              &run_count};

}  // namespace savina
