// barber: the sleeping barber. A factory makes customers, a room with few seats sends away whom it
// cannot seat, and who was sent away tries again at once.
//
//   driver --start--> factory --enter--> room        for each customer, made and then delayed
//   room --full--> customer --returned--> factory --enter--> room
//   room --wait--> customer, or room --next--> itself when the barber sleeps
//   room --enter--> barber --start--> customer, then --done--> it, and --next--> room
//   room --wait--> barber on a next when nobody waits
//   customer --done--> factory --exit--> room --exit--> barber     after the last haircut
//
// The barber's last next may come when the room has ended.
#include <algorithm>
#include <deque>

#include "../harness/random.hpp"
#include "program.hpp"

namespace savina {

namespace {

struct start {};
struct returned {
  sluice::pid customer;
};
void spoil(returned& message) { message.customer = {}; }
struct enter {
  sluice::pid customer;
  sluice::pid room;
};
void spoil(enter& message) { message.customer = {}; }
struct full {};
struct wait {};
struct next {};
struct done {};
struct leave {};

struct outcome {
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

struct customer : player<customer, full, wait, start, done> {
  explicit customer(sluice::pid factory) : factory_(factory) {}

  void on(full) { send(factory_, returned{self()}); }
  void on(wait) {}
  void on(start) {}
  void on(done) {
    send(factory_, done{});
    exit();
  }

  sluice::pid factory_;
};

struct barber_himself : player<barber_himself> {
  barber_himself(std::int64_t rate, outcome& results) : rate_(rate), results_(results) {}

  void on(const enter& seated) {
    send(seated.customer, start{});
    results_.barber_draws += busy_wait(static_cast<std::uint64_t>(source_.next_below(rate_)) + 10);
    ++results_.cuts;
    send(seated.customer, done{});
    send(seated.room, next{});
  }
  void on(wait) {}
  void on(leave) {
    exit();
    arrive();
  }

  std::int64_t rate_;
  outcome& results_;
  pseudo_random source_;
};

struct waiting_room : player<waiting_room, next> {
  waiting_room(std::uint64_t seats, sluice::handle<barber_himself> other, outcome& results)
      : seats_(seats), barber_(other), results_(results) {}

  void on(const enter& coming) {
    if (queue_.size() == seats_) return send(coming.customer, full{});
    queue_.push_back(coming.customer);
    results_.queue_most = std::max<std::uint64_t>(results_.queue_most, queue_.size());
    if (!is_barber_asleep_) return send(coming.customer, wait{});
    is_barber_asleep_ = false;
    ++results_.wakes;
    send(self(), next{});
  }
  void on(next) {
    ++results_.nexts;
    if (!queue_.empty()) {
      send(barber_, enter{queue_.front(), self()});
      queue_.pop_front();
    } else {
      send(barber_, wait{});
      is_barber_asleep_ = true;
      ++results_.sleeps;
    }
  }
  void on(leave) {
    send(barber_, leave{});
    exit();
  }

  std::uint64_t seats_;
  sluice::handle<barber_himself> barber_;
  outcome& results_;
  std::deque<sluice::pid> queue_;
  bool is_barber_asleep_ = true;
};

struct factory : player<factory, returned, done> {
  factory(std::uint64_t haircuts, std::int64_t rate, sluice::handle<waiting_room> room,
          outcome& results)
      : haircuts_(haircuts), rate_(rate), room_(room), results_(results) {}

  void on(start) {
    for (std::uint64_t i = 0; i < haircuts_; ++i) {
      try_with(create<customer>(self()).id());
      results_.factory_draws +=
          busy_wait(static_cast<std::uint64_t>(source_.next_below(rate_)) + 10);
    }
  }
  void on(const returned& back) {
    if (results_.attempts == attempts_max(haircuts_)) {
      return fail("too many attempts: no hair is cut");
    }
    try_with(back.customer);
  }
  void on(done) {
    if (++results_.haircuts < haircuts_) return;
    send(room_, leave{});
    exit();
  }

  void try_with(sluice::pid who) {
    ++results_.attempts;
    send(room_, enter{who, room_.id()});
  }

  std::uint64_t haircuts_;
  std::int64_t rate_;
  sluice::handle<waiting_room> room_;
  outcome& results_;
  pseudo_random source_;
};

void run_barber(iteration& it) {
  const std::uint64_t haircuts = it.parameter("N");
  const std::uint64_t seats = it.parameter("W");
  auto& results = it.keep<outcome>();
  const auto barber_rate = static_cast<std::int64_t>(it.parameter("AHR"));
  const auto factory_rate = static_cast<std::int64_t>(it.parameter("APR"));
  const auto other = it.spawn<barber_himself>(barber_rate, results);
  const auto room = it.spawn<waiting_room>(seats, other, results);
  it.tell(it.spawn<factory>(haircuts, factory_rate, room, results), start{});
  it.wait();

  const outcome& is = results;
  it.check_that(is.haircuts == haircuts && is.cuts == haircuts, "each customer's hair is cut once");
  it.check_that(is.attempts >= haircuts, "each customer tries");
  it.check_that(is.queue_most <= seats, "no more wait than there are seats");
  it.note("attempts", static_cast<double>(is.attempts));
  it.note("sleeps", static_cast<double>(is.sleeps));
  // An attempt is an enter and, unless it is the customer's last, a full and a returned. A haircut
  // is enter, start, done, next, done, and before it a wait or the room's own next.
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

constinit const program barber{"barber",
                               "the sleeping barber; customers without a seat try again at once",
                               bound::by_messages,
                               {{"N", 5'000, 2'000, 200},
                                {"W", 1'000, 1'000, 100},
                                {"APR", 1'000, 1'000, 1'000},
                                {"AHR", 1'000, 1'000, 1'000}},
                               &run_barber};

}  // namespace savina
