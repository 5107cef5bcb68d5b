// Many actors on CAF.
//
//   fjcreate   maker makes leaf n --n--> leaf n, which ends
//   idle       dormitory makes sleepers; later --n--> sleeper n, so that the figure is of actors
//              that really live
#include <algorithm>

#include "../harness/process_usage.hpp"
#include "caf_run.hpp"

namespace peers {

namespace {

// The actors that have not come to the run's end; the last one to do so is the finish.
struct roll_call {
  explicit roll_call(std::uint64_t actors) : missing(actors) {}

  void leave(actor_bench::finish_line& line) {
    // Relaxed: a count; the driver's finish line orders what it reads afterwards.
    if (missing.fetch_sub(1, std::memory_order_relaxed) == 1) line.arrive();
  }

  std::atomic<std::uint64_t> missing;
};

// -- fjcreate

class leaf : public numbered_actor {
 public:
  leaf(caf::actor_config& config, caf_run& run, roll_call& all, std::uint64_t expected)
      : numbered_actor(config, run), all_(all), expected_(expected) {}
  ~leaf() override { all_.leave(run_.line()); }

  caf::behavior make_behavior() override {
    return {[this](std::uint64_t number) {
      expect(number, expected_, "leaf");
      quit();
    }};
  }

 private:
  roll_call& all_;
  std::uint64_t expected_;
};

using more_atom = caf::atom_constant<caf::atom("more")>;

class maker : public numbered_actor {
 public:
  maker(caf::actor_config& config, caf_run& run, roll_call& all, std::uint64_t actors,
        std::uint64_t batch)
      : numbered_actor(config, run), all_(all), actors_(actors), batch_(batch) {}

  caf::behavior make_behavior() override {
    return {[this](std::uint64_t begin, go_atom) {
              expect(begin, go_number, "driver");
              make();
            },
            [this](std::uint64_t next, more_atom) {
              expect(next, made_, "driver");
              make();
            }};
  }

 private:
  void make() {
    for (std::uint64_t left = std::min(batch_, actors_ - made_); left != 0; --left, ++made_) {
      tell(spawn<leaf>(run_, all_, made_), made_);
    }
    if (made_ == actors_) return;
    ++sent_;
    send(this, made_, more_atom::value);
  }

  roll_call& all_;
  std::uint64_t actors_;
  std::uint64_t batch_;
  std::uint64_t made_ = 0;
};

std::vector<figure> run_fjcreate(caf_run& run) {
  const std::uint64_t actors = run.parameter("actors");
  const std::uint64_t batch = run.parameter("batch") == 0 ? actors : run.parameter("batch");
  auto& all = run.keep<roll_call>(actors);
  const auto driver = run.spawn<maker>(all, actors, batch);
  const double seconds = run.time(1, [&] { run.begin(driver); });
  run.finish(1 + actors + (actors - 1) / batch, 1);
  return {{"", static_cast<double>(actors) / seconds / 1e3, "k/s"}};
}

// -- idle

class sleeper : public numbered_actor {
 public:
  sleeper(caf::actor_config& config, caf_run& run, roll_call& all, std::uint64_t expected)
      : numbered_actor(config, run), all_(all), expected_(expected) {}

  caf::behavior make_behavior() override {
    return {[this](std::uint64_t number) {
      expect(number, expected_, "sleeper");
      all_.leave(run_.line());
      quit();
    }};
  }

 private:
  roll_call& all_;
  std::uint64_t expected_;
};

// Makes them all at the first message and wakes them all at the second.
class dormitory : public numbered_actor {
 public:
  dormitory(caf::actor_config& config, caf_run& run, roll_call& all, std::uint64_t actors)
      : numbered_actor(config, run), all_(all), beds_(actors) {}

  caf::behavior make_behavior() override {
    return {[this](std::uint64_t begin, go_atom) {
      expect(begin, go_number, "driver");
      is_full_ ? wake() : fill();
      is_full_ = true;
    }};
  }

 private:
  void forget() override { beds_.clear(); }

  void fill() {
    std::uint64_t number = 0;
    for (auto& bed : beds_) bed = spawn<sleeper>(run_, all_, number++);
    run_.line().arrive();
  }
  void wake() {
    std::uint64_t number = 0;
    for (const auto& bed : beds_) tell(bed, number++);
  }

  roll_call& all_;
  std::vector<caf::actor> beds_;  // touched before the measurement begins
  bool is_full_ = false;
};

std::vector<figure> run_idle(caf_run& run) {
  const std::uint64_t actors = run.parameter("actors");
  auto& all = run.keep<roll_call>(actors);
  const auto driver = run.spawn<dormitory>(all, actors);
  const std::uint64_t before = sluice::bench::resident_bytes();
  static_cast<void>(run.time(1, [&] { run.begin(driver); }));
  run.await_alive(actors + 1);
  const auto grown = static_cast<double>(sluice::bench::resident_bytes() - before);
  static_cast<void>(run.time(1, [&] { run.begin(driver); }));
  run.finish(2 + actors, 1);
  return {{"", grown / static_cast<double>(actors), "B"}};
}

}  // namespace

constinit const workload caf_fjcreate{
    "fjcreate",
    "actors that take one message and end, `batch` a handler (0: all in one); k actors/s",
    {{"actors", 1'000'000, 300}, {"batch", 0, 0}, {"sharing", 1, 1}},
    false,
    &on_caf<&run_fjcreate>};
constinit const workload caf_idle{"idle",
                                  "live actors that do nothing; resident B each",
                                  {{"actors", 1'000'000, 300}, {"sharing", 1, 1}},
                                  true,
                                  &on_caf<&run_idle>};

}  // namespace peers
