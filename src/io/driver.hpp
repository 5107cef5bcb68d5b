// driver: what the io layer asks of a worker's driver, whatever stands behind it: io_uring, epoll,
// or a simulation.
//
// Who: the owner thread (the one that called attach()) for everything but wake().
// A turn: poll() calls the before-submission hooks, lets the driver exchange requests for
// completions, runs the completions' callbacks, then what is still due on the wheel, then the
// after-turn hooks. park() does the first half and sleeps; it runs no callback.
// Rules
//   D1  Nothing is lost: every started operation has one final completion, handed to its callback
//       by poll() or detach(), never from inside start() or cancel().
//   D2  wake() is sticky (wake_signal).
//   D3  detach() cancels and reaps everything within reap_bound_ns; what is left then is leaked on
//       purpose and counted.
//   D4  After detach() has begun a started operation completes with -ECANCELED, never silently.
//   D5  Who closes a descriptor that operations were started on calls forget() first, when all of
//       them have ended.
// Memory: the buffers, the operation table, the wheel (16 KiB). No allocation a turn.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sluice/result.hpp>

#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "io/operation.hpp"
#include "io/receive_buffers.hpp"
#include "io/request.hpp"
#include "io/turn_hook.hpp"
#include "sched/driver.hpp"
#include "sched/timer_wheel.hpp"

namespace sluice::inline v0::io {

struct driver_options {
  // Measured at 50 connections: 256 x 16 KiB equals 256 x 4 KiB for small messages (only pages that
  // are touched count) and saves up to a quarter of the CPU time of 16 KiB ones.
  std::uint32_t buffer_count = 256;    ///< a power of two, at most 32768
  std::uint32_t buffer_bytes = 16384;  ///< a multiple of 64
  base::nanoseconds_t reap_bound_ns = 2'000'000'000;

  [[nodiscard]] bool is_valid() const noexcept;
};

/// Written by the owner thread, read by any: see base::add_single_writer.
struct driver_counters {
  base::atomic<std::uint64_t> submissions{0};  ///< requests handed to the kernel
  base::atomic<std::uint64_t> completions{0};
  base::atomic<std::uint64_t> enters{0};       ///< waits and submissions: system calls of the loop
  base::atomic<std::uint64_t> rearms{0};       ///< multishot operations started again
  base::atomic<std::uint64_t> enobufs{0};      ///< receives that found no buffer
  base::atomic<std::uint64_t> short_sends{0};  ///< sends that took less than was offered
  base::atomic<std::uint64_t> overflows{0};    ///< turns that met a full completion ring
  base::atomic<std::uint64_t> late{0};         ///< completions of a past generation (O3)
  base::atomic<std::uint64_t> abandoned{0};    ///< operations leaked by detach (D3)
  base::atomic<std::uint64_t> buffers_out{0};  ///< receive buffers lent, at the last turn
};

class driver : public sched::driver {
 public:
  ~driver() override;

  [[nodiscard]] bool has_ready() const noexcept final;
  unsigned poll() noexcept final;
  void detach() noexcept final;

  /// Starts `op`. The request reaches the kernel with the turn.
  void start(operation& op, const request& what) {
    const std::uint64_t number = table_.enter(op);
    if (stopping_) return complete(number, {-ECANCELED, 0});
    begin(number, what);
  }
  /// Asks for the end of `op`; nothing when it is not in flight or was asked before (O2).
  void cancel(operation& op) noexcept {
    if (!op.in_flight() || op.cancel_asked_) return;
    op.cancel_asked_ = true;
    if (!stopping_) ask_to_end(op.user_data_);
  }
  /// A hint: until forget(fd), `fd` serves many operations. A driver that can spare the look-up of
  /// the descriptor an operation does so.
  virtual void expect_many(int) noexcept {}
  /// D5.
  virtual void forget(int fd) noexcept = 0;

  /// Calls `hook` once before the next submission; it may start operations, and calls no user code.
  void call_before_submission(turn_hook& hook) noexcept { before_submission_.push_back(hook); }
  /// Calls `hook` once after this turn's (or the next turn's) callbacks.
  void call_after_turn(turn_hook& hook) noexcept { after_turn_.push_back(hook); }
  /// Calls `hook` when detach() begins: what lives on this driver ends itself (it leaves the list
  /// when destroyed), also when it has nothing in flight at that moment.
  void call_at_detach(turn_hook& hook) noexcept { at_detach_.push_back(hook); }

