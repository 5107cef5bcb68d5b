#include "sched/worker.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "sched/scheduler.hpp"

namespace sluice::inline v0::sched {

namespace {

sync::lending lending_of(const scheduler& owner) noexcept {
  return owner.process_worker_count() > 1 ? sync::lending::sometimes : sync::lending::never;
}

}  // namespace

worker::worker(scheduler& owner, std::uint32_t index, bool runs_processes, driver& parking,
               std::uint32_t idle_poll_us)
    : lifo_(lending_of(owner)),
      lingering_(lending_of(owner)),
      queue_(lending_of(owner)),
      scheduler_(owner),
      idle_(owner.idle_),
      parking_(parking),
      index_(index),
      runs_processes_(runs_processes),
      poll_ticks_(idle_poll_us * base::ticks_per_us()),
      look_around_ticks_(look_around_us_max * base::ticks_per_us()),
      short_ticks_(clock_interval * short_activation_ns * base::ticks_per_us() / 1000),
      timers_(base::now_ns()),
      random_(0x5eed + index),
      sightings_(owner.process_worker_count()) {}

void worker::schedule_displacing(work* item) noexcept {
  if (!runs_processes_) return scheduler_.inject(item);
  work* const displaced = lifo_.take();
  lifo_.put(item);
  if (displaced != nullptr) schedule_last(displaced);
  idle_.ensure_sentinel();
}

void worker::schedule_last(work* item) noexcept {
  if (!runs_processes_) return scheduler_.inject(item);
  queue_.push(item, [this](work** overflow, std::size_t count) {
    scheduler_.inject_bulk(overflow, count);
  });
  idle_.ensure_sentinel();
}

void worker::schedule_affine(work* item) noexcept {
  item->next = nullptr;
  if (affine_last_ != nullptr) {
    affine_last_->next = item;
  } else {
    affine_first_ = item;
  }
  affine_last_ = item;
}

void worker::post(work* item) noexcept {
  if (inbox_.push(item) == sync::push_outcome::must_wake) parking_.wake();
}

// The common case of next(): one process hands over to another and nothing else is asked for.
inline work* worker::take_lifo_quickly() noexcept {
  if (lifo_run_ >= lifo_run_max || affine_first_ != nullptr || inbox_.has_items()) return nullptr;
  ++lifo_run_;
  return lifo_.take();
}

void worker::run_until_stopped() noexcept {
  looked_around_ticks_ = base::ticks();
  statistics_.busy_since.store(looked_around_ticks_, base::relaxed);  // Relaxed: statistics.
  while (true) {
    work* item = take_lifo_quickly();
    if (item == nullptr) item = next();
    if (item == nullptr) {
      if (scheduler_.is_stopping()) return;
      item = idle();
      if (item == nullptr) continue;
    }
    base::add_single_writer(statistics_.activations, std::uint64_t{1});
    item->run(item, *this);
    if (++turn_ % clock_interval == 0) [[unlikely]]
      look_around_if_due();
  }
}

void worker::settle_lingering() noexcept {
  if (work* const item = lingering_.take()) settle(item, *this);
}

work* worker::next() noexcept {
  left_last_ = nullptr;
  if (!lingering_.is_empty()) settle_lingering();
  collect_inbox();
  if (runs_processes_) share_backlog();
  if (affine_first_ != nullptr && (turn_ & 1) != 0) return take_affine();
  if (lifo_run_ < lifo_run_max) {
    if (work* item = lifo_.take()) {
      ++lifo_run_;
      return item;
    }
  }
  lifo_run_ = 0;
  if (work* item = take_queued()) return item;
  poll_driver();
  if (work* item = take_queued()) return item;
  return runs_processes_ ? take_injected() : nullptr;
}

work* worker::take_queued() noexcept {
  if (work* item = queue_.pop()) return item;
  if (work* item = take_affine()) return item;
  return lifo_.take();
}

// So that neither sockets, timers nor foreign threads wait for the local queues to run dry: every
// look_around_interval activations, sooner when they are long.
void worker::look_around_if_due() noexcept {
  const std::uint64_t now = base::ticks();
  const std::uint64_t before = std::exchange(looked_around_ticks_, now);
  if (scheduler_.process_worker_count() > 1 && runs_processes_) weigh_sharing(now);
  if (turn_ % look_around_interval != 0 && now - before < look_around_ticks_) return;
  poll_driver();
  if (runs_processes_) fetch_injected();
}

// A fair share of what waits for anybody. With a full run queue one goes out for each that comes
// in.
void worker::fetch_injected() noexcept {
  const std::size_t waiting = scheduler_.injection_.size_estimate();
  if (waiting == 0) return;
  const std::size_t room = run_queue_capacity - queue_.size_estimate();
  if (room < fetch_count_max) {
    work* out[fetch_count_max];
    std::size_t count = 0;
    while (count < fetch_count_max && (out[count] = queue_.pop()) != nullptr) ++count;
    scheduler_.inject_bulk(out, count);
  }
  const std::size_t share = waiting / scheduler_.process_worker_count() + 1;
  work* in[fetch_count_max];
  const std::size_t count =
      scheduler_.injection_.try_pop_bulk({in, std::min<std::size_t>(share, fetch_count_max)});
  for (std::size_t i = 0; i < count; ++i) schedule_last(in[i]);
}

work* worker::take_affine() noexcept {
  work* item = affine_first_;
  if (item == nullptr) return nullptr;
  affine_first_ = item->next;
  if (affine_first_ == nullptr) affine_last_ = nullptr;
  item->next = nullptr;
  return item;
}

work* worker::take_injected() noexcept {
  return scheduler_.injection_.is_empty() ? nullptr : scheduler_.injection_.try_pop();
}

void worker::collect_inbox() noexcept {
  if (!inbox_.has_items()) return;
  for (work* item = inbox_.take_all(); item != nullptr;) {
    work* following = item->next;
    schedule_affine(item);
    item = following;
  }
}

void worker::poll_driver() noexcept {
  if (timers_.size() != 0) advance_timers();
  base::add_single_writer(statistics_.polls, std::uint64_t{1});
  parking_.poll();
}

void worker::advance_timers() noexcept {
  timers_.advance(base::now_ns(), [this](timer_node& node) {
    auto& due = static_cast<timer&>(node);
    due.on_due(due, *this);
  });
}

}  // namespace sluice::inline v0::sched
