// piprecision: pi to `scale` decimals, term by term; who has sent one gets the next, until a term
// is as small as the last decimal.
//
//   driver --start--> master --work k--> each worker in turn     ten each, if so many are needed
//   worker --result--> master --work--> the same worker, or nothing after the first small term
//   master --stop--> each worker --stop--> master     when all that was asked for has come
//
// Term k is (4/(8k+1) - 2/(8k+4) - 1/(8k+5) - 1/(8k+6)) / 16^k, each quotient rounded half to even.
#include "fixed_point.hpp"
#include "program.hpp"
#include "sha256.hpp"

namespace savina {

namespace {

constexpr std::uint64_t terms_ahead = 10;  // of each worker
constexpr std::uint64_t term_max = 1 << 28;
// The last decimals hold what was rounded away in all terms.
constexpr std::uint64_t decimals_unsure = 10;

struct start {};
struct work {
  std::uint64_t term;
};
void spoil(work& message) { ++message.term; }
// The term's number is for the checks.
struct result {
  std::uint32_t worker;
  std::uint64_t term;
  fixed_point value;
};
void spoil(result& message) { message.value += fixed_point(1, 100); }  // In units of the last one.
struct stop {};

// What the terms are made of. Nobody writes it while actors run.
struct numerators {
  explicit numerators(std::uint64_t decimals)
      : one(1, decimals), two(2, decimals), four(4, decimals) {}
  fixed_point one;
  fixed_point two;
  fixed_point four;
};

struct outcome {
  fixed_point sum{};
  std::uint64_t terms = 0;
  std::uint64_t term_numbers = 0;  // their sum
  std::uint64_t first_small = UINT64_MAX;
};

struct worker : player<worker> {
  worker(const numerators& of, sluice::pid master, std::uint32_t index)
      : of_(of), master_(master), index_(index) {}

  void on(work asked) {
    if (asked.term >= term_max) return fail("no term is that small");
    const auto eighth = static_cast<std::uint32_t>(8 * asked.term);
    fixed_point sum = of_.four.divided_by(eighth + 1);
    sum -= of_.two.divided_by(eighth + 4);
    sum -= of_.one.divided_by(eighth + 5);
    sum -= of_.one.divided_by(eighth + 6);
    send(master_, result{index_, asked.term, sum.divided_by_power_of_2(4 * asked.term)});
  }
  void on(stop) {
    send(master_, stop{});
    exit();
  }

  const numerators& of_;
  const sluice::pid master_;
  const std::uint32_t index_;
};

class master : public player<master, result, stop> {
 public:
  master(outcome& all, const numerators& of, std::uint64_t workers, std::uint64_t scale)
      : all_(all), of_(of), workers_(workers), scale_(scale) {}

  void on_start() {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      workers_[i] = create<worker>(of_, self(), static_cast<std::uint32_t>(i));
    }
  }
  void on(start) {
    const std::uint64_t first = std::min(scale_, terms_ahead * workers_.size());
    for (std::uint64_t i = 0; i < first; ++i) ask(i % workers_.size());
  }
  void on(const result& one) {
    ++all_.terms;
    all_.term_numbers += one.term;
    all_.sum += one.value;
    if (one.value.is_at_most_one_unit()) {
      all_.first_small = std::min(all_.first_small, one.term);
      is_enough_ = true;
    }
    if (!is_enough_) return ask(one.worker);
    if (all_.terms != asked_) return;
    for (const auto& each : workers_) send(each, stop{});
  }
  void on(stop) {
    if (++stopped_ < workers_.size()) return;
    exit();
    arrive();
  }

 private:
  void ask(std::size_t worker) { send(workers_[worker], work{asked_++}); }

  outcome& all_;
  const numerators& of_;
  std::vector<sluice::handle<worker>> workers_;
  const std::uint64_t scale_;
  std::uint64_t asked_ = 0;
  bool is_enough_ = false;
  std::size_t stopped_ = 0;
};

void run_piprecision(iteration& it) {
  const std::uint64_t workers = it.parameter("workers");
  const std::uint64_t scale = it.parameter("scale");
  outcome& all = it.keep<outcome>();
  const numerators& of = it.keep<numerators>(scale);
  it.tell(it.spawn<master>(all, of, workers, scale), start{});
  it.wait();
  it.check_that(all.term_numbers == all.terms * (all.terms - 1) / 2, "each term comes once");
  it.check("first_k_at_or_below_tolerance", all.first_small);
  const std::uint64_t decimals = scale - std::min(scale, decimals_unsure);
  const std::string digits = all.sum.text(scale).substr(0, 2 + decimals);
  constexpr std::string_view known = "3.14159265358979";
  const std::size_t compared = std::min(digits.size(), known.size());
  it.check_that(digits.substr(0, compared) == known.substr(0, compared), "the sum is pi");
  it.check("decimals_checked", decimals);
  it.check_text("sha256_of_3_point_decimals", sha256_of(digits));
  it.check_text("last10", digits.substr(digits.size() - std::min<std::size_t>(10, digits.size())));
  it.check_messages(1 + 2 * all.terms + 2 * workers);
  it.note("terms", static_cast<double>(all.terms));
}

}  // namespace

constinit const program piprecision{"piprecision",
                                    "pi to thousands of decimals: master and busy workers",
                                    bound::by_computing,
                                    {{"workers", 20, 20, 20}, {"scale", 5'000, 4'250, 300}},
                                    &run_piprecision};

}  // namespace savina
