// uring_driver: the io_uring of one worker thread, as the scheduler's driver.
//
// When: a worker that owns a ring. Not for threads without sockets (park_driver).
// Who: the owner thread (the one that called attach()) for everything but wake().
// A turn: poll() prepares what hooks ask for, enters the kernel at most once and only when there is
// something to submit or to run there, copies the completions to a list, runs their callbacks, then
// the after-turn hooks. park() prepares, submits and sleeps; it runs no callback.
// Rules
//   U1  Nothing is lost: when the submission ring is full it is submitted; when the kernel cannot
//       take more, entries wait in order in an overflow list.
//   U2  wake() is sticky. The wake word (awake, asleep, woken) has one writer's order: who turns
//       asleep into woken, and only it, writes the eventfd.
//   U3  detach() cancels and reaps everything within reap_bound_ns; what is left then is leaked on
//       purpose and counted.
//   U4  After detach() has begun a started operation completes with -ECANCELED, never silently.
// Memory: the ring (sq_entries, cq_entries), the buffers, the operation table. No allocation a
// turn.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sluice/result.hpp>

#include "base/atomic.hpp"
#include "base/unique_fd.hpp"
#include "io/operation.hpp"
#include "io/receive_buffers.hpp"
#include "io/turn_hook.hpp"
#include "io/uring_compat.hpp"
#include "sched/driver.hpp"

namespace sluice::inline v0::io {

struct uring_options {
  unsigned sq_entries = 256;
  unsigned cq_entries = 4096;  ///< at least sq_entries
  // Measured at 50 connections: 256 x 16 KiB equals 256 x 4 KiB for small messages (only pages that
  // are touched count) and saves up to a quarter of the CPU time of 16 KiB ones.
  unsigned buffer_count = 256;    ///< a power of two, at most 32768
  unsigned buffer_bytes = 16384;  ///< a multiple of 64
  base::nanoseconds_t reap_bound_ns = 2'000'000'000;
};

/// Written by the owner thread, read by any: see base::add_single_writer.
struct uring_counters {
  base::atomic<std::uint64_t> submissions{0};
  base::atomic<std::uint64_t> completions{0};
  base::atomic<std::uint64_t> enters{0};       ///< io_uring_enter calls
  base::atomic<std::uint64_t> rearms{0};       ///< multishot operations started again
  base::atomic<std::uint64_t> enobufs{0};      ///< receives that found no buffer
  base::atomic<std::uint64_t> short_sends{0};  ///< sends that took less than was offered
  base::atomic<std::uint64_t> overflows{0};    ///< turns that met a full completion ring
  base::atomic<std::uint64_t> late{0};         ///< completions of a past generation (O3)
  base::atomic<std::uint64_t> wake_writes{0};  ///< eventfd writes (this one by any thread)
  base::atomic<std::uint64_t> abandoned{0};    ///< operations leaked by detach (U3)
};

/// Says in one paragraph why io_uring cannot be used here and what to do about it. For an error of
/// create() or attach(); reads /proc.
[[nodiscard]] std::string explain_unavailable(const error& why);

class uring_driver final : public sched::driver {
 public:
  /// Any thread. Asks for the full set of flags and drops those the kernel refuses.
  [[nodiscard]] static result<std::unique_ptr<uring_driver>> create(
      const uring_options& options = {});
  ~uring_driver() override;

  [[nodiscard]] result<void> attach() override;
  [[nodiscard]] bool has_ready() const noexcept override;
  unsigned poll() noexcept override;
  [[nodiscard]] sched::park_outcome park(base::nanoseconds_t deadline_ns) noexcept override;
  void wake() noexcept override;
  void detach() noexcept override;

  /// Starts `op`: `prepare(io_uring_sqe*)` fills the entry by one of liburing's io_uring_prep_*
  /// functions (and flags); the number is put on afterwards. Submitted with the turn. What the
  /// entry points at must stay until the submission, what the kernel writes to until the final
  /// completion.
  template <class Prepare>
  void start(operation& op, Prepare&& prepare) {
    const std::uint64_t number = table_.enter(op);
    if (stopping_) return complete_as_cancelled(number);
    ::io_uring_sqe* entry = next_entry();
    prepare(entry);
    entry->user_data = number;
  }

