// restart: a supervisor whose one child fails again and again; ns from the failure, in its handler,
// to the end of its successor's start: the median of all, and the 99th percentile.
//
//   child <--fail n-- child        in on_start of the nth life; the handler ends it with an error
#include <algorithm>

#include "trial.hpp"

namespace actor_bench {

namespace {

struct fail {
  std::uint64_t number;
};

/// Written by one life at a time.
struct logbook {
  std::uint64_t lives_max = 0;
  std::uint64_t lives = 0;
  std::uint64_t failures = 0;
  bench_clock::time_point failed{};
  std::vector<double> microseconds{};
};

struct mortal : sluice::actor<mortal, fail> {
  mortal(finish_line& line, logbook& of) : line_(&line), of_(&of) {}

  void on_start() {
    const std::uint64_t life = of_->lives++;
    if (life != 0) {
      const std::chrono::duration<double, std::micro> took = bench_clock::now() - of_->failed;
      of_->microseconds[life - 1] = took.count();
    }
    if (life == of_->lives_max) return line_->arrive();
    send_numbered(*this, self(), fail{life});
  }
  void on(const fail& told) {
    line_->expect(told.number, of_->failures++, "child");
    of_->failed = bench_clock::now();
    exit(sluice::exit_reason::error("failed"));
  }

  finish_line* line_;
  logbook* of_;
};

struct starter : sluice::actor<starter> {
  starter(finish_line& line, logbook& of) : line_(&line), of_(&of) {}

  void on(const go& begin) {
    line_->expect(begin.number, go::expected, "starter");
    const sluice::supervisor_options options{
        .limit = {.restarts_max = sluice::restart_limit::unlimited}};
    const auto top = spawn<sluice::supervisor>(
        sluice::spawn_options{}, options,
        sluice::children{sluice::child<mortal>("child", std::ref(*line_), std::ref(*of_))});
    if (!top) line_->fail("the supervisor did not start: " + top.error().message());
  }

  finish_line* line_;
  logbook* of_;
};

double share(std::vector<double>& sorted, double part) {
  return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

std::vector<figure> run_restart(trial& run) {
  auto& of = run.keep<logbook>();
  of.lives_max = run.parameter("restarts");
  of.microseconds.resize(of.lives_max);
  const auto first = run.spawn<starter>(run.line(), of);
  static_cast<void>(run.time(1, [&] { run.tell(first); }));
  run.verify_handled(3);
  std::sort(of.microseconds.begin(), of.microseconds.end());
  return {{"", share(of.microseconds, 0.5) * 1e3, "ns"},
          {"-p99", share(of.microseconds, 0.99) * 1e3, "ns"}};
}

}  // namespace

constinit const workload restart{"restart",
                                 "a child that fails again and again; ns from failure to running",
                                 {{"restarts", 200'000, 50}},
                                 false,
                                 &run_restart};

}  // namespace actor_bench
