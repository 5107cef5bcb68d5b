// banking: transfers between accounts. An account whose debit is under way waits for its answer,
// and what else comes keeps its order; so accounts hold up each other, but only upwards.
//
//   driver --start--> teller --credit--> account, N times
//   account ==debit==> a higher account ==its answer==> account --settled--> teller
//   teller --stop--> each account, after the last
#include <cmath>
#include <limits>

#include "../harness/random.hpp"
#include "program.hpp"

namespace savina {

namespace {

struct start {};
struct credit {
  double amount;
  sluice::pid teller;
  sluice::pid to;
};
void spoil(credit& message) { message.amount += 1; }
struct debit {
  using reply = void;
  double amount;
};
void spoil(debit& message) { message.amount += 1; }
struct settled {};
struct stop {};

struct tally {
  std::uint64_t credits = 0;
  std::uint64_t debits = 0;
  double credited = 0;
  double debited = 0;
};

struct account : player<account, debit> {
  account(double balance, tally& result) : balance_(balance), result_(result) {}

  sluice::task<void> on(const credit& order) {
    balance_ -= order.amount;
    ++so_far_.credits;
    so_far_.credited += order.amount;
    const debit question{order.amount};
    const auto answer = co_await ask(order.to, question);
    if (!answer) co_return fail("a call failed: " + answer.error().message());
    send(order.teller, settled{});
  }
  void on(debit order) {
    balance_ += order.amount;
    ++so_far_.debits;
    so_far_.debited += order.amount;
  }
  void on(stop) {
    result_ = so_far_;
    exit();
    arrive();
  }

  double balance_;  // So large at first that amounts do not show: hence the tally.
  tally& result_;
  tally so_far_{};
};

struct transfer {
  std::uint64_t from;
  std::uint64_t to;
  double amount;
};

struct teller : player<teller, settled> {
  teller(std::uint64_t transfers, std::vector<tally>& tallies, std::vector<double>& first)
      : transfers_(transfers), tallies_(tallies), first_(first) {}

  void on_start() {
    const double balance =
        std::numeric_limits<double>::max() / static_cast<double>(tallies_.size() * transfers_);
    for (tally& each : tallies_) accounts_.push_back(create<account>(balance, each));
  }
  void on(start) {
    for (std::uint64_t i = 0; i < transfers_; ++i) {
      const transfer one = draw();
      send(accounts_[one.from], credit{one.amount, self(), accounts_[one.to].id()});
      if (i < 3) {
        first_.insert(first_.end(),
                      {static_cast<double>(one.from), static_cast<double>(one.to), one.amount});
      }
    }
  }
  void on(settled) {
    if (++settled_ < transfers_) return;
    for (const auto& each : accounts_) send(each, stop{});
    exit();
  }

  // Always upwards, so no circle of accounts waits.
  transfer draw() {
    const auto count = static_cast<std::int64_t>(accounts_.size());
    const std::int64_t from = source_.next_below(count / 10 * 8);
    const std::int64_t distance = source_.next_below(count - from);
    const std::int64_t to = from + (distance == 0 ? 1 : distance);
    return {static_cast<std::uint64_t>(from), static_cast<std::uint64_t>(to),
            source_.next_double() * 1'000};
  }

  std::uint64_t transfers_;
  std::vector<tally>& tallies_;
  std::vector<double>& first_;
  pseudo_random source_{123456};
  std::vector<sluice::handle<account>> accounts_;
  std::uint64_t settled_ = 0;
};

void run_banking(iteration& it) {
  const std::uint64_t accounts = it.parameter("A");
  const std::uint64_t transfers = it.parameter("N");
  it.check_that(accounts >= 10, "there are 10 accounts or more");
  auto& tallies = it.keep<std::vector<tally>>(accounts);
  auto& first = it.keep<std::vector<double>>();
  it.expect_arrivals(accounts);
  it.tell(it.spawn<teller>(transfers, tallies, first), start{});
  it.wait();

  tally sum;
  tally weighted;
  std::uint64_t places = 0;
  for (std::uint64_t i = 0; i < accounts; ++i) {
    const tally& each = tallies[i];
    sum.credits += each.credits;
    sum.debits += each.debits;
    sum.credited += each.credited;
    sum.debited += each.debited;
    weighted.credits += (i + 1) * each.credits;
    weighted.debits += (i + 1) * each.debits;
    places += i * (each.credits + 3 * each.debits);
  }
  it.check_that(sum.credits == transfers && sum.debits == transfers,
                "each transfer is a credit and a debit");
  it.check_that(std::abs(sum.credited - sum.debited) <= 1e-9 * sum.credited,
                "what is taken from one is given to another");
  it.check_messages(4 * transfers + accounts + 1);
  it.check("first3", first, {.relative = 1e-12});
  it.check("sum_amounts", sum.credited, {.relative = 1e-9});
  it.check("sum_src_plus_3dst", places);
  it.check("credits", sum.credits);
  it.check("debits", sum.debits);
  it.check("weighted_credits", weighted.credits);
  it.check("weighted_debits", weighted.debits);
  it.check("messages_min", it.sums().sent - accounts - 1);
}

}  // namespace

constinit const program banking{"banking",
                                "request and reply between accounts that hold up each other",
                                bound::by_messages,
                                {{"A", 1'000, 1'000, 100}, {"N", 50'000, 12'000, 2'000}},
                                &run_banking};

}  // namespace savina