  /// Asks the kernel to end `op`; nothing when it is not in flight or was asked before (O2).
  void cancel(operation& op) noexcept;

  /// Puts an entry on the ring whose completion is not wanted (success is skipped).
  template <class Prepare>
  void start_ignored(Prepare&& prepare) {
    if (stopping_) return;
    ::io_uring_sqe* entry = next_entry();
    prepare(entry);
    entry->flags |= static_cast<std::uint8_t>(sqe_skip_success);
    entry->user_data = operation_table::number(0, 0, entry_kind::ignored);
  }

  /// The operation's number, for entries that name another (timeout update); 0 = not in flight.
  [[nodiscard]] static std::uint64_t number_of(const operation& op) noexcept {
    return op.user_data_;
  }

  /// Calls `hook` once before the next submission; it may start operations, and calls no user code.
  void call_before_submission(turn_hook& hook) noexcept { before_submission_.push_back(hook); }
  /// Calls `hook` once after this turn's (or the next turn's) callbacks.
  void call_after_turn(turn_hook& hook) noexcept { after_turn_.push_back(hook); }

  /// Calls `hook` when detach() begins: what lives on this ring ends itself (it leaves the list
  /// when destroyed), also when it has nothing in flight at that moment.
  void call_at_detach(turn_hook& hook) noexcept { at_detach_.push_back(hook); }

  [[nodiscard]] receive_buffers& buffers() noexcept { return *buffers_; }
  [[nodiscard]] bool is_stopping() const noexcept { return stopping_; }
  [[nodiscard]] std::uint32_t in_flight_count() const noexcept { return table_.in_flight_count(); }
  [[nodiscard]] uring_counters& counters() noexcept { return counters_; }
  [[nodiscard]] const uring_counters& counters() const noexcept { return counters_; }

  /// "io_uring, kernel 6.18.44: SINGLE_ISSUER|DEFER_TASKRUN|… (refused: none), 256/4096 entries,
  /// …".
  [[nodiscard]] std::string describe() const;

 private:
  struct drained {
    std::uint64_t user_data;
    completion what;
  };
  enum class life : unsigned char { created, attached, detached };

  explicit uring_driver(const uring_options& options) noexcept;

  [[nodiscard]] ::io_uring_sqe* next_entry() noexcept;
  void complete_as_cancelled(std::uint64_t number);
  void prepare_turn() noexcept;
  void submit() noexcept;
  [[nodiscard]] int enter_once() noexcept;
  void move_overflow() noexcept;
  void drain() noexcept;
  unsigned dispatch() noexcept;
  void arm_wake_poll() noexcept;
  void on_wake_poll(completion what) noexcept;
  [[nodiscard]] bool needs_kernel() const noexcept;
  [[nodiscard]] bool has_completions() const noexcept;
  [[nodiscard]] bool has_local_work() const noexcept;
  void assert_owner() const noexcept;

  const uring_options options_;
  ::io_uring ring_{};
  unsigned flags_asked_ = 0;
  unsigned flags_accepted_ = 0;
  life life_ = life::created;
  bool stopping_ = false;
  bool dispatching_ = false;
  const void* owner_thread_ = nullptr;
  base::unique_fd wake_fd_;
  receive_buffers* buffers_ = nullptr;
  operation_table table_;
  turn_hook_list before_submission_;
  turn_hook_list after_turn_;
  turn_hook_list at_detach_;
  std::vector<drained> drained_;
  std::vector<::io_uring_sqe> overflow_;  // U1
  bound_operation<uring_driver, &uring_driver::on_wake_poll> wake_poll_{*this};
  uring_counters counters_;

  // Written by wakers and the owner.
  alignas(base::cache_line_bytes) base::atomic<std::uint32_t> wake_word_;
};

}  // namespace sluice::inline v0::io
