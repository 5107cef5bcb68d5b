// skynet: a tree of ten branches at each actor, whose leaves are numbers that are added up.
//
//   driver --share(0, leaves)--> root
//   size > 1:   asked --share(number + i * size/10, size/10)--> i-th of the ten that it makes
//               each --sum--> asked --sum(all ten)--> its parent
//   size == 1:  asked --sum(number)--> its parent
//
// Who has answered ends. The root's parent is the collector: the part of the published driver that
// waits for the result.
#include "program.hpp"

namespace suites {

namespace {

constexpr std::uint64_t branches = 10;

struct share {
  std::uint64_t number;
  std::uint64_t size;
};
void spoil(share& message) { ++message.number; }
struct sum {
  std::uint64_t value;
};
void spoil(sum& message) { ++message.value; }

struct collector : player<collector, sum> {
  explicit collector(std::uint64_t& result) : result_(result) {}

  void on(sum told) {
    result_ = told.value;
    exit();
    arrive();
  }

  std::uint64_t& result_;
};

class summand : public player<summand, sum> {
 public:
  explicit summand(sluice::pid parent) : parent_(parent) {}

  void on(const share& asked) {
    if (asked.size == 1) return answer(asked.number);
    const std::uint64_t size = asked.size / branches;
    for (std::uint64_t i = 0; i < branches; ++i) {
      send(create<summand>(self()), share{asked.number + i * size, size});
    }
  }
  void on(sum told) {
    sum_ += told.value;
    if (++sums_ == branches) answer(sum_);
  }

 private:
  void answer(std::uint64_t value) {
    send(parent_, sum{value});
    exit();
  }

  const sluice::pid parent_;
  std::uint64_t sum_ = 0;
  std::uint64_t sums_ = 0;
};

bool is_power_of_branches(std::uint64_t leaves) noexcept {
  while (leaves % branches == 0 && leaves != 0) leaves /= branches;
  return leaves == 1;
}

void run_skynet(iteration& it) {
  const std::uint64_t leaves = it.parameter("leaves");
  it.check_that(is_power_of_branches(leaves), "leaves are a power of ten");
  std::uint64_t& result = it.keep<std::uint64_t>(0);
  const auto parent = it.spawn<collector>(result);
  it.tell(it.spawn<summand>(parent.id()), share{0, leaves});
  it.wait();
  it.check_that(result == leaves * (leaves - 1) / 2, "the root has the sum of all leaves");
  it.check("result", result);
  const std::uint64_t actors = (branches * leaves - 1) / (branches - 1);
  it.check_that(it.spawned() == actors + 1, "exactly " + std::to_string(actors) + " are made");
  it.check("actors", it.spawned() - 1);
  it.check_messages(2 * actors);
  it.check("messages", it.sums().sent);
}

}  // namespace

constinit const program skynet{"skynet",
                               "a tree of ten branches at each actor, whose leaves are added up",
                               bound::by_messages,
                               {{"leaves", 1'000'000, 100'000, 1'000}},
                               &run_skynet};

}  // namespace suites
