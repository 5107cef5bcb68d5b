#include "io/receive_buffers.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "base/assert.hpp"
#include "base/out_of_memory.hpp"
#include "io/thread_token.hpp"
#include "io/uring_compat.hpp"
#include "mem/bytes_owner.hpp"
#include "mem/cache.hpp"
#include "sched/driver.hpp"

namespace sluice::inline v0::io {
namespace {

// An odd number of cache lines (B6).
[[nodiscard]] constexpr std::uint32_t stride_of(std::uint32_t buffer_bytes) noexcept {
  constexpr auto line_bytes = static_cast<std::uint32_t>(base::cache_line_bytes);
  return ((buffer_bytes + line_bytes - 1) / line_bytes | 1) * line_bytes;
}

// The states of the return stack's word (B3); any other value is a block's address.
constexpr std::uintptr_t returns_empty = 0;
constexpr std::uintptr_t returns_wanted = 1;
constexpr std::uintptr_t returns_closed = 2;

// Shown at first. Beyond what a turn takes, each buffer more only makes the circle longer.
constexpr std::uint32_t window_first = 64;

// B5: of the buffers that may be lent, what one account may have when all are free.
constexpr std::uint32_t shares_at_most = 24;

// More than there can ever be blocks out: keeps outstanding_ above zero until retire().
constexpr std::int64_t outstanding_bias = std::int64_t{1} << 40;

[[nodiscard]] constexpr bool is_block(std::uintptr_t word) noexcept {
  return word > returns_closed;
}

}  // namespace

/// Stands for one ring buffer (in the array), or for a copy (followed by its bytes).
struct alignas(base::cache_line_bytes) receive_buffers::block : detail::bytes_owner {
  block() noexcept : bytes_owner(0, &receive_buffers::on_last_release) {}

  receive_buffers* home = nullptr;
  receive_account* account = nullptr;
  block* next = nullptr;
  std::uint32_t charge = 0;
  std::uint16_t index = 0;
  bool is_copy = false;
  bool is_charge = false;  // a copy that is another owner's slice, which follows instead of bytes
  std::uint8_t pool_class = mem::no_class;  // of a copy; no_class: from the heap

