// receive_buffers: the receive buffers of one driver, lent to slices and given back by them.
//
// Received bytes leave as sluice::bytes that lie in the driver's own buffer. The last holder, on
// whatever thread, sends the buffer home: directly on the owner thread, else over a lock-free stack
// that the owner empties. Each stream has an account: what its slices hold is charged to it, and a
// stream over its limit stops its own socket until slices come home. Beyond lent_count_max buffers
// a stream, and when fewer than a quarter of the ring's buffers are left, bytes are copied out and
// the buffer goes back at once (the copy is charged too): no set of slow consumers can take the
// ring. Free buffers are used last in, first out, so that a small load stays in the cache: an
// io_uring is shown `window` of them at a time (it uses them in a circle), more when it ran short;
// other drivers pick() one by one. Who: the owner thread, but for the release of slices. Progress
// of a release: lock-free. Rules
//   B1  A buffer is free (bit set: on the stack, shown to the kernel, or picked) or lent (bit
//       clear); each change is checked, always on.
//   B2  Only a completion with F_BUFFER names a buffer (completion::has_buffer).
//   B3  The return stack's word: null, wanted, closed, or the newest returned block. Who pushes
//       onto `wanted` clears it, and it alone wakes the owner. Closed blocks count down to the end.
//   B4  The memory lives until the driver has let go and the last slice is gone.
//   B5  The fewer buffers are free, the fewer an account is lent: those who keep what they got make
//       room for those who give back, who are still lent theirs when keepers get copies. So slow
//       consumers together hold at most three quarters of the buffers and their accounts' limits.
//   B6  Buffers begin an odd number of cache lines apart, or the first lines of all of them would
//       compete for the same few places of the cache.
// Memory: count × bytes (mapped), 64 bytes a buffer for its owner block, one account a stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <sluice/bytes.hpp>
#include <sluice/result.hpp>

#include "base/atomic.hpp"

struct io_uring;
struct io_uring_buf_ring;

namespace sluice::inline v0::sched {
class driver;
}

namespace sluice::inline v0::io {

/// Bytes copied into memory of their own: for slices that are kept past the activation that got
/// them, so that ring buffers come home within a bounded number of turns. Any thread.
[[nodiscard]] inline bytes detach_copy(const bytes& kept) { return bytes::copy_of(kept.span()); }

/// What one stream may hold of received bytes.
struct receive_limits {
  std::uint32_t bytes_max = 256 * 1024;  ///< charged bytes at which the stream stops reading
  std::uint32_t lent_count_max = 8;      ///< buffers lent at a time; more bytes are copied out
  std::uint32_t lent_bytes_min = 0;      ///< fewer bytes are copied out
};

/// Told, on the owner thread, that reading may go on. Starts operations, calls no user code.
class credit_listener {
 public:
  virtual void on_receive_credit() noexcept = 0;

 protected:
  ~credit_listener() = default;
};

class receive_buffers;

/// One stream's account. Belongs to receive_buffers; lives until closed and all charges are home.
class receive_account {
 public:
  /// Whether the stream should stop reading; the listener hears when half of the limit is free.
  [[nodiscard]] bool is_exhausted() const noexcept { return charged_bytes_ >= limits_.bytes_max; }
  [[nodiscard]] std::uint32_t charged_bytes() const noexcept { return charged_bytes_; }
  [[nodiscard]] std::uint32_t lent_count() const noexcept { return lent_count_; }
  [[nodiscard]] bool waits_for_credit() const noexcept { return waits_for_credit_; }

 private:
  friend class receive_buffers;
  receive_limits limits_;
  std::uint32_t charged_bytes_ = 0;
  std::uint32_t lent_count_ = 0;
  std::uint32_t block_count_ = 0;        // blocks out, lent and copied
  credit_listener* listener_ = nullptr;  // null once closed
  bool waits_for_credit_ = false;
  bool waits_for_buffer_ = false;
  receive_account* next_ = nullptr;  // in the buffer queue or the free list
};

class receive_buffers {
 public:
  static constexpr std::uint16_t group = 0;

  /// Maps `count` (a power of two) buffers and registers them as `group` of `ring`, if there is
  /// one; the calling thread is the owner. `waker` is woken when a wanted buffer came home from
  /// another thread.
  [[nodiscard]] static result<receive_buffers*> create(::io_uring* ring, std::uint32_t count,
                                                       std::uint32_t buffer_bytes,
                                                       sched::driver& waker);

  /// Without a ring: a free buffer to receive into, to be named by a completion or put back.
  [[nodiscard]] std::optional<std::uint32_t> pick() noexcept;
  void put_back(std::uint32_t index) noexcept {
    free_.push_back(static_cast<std::uint16_t>(index));
  }
  [[nodiscard]] std::span<std::byte> memory_of(std::uint32_t index) const noexcept {
    return {address_of(index), buffer_bytes_};
  }

