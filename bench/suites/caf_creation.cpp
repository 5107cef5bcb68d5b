// caf_creation: a binary tree of actors that grows and folds again.
//
//   driver --spread(p)--> root
//   x > 1:   asked --spread(x - 1)--> two actors that it makes
//            both --outcome--> asked --outcome(1 + their sum)--> its parent
//   x == 1:  asked --outcome(1)--> its parent
//
// Who has answered ends. The root's parent is the collector: the part of the published driver that
// waits for the result.
#include "program.hpp"

namespace suites {

namespace {

struct spread {
  std::uint64_t levels;
};
void spoil(spread& message) { message.levels = message.levels > 1 ? message.levels - 1 : 2; }
struct outcome {
  std::uint64_t actors;
};
void spoil(outcome& message) { ++message.actors; }

struct collector : player<collector, outcome> {
  explicit collector(std::uint64_t& result) : result_(result) {}

  void on(outcome told) {
    result_ = told.actors;
    exit();
    arrive();
  }

  std::uint64_t& result_;
};

class testee : public player<testee, outcome> {
 public:
  explicit testee(sluice::pid parent) : parent_(parent) {}

  void on(spread asked) {
    if (asked.levels <= 1) return answer(1);
    send(create<testee>(self()), spread{asked.levels - 1});
    send(create<testee>(self()), spread{asked.levels - 1});
  }
  void on(outcome told) {
    sum_ += told.actors;
    if (++outcomes_ == 2) answer(1 + sum_);
  }

 private:
  void answer(std::uint64_t actors) {
    send(parent_, outcome{actors});
    exit();
  }

  const sluice::pid parent_;
  std::uint64_t sum_ = 0;
  int outcomes_ = 0;
};

void run_caf_creation(iteration& it) {
  const std::uint64_t levels = it.parameter("p");
  it.check_that(levels < 64, "p is below 64");
  const std::uint64_t actors = (std::uint64_t{1} << levels) - 1;
  std::uint64_t& result = it.keep<std::uint64_t>(0);
  const auto parent = it.spawn<collector>(result);
  it.tell(it.spawn<testee>(parent.id()), spread{levels});
  it.wait();
  it.check_that(result == actors, "the root counts " + std::to_string(actors) + " actors");
  it.check("result", result);
  it.check_that(it.spawned() == actors + 1, "the tree has as many actors as it counts");
  it.check("actors", it.spawned() - 1);
  it.check_messages(2 * actors);
  it.check("messages", it.sums().sent);
}

}  // namespace

constinit const program caf_creation{"caf_creation",
                                     "CAF: a binary tree of actors that grows and folds again",
                                     bound::by_messages,
                                     {{"p", 20, 17, 10}},
                                     &run_caf_creation};

}  // namespace suites
