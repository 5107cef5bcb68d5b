// big: each of many actors pings random others and waits for each answer; millions of messages
// (pings and answers) a second.
//
//   player i --ping n--> player r
//   player i <--pong n-- player r     then n + 1, to another r
#include "trial.hpp"

namespace actor_bench {

namespace {

struct ping {
  std::uint64_t number;
};
struct pong {
  std::uint64_t number;
};

struct player;
using roster = std::vector<sluice::handle<player>>;

struct player : sluice::actor<player, pong> {
  // `all` is complete before the first message.
  player(finish_line& line, const roster& all, std::uint64_t index, std::uint64_t pings)
      : line_(&line), all_(&all), index_(index), pings_(pings), random_(index + 1) {}

  void on(const go& begin) {
    line_->expect(begin.number, go::expected, "player");
    ping_somebody();
  }
  void on(const ping& asked) {
    crossed.note(asked.number);
    crossed.note_place(place_);
    send_numbered(*this, sender(), pong{asked.number});
  }
  void on(const pong& answer) {
    line_->expect(answer.number, round_, "player");
    crossed.note_place(place_);
    if (++round_ == pings_) return line_->arrive();
    ping_somebody();
  }

  void ping_somebody() {
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    std::uint64_t other = (random_ >> 32) * (all_->size() - 1) >> 32;
    if (other >= index_) ++other;
    send_numbered(*this, (*all_)[other], ping{round_});
  }

  finish_line* line_;
  const roster* all_;
  std::uint64_t index_;
  std::uint64_t pings_;
  std::uint64_t random_;
  std::uint64_t round_ = 0;
  std::uint64_t place_ = 0;  // of crossings
};

// The echo verifies a ping: it was received once, and had the number it was sent with.
std::vector<figure> run_big(trial& run) {
  const std::uint64_t actors = run.parameter("actors");
  const std::uint64_t pings = run.parameter("pings");
  roster& all = run.keep<roster>();
  for (std::uint64_t i = 0; i < actors; ++i) {
    all.push_back(run.spawn<player>(run.line(), all, i, pings));
  }
  const double seconds = run.time(actors, [&] {
    for (const auto& each : all) run.tell(each);
  });
  const std::uint64_t messages = 2 * actors * pings;
  run.verify(actors + messages, actors);
  return {{"", static_cast<double>(messages) / seconds / 1e6, "M/s"}};
}

}  // namespace

constinit const workload big{"big",
                             "actors ping random others, each ping answered; M messages/s",
                             {{"actors", 120, 5}, {"pings", 20'000, 20}},
                             false,
                             &run_big,
                             true};

}  // namespace actor_bench
