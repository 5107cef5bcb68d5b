#include "sched/worker.hpp"

#include "base/assert.hpp"
#include "sched/scheduler.hpp"

namespace sluice::inline v0::sched {

namespace {

// How long an idle worker polls before it sleeps: longer than a wake costs (PEERS: 26 µs).
constexpr std::uint64_t poll_before_sleep_us = 40;

}  // namespace

worker::worker(scheduler& owner, std::uint32_t index, bool runs_processes, driver& parking)
    : scheduler_(owner),
      parking_(parking),
      index_(index),
      runs_processes_(runs_processes),
      poll_ticks_(poll_before_sleep_us * base::ticks_per_us()),
      timers_(base::now_ns()),
      random_(0x5eed + index),
      sightings_(owner.process_worker_count()) {}

void worker::schedule(work* item) noexcept {
  if (!runs_processes_) return scheduler_.inject(item);
  // Relaxed: only the owner makes the slot non-null, so null stays null until the store.
  if (lifo_.load(base::relaxed) == nullptr) {
    // [WK1] release: the work's content; pairs WK3 (thief).
    lifo_.store(item, base::release);
  } else {
    // [WK2] acq_rel: publishes the new one, takes the old one; pairs WK3 (thief).
    work* displaced = lifo_.exchange(item, base::acq_rel);
    if (displaced != nullptr) schedule_last(displaced);
  }
  scheduler_.idle_.ensure_sentinel();
}

void worker::schedule_last(work* item) noexcept {
  if (!runs_processes_) return scheduler_.inject(item);
  queue_.push(item, [this](work** overflow, std::size_t count) {
    scheduler_.inject_bulk(overflow, count);
  });
  scheduler_.idle_.ensure_sentinel();
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

void worker::run_until_stopped() noexcept {
  while (true) {
    work* item = next();
    if (item == nullptr) {
      // [SC4] seq_cst: read after announcing the sleep or with nothing to run; pairs SC3 (stop).
      if (scheduler_.stopping_.load(base::seq_cst)) return;
      item = idle();
    }
    if (item != nullptr) run(item);
  }
}

void worker::run(work* item) noexcept {
  base::add_single_writer(statistics_.activations, std::uint64_t{1});
  item->run(item, *this);
  after_run();
}

// The only place that shares work: backlog that outlived an activation (PEERS: needless wakes cost
// as much as thousands of messages).
void worker::after_run() noexcept {
  if (++turn_ % poll_interval == 0) poll_driver();
  if (!runs_processes_) return;
  const bool has_backlog = queue_.size_estimate() >= 2;
  if (has_backlog && had_backlog_ && scheduler_.idle_.sleeping() != 0 &&
      scheduler_.idle_.searching() == 0) {
    scheduler_.idle_.wake_one();
  }
  had_backlog_ = has_backlog;
}

work* worker::next() noexcept {
  collect_inbox();
  if (affine_first_ != nullptr && (turn_ & 1) != 0) return take_affine();
  if (!runs_processes_) return take_affine();
  if (turn_ % injection_interval == 0) {
    if (work* item = take_injected()) return item;
  }
  if (lifo_run_ < lifo_run_max) {
    if (work* item = take_lifo()) {
      ++lifo_run_;
      return item;
    }
  }
  lifo_run_ = 0;
  if (work* item = queue_.pop()) return item;
  if (work* item = take_affine()) return item;
  if (work* item = take_lifo()) return item;
  poll_driver();
  if (work* item = take_lifo()) return item;
  if (work* item = queue_.pop()) return item;
  if (work* item = take_affine()) return item;
  return take_injected();
}

work* worker::take_lifo() noexcept {
  if (lifo_.load(base::relaxed) == nullptr) return nullptr;  // Relaxed: the exchange decides.
  // [WK4] acquire: pairs WK1; a thief may have been faster.
  return lifo_.exchange(nullptr, base::acquire);
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
