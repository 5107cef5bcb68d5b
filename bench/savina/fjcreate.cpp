// fjcreate: what an actor's life costs: it is made, handles one message with a little work, ends.
//
//   driver: N times { create an actor; --message--> it }
#include "fork_join.hpp"
#include "program.hpp"

#include <algorithm>

namespace savina {

namespace {

// How often the driver looks how many are alive.
constexpr std::uint64_t creations_per_look = 256;

struct message {};

struct leaf : player<leaf> {
  explicit leaf(double& result) : result_(result) {}

  void on(message) {
    result_ = fork_join_work();
    require(result_ > 0, "the work has a positive result");
    exit();
    arrive();
  }

  double& result_;
};

void run_fjcreate(iteration& it) {
  const std::uint64_t actors = it.parameter("N");
  auto& results = it.keep<std::vector<double>>(actors);
  it.expect_arrivals(actors);
  std::uint64_t alive_max = 0;
  for (std::uint64_t i = 0; i < actors; ++i) {
    it.tell(it.spawn<leaf>(results[i]), message{});
    if (i % creations_per_look == 0) alive_max = std::max(alive_max, it.alive());
  }
  it.wait();  // Ends when nobody is alive.
  const auto handled = std::ranges::count_if(results, [](double each) { return each > 0; });
  it.check_that(static_cast<std::uint64_t>(handled) == actors, "each actor handles its message");
  it.check("actors", static_cast<std::uint64_t>(handled));
  for (const double each : results) it.check("work_result", each, {.relative = 1e-15});
  it.check_messages(actors);
  it.check("messages", it.sums().sent);
  it.note("most alive at a look", static_cast<double>(alive_max));
}

}  // namespace

constinit const program fjcreate{"fjcreate",
                                 "actors that handle one message and end",
                                 bound::by_messages,
                                 {{"N", 40'000, 40'000, 1'000}},
                                 &run_fjcreate};

}  // namespace savina
