// chameneos: creatures meet in pairs at a mall and change their colours; thousands of meetings a
// second.
//
//   creature --meet n--> mall          n: the creature's own meetings so far
//   mall --partner--> creature 1       when creature 2 came; creature 1 had waited
//   creature 1 --changed--> creature 2     both then meet again
//   mall --closed n--> creature --total--> mall     when all meetings have been
//
// The number of `partner` holds both creatures' n, so each of the two can check its own.
#include "trial.hpp"

namespace actor_bench {

namespace {

enum class colour : std::uint8_t { blue, red, yellow };

constexpr colour complement(colour a, colour b) noexcept {
  return a == b ? a : static_cast<colour>(3 - static_cast<int>(a) - static_cast<int>(b));
}

struct meet {
  std::uint64_t number;
  std::uint32_t index;
  colour mine;
};
struct partner {
  std::uint64_t number;  // the receiver's n in the high half, the partner's in the low one
  sluice::pid who;
  colour theirs;
};
struct changed {
  std::uint64_t number;
  colour theirs;
};
struct closed {
  std::uint64_t number;
};
struct total {
  std::uint64_t number;
};

struct mall : sluice::actor<mall> {
  mall(finish_line& line, std::uint64_t creatures, std::uint64_t meetings)
      : line_(&line), expected_(creatures), meetings_(meetings), left_(meetings) {}

  void on(const meet& one) {
    line_->expect(one.number, expected_[one.index]++, "mall");
    const sluice::pid who = sender().as_pid();
    if (left_ == 0) return send_numbered(*this, who, closed{one.number});
    if (!waiting_.is_valid()) {
      waiting_ = who;
      waiting_number_ = one.number;
      return;
    }
    send_numbered(*this, std::exchange(waiting_, {}),
                  partner{waiting_number_ << 32 | one.number, who, one.mine});
    --left_;
  }
  void on(const total& one) {
    met_ += one.number;
    if (++reported_ < expected_.size()) return;
    line_->expect(met_, 2 * meetings_, "mall");
    line_->arrive();
  }

  finish_line* line_;
  std::vector<std::uint64_t> expected_;  // per creature
  std::uint64_t meetings_;
  std::uint64_t left_;
  sluice::pid waiting_{};
  std::uint64_t waiting_number_ = 0;
  std::uint64_t met_ = 0;
  std::uint64_t reported_ = 0;
};

struct creature : sluice::actor<creature, partner, changed, closed> {
  creature(finish_line& line, sluice::handle<mall> place, std::uint32_t index)
      : line_(&line), place_(place), index_(index), mine_(static_cast<colour>(index % 3)) {}

  void on(const go& begin) {
    line_->expect(begin.number, go::expected, "creature");
    go_to_mall();
  }
  void on(const partner& other) {
    line_->expect(other.number >> 32, meetings_, "creature that waited");
    mine_ = complement(mine_, other.theirs);
    send_numbered(*this, other.who, changed{other.number & UINT32_MAX, mine_});
    ++meetings_;
    go_to_mall();
  }
  void on(const changed& other) {
    line_->expect(other.number, meetings_, "creature that came");
    mine_ = other.theirs;
    ++meetings_;
    go_to_mall();
  }
  void on(const closed& end) {
    line_->expect(end.number, meetings_, "creature at the end");
    send_numbered(*this, place_, total{meetings_});
  }

  void go_to_mall() { send_numbered(*this, place_, meet{meetings_, index_, mine_}); }

  finish_line* line_;
  sluice::handle<mall> place_;
  std::uint64_t meetings_ = 0;
  std::uint32_t index_;
  colour mine_;
};

std::vector<figure> run_chameneos(trial& run) {
  const std::uint64_t creatures = run.parameter("creatures");
  const std::uint64_t meetings = run.parameter("meetings");
  const auto place = run.spawn<mall>(run.line(), creatures, meetings);
  std::vector<sluice::handle<creature>> all;
  for (std::uint32_t i = 0; i < creatures; ++i) {
    all.push_back(run.spawn<creature>(run.line(), place, i));
  }
  const double seconds = run.time(1, [&] {
    for (const auto& each : all) run.tell(each);
  });
  // The start, two requests and two notes a meeting, and the end of each creature.
  run.verify(creatures + 4 * meetings + 3 * creatures, creatures + 1);
  return {{"", static_cast<double>(meetings) / seconds / 1e3, "k/s"}};
}

}  // namespace

constinit const workload chameneos{"chameneos",
                                   "creatures meet in pairs at a mall; k meetings/s",
                                   {{"creatures", 100, 6}, {"meetings", 1'000'000, 100}},
                                   false,
                                   &run_chameneos};

}  // namespace actor_bench