  /// Deadlines of the io layer's own objects; see timeout.hpp.
  [[nodiscard]] sched::timer_wheel& deadlines() noexcept { return deadlines_; }
  /// The time of this turn, for hooks and callbacks: the clock, read at most once before the
  /// exchange and once after it. What completes or is due has done so before.
  [[nodiscard]] base::nanoseconds_t turn_time_ns() noexcept {
    if (turn_time_ns_ == 0) turn_time_ns_ = base::now_ns();
    return turn_time_ns_;
  }
  [[nodiscard]] receive_buffers& buffers() noexcept { return *buffers_; }
  [[nodiscard]] bool is_stopping() const noexcept { return stopping_; }
  [[nodiscard]] std::uint32_t in_flight_count() const noexcept { return table_.in_flight_count(); }
  [[nodiscard]] driver_counters& counters() noexcept { return counters_; }
  [[nodiscard]] const driver_counters& counters() const noexcept { return counters_; }

  /// For the start line: which driver, what was accepted, what was refused.
  [[nodiscard]] virtual std::string describe() const = 0;

 protected:
  explicit driver(const driver_options& options);

  // ---- what a driver does
  /// Puts the request on its way; its completions are handed to complete() by exchange().
  virtual void begin(std::uint64_t number, const request& what) noexcept = 0;
  /// Asks for the end of the request `number`; it still completes (perhaps with success).
  virtual void ask_to_end(std::uint64_t number) noexcept = 0;
  /// Submits what begin() queued and completes what has ended. Never blocks.
  virtual void exchange() noexcept = 0;
  /// Whether exchange() would do something; a few loads.
  [[nodiscard]] virtual bool has_exchange() const noexcept = 0;
  /// detach(): asks for the end of everything in flight, waits a little, completes what has ended.
  virtual void end_all() noexcept = 0;
  /// detach(), last: gives everything back to the kernel.
  virtual void close() noexcept = 0;

  // ---- what it builds on
  /// A driver's attach() ends with this: from here the calling thread is the owner.
  void become_attached(receive_buffers& buffers) noexcept;
  /// Any moment on the owner thread: the callback follows in the turn's dispatch.
  void complete(std::uint64_t number, completion what) { drained_.push_back({number, what}); }
  /// Whether callbacks are due.
  [[nodiscard]] bool has_completed() const noexcept { return !drained_.empty(); }
  /// First half of park(): hooks and buffers. False: there is something to do, do not sleep.
  [[nodiscard]] bool prepare_to_sleep() noexcept;
  /// The earlier of the two.
  [[nodiscard]] base::nanoseconds_t earlier_deadline(base::nanoseconds_t deadline_ns) noexcept;
  [[nodiscard]] bool is_attached() const noexcept { return life_ == life::attached; }
  [[nodiscard]] operation_table& table() noexcept { return table_; }
  void assert_owner() const noexcept;
  void count(base::atomic<std::uint64_t>& counter, std::uint64_t amount = 1) noexcept {
    base::add_single_writer(counter, amount);
  }

  const driver_options options_;

 private:
  struct drained {
    std::uint64_t user_data;
    completion what;
  };
  enum class life : unsigned char { created, attached, detached };

  void prepare_turn() noexcept;
  unsigned run_deadlines() noexcept;
  unsigned dispatch() noexcept;

  life life_ = life::created;
  bool stopping_ = false;
  bool dispatching_ = false;
  const void* owner_thread_ = nullptr;
  receive_buffers* buffers_ = nullptr;
  operation_table table_;
  turn_hook_list before_submission_;
  turn_hook_list after_turn_;
  turn_hook_list at_detach_;
  std::vector<drained> drained_;
  sched::timer_wheel deadlines_{base::now_ns()};
  base::nanoseconds_t turn_time_ns_ = 0;  // 0: not asked for yet
  driver_counters counters_;
};

}  // namespace sluice::inline v0::io
