// cigsmok: an arbiter lets one smoker after the other smoke; each says so before it does.
//
//   driver --start--> arbiter --start_smoking--> smoker --started_smoking--> arbiter
//   arbiter --start_smoking--> another ...      for R rounds
//   arbiter --leave--> each smoker
#include "../harness/random.hpp"
#include "program.hpp"

namespace savina {

namespace {

struct start {};
struct start_smoking {
  std::uint64_t draws;
};
void spoil(start_smoking& message) { ++message.draws; }
struct started_smoking {};
struct leave {};

struct habit {
  std::uint64_t rounds = 0;
  std::uint64_t draws = 0;
};

struct draw {
  std::uint64_t smoker;
  std::uint64_t draws;
};

struct smoker : player<smoker> {
  smoker(sluice::pid arbiter, habit& own) : arbiter_(arbiter), habit_(own) {}

  void on(start_smoking order) {
    send(arbiter_, started_smoking{});
    so_far_.draws += busy_wait(order.draws);
    ++so_far_.rounds;
  }
  void on(leave) {
    habit_ = so_far_;
    exit();
    arrive();
  }

  sluice::pid arbiter_;
  habit& habit_;
  habit so_far_{};
};

struct arbiter : player<arbiter, started_smoking> {
  arbiter(std::uint64_t rounds, std::vector<habit>& habits, std::vector<draw>& draws)
      : rounds_(rounds),
        habits_(habits),
        draws_(draws),
        source_(static_cast<std::int64_t>(rounds * habits.size())) {}

  void on_start() {
    for (habit& each : habits_) smokers_.push_back(create<smoker>(self(), each));
  }
  void on(start) { choose_smoker(); }
  void on(started_smoking) {
    if (++rounds_done_ < rounds_) return choose_smoker();
    for (const auto& each : smokers_) send(each, leave{});
    exit();
  }

  void choose_smoker() {
    const auto index =
        static_cast<std::uint64_t>(source_.next_below(static_cast<std::int64_t>(smokers_.size())));
    const auto draws = static_cast<std::uint64_t>(source_.next_below(1'000)) + 10;
    draws_.push_back({index, draws});
    send(smokers_[index], start_smoking{draws});
  }

  std::uint64_t rounds_;
  std::vector<habit>& habits_;
  std::vector<draw>& draws_;
  pseudo_random source_;
  std::vector<sluice::handle<smoker>> smokers_;
  std::uint64_t rounds_done_ = 0;
};

void run_cigsmok(iteration& it) {
  const std::uint64_t rounds = it.parameter("R");
  const std::uint64_t smokers = it.parameter("S");
  auto& habits = it.keep<std::vector<habit>>(smokers);
  auto& draws = it.keep<std::vector<draw>>();
  it.expect_arrivals(smokers);
  it.tell(it.spawn<arbiter>(rounds, habits, draws), start{});
  it.wait();

  std::uint64_t drawn = 0;
  std::vector<std::uint64_t> first;
  for (const draw& each : draws) {
    drawn += each.draws;
    if (first.size() < 10) first.insert(first.end(), {each.smoker, each.draws});
  }
  habit sum;
  std::uint64_t distinct = 0;
  std::uint64_t weighted = 0;
  for (std::uint64_t i = 0; i < smokers; ++i) {
    sum.rounds += habits[i].rounds;
    sum.draws += habits[i].draws;
    distinct += habits[i].rounds != 0;
    weighted += (i + 1) * habits[i].rounds;
  }
  it.check_that(sum.rounds == rounds, "each round one smokes");
  it.check_that(sum.draws == drawn, "each smokes as long as it is told");
  it.check_messages(2 * rounds + smokers + 1);
  it.check("first5", first);
  it.check("sum_busywait", sum.draws);
  it.check("distinct_smokers", distinct);
  it.check("weighted", weighted);
  it.check("start_smoking", std::uint64_t{draws.size()});
  it.check("started_smoking", it.sums().sent - draws.size() - smokers - 1);
}

}  // namespace

constinit const program cigsmok{"cigsmok",
                                "an arbiter and smokers, one told after the other",
                                bound::by_computing,
                                {{"R", 1'000, 1'000, 100}, {"S", 200, 200, 20}},
                                &run_cigsmok};

}  // namespace savina
