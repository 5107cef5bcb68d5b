// The measured part of a load run: when it is, what was answered in it and how fast, whose
// processor time it took. Every mode of sluice-load has one and ends with its two lines.
#pragma once

#include <cstdint>

#include "histogram.hpp"

namespace sluice::bench {

class measurement {
 public:
  // `watch_pid` 0: nobody is watched.
  measurement(std::uint64_t warmup_ns, std::uint64_t window_ns, int watch_pid)
      : warmup_ns_(warmup_ns), window_ns_(window_ns), watch_pid_(watch_pid) {}

  // The window is [now + warmup, now + warmup + window).
  void start(std::uint64_t now);
  // Once a turn: reads the processor clocks at the window's two edges.
  void advance(std::uint64_t now);
  // Ends the window now if it has not ended, for a run that ends by its own count.
  void end(std::uint64_t now);

  [[nodiscard]] std::uint64_t from() const { return from_; }
  [[nodiscard]] std::uint64_t to() const { return to_; }
  [[nodiscard]] bool contains(std::uint64_t time) const { return time >= from_ && time < to_; }

  void count_answer() { ++answered_; }
  void record_latency(std::uint64_t nanoseconds) { latency_.record(nanoseconds); }

  [[nodiscard]] std::uint64_t answered() const { return answered_; }
  [[nodiscard]] double seconds() const { return static_cast<double>(to_ - from_) * 1e-9; }
  [[nodiscard]] double rate() const { return static_cast<double>(answered_) / seconds(); }

  // "p50 … max … us", within the line for people.
  void print_percentiles() const;
  // A line for each eighth of an octave that has latencies: its upper edge and how many they are.
  void print_buckets() const;
  // The line of processor times an answer, and the last one for programs.
  void print_figures(std::uint64_t bytes_an_answer, std::uint64_t errors) const;

 private:
  std::uint64_t warmup_ns_;
  std::uint64_t window_ns_;
  int watch_pid_;
  std::uint64_t from_ = 0;
  std::uint64_t to_ = 0;
  bool is_open_ = false;
  bool is_closed_ = false;
  std::uint64_t watched_cpu_ns_ = 0;
  std::uint64_t own_cpu_ns_ = 0;
  std::uint64_t answered_ = 0;
  histogram latency_;
};

}  // namespace sluice::bench
