// pingpong: two actors and one message that goes to and fro; ns a message.
//
//   pinger --ball n--> ponger
//   pinger <--ball n-- ponger        then n + 1
#include "trial.hpp"

namespace actor_bench {

namespace {

struct ball {
  std::uint64_t number;
};

struct ponger : sluice::actor<ponger> {
  explicit ponger(finish_line& line) : line_(&line) {}

  void on(const ball& thrown) {
    line_->expect(thrown.number, expected_++, "ponger");
    send_numbered(*this, sender(), ball{thrown.number});
  }

  finish_line* line_;
  std::uint64_t expected_ = 0;
};

struct pinger : sluice::actor<pinger, ball> {
  pinger(finish_line& line, sluice::handle<ponger> other, std::uint64_t rounds)
      : line_(&line), other_(other), rounds_(rounds) {}

  void on(const go& begin) {
    line_->expect(begin.number, go::expected, "pinger");
    send_numbered(*this, other_, ball{0});
  }
  void on(const ball& back) {
    line_->expect(back.number, round_, "pinger");
    if (++round_ == rounds_) return line_->arrive();
    send_numbered(*this, other_, ball{round_});
  }

  finish_line* line_;
  sluice::handle<ponger> other_;
  std::uint64_t rounds_;
  std::uint64_t round_ = 0;
};

std::vector<figure> run_pingpong(trial& run) {
  const std::uint64_t rounds = run.parameter("rounds");
  const auto other = run.spawn<ponger>(run.line());
  const auto first = run.spawn<pinger>(run.line(), other, rounds);
  const double seconds = run.time(1, [&] { run.tell(first); });
  run.verify(1 + 2 * rounds, 2);
  return {{"", seconds * 1e9 / static_cast<double>(2 * rounds), "ns"}};
}

}  // namespace

constinit const workload pingpong{"pingpong",
                                  "2 actors, one message to and fro; ns a message",
                                  {{"rounds", 2'000'000, 50}},
                                  false,
                                  &run_pingpong,
                                  true};

}  // namespace actor_bench