  /// A copy, with room for `following_bytes` behind it.
  [[nodiscard]] static block* make_copy(std::size_t following_bytes);
  /// Of a copy: gives its memory back.
  static void free_copy(block& done) noexcept;
};

receive_buffers::block* receive_buffers::block::make_copy(std::size_t following_bytes) {
  const std::size_t total = sizeof(block) + following_bytes;
  mem::class_index index = mem::class_of(total);
  void* memory = index == mem::no_class ? nullptr : mem::this_thread_cache().allocate(index);
  if (memory == nullptr) {  // Too large for the pool, or the pool is at its limit.
    index = mem::no_class;
    memory = ::operator new (total, std::align_val_t{alignof(block)});
  }
  auto* const made = new (memory) block;
  made->is_copy = true;
  made->pool_class = static_cast<std::uint8_t>(index);
  return made;
}

void receive_buffers::block::free_copy(block& done) noexcept {
  if (done.is_charge) std::launder(reinterpret_cast<bytes*>(&done + 1))->~bytes();
  const mem::class_index index = done.pool_class;
  done.~block();
  if (index == mem::no_class) {
    ::operator delete (&done, std::align_val_t{alignof(block)});
  } else {
    mem::this_thread_cache().free(&done, index);
  }
}

receive_buffers::receive_buffers(std::uint32_t count, std::uint32_t buffer_bytes,
                                 sched::driver& waker)
    : count_(count),
      buffer_bytes_(buffer_bytes),
      stride_bytes_(stride_of(buffer_bytes)),
      reserve_count_(std::max(1U, count / 4)),
      share_divisor_(std::max(1U, (count - reserve_count_) / shares_at_most)),
      waker_(waker),
      window_(std::min(count, window_first)),
      is_free_((count + 63) / 64),
      outstanding_(outstanding_bias) {
  free_.reserve(count);
}

receive_buffers::~receive_buffers() {
  delete[] blocks_;
  if (mapped_bytes_ != 0) ::munmap(memory_ - ring_bytes_, mapped_bytes_);
}

result<receive_buffers*> receive_buffers::create(::io_uring* ring, std::uint32_t count,
                                                 std::uint32_t buffer_bytes, sched::driver& waker) {
  constexpr std::size_t page_bytes = 64 * 1024;  // the largest page of the supported machines
  const std::size_t ring_bytes =
      ring == nullptr ? 0
                      : (count * sizeof(::io_uring_buf) + page_bytes - 1) / page_bytes * page_bytes;
  const std::size_t total_bytes = ring_bytes + std::size_t{count} * stride_of(buffer_bytes);
  auto* self = new receive_buffers(count, buffer_bytes, waker);
  base::undo_unless_kept made{[self]() noexcept { delete self; }};
  void* memory =
      ::mmap(nullptr, total_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return error_from_errno(errno, "receive buffers: mmap");

  self->mapped_bytes_ = total_bytes;
  self->ring_bytes_ = ring_bytes;
  self->memory_ = static_cast<std::byte*>(memory) + ring_bytes;
  // Relaxed: other threads only ever compare it with their own token, which it never equals.
  self->owner_thread_.store(this_thread_token(), base::relaxed);
  self->blocks_ = new block[count];

  if (ring != nullptr) {
    ::io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
    registration.ring_entries = count;
    registration.bgid = group;
    if (const int failed = ::io_uring_register_buf_ring(ring, &registration, 0); failed != 0) {
      return error_from_errno(-failed, "io_uring: registering receive buffers");
    }
    self->ring_ = ring;
    self->buffer_ring_ = static_cast<::io_uring_buf_ring*>(memory);
    ::io_uring_buf_ring_init(self->buffer_ring_);
  }
  for (std::uint32_t index = 0; index < count; ++index) {
    self->blocks_[index].home = self;
    self->blocks_[index].index = static_cast<std::uint16_t>(index);
    self->mark_free(count - 1 - index);
  }
  self->collect();
  made.keep();
  return self;
}

void receive_buffers::retire(bool kernel_is_done) noexcept {
  if (ring_ != nullptr) ::io_uring_unregister_buf_ring(ring_, group);
  ring_ = nullptr;
  for (auto& account : accounts_) account->listener_ = nullptr;
  // Relaxed: as in create(); from here the owner thread's releases go the remote way too.
  owner_thread_.store(nullptr, base::relaxed);

  // [RB1] acq_rel: sees the returned blocks and the entries of their wakers, and shows closed to
  // later returns; pairs RB3.
  std::uintptr_t word = returns_.exchange(returns_closed, base::acq_rel);
  for (auto* returned = is_block(word) ? reinterpret_cast<block*>(word) : nullptr;
       returned != nullptr;) {
    block* next = returned->next;
    take_home(*returned);
    returned = next;
  }
  // [RB2] acquire: a waker that is still inside wake() leaves before the driver may go; pairs RB5.
  while (wakers_inside_.load(base::acquire) != 0) base::spin_pause();
  if (!kernel_is_done) return;  // B4: leaked on purpose
  count_down(outstanding_bias - out_count_);
}

void receive_buffers::count_down(std::int64_t amount) noexcept {
  // [RB6] acq_rel: every holder's last use happens before the memory goes; pairs RB6.
  if (outstanding_.fetch_sub(amount, base::acq_rel) == amount) delete this;
}

receive_account& receive_buffers::open_account(const receive_limits& limits,
                                               credit_listener& listener) {
  if (free_accounts_ == nullptr) {
    accounts_.push_back(std::make_unique<receive_account>());
    free_accounts_ = accounts_.back().get();
  }
  receive_account& opened = *free_accounts_;
  free_accounts_ = opened.next_;
  opened = receive_account{};
  opened.limits_ = limits;
  opened.listener_ = &listener;
  return opened;
}

void receive_buffers::close_account(receive_account& account) noexcept {
  account.listener_ = nullptr;
  if (account.waits_for_credit_) {
    account.waits_for_credit_ = false;
    --waiting_count_;
  }
  free_if_done(account);
}

void receive_buffers::free_if_done(receive_account& account) noexcept {
  if (account.listener_ != nullptr || account.block_count_ != 0 || account.waits_for_buffer_) {
    return;
  }
  account.next_ = free_accounts_;
  free_accounts_ = &account;
}

bytes receive_buffers::lend(receive_account& account, std::uint32_t index, std::uint32_t size,
                            std::uint32_t offset) {
  mark_taken(index);
  SLUICE_ASSERT(offset <= buffer_bytes_ && size <= buffer_bytes_ - offset,
                "the kernel filled more than a buffer");
  const bool may_lend = size >= account.limits_.lent_bytes_min &&
                        account.lent_count_ < account.limits_.lent_count_max &&
                        free_count_ >= reserve_count_ && account.lent_count_ < share();
  block* taken = nullptr;
  const std::byte* data = address_of(index) + offset;
  if (may_lend) {
    taken = &blocks_[index];
    taken->charge = buffer_bytes_;
    ++account.lent_count_;
  } else {
    taken = block::make_copy(size);
    auto* const copy = reinterpret_cast<std::byte*>(taken + 1);
    std::memcpy(copy, data, size);
    data = copy;
    mark_free(index);
    taken->home = this;
    taken->charge = static_cast<std::uint32_t>(sizeof(block)) + size;
    ++copied_count_;
  }
  taken->account = &account;
  account.charged_bytes_ += taken->charge;
  ++account.block_count_;
  ++out_count_;
  // Relaxed: nobody else has the block yet; the slice is published by whatever carries it.
  taken->count.store(1, base::relaxed);
  return bytes{taken, data, size};
}

bytes receive_buffers::charge(receive_account& account, bytes held) {
  block* const taken = block::make_copy(sizeof(bytes));
  const std::span<const std::byte> range = held.span();
  new (taken + 1) bytes{std::move(held)};
  taken->home = this;
  taken->is_charge = true;
  taken->charge = static_cast<std::uint32_t>(sizeof(block) + sizeof(bytes) + range.size());
  taken->account = &account;
  account.charged_bytes_ += taken->charge;
  ++account.block_count_;
  ++out_count_;
  taken->count.store(1, base::relaxed);  // Relaxed: as in lend().
  return bytes{taken, range.data(), range.size()};
}

void receive_buffers::recycle(std::uint32_t index) noexcept {
  mark_taken(index);
  mark_free(index);
}

void receive_buffers::on_last_release(detail::bytes_owner* owner) noexcept {
  auto& returned = *static_cast<block*>(owner);
  receive_buffers& home = *returned.home;
  // Relaxed: equal only on the owner thread, which wrote it.
  if (home.owner_thread_.load(base::relaxed) == this_thread_token()) {
    home.take_home(returned);
  } else {
    home.give_back_remotely(returned);
  }
}

void receive_buffers::give_back_remotely(block& returned) noexcept {
  // Relaxed: only compared; the CAS below orders.
  std::uintptr_t word = returns_.load(base::relaxed);
  for (;;) {
    if (word == returns_closed) {
      if (returned.is_copy) block::free_copy(returned);
      return count_down(1);  // `this` is alive: this block was counted until here
    }
    const bool must_wake = word == returns_wanted;
    returned.next = is_block(word) ? reinterpret_cast<block*>(word) : nullptr;
    // Entered before the push, so that retire() cannot let the driver go under the wake. Relaxed:
    // published by RB3.
    if (must_wake) wakers_inside_.fetch_add(1, base::relaxed);
    // [RB3] release: publishes the block and the entry above; pairs RB1, RB4. Ends: a failure means
    // that another thread returned a block or the owner took them.
    const bool pushed = returns_.compare_exchange_weak(
        word, reinterpret_cast<std::uintptr_t>(&returned), base::release, base::relaxed);
    if (pushed && must_wake) waker_.wake();
    // [RB5] release: the wake is over, nothing of this object is touched after it; pairs RB2.
    if (must_wake) wakers_inside_.fetch_sub(1, base::release);
    if (pushed) return;
  }
}

void receive_buffers::take_home(block& returned) noexcept {
  receive_account& account = *returned.account;
  account.charged_bytes_ -= returned.charge;
  --account.block_count_;
  --out_count_;
  if (returned.is_copy) {
    block::free_copy(returned);
  } else {
    --account.lent_count_;
    mark_free(returned.index);
  }
  if (account.waits_for_credit_ && account.charged_bytes_ <= account.limits_.bytes_max / 2) {
    account.waits_for_credit_ = false;
    --waiting_count_;
    if (account.listener_ != nullptr) account.listener_->on_receive_credit();
  }
  free_if_done(account);
}

std::optional<std::uint32_t> receive_buffers::pick() noexcept {
  if (free_.empty()) return std::nullopt;
  const std::uint32_t index = free_.back();
  free_.pop_back();
  return index;
}

void receive_buffers::mark_free(std::uint32_t index) noexcept {
  std::uint64_t& word = is_free_[index / 64];
  const std::uint64_t bit = std::uint64_t{1} << (index % 64);
  SLUICE_ASSERT_WORD((word & bit) == 0, "B1: a receive buffer was returned twice", index);
  word |= bit;
  ++free_count_;
  put_back(index);
}

// Named by a completion: the kernel has it no more.
void receive_buffers::mark_taken(std::uint32_t index) noexcept {
  SLUICE_ASSERT_WORD(index < count_, "B2: a completion named a buffer that does not exist", index);
  std::uint64_t& word = is_free_[index / 64];
  const std::uint64_t bit = std::uint64_t{1} << (index % 64);
  SLUICE_ASSERT_WORD((word & bit) != 0, "B1: a lent receive buffer was given out again", index);
  word &= ~bit;
  --free_count_;
  if (buffer_ring_ != nullptr) --shown_count_;
}

void receive_buffers::show_to_kernel() noexcept {
  if (ring_ == nullptr) return;
  int added = 0;
  for (; shown_count_ < window_ && !free_.empty(); ++shown_count_, ++added) {
    const std::uint16_t index = free_.back();
    free_.pop_back();
    ::io_uring_buf_ring_add(buffer_ring_, address_of(index), buffer_bytes_, index,
                            ::io_uring_buf_ring_mask(count_), added);
  }
  if (added != 0) ::io_uring_buf_ring_advance(buffer_ring_, added);
}

void receive_buffers::enqueue_waiter(receive_account& account) noexcept {
  account.next_ = nullptr;
  (last_waiter_ != nullptr ? last_waiter_->next_ : first_waiter_) = &account;
  last_waiter_ = &account;
}

void receive_buffers::wait_for_buffer(receive_account& account) noexcept {
  if (!free_.empty()) window_ = std::min(window_ * 2, count_);  // A turn takes more than it shows.
  if (account.waits_for_buffer_) return;
  account.waits_for_buffer_ = true;
  ++waiting_count_;
  enqueue_waiter(account);
}

void receive_buffers::wait_for_credit(receive_account& account) noexcept {
  if (account.waits_for_credit_) return;
  account.waits_for_credit_ = true;
  ++waiting_count_;
}

void receive_buffers::collect() noexcept {
  // Relaxed: a return seen late is collected by a later turn; while somebody waits, arm_wake()
  // looks again before the sleep.
  if (is_block(returns_.load(base::relaxed))) {
    // [RB4] acquire: sees the returned blocks; pairs RB3.
    auto* returned = reinterpret_cast<block*>(returns_.exchange(returns_empty, base::acquire));
    while (returned != nullptr) {
      block* next = returned->next;
      take_home(*returned);
      returned = next;
    }
  }
  show_to_kernel();
  if (first_waiter_ != nullptr) resume_waiters();
}

void receive_buffers::resume_waiters() noexcept {
  // As many as there are buffers: more would only meet ENOBUFS again.
  for (std::uint32_t left = free_count_; left > 0 && first_waiter_ != nullptr; --left) {
    receive_account& account = *first_waiter_;
    first_waiter_ = account.next_;
    if (first_waiter_ == nullptr) last_waiter_ = nullptr;
    account.waits_for_buffer_ = false;
    --waiting_count_;
    if (account.listener_ != nullptr) {
      account.listener_->on_receive_credit();
    } else {
      free_if_done(account);
    }
  }
}

bool receive_buffers::arm_wake() noexcept {
  if (waiting_count_ == 0) return true;
  std::uintptr_t word = returns_empty;
  // Relaxed: the word alone carries the wish; who reads it there (RB3) owes the wake.
  if (returns_.compare_exchange_strong(word, returns_wanted, base::relaxed, base::relaxed)) {
    return true;
  }
  return word == returns_wanted;
}

bool receive_buffers::has_work() const noexcept {
  if (waiting_count_ == 0) return false;
  if (first_waiter_ != nullptr && free_count_ != 0) return true;
  // Relaxed: a hint; the collection orders.
  return is_block(returns_.load(base::relaxed));
}

}  // namespace sluice::inline v0::io
