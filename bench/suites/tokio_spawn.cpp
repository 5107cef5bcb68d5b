// tokio's benches of spawns (rt_multi_threaded). A task is an actor that one message runs.
//
// chained_spawn: driver --run(N)--> link, creates the next --run(N - 1)--> it, ... --run(0)--> link
//                Each ends when it has run; the last one is the end.
#include "program.hpp"

namespace suites {

namespace {

struct run {
  std::uint64_t left;
};
void spoil(run& message) { ++message.left; }

struct link : player<link> {
  void on(run task) {
    if (task.left == 0) {
      arrive();
    } else {
      send(create<link>(), run{task.left - 1});
    }
    exit();
  }
};

void run_chained_spawn(iteration& it) {
  const std::uint64_t spawns = it.parameter("spawns");
  it.tell(it.spawn<link>(), run{spawns});
  it.wait();
  it.check_that(it.spawned() == spawns + 1, "each link but the last makes one");
  it.check("actors", it.spawned());
  it.check_messages(spawns + 1);
  it.check("messages", it.sums().sent);
}

}  // namespace

constinit const program tokio_chained_spawn{"tokio_chained_spawn",
                                            "each task spawns the next",
                                            bound::by_messages,
                                            {{"spawns", 1'000, 1'000, 100}},
                                            &run_chained_spawn};

}  // namespace suites
