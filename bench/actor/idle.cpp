// idle:  live actors that do nothing; resident bytes each, all in.
// quiet: the same, asleep for a while: how often a scheduler woke, what processor time it cost.
//
// After the measurement each actor gets one message, so a figure is of actors that really live.
#include <atomic>
#include <thread>

#include "../harness/process_usage.hpp"
#include "trial.hpp"

namespace actor_bench {

namespace {

using sluice::bench::processor_time_ns;
using sluice::bench::resident_bytes;

struct poke {
  std::uint64_t number;
};

struct roll_call {
  explicit roll_call(std::uint64_t actors) : missing(actors) {}
  std::atomic<std::uint64_t> missing;
};

struct sleeper : sluice::actor<sleeper> {
  sleeper(finish_line& line, roll_call& all, std::uint64_t expected)
      : line_(&line), all_(&all), expected_(expected) {}

  void on(const poke& message) {
    line_->expect(message.number, expected_++, "sleeper");
    // Relaxed: a count; the driver's finish line orders what it reads afterwards.
    if (all_->missing.fetch_sub(1, std::memory_order_relaxed) == 1) line_->arrive();
  }

  finish_line* line_;
  roll_call* all_;
  std::uint64_t expected_;
};

// Makes them all at the first message and wakes them all at the second.
struct dormitory : sluice::actor<dormitory> {
  dormitory(finish_line& line, roll_call& all, std::uint64_t actors)
      : line_(&line), all_(&all), beds_(actors) {}

  void on(const go& begin) {
    line_->expect(begin.number, go::expected, "driver");
    is_full_ ? wake() : fill();
    is_full_ = true;
  }

  void fill() {
    std::uint64_t number = 0;
    for (auto& bed : beds_) {
      const auto one = spawn<sleeper>(sluice::spawn_options{}, *line_, *all_, number++);
      if (!one) return line_->fail("a spawn failed: " + one.error().message());
      bed = one.value();
    }
    line_->arrive();
  }
  void wake() {
    std::uint64_t number = 0;
    for (const auto& bed : beds_) send_numbered(*this, bed, poke{number++});
  }

  finish_line* line_;
  roll_call* all_;
  std::vector<sluice::handle<sleeper>> beds_;  // touched before the measurement begins
  bool is_full_ = false;
};

// The driver's process, its beds filled.
sluice::handle<dormitory> put_to_bed(trial& run, std::uint64_t& resident_before) {
  const std::uint64_t actors = run.parameter("actors");
  const auto driver = run.spawn<dormitory>(run.line(), run.keep<roll_call>(actors), actors);
  resident_before = resident_bytes();
  static_cast<void>(run.time(1, [&] { run.tell(driver); }));
  run.verify(1, actors + 1);
  return driver;
}

void wake_all(trial& run, const sluice::handle<dormitory>& driver) {
  const std::uint64_t actors = run.parameter("actors");
  static_cast<void>(run.time(1, [&] { run.tell(driver); }));
  run.verify(2 + actors, actors + 1);
}

std::vector<figure> run_idle(trial& run) {
  std::uint64_t before = 0;
  const auto driver = put_to_bed(run, before);
  const auto grown = static_cast<double>(resident_bytes() - before);
  wake_all(run, driver);
  return {{"", grown / static_cast<double>(run.parameter("actors")), "B"}};
}

struct wakings {
  std::uint64_t parks = 0;
  std::uint64_t ticks = 0;
};

wakings wakings_of(const sluice::node& node) {
  wakings sums;
  for (const auto& each : node.schedulers()) {
    sums.parks += each.parks;
    sums.ticks += each.sentinel_ticks;
  }
  return sums;
}

std::vector<figure> run_quiet(trial& run) {
  std::uint64_t unused = 0;
  const auto driver = put_to_bed(run, unused);
  std::this_thread::sleep_for(std::chrono::milliseconds{run.parameter("settle_ms")});
  const wakings before = wakings_of(run.node());
  const std::uint64_t used_before = processor_time_ns();
  std::this_thread::sleep_for(std::chrono::milliseconds{run.parameter("sleep_ms")});
  const std::uint64_t used = processor_time_ns() - used_before;
  const wakings after = wakings_of(run.node());
  wake_all(run, driver);
  return {{"", static_cast<double>(after.parks - before.parks), "wakes"},
          {"-ticks", static_cast<double>(after.ticks - before.ticks), "ticks"},
          {"-cpu", static_cast<double>(used) / 1e6, "ms"}};
}

}  // namespace

constinit const workload idle{"idle",
                              "live actors that do nothing; resident B each",
                              {{"actors", 1'000'000, 300}},
                              true,
                              &run_idle};
constinit const workload quiet{
    "quiet",
    "live actors asleep; wake-ups of schedulers, sentinel ticks, processor time",
    {{"actors", 1'000'000, 300}, {"sleep_ms", 10'000, 20}, {"settle_ms", 2'000, 20}},
    true,
    &run_quiet};

}  // namespace actor_bench
