// finish_line: where actors tell the driver that they are done, or that something is wrong.
//
// Who: actors on any scheduler arrive, expect and fail; the driver, a foreign thread, waits.
// The clock is read by the last actor that arrives, so the driver's wake-up is not measured.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>

namespace actor_bench {

using bench_clock = std::chrono::steady_clock;

class finish_line {
 public:
  /// Driver, before the first message: how many are to arrive.
  void arm(std::uint64_t parties);

  /// Any actor: it has seen all that it should see.
  void arrive();

  /// Any thread: the run is void. The first reason is kept.
  void fail(std::string why);

  /// Any actor, for each message: `got` must be `wanted`, but for a mark of crossings; `who` had
  /// the message.
  void expect(std::uint64_t got, std::uint64_t wanted, const char* who) {
    if (got != wanted) [[unlikely]]
      look_closer(got, wanted, who);
  }

  /// Driver: sleeps until all have arrived, somebody failed, or the time is up. True: it is over.
  [[nodiscard]] bool wait_until(bench_clock::time_point deadline);

  [[nodiscard]] bench_clock::time_point ended_at() const;
  /// Empty when nothing failed.
  [[nodiscard]] std::string failure() const;

 private:
  [[gnu::cold]] [[gnu::noinline]] void look_closer(std::uint64_t got, std::uint64_t wanted,
                                                   const char* who);

  mutable std::mutex guard_;
  std::condition_variable changed_;
  std::uint64_t missing_ = 0;
  bench_clock::time_point ended_at_{};
  std::string failure_;
};

}  // namespace actor_bench