  /// The driver lets go (B4). `kernel_is_done` false leaks the memory on purpose: an operation that
  /// was not reaped may still write to it.
  void retire(bool kernel_is_done) noexcept;

  [[nodiscard]] receive_account& open_account(const receive_limits& limits,
                                              credit_listener& listener);
  void close_account(receive_account& account) noexcept;

  /// `size` bytes at `offset` of buffer `index`, just named by a completion (B2), charged to
  /// `account`: lent, or copied when they are few or the account or the ring is short of buffers.
  [[nodiscard]] bytes lend(receive_account& account, std::uint32_t index, std::uint32_t size,
                           std::uint32_t offset = 0);

  /// The same bytes, in a slice that is charged to `account` until it is let go of: for what comes
  /// another way than through these buffers. At most 2^31 of them.
  [[nodiscard]] bytes charge(receive_account& account, bytes held);

  /// Buffer `index` was named by a completion (B2) and nobody wants its bytes.
  void recycle(std::uint32_t index) noexcept;

  /// Ask for on_receive_credit: once a buffer is free (after ENOBUFS), or once the account is down
  /// to half of its limit.
  void wait_for_buffer(receive_account& account) noexcept;
  void wait_for_credit(receive_account& account) noexcept;

  /// Takes home what other threads gave back, shows the free buffers to the kernel and tells those
  /// who waited. Before each submission.
  void collect() noexcept;

  /// Before a sleep: asks to be woken by the next return, if anybody waits. False: there are
  /// returns to collect, do not sleep.
  [[nodiscard]] bool arm_wake() noexcept;

  /// Whether collect() would do something for somebody who waits.
  [[nodiscard]] bool has_work() const noexcept;
  [[nodiscard]] std::uint32_t buffer_bytes() const noexcept { return buffer_bytes_; }
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  /// Buffers that are not lent; equal to count() when no slice is out.
  [[nodiscard]] std::uint32_t free_count() const noexcept { return free_count_; }
  [[nodiscard]] std::uint64_t copied_count() const noexcept { return copied_count_; }

 private:
  struct block;

  receive_buffers(std::uint32_t count, std::uint32_t buffer_bytes, sched::driver& waker);
  ~receive_buffers();
  receive_buffers(const receive_buffers&) = delete;
  receive_buffers& operator=(const receive_buffers&) = delete;

  static void on_last_release(detail::bytes_owner* owner) noexcept;
  void give_back_remotely(block& returned) noexcept;
  void take_home(block& returned) noexcept;
  void enqueue_waiter(receive_account& account) noexcept;
  void count_down(std::int64_t amount) noexcept;
  void mark_free(std::uint32_t index) noexcept;
  void mark_taken(std::uint32_t index) noexcept;
  void show_to_kernel() noexcept;
  void resume_waiters() noexcept;
  void free_if_done(receive_account& account) noexcept;
  [[nodiscard]] std::uint32_t share() const noexcept {
    return (free_count_ - reserve_count_) / share_divisor_ + 1;
  }
  [[nodiscard]] std::byte* address_of(std::uint32_t index) const noexcept {
    return memory_ + std::size_t{index} * stride_bytes_;
  }

  // Written once.
  const std::uint32_t count_;
  const std::uint32_t buffer_bytes_;
  const std::uint32_t stride_bytes_;   // B6
  const std::uint32_t reserve_count_;  // free buffers below which bytes are copied out
  const std::uint32_t share_divisor_;  // B5
  sched::driver& waker_;
  ::io_uring* ring_ = nullptr;
  ::io_uring_buf_ring* buffer_ring_ = nullptr;
  std::byte* memory_ = nullptr;
  std::size_t mapped_bytes_ = 0;
  std::size_t ring_bytes_ = 0;  // before memory_, the ring's
  block* blocks_ = nullptr;
  base::atomic<const void*> owner_thread_{nullptr};

  // Written by the owner thread.
  alignas(base::cache_line_bytes) std::uint32_t free_count_ = 0;
  std::uint32_t shown_count_ = 0;    // of the free ones, those that the kernel has
  std::uint32_t window_;             // how many it is shown at a time
  std::uint32_t waiting_count_ = 0;  // accounts waiting for credit or for a buffer
  std::uint64_t copied_count_ = 0;
  std::int64_t out_count_ = 0;          // blocks out, lent and copied
  std::vector<std::uint64_t> is_free_;  // B1, one bit a buffer
  std::vector<std::uint16_t> free_;     // those not shown to the kernel
  std::vector<std::unique_ptr<receive_account>> accounts_;
  receive_account* free_accounts_ = nullptr;
  receive_account* first_waiter_ = nullptr;
  receive_account* last_waiter_ = nullptr;

  // Written by every thread that drops the last slice of a buffer.
  alignas(base::cache_line_bytes) base::atomic<std::uintptr_t> returns_{0};
  base::atomic<std::uint32_t> wakers_inside_{0};
  base::atomic<std::int64_t> outstanding_;
};

}  // namespace sluice::inline v0::io
