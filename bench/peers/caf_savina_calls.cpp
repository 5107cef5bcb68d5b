// Programs of the suite on CAF whose actors ask and wait for the answer.
//
//   logmap   series --compute--> rate computer --computed--> series, for each of its terms
//   banking  account --debit--> a higher account --debited--> account --settled--> teller
//
// Questions and answers are plain messages, and who waits puts what comes meanwhile aside, in
// order. CAF's own forms are slower: request(...).await(...) goes over all that is waiting in the
// mailbox for each answer, which is quadratic; .then(...) with the same putting aside took nearly
// twice as long.
#include <cmath>
#include <deque>
#include <limits>
#include <variant>

#include "../harness/random.hpp"
#include "caf_savina_run.hpp"

namespace caf_savina {

namespace {

struct start {};
struct stop {};

// -- logmap

constexpr double first_rate = 3.46;
constexpr double step = 0.0025;  // from series to series, of the rate and of the first term

struct next_term {};
struct get_term {
  caf::actor from;
};
void spoil(get_term& message) { message.from = nullptr; }
struct compute {
  caf::actor from;
  double term;
};
void spoil(compute& message) { message.term = 2; }  // from where the map diverges
struct computed {
  double term;
};
void spoil(computed& message) { message.term = 2; }
struct last_term {
  double term;
};
void spoil(last_term& message) { message.term = 2; }

double following(double rate, double term) noexcept { return rate * term * (1 - term); }
double rate_of(std::uint64_t series) noexcept {
  return first_rate + static_cast<double>(series) * step;
}

struct rate_computer : player<rate_computer, compute, stop> {
  rate_computer(caf::actor_config& config, double rate) : player(config), rate_(rate) {}

  void on(const compute& asked) { tell(asked.from, computed{following(rate_, asked.term)}); }
  void on(stop) { quit(); }

  double rate_;
};

struct series : player<series, next_term, computed, get_term, stop> {
  series(caf::actor_config& config, caf::actor computer, double first, double& result)
      : player(config), computer_(std::move(computer)), term_(first), result_(result) {}

  void on(next_term) {
    if (is_waiting_) return put_aside(next_term{});
    is_waiting_ = true;
    tell(computer_, compute{self(), term_});
  }
  void on(computed answer) {
    if (!is_waiting_) return fail("an answer comes to who has asked");
    is_waiting_ = false;
    term_ = answer.term;
    while (!is_waiting_ && !aside_.empty()) {
      const aside first = std::move(aside_.front());
      aside_.pop_front();
      std::visit([this](const auto& message) { on(message); }, first);
    }
  }
  void on(const get_term& asked) {
    if (is_waiting_) return put_aside(asked);
    result_ = term_;
    tell(asked.from, last_term{term_});
  }
  void on(stop) {
    require(aside_.empty(), "who stops has done all");
    tell(computer_, stop{});
    quit();
  }
  void forget() override {
    computer_ = nullptr;
    aside_.clear();
  }

  using aside = std::variant<next_term, get_term>;
  void put_aside(aside message) { aside_.push_back(std::move(message)); }

  caf::actor computer_;
  double term_;
  double& result_;
  bool is_waiting_ = false;
  std::deque<aside> aside_;
};

struct terms_told {
  std::vector<double> terms;
  double sum = 0;
};

struct master : player<master, last_term, start> {
  master(caf::actor_config& config, std::uint64_t terms, terms_told& results)
      : player(config), terms_(terms), results_(results) {}

  void on_start() {
    for (std::uint64_t i = 0; i < results_.terms.size(); ++i) {
      series_.push_back(create<series>(create<rate_computer>(rate_of(i)),
                                       static_cast<double>(i) * step, results_.terms[i]));
    }
  }
  void on(start) {
    for (std::uint64_t i = 0; i < terms_; ++i) {
      for (const auto& each : series_) tell(each, next_term{});
    }
    for (const auto& each : series_) tell(each, get_term{self()});
  }
  void on(last_term got) {
    results_.sum += got.term;
    if (++count_ < series_.size()) return;
    for (const auto& each : series_) tell(each, stop{});
    quit();
    arrive();
  }
  void forget() override { series_.clear(); }

