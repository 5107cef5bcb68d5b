// ring: a token goes round; ns a hop.
//
//   runner i --token n--> runner i + 1 --token n + 1--> ...
#include "trial.hpp"

namespace actor_bench {

namespace {

struct runner;

struct neighbour {
  sluice::handle<runner> next;
};
struct token {
  std::uint64_t number;
};

struct runner : sluice::actor<runner> {
  runner(finish_line& line, std::uint64_t place, std::uint64_t actors, std::uint64_t hops)
      : line_(&line), expected_(place), actors_(actors), hops_(hops) {}

  void on(const neighbour& other) { next_ = other.next; }
  void on(const token& passed) {
    line_->expect(passed.number, expected_, "runner");
    expected_ += actors_;
    if (passed.number == hops_) return line_->arrive();
    send_numbered(*this, next_, token{passed.number + 1});
  }

  finish_line* line_;
  std::uint64_t expected_;
  std::uint64_t actors_;
  std::uint64_t hops_;
  sluice::handle<runner> next_;
};

std::vector<figure> run_ring(trial& run) {
  const std::uint64_t actors = run.parameter("actors");
  const std::uint64_t hops = run.parameter("hops");
  std::vector<sluice::handle<runner>> all;
  for (std::uint64_t i = 0; i < actors; ++i) {
    all.push_back(run.spawn<runner>(run.line(), i, actors, hops));
  }
  for (std::uint64_t i = 0; i < actors; ++i) run.tell(all[i], neighbour{all[(i + 1) % actors]});
  run.verify(actors, actors);
  const double seconds = run.time(1, [&] { run.tell(all[0], token{0}); });
  run.verify(actors + 1 + hops, actors);
  return {{"", seconds * 1e9 / static_cast<double>(hops), "ns"}};
}

}  // namespace

constinit const workload ring{"ring",
                              "actors in a ring, one token; ns a hop",
                              {{"actors", 503, 7}, {"hops", 5'000'000, 100}},
                              false,
                              &run_ring};

}  // namespace actor_bench
