// flood: one actor queues millions of messages to itself in one handler, then handles them.
//
// Resident bytes a message when all are queued; resident memory within ten idle seconds after.
#include <algorithm>
#include <thread>

#include "../harness/process_usage.hpp"
#include "trial.hpp"

namespace actor_bench {

namespace {

using sluice::bench::resident_bytes;

struct item {
  std::uint64_t number;
};

struct hoarder : sluice::actor<hoarder, item> {
  hoarder(finish_line& line, std::uint64_t messages, std::uint64_t& peak_bytes)
      : line_(&line), messages_(messages), peak_bytes_(&peak_bytes) {}

  void on(const go& begin) {
    line_->expect(begin.number, go::expected, "hoarder");
    for (std::uint64_t i = 0; i < messages_; ++i) send_numbered(*this, self(), item{i});
    *peak_bytes_ = resident_bytes();
  }
  void on(const item& one) {
    line_->expect(one.number, expected_++, "hoarder");
    if (expected_ == messages_) line_->arrive();
  }

  finish_line* line_;
  std::uint64_t expected_ = 0;
  std::uint64_t messages_;
  std::uint64_t* peak_bytes_;
};

// Sleeps until the process is below `goal_bytes` again, ten seconds at most; answers the seconds.
double wait_for_memory(std::uint64_t goal_bytes) {
  const auto begin = bench_clock::now();
  while (resident_bytes() >= goal_bytes && bench_clock::now() - begin < std::chrono::seconds{10}) {
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  return std::chrono::duration<double>(bench_clock::now() - begin).count();
}

std::vector<figure> run_flood(trial& run) {
  constexpr double mebibyte = 1 << 20;
  const std::uint64_t messages = run.parameter("messages");
  std::uint64_t& peak = run.keep<std::uint64_t>(0);
  const auto self = run.spawn<hoarder>(run.line(), messages, peak);
  const std::uint64_t before = resident_bytes();
  static_cast<void>(run.time(1, [&] { run.tell(self); }));
  run.verify(1 + messages, 1);
  const double seconds = wait_for_memory(run.parameter("goal_mib") << 20);
  const auto grown = static_cast<double>(std::max(peak, before) - before);
  return {{"", grown / static_cast<double>(messages), "B"},
          {"-after", static_cast<double>(resident_bytes()) / mebibyte, "MiB"},
          {"-back", seconds, "s"}};
}

}  // namespace

constinit const workload flood{
    "flood",
    "queued messages of 8 bytes; resident B each, then MiB once drained and idle, after how long",
    {{"messages", 20'000'000, 1000}, {"goal_mib", 128, 128}},
    true,
    &run_flood};

}  // namespace actor_bench
