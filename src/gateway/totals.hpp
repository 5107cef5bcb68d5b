// What the workers of a mode count, and how the main thread gets to see it.
//
// Each worker writes its own totals, without any lock. On report_totals it publishes a copy: so the
// status line of a running gateway costs the workers nothing until it is asked for. When the node
// has stopped the workers' own totals may be read.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

namespace gateway {

/// To a worker: publish what you have counted.
struct report_totals {};

/// Totals: an aggregate of counters with operator+=.
template <class Totals>
class totals_board {
 public:
  explicit totals_board(std::size_t worker_count)
      : places_(worker_count), published_(worker_count) {}

  /// Worker `index` only, or anybody when the node has stopped.
  [[nodiscard]] Totals& own(std::size_t index) noexcept { return places_[index].totals; }

  /// In worker `index`.
  void publish(std::size_t index) {
    const std::lock_guard lock{guard_};
    published_[index] = places_[index].totals;
    ++published_count_;
    changed_.notify_all();
  }

  /// Before the workers are asked.
  void expect_reports() {
    const std::lock_guard lock{guard_};
    published_count_ = 0;
  }
  /// The sum of what was published; a worker that is too busy counts with its last report.
  [[nodiscard]] Totals sum_of_reports(std::chrono::milliseconds patience) {
    std::unique_lock lock{guard_};
    changed_.wait_for(lock, patience, [&] { return published_count_ >= published_.size(); });
    Totals all;
    for (const Totals& each : published_) all += each;
    return all;
  }
  /// The node has stopped.
  [[nodiscard]] Totals final_sum() const {
    Totals all;
    for (const place& each : places_) all += each.totals;
    return all;
  }

 private:
  struct alignas(64) place {
    Totals totals;
  };
  std::vector<place> places_;
  std::mutex guard_;
  std::condition_variable changed_;
  std::vector<Totals> published_;
  std::size_t published_count_ = 0;
};

}  // namespace gateway
