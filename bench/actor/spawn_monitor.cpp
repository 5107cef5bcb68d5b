// spawn-monitor: one driver makes monitored actors that take one message and end, and hears of each
// end; `window` of them live at a time.
#include <algorithm>

#include "trial.hpp"

namespace actor_bench {

namespace {

struct item {
  std::uint64_t number;
};

struct watched : sluice::actor<watched> {
  watched(finish_line& line, std::uint64_t expected) : line_(&line), expected_(expected) {}

  void on(const item& one) {
    line_->expect(one.number, expected_, "actor");
    exit();
  }

  finish_line* line_;
  std::uint64_t expected_;
};

class overseer : public sluice::actor<overseer> {
 public:
  overseer(finish_line& line, std::uint64_t actors, std::uint64_t window)
      : line_(&line), actors_(actors), window_(window) {}

  void on(const go& begin) {
    line_->expect(begin.number, go::expected, "driver");
    for (std::uint64_t left = std::min(window_, actors_); left != 0; --left) make();
  }
  void on(const sluice::down& told) {
    line_->expect(static_cast<std::uint64_t>(told.reason.code),
                  static_cast<std::uint64_t>(sluice::exit_code::normal), "reason");
    if (++ended_ == actors_) return line_->arrive();
    if (made_ != actors_) make();
  }

 private:
  void make() {
    const auto one = spawn<watched>({.monitor = true}, *line_, made_);
    if (!one) return line_->fail("a spawn failed: " + one.error().message());
    send_numbered(*this, one.value(), item{made_++});
  }

  finish_line* line_;
  std::uint64_t actors_;
  std::uint64_t window_;
  std::uint64_t made_ = 0;
  std::uint64_t ended_ = 0;
};

std::vector<figure> run_spawn_monitor(trial& run) {
  const std::uint64_t actors = run.parameter("actors");
  const auto driver = run.spawn<overseer>(run.line(), actors, run.parameter("window"));
  const double seconds = run.time(1, [&] { run.tell(driver); });
  run.verify_handled(1);
  return {{"", static_cast<double>(actors) / seconds / 1e3, "k/s"}};
}

}  // namespace

constinit const workload spawn_monitor{
    "spawn-monitor",
    "monitored actors that take one message and end, each end is told; k actors/s",
    {{"actors", 1'000'000, 300}, {"window", 100, 10}},
    false,
    &run_spawn_monitor};

}  // namespace actor_bench
