// Programs of the suite on CAF in which who is turned away tries again at once.
//
//   philosopher  philosopher --hungry--> arbitrator --denied or eat--> philosopher
//   barber       factory --enter--> room --full--> customer --returned--> factory
//                room --enter--> barber --hair_cut--> customer --hair_cut--> factory
#include <algorithm>
#include <deque>

#include "../harness/random.hpp"
#include "caf_savina_run.hpp"

namespace caf_savina {

namespace {

struct start {};

// -- philosopher

struct hungry {
  caf::actor from;
  std::uint32_t seat;
};
void spoil(hungry& message) { message.seat = ~message.seat; }
struct denied {};
struct eat {};
struct meal_over {
  std::uint32_t seat;
};
void spoil(meal_over& message) { message.seat ^= 1; }
struct depart {};

// Whoever is refused so often in a row waits for a fork that nobody will put down.
constexpr std::uint64_t refusals_in_a_row_max = 5'000'000;

struct arbitrator : player<arbitrator, hungry, meal_over, depart> {
  arbitrator(caf::actor_config& config, std::uint32_t seats, bool& are_forks_free)
      : player(config), is_taken_(seats), is_eating_(seats), are_forks_free_(are_forks_free) {}

  void on(const hungry& guest) {
    if (guest.seat >= is_taken_.size()) return fail("there is no such seat");
    if (is_taken_[guest.seat] || is_taken_[right_of(guest.seat)]) {
      return tell(guest.from, denied{});
    }
    require(!is_eating_[left_of(guest.seat)] && !is_eating_[right_of(guest.seat)],
            "no two neighbours eat");
    set(guest.seat, true);
    tell(guest.from, eat{});
  }
  void on(meal_over meal) {
    if (meal.seat >= is_taken_.size()) return fail("there is no such seat");
    require(is_eating_[meal.seat], "who is done has eaten");
    require(is_taken_[meal.seat] && is_taken_[right_of(meal.seat)], "who eats has both forks");
    set(meal.seat, false);
  }
  void on(depart) {
    if (++gone_ < is_taken_.size()) return;
    are_forks_free_ = std::ranges::count(is_taken_, true) == 0;
    quit();
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

struct meals_eaten {
  std::uint64_t meals = 0;
  std::uint64_t refusals = 0;
};

struct philosopher_at : player<philosopher_at, denied, eat, start> {
  philosopher_at(caf::actor_config& config, std::uint32_t seat, std::uint64_t meals,
                 caf::actor other, meals_eaten& own)
      : player(config), seat_(seat), meals_(meals), other_(std::move(other)), own_(own) {}

  void on(start) { tell(other_, hungry{self(), seat_}); }
  void on(denied) {
    ++so_far_.refusals;
    if (++refusals_in_a_row_ == refusals_in_a_row_max) return fail("a fork is never put down");
    tell(other_, hungry{self(), seat_});
  }
  void on(eat) {
    refusals_in_a_row_ = 0;
    tell(other_, meal_over{seat_});
    if (++so_far_.meals < meals_) return tell_self(start{});
    tell(other_, depart{});
    own_ = so_far_;
    quit();
  }
  void forget() override { other_ = nullptr; }

  std::uint32_t seat_;
  std::uint64_t meals_;
  caf::actor other_;
  meals_eaten& own_;
  meals_eaten so_far_{};
  std::uint64_t refusals_in_a_row_ = 0;
};

void run_philosopher(iteration& it) {
  const std::uint64_t seats = it.parameter("N");
  const std::uint64_t meals = it.parameter("M");
  it.check_that(seats > 1, "there is a fork for each hand");
  bool& are_forks_free = it.keep<bool>(false);
  auto& eaten = it.keep<std::vector<meals_eaten>>(seats);
  roster& all = it.share();
  all.push_back(it.spawn<arbitrator>(static_cast<std::uint32_t>(seats), are_forks_free));
  for (std::uint32_t seat = 0; seat < seats; ++seat) {
    all.push_back(it.spawn<philosopher_at>(seat, meals, all.front(), eaten[seat]));
  }
  for (std::uint64_t seat = 0; seat < seats; ++seat) it.tell(all[1 + seat], start{});
  it.wait();

  meals_eaten sum;
  for (const meals_eaten& each : eaten) {
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

// -- barber

struct returned {
  caf::actor customer;
};
void spoil(returned& message) { message.customer = nullptr; }
struct enter {
  caf::actor customer;
};
void spoil(enter& message) { message.customer = nullptr; }
struct full {};
struct wait {};
struct next {};
struct hair_cut {};
struct close_up {};

struct day {
  // The factory's.
  std::uint64_t attempts = 0;
  std::uint64_t haircuts = 0;
  std::uint64_t factory_draws = 0;
  // The room's.
  alignas(64) std::uint64_t queue_most = 0;
  std::uint64_t sleeps = 0;
  std::uint64_t wakes = 0;
  std::uint64_t nexts = 0;
  // The barber's.
  alignas(64) std::uint64_t cuts = 0;
  std::uint64_t barber_draws = 0;
};

// With a barber who cuts no more the customers would try for ever. On one thread each haircut takes
// a try of everybody outside.
constexpr std::uint64_t attempts_max(std::uint64_t haircuts) noexcept {
  return 4 * haircuts * haircuts + 10'000'000;
}

struct customer : player<customer, full, wait, start, hair_cut> {
  customer(caf::actor_config& config, caf::actor factory)
      : player(config), factory_(std::move(factory)) {}

  void on(full) { tell(factory_, returned{self()}); }
  void on(wait) {}
  void on(start) {}
  void on(hair_cut) {
    tell(factory_, hair_cut{});
    quit();
  }
  void forget() override { factory_ = nullptr; }

  caf::actor factory_;
};

// The room signs what it sends to the barber, who answers the sender.
struct barber_himself : player<barber_himself, enter, wait, close_up> {
  barber_himself(caf::actor_config& config, std::int64_t rate, day& results)
      : player(config), rate_(rate), results_(results) {}

  void on(const enter& seated) {
    tell(seated.customer, start{});
    results_.barber_draws +=
        sluice::bench::busy_wait(static_cast<std::uint64_t>(source_.next_below(rate_)) + 10);
    ++results_.cuts;
    tell(seated.customer, hair_cut{});
    tell(caf::actor_cast<caf::actor>(current_sender()), next{});
  }
  void on(wait) {}
  void on(close_up) {
    quit();
    arrive();
  }

  std::int64_t rate_;
  day& results_;
  sluice::bench::pseudo_random source_;
};

struct waiting_room : player<waiting_room, enter, next, close_up> {
  waiting_room(caf::actor_config& config, std::uint64_t seats, caf::actor other, day& results)
      : player(config), seats_(seats), barber_(std::move(other)), results_(results) {}

  void on(const enter& coming) {
    if (queue_.size() == seats_) return tell(coming.customer, full{});
    queue_.push_back(coming.customer);
    results_.queue_most = std::max<std::uint64_t>(results_.queue_most, queue_.size());
    if (!is_barber_asleep_) return tell(coming.customer, caf_savina::wait{});
    is_barber_asleep_ = false;
    ++results_.wakes;
    tell_self(next{});
  }
  void on(next) {
    ++results_.nexts;
    if (!queue_.empty()) {
      tell_signed(barber_, enter{std::move(queue_.front())});
      queue_.pop_front();
    } else {
      tell(barber_, caf_savina::wait{});
      is_barber_asleep_ = true;
      ++results_.sleeps;
    }
  }
  void on(close_up) {
    tell(barber_, close_up{});
    quit();
  }
  void forget() override {
    barber_ = nullptr;
    queue_.clear();
  }

  std::uint64_t seats_;
  caf::actor barber_;
  day& results_;
  std::deque<caf::actor> queue_;
  bool is_barber_asleep_ = true;
};

struct factory : player<factory, returned, hair_cut, start> {
  factory(caf::actor_config& config, std::uint64_t haircuts, std::int64_t rate, caf::actor room,
          day& results)
      : player(config),
        haircuts_(haircuts),
        rate_(rate),
        room_(std::move(room)),
        results_(results) {}

  void on(start) {
    for (std::uint64_t i = 0; i < haircuts_; ++i) {
      try_with(create<customer>(self()));
      results_.factory_draws +=
          sluice::bench::busy_wait(static_cast<std::uint64_t>(source_.next_below(rate_)) + 10);
    }
  }
  void on(const returned& back) {
    if (results_.attempts == attempts_max(haircuts_)) {
      return fail("too many attempts: no hair is cut");
    }
    try_with(back.customer);
  }
  void on(hair_cut) {
    if (++results_.haircuts < haircuts_) return;
    tell(room_, close_up{});
    quit();
  }
  void forget() override { room_ = nullptr; }

  void try_with(caf::actor who) {
    ++results_.attempts;
    tell(room_, enter{std::move(who)});
  }

  std::uint64_t haircuts_;
  std::int64_t rate_;
  caf::actor room_;
  day& results_;
  sluice::bench::pseudo_random source_;
};

void run_barber(iteration& it) {
  const std::uint64_t haircuts = it.parameter("N");
  const std::uint64_t seats = it.parameter("W");
  auto& results = it.keep<day>();
  const auto barber_rate = static_cast<std::int64_t>(it.parameter("AHR"));
  const auto factory_rate = static_cast<std::int64_t>(it.parameter("APR"));
  it.tell(it.spawn<factory>(haircuts, factory_rate,
                            it.spawn<waiting_room>(
                                seats, it.spawn<barber_himself>(barber_rate, results), results),
                            results),
          start{});
  it.wait();

  const day& is = results;
  it.check_that(is.haircuts == haircuts && is.cuts == haircuts, "each customer's hair is cut once");
  it.check_that(is.attempts >= haircuts, "each customer tries");
  it.check_that(is.queue_most <= seats, "no more wait than there are seats");
  it.note("attempts", static_cast<double>(is.attempts));
  it.note("sleeps", static_cast<double>(is.sleeps));
  // An attempt is an enter and, unless it is the customer's last, a full and a returned. A haircut
  // is enter, start, hair_cut, next, hair_cut, and before it a wait or the room's own next.
  const std::uint64_t refused = is.attempts - haircuts;
  const std::uint64_t nexts = haircuts + is.wakes;
  it.check_messages(is.attempts + 2 * refused + 6 * haircuts + is.sleeps + 3, nexts - is.nexts);
  it.check("haircuts", is.haircuts);
  it.check("busywait_draws_barber", is.barber_draws);
  it.check("busywait_draws_factory", is.factory_draws);
  it.check("attempts_at_least", std::min(is.attempts, haircuts));
  it.check("max_queue", std::max(is.queue_most, seats));
}

}  // namespace

constinit const program philosopher{"philosopher",
                                    {{"N", 20, 20, 20}, {"M", 10'000, 10'000, 200}},
                                    scheduler::stealing,
                                    &run_philosopher};
constinit const program barber{"barber",
                               {{"N", 5'000, 2'000, 200},
                                {"W", 1'000, 1'000, 100},
                                {"APR", 1'000, 1'000, 1'000},
                                {"AHR", 1'000, 1'000, 1'000}},
                               scheduler::stealing,
                               &run_barber};

}  // namespace caf_savina
