// When workers share what there is to run, and when one leaves it to the others.
//
// A hop between cores costs more than a short handler, so two workers at work on processes that
// send to and fro may be slower than one. So where activations are short, the worker with the
// higher index compares what a message takes it with what one took a worker that was alone. If
// together they are hardly faster, or it is not known for long, it hands its processes over and
// sits out for a pause, which grows from try to try. Activations that take long end the pause:
// there sharing pays.
#include <utility>

#include "sched/scheduler.hpp"
#include "sched/worker.hpp"

namespace sluice::inline v0::sched {

// Only backlog that outlived an activation is shared (PEERS: needless wakes cost as much as
// thousands of messages). A lone process in the lifo slot never comes here.
void worker::share_backlog() noexcept {
  const bool has_backlog = queue_.size_estimate() >= 2;
  if (has_backlog && had_backlog_ && idle_.sleeping() != 0 && idle_.searching() == 0 &&
      !scheduler_.balance_.is_paused_at(looked_around_ticks_)) {
    idle_.wake_one();
  }
  had_backlog_ = has_backlog;
}

// Every clock_interval activations. The time spent looking for work counts, a sleep does not.
void worker::weigh_sharing(std::uint64_t now) noexcept {
  const std::uint64_t elapsed = now - std::exchange(weighed_ticks_, now);
  if (work_done == nullptr) return;
  const std::uint64_t done = work_done->load(base::relaxed);  // Relaxed: this thread's own.
  const std::uint64_t messages = done - std::exchange(weighed_work_, done);
  if (std::exchange(has_slept_, false) || messages == 0) return;
  if (elapsed >= short_ticks_) {
    shared_looks_ = 0;
    if (++long_looks_ > 1) scheduler_.balance_.end_pause();  // One may be the system's doing.
    return;
  }
  long_looks_ = 0;
  const std::uint64_t each = 64 * elapsed / messages;
  const std::uint32_t awake = static_cast<std::uint32_t>(idle_.size()) - idle_.sleeping();
  if (awake <= 1) {
    shared_looks_ = 0;
    return scheduler_.balance_.note_alone(each, now);
  }
  if (is_first_awake()) return;
  shared_ticks_ = mean_of(shared_ticks_, each, shared_looks_);
  if (++shared_looks_ < shared_looks_min) return;
  const verdict found = scheduler_.balance_.judge(shared_ticks_, awake, now);
  if (found == verdict::pays || (found == verdict::open && shared_looks_ < shared_looks_max))
    return;
  shared_looks_ = 0;
  leave_to_others();
}

// Relaxed hints: should the others fall asleep meanwhile, what is handed over wakes one.
bool worker::is_first_awake() const noexcept {
  for (std::uint32_t index = 0; index < index_; ++index) {
    if (!idle_.is_asleep(index)) return false;
  }
  return true;
}

// One who is awake fetches it; if all are in long handlers, it is found again before the sleep.
void worker::leave_to_others() noexcept {
  base::add_single_writer(statistics_.left_to_others, std::uint64_t{1});
  scheduler_.balance_.begin_pause(looked_around_ticks_);
  if (!lingering_.is_empty()) settle_lingering();
  work* out[run_queue_capacity + 1];
  std::size_t count = 0;
  if (work* const item = lifo_.take()) out[count++] = item;
  while (count <= run_queue_capacity && (out[count] = queue_.pop()) != nullptr) ++count;
  if (count != 0) scheduler_.inject_bulk(out, count);
  sits_out_ = true;
}

}  // namespace sluice::inline v0::sched
