#include "io/uring_driver.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/assert.hpp"
#include "io/thread_token.hpp"

namespace sluice::inline v0::io {
namespace {

// The wake word (U2).
constexpr std::uint32_t wake_awake = 0;
constexpr std::uint32_t wake_asleep = 1;
constexpr std::uint32_t wake_woken = 2;

[[nodiscard]] ::__kernel_timespec timespec_of(base::nanoseconds_t span_ns) noexcept {
  ::__kernel_timespec spec{};
  spec.tv_sec = span_ns / 1'000'000'000;
  spec.tv_nsec = span_ns % 1'000'000'000;
  return spec;
}

}  // namespace

uring_driver::uring_driver(const uring_options& options) noexcept
    : options_(options), wake_word_(wake_awake) {}

uring_driver::~uring_driver() {
  SLUICE_ASSERT(life_ != life::attached, "U3: a driver was destroyed without detach()");
  if (life_ == life::created && flags_accepted_ != 0) ::io_uring_queue_exit(&ring_);
}

result<void> uring_driver::attach() {
  SLUICE_ASSERT(life_ == life::created, "attach() is called once");
  if ((flags_accepted_ & IORING_SETUP_R_DISABLED) != 0) {
    // By the system call: liburing 2.3 declares io_uring_enable_rings without exporting it.
    const int failed = ::io_uring_register(static_cast<unsigned>(ring_.ring_fd),
                                           IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
    if (failed != 0) {
      return error_from_errno(-failed, "io_uring: enabling the ring");
    }
  }
  auto opened = receive_buffers::create(ring_, options_.buffer_count, options_.buffer_bytes, *this);
  if (!opened) return opened.error();
  buffers_ = *opened;
  // A registered ring descriptor spares the kernel a look-up an enter; refusing it costs nothing.
  static_cast<void>(::io_uring_register_ring_fd(&ring_));
  owner_thread_ = this_thread_token();
  life_ = life::attached;
  drained_.reserve(options_.cq_entries);
  arm_wake_poll();
  return {};
}

bool uring_driver::needs_kernel() const noexcept {
  return (IO_URING_READ_ONCE(*ring_.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

bool uring_driver::has_completions() const noexcept { return ::io_uring_cq_ready(&ring_) != 0; }

bool uring_driver::has_local_work() const noexcept {
  return !drained_.empty() || !after_turn_.is_empty() || !overflow_.empty();
}

bool uring_driver::has_ready() const noexcept {
  if (life_ != life::attached) return false;
  return has_completions() || needs_kernel() || !before_submission_.is_empty() ||
         ::io_uring_sq_ready(&ring_) != 0 || has_local_work() || buffers_->has_work();
}

unsigned uring_driver::poll() noexcept {
  assert_owner();
  prepare_turn();
  submit();
  drain();
  const unsigned handled = dispatch();
  after_turn_.run_all();
  return handled;
}

sched::park_outcome uring_driver::park(base::nanoseconds_t deadline_ns) noexcept {
  assert_owner();
  prepare_turn();
  move_overflow();
  if (has_local_work() || has_completions() || !buffers_->arm_wake()) {
    return sched::park_outcome::event;
  }
  std::uint32_t word = wake_awake;
  // [UD1] acq_rel: announces the sleep; a failure is a wake that came before, taken by the exchange
  // below; pairs UD2.
  if (!wake_word_.compare_exchange_strong(word, wake_asleep, base::acq_rel, base::acquire)) {
    // [UD3] acq_rel: takes the wake and sees what the wakers did; pairs UD2.
    wake_word_.exchange(wake_awake, base::acq_rel);
    return sched::park_outcome::woken;
  }
  int answer = 0;
  if (deadline_ns == base::no_deadline) {
    answer = ::io_uring_submit_and_wait(&ring_, 1);
  } else {
    ::__kernel_timespec span = timespec_of(std::max<std::int64_t>(deadline_ns - base::now_ns(), 0));
    ::io_uring_cqe* unused = nullptr;
    answer = ::io_uring_submit_and_wait_timeout(&ring_, &unused, 1, &span, nullptr);
  }
  base::add_single_writer<std::uint64_t>(counters_.enters, 1);
  if (answer > 0) {
    base::add_single_writer<std::uint64_t>(counters_.submissions,
                                           static_cast<std::uint64_t>(answer));
  }
  // [UD4] acq_rel: ends the sleep and takes a wake that came meanwhile; pairs UD2.
  if (wake_word_.exchange(wake_awake, base::acq_rel) == wake_woken) {
    return sched::park_outcome::woken;
  }
  if (answer == -ETIME && !has_completions() && !needs_kernel()) {
    return sched::park_outcome::timed_out;
  }
  return sched::park_outcome::event;  // also EINTR, EAGAIN, EBUSY: the caller polls and looks again
}

void uring_driver::wake() noexcept {
  // [UD2] acq_rel: publishes what the waker did; pairs UD1, UD3, UD4. Always a read-modify-write: a
  // plain load that skips would lose the wake.
  if (wake_word_.exchange(wake_woken, base::acq_rel) != wake_asleep) return;
  const std::uint64_t one = 1;
  // Relaxed: a counter.
  counters_.wake_writes.fetch_add(1, base::relaxed);
  while (::write(wake_fd_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void uring_driver::detach() noexcept {
  assert_owner();
  stopping_ = true;
  at_detach_.run_all();
  const base::nanoseconds_t bound_ns = base::now_ns() + options_.reap_bound_ns;
  for (;;) {
    // Before each round: operations started by callbacks complete as cancelled (U4), but those that
    // were on their way to the kernel may have missed the sweep.
    move_overflow();
    if (table_.in_flight_count() != 0) {
      if (::io_uring_sqe* entry = ::io_uring_get_sqe(&ring_); entry != nullptr) {
        ::io_uring_prep_cancel64(entry, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
        entry->user_data = operation_table::number(0, 0, entry_kind::ignored);
      }
      ::__kernel_timespec span = timespec_of(10'000'000);
      ::io_uring_cqe* unused = nullptr;
      static_cast<void>(::io_uring_submit_and_wait_timeout(&ring_, &unused, 1, &span, nullptr));
    }
    drain();
    dispatch();
    after_turn_.run_all();
    const bool done = table_.in_flight_count() == 0 && !has_local_work();
    if (done || base::now_ns() >= bound_ns) break;
  }
  const std::uint32_t left = table_.in_flight_count();
  base::add_single_writer<std::uint64_t>(counters_.abandoned, left);
  buffers_->retire(left == 0);
  buffers_ = nullptr;
  ::io_uring_queue_exit(&ring_);
  life_ = life::detached;
}

void uring_driver::cancel(operation& op) noexcept {
  if (!op.in_flight() || op.cancel_asked_) return;
  op.cancel_asked_ = true;
  const std::uint64_t number = op.user_data_;
  start_ignored([&](::io_uring_sqe* entry) { ::io_uring_prep_cancel64(entry, number, 0); });
}

::io_uring_sqe* uring_driver::next_entry() noexcept {
  if (overflow_.empty()) {
    if (::io_uring_sqe* entry = ::io_uring_get_sqe(&ring_); entry != nullptr) return entry;
    static_cast<void>(enter_once());
    if (::io_uring_sqe* entry = ::io_uring_get_sqe(&ring_); entry != nullptr) return entry;
  }
  return &overflow_.emplace_back();  // U1
}

void uring_driver::complete_as_cancelled(std::uint64_t number) {
  drained_.push_back({number, completion{-ECANCELED, 0}});
}

void uring_driver::prepare_turn() noexcept {
  before_submission_.run_all();
  buffers_->collect();
}

void uring_driver::submit() noexcept {
  move_overflow();
  if (::io_uring_sq_ready(&ring_) == 0 && !needs_kernel()) return;
  static_cast<void>(enter_once());
}

int uring_driver::enter_once() noexcept {
  if ((IO_URING_READ_ONCE(*ring_.sq.kflags) & IORING_SQ_CQ_OVERFLOW) != 0) {
    base::add_single_writer<std::uint64_t>(counters_.overflows, 1);
    drain();  // makes room for what the kernel holds back
  }
  const int answer = ::io_uring_submit_and_get_events(&ring_);
  base::add_single_writer<std::uint64_t>(counters_.enters, 1);
  if (answer > 0) {
    base::add_single_writer<std::uint64_t>(counters_.submissions,
                                           static_cast<std::uint64_t>(answer));
  } else if (answer == -EBUSY || answer == -EAGAIN) {
    drain();  // the kernel wants completions taken first; the entries stay queued for the next turn
  }
  return answer;
}

void uring_driver::move_overflow() noexcept {
  while (!overflow_.empty()) {
    std::size_t moved = 0;
    while (moved < overflow_.size()) {
      ::io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
      if (entry == nullptr) break;
      *entry = overflow_[moved++];
    }
    overflow_.erase(overflow_.begin(), overflow_.begin() + static_cast<std::ptrdiff_t>(moved));
    if (overflow_.empty() || enter_once() <= 0) return;
  }
}

void uring_driver::drain() noexcept {
  unsigned head = 0;
  unsigned count = 0;
  ::io_uring_cqe* entry = nullptr;
  io_uring_for_each_cqe(&ring_, head, entry) {
    drained_.push_back({entry->user_data, completion{entry->res, entry->flags}});
    ++count;
  }
  if (count == 0) return;
  ::io_uring_cq_advance(&ring_, count);
  base::add_single_writer<std::uint64_t>(counters_.completions, count);
}

unsigned uring_driver::dispatch() noexcept {
  SLUICE_ASSERT(!dispatching_, "poll() was called from a completion's callback");
  dispatching_ = true;
  unsigned handled = 0;
  // By index: a callback that fills the submission ring may drain more into the list.
  for (std::size_t index = 0; index < drained_.size(); ++index) {
    const drained next = drained_[index];
    ++handled;
    if (operation_table::kind_of(next.user_data) == entry_kind::ignored) continue;
    operation* op = table_.find(next.user_data);
    if (op == nullptr) {  // O3
      base::add_single_writer<std::uint64_t>(counters_.late, 1);
      if (next.what.has_buffer()) buffers_->recycle(next.what.buffer_index());
      continue;
    }
    if (next.what.is_final()) table_.leave(*op);  // O4
    op->on_completion_(*op, next.what);
  }
  drained_.clear();
  dispatching_ = false;
  return handled;
}

void uring_driver::arm_wake_poll() noexcept {
  start(wake_poll_, [this](::io_uring_sqe* entry) {
    ::io_uring_prep_poll_multishot(entry, wake_fd_.get(), POLLIN);
  });
}

void uring_driver::on_wake_poll(completion what) noexcept {
  // The eventfd is never read: its poll reports each write, and a fresh poll reports a past one.
  if (!what.is_final() || stopping_) return;
  base::add_single_writer<std::uint64_t>(counters_.rearms, 1);
  arm_wake_poll();
}

void uring_driver::assert_owner() const noexcept {
  SLUICE_ASSERT(life_ == life::attached && owner_thread_ == this_thread_token(),
                "a ring is touched by the thread that attached it, and by no other");
}

}  // namespace sluice::inline v0::io
