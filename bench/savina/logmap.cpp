// logmap: terms of logistic maps, each by a pair of actors that ask and answer; pairs have nothing
// to do with each other. A series waits for each answer, and what else comes keeps its order.
//
//   driver --start--> master --next_term--> each series, T times; then --get_term--> each
//   series ==compute==> rate computer ==its answer==> series      a call for each next_term
//   series --last_term--> master --stop--> each series --stop--> its rate computer
#include <cmath>

#include "program.hpp"

namespace savina {

namespace {

constexpr double first_rate = 3.46;
constexpr double step = 0.0025;  // from series to series, of the rate and of the first term

struct start {};
struct next_term {};
struct get_term {
  sluice::pid from;
};
void spoil(get_term& message) { message.from = {}; }
struct compute {
  using reply = double;
  double term;
};
void spoil(compute& message) { message.term = 2; }  // from where the map diverges
struct last_term {
  double term;
};
void spoil(last_term& message) { message.term = 2; }
struct stop {};

double following(double rate, double term) noexcept { return rate * term * (1 - term); }
double rate_of(std::uint64_t series) noexcept {
  return first_rate + static_cast<double>(series) * step;
}

struct rate_computer : player<rate_computer> {
  explicit rate_computer(double rate) : rate_(rate) {}

  double on(compute asked) { return following(rate_, asked.term); }
  void on(stop) { exit(); }

  double rate_;
};

struct series : player<series> {
  series(sluice::handle<rate_computer> computer, double first, double& result)
      : computer_(computer), term_(first), result_(result) {}

  sluice::task<void> on(next_term) {
    const compute question{term_};
    const auto answer = co_await ask(computer_, question);
    if (!answer) co_return fail("a call failed: " + answer.error().message());
    term_ = answer.value();
  }
  void on(const get_term& asked) {
    result_ = term_;
    send(asked.from, last_term{term_});
  }
  void on(stop) {
    send(computer_, stop{});
    exit();
  }

  sluice::handle<rate_computer> computer_;
  double term_;
  double& result_;
};

struct outcome {
  std::vector<double> terms;
  double sum = 0;
};

struct master : player<master, last_term> {
  master(std::uint64_t terms, outcome& results) : terms_(terms), results_(results) {}

  void on_start() {
    for (std::uint64_t i = 0; i < results_.terms.size(); ++i) {
      const auto computer = create<rate_computer>(rate_of(i));
      series_.push_back(create<series>(computer, static_cast<double>(i) * step, results_.terms[i]));
    }
  }
  void on(start) {
    for (std::uint64_t i = 0; i < terms_; ++i) {
      for (const auto& each : series_) send(each, next_term{});
    }
    for (const auto& each : series_) send(each, get_term{self()});
  }
  void on(last_term got) {
    results_.sum += got.term;
    if (++count_ < series_.size()) return;
    for (const auto& each : series_) send(each, stop{});
    exit();
    arrive();
  }

  std::uint64_t terms_;
  outcome& results_;
  std::vector<sluice::handle<series>> series_;
  std::uint64_t count_ = 0;
};

void run_logmap(iteration& it) {
  const std::uint64_t terms = it.parameter("terms");
  const std::uint64_t count = it.parameter("series");
  auto& results = it.keep<outcome>();
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

}  // namespace

constinit const program logmap{"logmap",
                               "request and reply between pairs; who asked takes nothing else",
                               bound::by_messages,
                               {{"terms", 25'000, 8'000, 100}, {"series", 10, 10, 10}},
                               &run_logmap};

}  // namespace savina
