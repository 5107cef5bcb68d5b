// trapezoid: an integral by N trapezoids, in W equal parts, each with an actor of its own.
//
//   driver --work--> master --work--> each worker --area--> master     master adds them up
#include <cmath>

#include "program.hpp"

namespace savina {

namespace {

struct work {
  double left;
  double right;
  double step;
};
void spoil(work& message) { message.left += message.step; }
struct area {
  double value;
};
void spoil(area& message) { message.value = -message.value; }

struct outcome {
  double area = 0;
  std::vector<std::uint64_t> pieces{};  // of each worker, who writes it
};

double integrand(double x) noexcept {
  return std::sin(x * x * x - 1) / (x + 1) * std::sqrt(1 + std::exp(std::sqrt(2 * x)));
}

struct worker : player<worker> {
  worker(sluice::pid master, std::uint64_t& pieces) : master_(master), pieces_(pieces) {}

  void on(const work& part) {
    const auto pieces = static_cast<std::uint64_t>((part.right - part.left) / part.step);
    double sum = 0;
    for (std::uint64_t i = 0; i < pieces; ++i) {
      const double x = static_cast<double>(i) * part.step + part.left;
      sum += 0.5 * (integrand(x) + integrand(x + part.step)) * part.step;
    }
    pieces_ = pieces;
    send(master_, area{sum});
    exit();
  }

  const sluice::pid master_;
  std::uint64_t& pieces_;
};

struct master : player<master, area> {
  explicit master(outcome& all) : all_(all) {}

  void on_start() {
    for (std::uint64_t& each : all_.pieces) workers_.push_back(create<worker>(self(), each));
  }
  void on(const work& whole) {
    const double width = (whole.right - whole.left) / static_cast<double>(workers_.size());
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      const double left = width * static_cast<double>(i) + whole.left;
      send(workers_[i], work{left, left + width, whole.step});
    }
  }
  void on(const area& part) {
    all_.area += part.value;
    if (++areas_ < workers_.size()) return;
    exit();
    arrive();
  }

  outcome& all_;
  std::vector<sluice::handle<worker>> workers_{};
  std::size_t areas_ = 0;
};

void run_trapezoid(iteration& it) {
  const std::uint64_t workers = it.parameter("W");
  const auto left = static_cast<double>(it.parameter("L"));
  const auto right = static_cast<double>(it.parameter("R"));
  outcome& all = it.keep<outcome>();
  all.pieces.resize(workers);
  const auto first = it.spawn<master>(all);
  it.tell(first, work{left, right, (right - left) / static_cast<double>(it.parameter("N"))});
  it.wait();
  it.check("area", all.area, {.absolute = 1e-9});
  std::uint64_t pieces = 0;
  for (const std::uint64_t each : all.pieces) {
    it.check("pieces_per_worker", each);
    pieces += each;
  }
  it.check_that(pieces <= it.parameter("N") && pieces + workers >= it.parameter("N"),
                "the workers share the pieces; a part may end within one");
  it.check_messages(1 + 2 * workers);
}

}  // namespace

constinit const program trapezoid{
    "trapezoid",
    "an integral in equal parts: master and workers",
    bound::by_computing,
    {{"N", 10'000'000, 1'250'000, 100'000}, {"W", 100, 100, 100}, {"L", 1, 1, 1}, {"R", 5, 5, 5}},
    &run_trapezoid};

}  // namespace savina
