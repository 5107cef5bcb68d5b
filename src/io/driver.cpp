#include "io/driver.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>

#include "base/assert.hpp"
#include "io/thread_token.hpp"
#include "io/timeout.hpp"

namespace sluice::inline v0::io {

bool driver_options::is_valid() const noexcept {
  return std::has_single_bit(buffer_count) && buffer_count <= 32768 && buffer_bytes >= 64 &&
         buffer_bytes % 64 == 0 && buffer_bytes <= (1U << 30) && reap_bound_ns >= 0;
}

driver::driver(const driver_options& options) : options_(options) { drained_.reserve(1024); }

driver::~driver() {
  SLUICE_ASSERT(life_ != life::attached, "D3: a driver was destroyed without detach()");
}

void driver::become_attached(receive_buffers& buffers) noexcept {
  SLUICE_ASSERT(life_ == life::created, "attach() is called once");
  buffers_ = &buffers;
  owner_thread_ = this_thread_token();
  life_ = life::attached;
}

bool driver::has_ready() const noexcept {
  if (life_ != life::attached) return false;
  return has_exchange() || !drained_.empty() || !before_submission_.is_empty() ||
         !after_turn_.is_empty() || buffers_->has_work();
}

unsigned driver::poll() noexcept {
  assert_owner();
  turn_time_ns_ = 0;
  prepare_turn();
  exchange();
  turn_time_ns_ = 0;
  // What came before a deadline counts, however late this turn is: callbacks first.
  unsigned handled = dispatch();
  handled += run_deadlines();
  after_turn_.run_all();
  return handled;
}

void driver::prepare_turn() noexcept {
  before_submission_.run_all();
  buffers_->collect();
  // Relaxed: a counter with one writer.
  const std::uint64_t out = buffers_->count() - buffers_->free_count();
  if (counters_.buffers_out.load(base::relaxed) != out) {
    counters_.buffers_out.store(out, base::relaxed);
  }
}

bool driver::prepare_to_sleep() noexcept {
  assert_owner();
  turn_time_ns_ = 0;  // That of the last poll() is past: activations ran since.
  prepare_turn();
  return drained_.empty() && after_turn_.is_empty() && buffers_->arm_wake();
}

base::nanoseconds_t driver::earlier_deadline(base::nanoseconds_t deadline_ns) noexcept {
  return std::min(deadline_ns, deadlines_.next_deadline());
}

unsigned driver::run_deadlines() noexcept {
  if (deadlines_.size() == 0) return 0;
  return static_cast<unsigned>(deadlines_.advance(
      turn_time_ns(), [](sched::timer_node& due) { static_cast<timeout&>(due).expire(); }));
}

unsigned driver::dispatch() noexcept {
  SLUICE_ASSERT(!dispatching_, "poll() was called from a completion's callback");
  dispatching_ = true;
  unsigned handled = 0;
  // By index: a callback that fills the submission ring may add to the list.
  for (std::size_t index = 0; index < drained_.size(); ++index) {
    const drained next = drained_[index];
    if (operation_table::kind_of(next.user_data) == entry_kind::ignored) continue;
    ++handled;
    operation* op = table_.find(next.user_data);
    if (op == nullptr) {  // O3
      count(counters_.late);
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

void driver::detach() noexcept {
  assert_owner();
  stopping_ = true;
  at_detach_.run_all();
  const base::nanoseconds_t bound_ns = base::now_ns() + options_.reap_bound_ns;
  for (;;) {
    if (table_.in_flight_count() != 0) end_all();
    dispatch();
    after_turn_.run_all();
    const bool done = table_.in_flight_count() == 0 && drained_.empty() && after_turn_.is_empty();
    if (done || base::now_ns() >= bound_ns) break;
  }
  const std::uint32_t left = table_.in_flight_count();
  count(counters_.abandoned, left);
  buffers_->retire(left == 0);
  buffers_ = nullptr;
  close();
  life_ = life::detached;
}

void driver::assert_owner() const noexcept {
  SLUICE_ASSERT(life_ == life::attached && owner_thread_ == this_thread_token(),
                "a driver is touched by the thread that attached it, and by no other");
}

}  // namespace sluice::inline v0::io
