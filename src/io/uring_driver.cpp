#include "io/uring_driver.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "base/assert.hpp"

namespace sluice::inline v0::io {
namespace {

constexpr std::uint64_t ignored_number = operation_table::number(0, 0, entry_kind::ignored);
constexpr std::uint64_t signal_number = operation_table::number(1, 0, entry_kind::ignored);

constexpr unsigned registered_max = 16;
constexpr int unregistered = -1;

[[nodiscard]] ::__kernel_timespec timespec_of(base::nanoseconds_t span_ns) noexcept {
  ::__kernel_timespec spec{};
  spec.tv_sec = span_ns / 1'000'000'000;
  spec.tv_nsec = span_ns % 1'000'000'000;
  return spec;
}

void select_buffer(::io_uring_sqe& entry) noexcept {
  entry.flags |= IOSQE_BUFFER_SELECT;
  entry.buf_group = receive_buffers::group;
}

void fill(::io_uring_sqe& entry, const request& what) noexcept {
  const auto message_flags = static_cast<int>(what.flags);
  switch (what.kind) {
    case request_kind::accept:
      if (what.is_multishot) {
        ::io_uring_prep_multishot_accept(&entry, what.fd, nullptr, nullptr, message_flags);
      } else {
        ::io_uring_prep_accept(&entry, what.fd, nullptr, nullptr, message_flags);
      }
      return;
    case request_kind::connect:
      ::io_uring_prep_connect(&entry, what.fd, static_cast<::sockaddr*>(what.memory), what.size);
      return;
    case request_kind::receive:
      if (what.is_multishot) {
        ::io_uring_prep_recv_multishot(&entry, what.fd, nullptr, 0, 0);
      } else {
        ::io_uring_prep_recv(&entry, what.fd, nullptr, 0, 0);
      }
      select_buffer(entry);
      return;
    case request_kind::send:
      ::io_uring_prep_send(&entry, what.fd, what.memory, what.size, message_flags);
      entry.addr2 = reinterpret_cast<std::uintptr_t>(what.address);
      entry.addr_len = static_cast<std::uint16_t>(what.address_length);
      return;
    case request_kind::send_message:
      ::io_uring_prep_sendmsg(&entry, what.fd, static_cast<::msghdr*>(what.memory), what.flags);
      return;
    case request_kind::receive_datagram:
      ::io_uring_prep_recvmsg_multishot(&entry, what.fd, static_cast<::msghdr*>(what.memory),
                                        what.flags);
      select_buffer(entry);
      return;
    case request_kind::poll: ::io_uring_prep_poll_add(&entry, what.fd, what.flags); return;
    case request_kind::read:
      ::io_uring_prep_read(&entry, what.fd, what.memory, what.size,
                           static_cast<std::uint64_t>(what.offset));
      return;
    case request_kind::write:
      ::io_uring_prep_write(&entry, what.fd, what.memory, what.size,
                            static_cast<std::uint64_t>(what.offset));
      return;
    case request_kind::sync: ::io_uring_prep_fsync(&entry, what.fd, IORING_FSYNC_DATASYNC); return;
  }
}

}  // namespace

uring_driver::uring_driver(const uring_options& options)
    : driver(options.common), sq_entries_(options.sq_entries), cq_entries_(options.cq_entries) {}

uring_driver::~uring_driver() {
  if (flags_accepted_ != 0) ::io_uring_queue_exit(&ring_);  // never attached, or attach() failed
}

result<void> uring_driver::attach() {
  if ((flags_accepted_ & IORING_SETUP_R_DISABLED) != 0) {
    // By the system call: liburing 2.3 declares io_uring_enable_rings without exporting it.
    const int failed = ::io_uring_register(static_cast<unsigned>(ring_.ring_fd),
                                           IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
    if (failed != 0) return error_from_errno(-failed, "io_uring: enabling the ring");
  }
  auto opened =
      receive_buffers::create(&ring_, options_.buffer_count, options_.buffer_bytes, *this);
  if (!opened) return opened.error();
  // A registered ring descriptor spares the kernel a look-up an enter; refusing it costs nothing.
  static_cast<void>(::io_uring_register_ring_fd(&ring_));
  become_attached(**opened);
  watch_signal();
  return {};
}

bool uring_driver::needs_kernel() const noexcept {
  return (IO_URING_READ_ONCE(*ring_.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

bool uring_driver::has_completions() const noexcept { return ::io_uring_cq_ready(&ring_) != 0; }

bool uring_driver::has_exchange() const noexcept {
  return has_completions() || needs_kernel() || ::io_uring_sq_ready(&ring_) != 0 ||
         !overflow_.empty();
}

sched::park_outcome uring_driver::park(base::nanoseconds_t deadline_ns) noexcept {
  if (!prepare_to_sleep()) return sched::park_outcome::event;
  move_overflow();
  if (!overflow_.empty() || has_completions()) return sched::park_outcome::event;
  const base::nanoseconds_t until_ns = earlier_deadline(deadline_ns);
  if (!signal_.announce()) return sched::park_outcome::woken;
  int answer = 0;
  if (until_ns == base::no_deadline) {
    answer = ::io_uring_submit_and_wait(&ring_, 1);
  } else {
    ::__kernel_timespec span = timespec_of(std::max<std::int64_t>(until_ns - base::now_ns(), 0));
    ::io_uring_cqe* unused = nullptr;
    answer = ::io_uring_submit_and_wait_timeout(&ring_, &unused, 1, &span, nullptr);
  }
  count(counters().enters);
  if (answer > 0) count(counters().submissions, static_cast<std::uint64_t>(answer));
  if (signal_.end()) return sched::park_outcome::woken;
  if (answer == -ETIME && until_ns == deadline_ns && !has_completions() && !needs_kernel()) {
    return sched::park_outcome::timed_out;
  }
  return sched::park_outcome::event;  // also EINTR, EAGAIN, EBUSY: the caller polls and looks again
}

// A full table, or a kernel that refuses one, costs the look-ups and nothing else.
void uring_driver::expect_many(int fd) noexcept {
  if (is_stopping()) return;
  if (registered_.empty()) {
    if (::io_uring_register_files_sparse(&ring_, registered_max) != 0) return;
    registered_.assign(registered_max, unregistered);
  }
  const auto place = std::find(registered_.begin(), registered_.end(), unregistered);
  if (place == registered_.end()) return;
  const auto index = static_cast<unsigned>(place - registered_.begin());
  if (::io_uring_register_files_update(&ring_, index, &fd, 1) == 1) *place = fd;
}

void uring_driver::forget(int fd) noexcept {
  const auto place = std::find(registered_.begin(), registered_.end(), fd);
  if (place == registered_.end()) return;
  *place = unregistered;
  const auto index = static_cast<unsigned>(place - registered_.begin());
  const int none = unregistered;
  static_cast<void>(::io_uring_register_files_update(&ring_, index, &none, 1));  // U3
}

void uring_driver::name_file(::io_uring_sqe& entry, int fd) const noexcept {
  const auto place = std::find(registered_.begin(), registered_.end(), fd);
  if (place == registered_.end()) return;
  entry.fd = static_cast<int>(place - registered_.begin());
  entry.flags |= IOSQE_FIXED_FILE;
}

void uring_driver::begin(std::uint64_t number, const request& what) noexcept {
  ::io_uring_sqe* entry = next_entry();
  fill(*entry, what);
  if (!registered_.empty()) name_file(*entry, what.fd);
  entry->user_data = number;
}

void uring_driver::ask_to_end(std::uint64_t number) noexcept {
  ::io_uring_sqe* entry = next_entry();
  ::io_uring_prep_cancel64(entry, number, 0);
  entry->flags |= static_cast<std::uint8_t>(sqe_skip_success);
  entry->user_data = ignored_number;
}

void uring_driver::end_all() noexcept {
  // Operations started by callbacks complete as cancelled (D4), but those that were on their way to
  // the kernel may have missed the last sweep.
  move_overflow();
  if (::io_uring_sqe* entry = ::io_uring_get_sqe(&ring_); entry != nullptr) {
    ::io_uring_prep_cancel64(entry, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
    entry->user_data = ignored_number;
  }
  ::__kernel_timespec span = timespec_of(10'000'000);
  ::io_uring_cqe* unused = nullptr;
  static_cast<void>(::io_uring_submit_and_wait_timeout(&ring_, &unused, 1, &span, nullptr));
  drain();
}

void uring_driver::close() noexcept {
  ::io_uring_queue_exit(&ring_);
  flags_accepted_ = 0;
}

::io_uring_sqe* uring_driver::next_entry() noexcept {
  if (overflow_.empty()) {
    if (::io_uring_sqe* entry = ::io_uring_get_sqe(&ring_); entry != nullptr) return entry;
    static_cast<void>(enter_once());
    if (::io_uring_sqe* entry = ::io_uring_get_sqe(&ring_); entry != nullptr) return entry;
  }
  return &overflow_.emplace_back();  // U1
}

void uring_driver::exchange() noexcept {
  move_overflow();
  if (::io_uring_sq_ready(&ring_) != 0 || needs_kernel()) static_cast<void>(enter_once());
  drain();
}

int uring_driver::enter_once() noexcept {
  if ((IO_URING_READ_ONCE(*ring_.sq.kflags) & IORING_SQ_CQ_OVERFLOW) != 0) {
    count(counters().overflows);
    drain();  // makes room for what the kernel holds back
  }
  const int answer = ::io_uring_submit_and_get_events(&ring_);
  count(counters().enters);
  if (answer > 0) {
    count(counters().submissions, static_cast<std::uint64_t>(answer));
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
  unsigned taken = 0;
  bool has_lost_signal = false;
  ::io_uring_cqe* entry = nullptr;
  io_uring_for_each_cqe(&ring_, head, entry) {
    ++taken;
    const completion what{entry->res, entry->flags};
    if (operation_table::kind_of(entry->user_data) == entry_kind::operation) {
      complete(entry->user_data, what);
    } else if (entry->user_data == signal_number && what.is_final()) {
      has_lost_signal = true;
    }
  }
  if (taken == 0) return;
  ::io_uring_cq_advance(&ring_, taken);
  count(counters().completions, taken);
  if (has_lost_signal && !is_stopping()) {
    count(counters().rearms);
    watch_signal();
  }
}

void uring_driver::watch_signal() noexcept {
  ::io_uring_sqe* entry = next_entry();
  ::io_uring_prep_poll_multishot(entry, signal_.fd(), POLLIN);
  entry->user_data = signal_number;
}

}  // namespace sluice::inline v0::io
