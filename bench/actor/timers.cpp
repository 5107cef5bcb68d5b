// timers: one process arms a timer and cancels it, again and again, while `others` are armed and
// `due` more fire; ns for both together.
//
//   clock --due n--> clock        at its hour: armed before, fires meanwhile
//   clock --churn n--> clock      arms and cancels up to `slice` timers, then n + 1
#include <algorithm>

#include "trial.hpp"

namespace actor_bench {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t slice = 1'000;
// The others are armed for an hour that never comes; the due ones for one each of these.
constexpr auto others_first = 1h;
constexpr auto others_step = 1ms;
constexpr std::uint64_t others_steps = 1'000'000;
constexpr auto due_step = 200us;

struct due {
  std::uint64_t number;
  bench_clock::time_point hour;  ///< when it is due, by its number
};

/// One that was cancelled.
struct undue {
  std::uint64_t number;
};

struct churn {
  std::uint64_t number;
};

struct put_away {
  std::uint64_t number = go::expected;
};

struct sizes {
  std::uint64_t others, due, rounds;
};

struct watchmaker : sluice::actor<watchmaker, due, undue, churn, put_away> {
  watchmaker(finish_line& line, const sizes& of)
      : line_(&line), of_(of), has_come_(of.due), missing_(of.due) {}

  void on(const go& begin) {
    line_->expect(begin.number, go::expected, "clock");
    others_.reserve(of_.others);
    for (std::uint64_t i = 0; i < of_.others; ++i) {
      const std::chrono::nanoseconds staggered = i * 7'919 % others_steps * others_step;
      others_.push_back(send_after(others_first + staggered, self(), undue{i}));
    }
    begin_ = bench_clock::now();
    for (std::uint64_t i = 0; i < of_.due; ++i) {
      due one{i, begin_ + i * due_step};
      unsigned copies = 1;
      if (planted.concerns(i)) copies = planted.spoil(this, one.number);
      for (; copies != 0; --copies) {
        static_cast<void>(send_after(one.hour - bench_clock::now(), self(), due{one}));
      }
    }
    line_->arrive();
  }

  void on(const churn& turn) {
    line_->expect(turn.number, expected_++, "clock");
    const std::uint64_t first = turn.number * slice;
    const std::uint64_t last = std::min(first + slice, of_.rounds);
    for (std::uint64_t round = first; round < last; ++round) {
      // Up to 16 s: the hours of the first pass while the last are armed.
      const std::chrono::milliseconds delay{1 + (round * 40'503 & 16'383)};
      sluice::timer one = send_after(delay, self(), undue{round});
      if (!one.cancel()) return line_->fail("a timer was armed, but not to be cancelled");
    }
    if (last == of_.rounds) return line_->arrive();
    send_numbered(*this, self(), churn{turn.number + 1});
  }

  void on(const due& one) {
    if (one.number >= of_.due || has_come_[one.number]) {
      return line_->fail("a timer fired twice, or one that nobody armed");
    }
    has_come_[one.number] = true;
    if (one.hour != begin_ + one.number * due_step)
      line_->fail("a timer brought another's message");
    if (bench_clock::now() < one.hour) line_->fail("a timer fired early");
    --missing_;
    arrive_if_over();
  }

  void on(const undue& one) {
    line_->fail("a timer that is cancelled or not due fired: " + std::to_string(one.number));
  }

  void on(const put_away& end) {
    line_->expect(end.number, go::expected, "clock");
    for (auto& each : others_) {
      if (!each.cancel()) line_->fail("one of the others was not armed any more");
    }
    others_.clear();
    is_over_ = true;
    arrive_if_over();
  }

  void arrive_if_over() {
    if (is_over_ && missing_ == 0) line_->arrive();
  }

  finish_line* line_;
  sizes of_;
  std::vector<sluice::timer> others_;
  std::vector<bool> has_come_;
  std::uint64_t missing_;
  bench_clock::time_point begin_{};
  std::uint64_t expected_ = 0;
  bool is_over_ = false;
};

std::vector<figure> run_timers(trial& run) {
  const sizes of{run.parameter("others"), run.parameter("due"), run.parameter("rounds")};
  const auto clock = run.spawn<watchmaker>(run.line(), of);
  static_cast<void>(run.time(1, [&] { run.tell(clock); }));
  const double seconds = run.time(1, [&] { run.tell(clock, churn{0}); });
  static_cast<void>(run.time(1, [&] { run.tell(clock, put_away{}); }));
  const std::uint64_t turns = std::max<std::uint64_t>(1, (of.rounds + slice - 1) / slice);
  const std::uint64_t cancelled = of.others + of.rounds;
  run.verify(2 + of.due + turns + cancelled, 1, cancelled);
  return {{"", seconds * 1e9 / static_cast<double>(of.rounds), "ns"}};
}

}  // namespace

constinit const workload timers{
    "timers",
    "arms and cancels a timer while a million are armed; ns for both",
    {{"others", 1'000'000, 500}, {"due", 1'000, 20}, {"rounds", 5'000'000, 3'500}},
    false,
    &run_timers};

}  // namespace actor_bench
