#include "sched/stepper.hpp"

#include "sched/scheduler.hpp"
#include "sched/worker.hpp"

namespace sluice::inline v0::sched {

std::size_t stepper::collect() {
  worker_.collect_inbox();
  while (work* item = worker_.take_queued()) runnable_.push_back(item);
  while (work* item = worker_.take_injected()) runnable_.push_back(item);
  return runnable_.size();
}

void stepper::run(std::size_t index) {
  work* const item = runnable_[index];
  runnable_.erase(runnable_.begin() + static_cast<std::ptrdiff_t>(index));
  base::add_single_writer(worker_.statistics_.activations, std::uint64_t{1});
  item->run(item, worker_);
}

bool stepper::poll() {
  const std::size_t fired = worker_.timers_.advance(base::now_ns(), [this](timer_node& node) {
    auto& due = static_cast<timer&>(node);
    due.on_due(due, worker_);
  });
  const bool was_ready = worker_.parking_.has_ready();
  return worker_.parking_.poll() != 0 || was_ready || fired != 0;
}

base::nanoseconds_t stepper::next_timer() noexcept { return worker_.timers_.next_deadline(); }

std::size_t stepper::timer_count() const noexcept { return worker_.timers_.size(); }

void stepper::wait(base::nanoseconds_t until_ns) {
  static_cast<void>(worker_.parking_.park(until_ns));
}

}  // namespace sluice::inline v0::sched
