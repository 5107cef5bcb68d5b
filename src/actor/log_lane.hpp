// log_lane: one output of the log: a bounded queue and the thread that empties it into the sink.
//
// Who: push by any thread, start and stop by the node. Progress: push is wait-free but for memory.
// Memory: the lines that wait, waiting_max at most.
//
// Rules:
//   LL-1 A full queue loses the line, counts it, and the thread says how many before the next.
//   LL-2 The sink is called on the lane's thread only; what it throws ends with the line.
//   LL-3 A thread that does not come back by the deadline is left to its sink, which it owns.
#pragma once

#include <memory>
#include <thread>

#include <sluice/log.hpp>

#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "sync/mpsc_queue.hpp"
#include "sync/parker.hpp"

namespace sluice::inline v0::core {

class log_lane : public std::enable_shared_from_this<log_lane> {
 public:
  explicit log_lane(log_output to) : to_(std::move(to)) {}
  log_lane(const log_lane&) = delete;
  log_lane& operator=(const log_lane&) = delete;
  ~log_lane();

  [[nodiscard]] result<void> start();
  /// Writes what waits and ends the thread. False: the sink did not return in time (LL-3).
  [[nodiscard]] bool stop(base::nanoseconds_t deadline_ns) noexcept;

  [[nodiscard]] bool takes(log_severity severity) const noexcept { return severity >= to_.from; }
  void push(const std::shared_ptr<const log_record>& line) noexcept;
  /// Lines lost so far.
  [[nodiscard]] std::uint64_t lost() const noexcept {
    return lost_.load(base::relaxed);  // Relaxed: a count.
  }

 private:
  struct waiting_line : sync::mpsc_link {
    std::shared_ptr<const log_record> line;
  };

  void run() noexcept;
  void drain() noexcept;
  void take(const log_record& line) noexcept;
  void say_repeated() noexcept;
  void say_lost() noexcept;
  void write(const log_record& line) noexcept;

  log_output to_;
  sync::mpsc_queue<waiting_line> lines_;
  sync::parker parker_;
  base::atomic<std::uint32_t> waiting_{0};
  base::atomic<std::uint64_t> lost_{0};
  base::atomic<bool> is_stopping_{false};
  base::atomic<std::uint32_t> has_ended_{0};  // a futex
  std::thread thread_;
  // The thread's own.
  log_record last_;
  std::uint64_t repeats_ = 0;
  base::nanoseconds_t repeated_since_ns_ = 0;
  std::uint64_t lost_said_ = 0;
};

}  // namespace sluice::inline v0::core
