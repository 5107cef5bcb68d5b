// philosopher: dining philosophers who ask an arbitrator for both forks and ask again at once when
// they are refused: a busy retry loop, which tests fairness.
//
//   driver --start--> each philosopher --hungry--> arbitrator --denied--> philosopher --hungry-->
//   ... arbitrator --eat--> philosopher --done--> arbitrator, and philosopher --start--> itself
//   philosopher --leave--> arbitrator, after M meals
#include <algorithm>

#include "program.hpp"

namespace savina {

namespace {

struct start {};
struct hungry {
  sluice::pid from;
  std::uint32_t seat;
};
void spoil(hungry& message) { message.seat = ~message.seat; }
struct denied {};
struct eat {};
struct done {
  std::uint32_t seat;
};
void spoil(done& message) { message.seat ^= 1; }
struct leave {};

// Whoever is refused so often in a row waits for a fork that nobody will put down.
constexpr std::uint64_t refusals_in_a_row_max = 5'000'000;

struct arbitrator : player<arbitrator> {
  arbitrator(std::uint32_t seats, bool& are_forks_free)
      : is_taken_(seats), is_eating_(seats), are_forks_free_(are_forks_free) {}

  void on(const hungry& guest) {
    if (guest.seat >= is_taken_.size()) return fail("there is no such seat");
    if (is_taken_[guest.seat] || is_taken_[right_of(guest.seat)]) {
      return send(guest.from, denied{});
    }
    require(!is_eating_[left_of(guest.seat)] && !is_eating_[right_of(guest.seat)],
            "no two neighbours eat");
    set(guest.seat, true);
    send(guest.from, eat{});
  }
  void on(done meal) {
    if (meal.seat >= is_taken_.size()) return fail("there is no such seat");
    require(is_eating_[meal.seat], "who is done has eaten");
    require(is_taken_[meal.seat] && is_taken_[right_of(meal.seat)], "who eats has both forks");
    set(meal.seat, false);
  }
  void on(leave) {
    if (++gone_ < is_taken_.size()) return;
    are_forks_free_ = std::ranges::count(is_taken_, true) == 0;
    exit();
    arrive();
  }

  [[nodiscard]] std::uint32_t right_of(std::uint32_t seat) const {
    return seat + 1 == is_taken_.size() ? 0 : seat + 1;
  }
  [[nodiscard]] std::uint32_t left_of(std::uint32_t seat) const {
    return seat == 0 ? static_cast<std::uint32_t>(is_taken_.size() - 1) : seat - 1;
  }
  void set(std::uint32_t seat, bool is_eating) {
    is_eating_[seat] = is_eating;
    is_taken_[seat] = is_eating;
    is_taken_[right_of(seat)] = is_eating;
  }

  std::vector<char> is_taken_;  // the fork left of each seat
  std::vector<char> is_eating_;
  bool& are_forks_free_;
  std::uint64_t gone_ = 0;
};

struct account {
  std::uint64_t meals = 0;
  std::uint64_t refusals = 0;
};

struct philosopher_at : player<philosopher_at, start, denied, eat> {
  philosopher_at(std::uint32_t seat, std::uint64_t meals, sluice::handle<arbitrator> other,
                 account& own)
      : seat_(seat), meals_(meals), other_(other), account_(own) {}

  void on(start) { send(other_, hungry{self(), seat_}); }
  void on(denied) {
    ++so_far_.refusals;
    if (++refusals_in_a_row_ == refusals_in_a_row_max) return fail("a fork is never put down");
    send(other_, hungry{self(), seat_});
  }
  void on(eat) {
    refusals_in_a_row_ = 0;
    send(other_, done{seat_});
    if (++so_far_.meals < meals_) return send(self(), start{});
    send(other_, leave{});
    account_ = so_far_;
    exit();
  }

  std::uint32_t seat_;
  std::uint64_t meals_;
  sluice::handle<arbitrator> other_;
  account& account_;
  account so_far_{};
  std::uint64_t refusals_in_a_row_ = 0;
};

void run_philosopher(iteration& it) {
  const std::uint64_t seats = it.parameter("N");
  const std::uint64_t meals = it.parameter("M");
  it.check_that(seats > 1, "there is a fork for each hand");
  bool& are_forks_free = it.keep<bool>(false);
  auto& accounts = it.keep<std::vector<account>>(seats);
  const auto other = it.spawn<arbitrator>(static_cast<std::uint32_t>(seats), are_forks_free);
  std::vector<sluice::handle<philosopher_at>> all;
  for (std::uint32_t seat = 0; seat < seats; ++seat) {
    all.push_back(it.spawn<philosopher_at>(seat, meals, other, accounts[seat]));
  }
  for (const auto& each : all) it.tell(each, start{});
  it.wait();

  account sum;
  for (const account& each : accounts) {
    it.check_that(each.meals == meals, "each philosopher eats as often as all");
    sum.meals += each.meals;
    sum.refusals += each.refusals;
  }
  it.check_that(are_forks_free, "all forks are free at the end");
  it.note("refusals", static_cast<double>(sum.refusals));
  const std::uint64_t fixed = 4 * seats * meals + seats;
  it.check_messages(fixed + 2 * sum.refusals);
  it.check("meals", sum.meals);
  it.check("messages_fixed", it.sums().sent - 2 * sum.refusals);
  it.check("forks_free", std::uint64_t{are_forks_free});
}

}  // namespace

constinit const program philosopher{"philosopher",
                                    "dining philosophers with an arbitrator, retrying at once",
                                    bound::by_messages,
                                    {{"N", 20, 20, 20}, {"M", 10'000, 10'000, 200}},
                                    &run_philosopher};

}  // namespace savina