  std::uint64_t terms_;
  terms_told& results_;
  roster series_;
  std::uint64_t count_ = 0;
};

void run_logmap(iteration& it) {
  const std::uint64_t terms = it.parameter("terms");
  const std::uint64_t count = it.parameter("series");
  auto& results = it.keep<terms_told>();
  results.terms.resize(count);
  it.tell(it.spawn<master>(terms, results), start{});
  it.wait();

  double sum = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    double term = static_cast<double>(i) * step;
    for (std::uint64_t k = 0; k < terms; ++k) term = following(rate_of(i), term);
    it.check_that(results.terms[i] == term, "each series has the terms of its map");
    sum += term;
  }
  // Answers come in any order.
  it.check_that(std::abs(results.sum - sum) <= 1e-12 * sum, "the master hears of each term");
  it.check_messages(3 * terms * count + 4 * count + 1);
  it.check("terms", results.terms, {.relative = 1e-9});
  it.check("sum", results.sum, {.relative = 1e-9});
}

// -- banking

struct credit {
  double amount;
  caf::actor teller;
  caf::actor to;
};
void spoil(credit& message) { message.amount += 1; }
struct debit {
  caf::actor from;
  double amount;
};
void spoil(debit& message) { message.amount += 1; }
struct debited {};
struct settled {};

struct account_sums {
  std::uint64_t credits = 0;
  std::uint64_t debits = 0;
  double credited = 0;
  double debited = 0;
};

struct account : player<account, credit, debit, debited, stop> {
  account(caf::actor_config& config, double balance, account_sums& result)
      : player(config), balance_(balance), result_(result) {}

  void on(const credit& order) {
    if (is_waiting()) return put_aside(order);
    balance_ -= order.amount;
    ++so_far_.credits;
    so_far_.credited += order.amount;
    teller_ = order.teller;
    tell(order.to, debit{self(), order.amount});
  }
  void on(const debit& order) {
    if (is_waiting()) return put_aside(order);
    balance_ += order.amount;
    ++so_far_.debits;
    so_far_.debited += order.amount;
    tell(order.from, caf_savina::debited{});
  }
  void on(caf_savina::debited) {
    if (!is_waiting()) return fail("an answer comes to who has asked");
    tell(std::exchange(teller_, nullptr), settled{});
    while (!is_waiting() && !aside_.empty()) {
      const aside first = std::move(aside_.front());
      aside_.pop_front();
      std::visit([this](const auto& message) { on(message); }, first);
    }
  }
  void on(stop) {
    require(!is_waiting(), "who stops has done all");
    result_ = so_far_;
    quit();
    arrive();
  }
  void forget() override {
    teller_ = nullptr;
    aside_.clear();
  }

  using aside = std::variant<credit, debit>;
  [[nodiscard]] bool is_waiting() const noexcept { return teller_ != nullptr; }
  void put_aside(aside message) { aside_.push_back(std::move(message)); }

  double balance_;  // So large at first that amounts do not show: hence the sums.
  account_sums& result_;
  account_sums so_far_{};
  caf::actor teller_;  // of the credit whose debit is under way
  std::deque<aside> aside_;
};

struct transfer {
  std::uint64_t from;
  std::uint64_t to;
  double amount;
};

struct teller : player<teller, settled, start> {
  teller(caf::actor_config& config, std::uint64_t transfers, std::vector<account_sums>& all,
         std::vector<double>& first)
      : player(config), transfers_(transfers), all_(all), first_(first) {}

  void on_start() {
    const double balance =
        std::numeric_limits<double>::max() / static_cast<double>(all_.size() * transfers_);
    for (account_sums& each : all_) accounts_.push_back(create<account>(balance, each));
  }
  void on(start) {
    for (std::uint64_t i = 0; i < transfers_; ++i) {
      const transfer one = draw();
      tell(accounts_[one.from], credit{one.amount, self(), accounts_[one.to]});
      if (i < 3) {
        first_.insert(first_.end(),
                      {static_cast<double>(one.from), static_cast<double>(one.to), one.amount});
      }
    }
  }
  void on(settled) {
    if (++settled_ < transfers_) return;
    for (const auto& each : accounts_) tell(each, stop{});
    quit();
  }
  void forget() override { accounts_.clear(); }

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
  std::vector<account_sums>& all_;
  std::vector<double>& first_;
  sluice::bench::pseudo_random source_{123456};
  roster accounts_;
  std::uint64_t settled_ = 0;
};

void run_banking(iteration& it) {
  const std::uint64_t accounts = it.parameter("A");
  const std::uint64_t transfers = it.parameter("N");
  it.check_that(accounts >= 10, "there are 10 accounts or more");
  auto& all = it.keep<std::vector<account_sums>>(accounts);
  auto& first = it.keep<std::vector<double>>();
  it.expect_arrivals(accounts);
  it.tell(it.spawn<teller>(transfers, all, first), start{});
  it.wait();

  account_sums sum;
  account_sums weighted;
  std::uint64_t places = 0;
  for (std::uint64_t i = 0; i < accounts; ++i) {
    const account_sums& each = all[i];
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

constinit const program logmap{"logmap",
                               {{"terms", 25'000, 8'000, 100}, {"series", 10, 10, 10}},
                               scheduler::stealing,
                               &run_logmap};
constinit const program banking{"banking",
                                {{"A", 1'000, 1'000, 100}, {"N", 50'000, 12'000, 2'000}},
                                scheduler::stealing,
                                &run_banking};

}  // namespace caf_savina
