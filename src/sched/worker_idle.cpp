// How a worker that has nothing to run looks for work, sleeps and is woken.
//
//   poll      a short bounded time: own driver, inbox, injection, other workers' backlogs
//   announce  from here on producers see a sleeper (idle_set I1)
//   re-check  every queue once more
//   park      in the driver: untimed, until the next timer, or timed if this one is the sentinel
//   retract
#include <algorithm>
#include <utility>

#include "sched/scheduler.hpp"
#include "sched/worker.hpp"

namespace sluice::inline v0::sched {

namespace {

constexpr base::nanoseconds_t sentinel_tick_min_ns = 1'000'000;
constexpr base::nanoseconds_t sentinel_tick_max_ns = 10'000'000;
// The sentinel goes on ticking this long after everybody fell asleep, so that a lone packet every
// few milliseconds does not pay for calling it back.
constexpr base::nanoseconds_t sentinel_stays_ns = 200'000'000;
// Once after each busy time, so long after it that a working set in use is left alone.
constexpr base::nanoseconds_t idle_hook_after_ns = 100'000'000;

}  // namespace

work* worker::idle() noexcept {
  begin_idle();
  work* item = nullptr;
  while (item == nullptr && !scheduler_.is_stopping()) {
    item = search();
    if (item == nullptr) item = sleep();
    if (item == nullptr) item = next();
  }
  leave_idle();
  return item;
}

// Back to work: what this worker was to look after passes to a sleeper, if there is one.
void worker::leave_idle() noexcept {
  looked_around_ticks_ = base::ticks();
  statistics_.busy_since.store(looked_around_ticks_, base::relaxed);  // Relaxed: statistics.
  idle_.hand_over_post();
  // A producer that saw this worker search has woken nobody; end_search ordered this look after it.
  if (idle_.sleeping() != 0 && idle_.searching() == 0 && !scheduler_.injection_.is_empty()) {
    idle_.wake_one();
  }
}

void worker::begin_idle() noexcept {
  // Relaxed: statistics.
  const std::uint64_t since = statistics_.busy_since.load(base::relaxed);
  statistics_.busy_since.store(0, base::relaxed);
  base::add_single_writer(statistics_.busy_ticks, base::ticks() - since);
}

std::uint64_t worker::busy_ticks() const noexcept {
  // Relaxed: statistics. Read first: a busy time that ends between the two counts once.
  const std::uint64_t before = statistics_.busy_ticks.load(base::relaxed);
  const std::uint64_t since = statistics_.busy_since.load(base::relaxed);
  const std::uint64_t now = base::ticks();
  return since == 0 || now < since ? before : before + (now - since);
}

work* worker::search() noexcept {
  const bool may_take = runs_processes_ && !std::exchange(sits_out_, false);
  const bool may_steal = may_take && scheduler_.idle_.try_begin_search();
  const std::uint64_t begin = base::ticks();
  work* found = nullptr;
  do {
    // Not while counted as searching: next() polls, and completions run code that may take long.
    if (parking_.has_ready() || inbox_.has_items()) break;
    if (may_take) {
      found = take_injected();
      if (found == nullptr && may_steal) found = steal();
    }
    if (found != nullptr) break;
    base::spin_pause();
  } while (base::ticks() - begin < poll_ticks_ && !scheduler_.is_stopping());
  if (may_steal) idle_.end_search();
  return found != nullptr || !may_take ? found : next();
}

work* worker::sleep() noexcept {
  idle_set& idle = scheduler_.idle_;
  if (runs_processes_) idle.announce(index_);
  work* found = nullptr;
  tick_ns_ = sentinel_tick_min_ns;
  quiet_since_ns_ = 0;
  housekeeping_ns_ =
      scheduler_.hooks_.on_idle ? base::now_ns() + idle_hook_after_ns : base::no_deadline;
  while (found == nullptr && !scheduler_.is_stopping()) {
    found = recheck_before_sleep();
    if (found != nullptr) break;
    // A null pop is not "empty" (injection_queue J1): with a push or a pop under way, look again.
    if (runs_processes_ && !scheduler_.injection_.is_empty()) break;
    if (!inbox_.try_park()) break;
    if (parking_.has_ready()) break;
    const bool is_sentinel = runs_processes_ && idle.size() > 1 && tick_ns_ != 0 &&
                             (!everybody_sleeps() || quiet_since_ns_ != 0) &&
                             idle.try_become_sentinel(index_);
    const base::nanoseconds_t timer_ns = timers_.next_deadline();
    const base::nanoseconds_t tick_at_ns =
        is_sentinel ? base::now_ns() + tick_ns_ : base::no_deadline;
    const base::nanoseconds_t deadline_ns = std::min({timer_ns, tick_at_ns, housekeeping_ns_});
    base::add_single_writer(statistics_.parks, std::uint64_t{1});
    const park_outcome outcome = parking_.park(deadline_ns);
    if (outcome != park_outcome::timed_out) {
      base::add_single_writer(statistics_.wakes, std::uint64_t{1});
    }
    if (outcome != park_outcome::timed_out || timer_ns <= deadline_ns) break;
    if (housekeeping_ns_ <= deadline_ns) keep_house();
    if (tick_at_ns <= deadline_ns) found = sentinel_tick();
  }
  inbox_.unpark();
  has_slept_ = true;
  if (runs_processes_) {
    idle.retract(index_);
    idle.resign_sentinel(index_);
  }
  return found;
}

// One step of the layer above's housekeeping; the next one at once if there is more.
void worker::keep_house() noexcept {
  const bool has_more = scheduler_.hooks_.on_idle(*this);
  housekeeping_ns_ = has_more ? base::now_ns() : base::no_deadline;
}

// Everything that another thread may have filled since the last look.
work* worker::recheck_before_sleep() noexcept {
  if (!runs_processes_) return nullptr;
  if (work* item = take_injected()) return item;
  return steal();
}

work* worker::steal() noexcept {
  const std::size_t count = scheduler_.process_worker_count();
  if (count < 2) return nullptr;
  const bool may_share = !scheduler_.balance_.is_paused_at(base::ticks());
  std::size_t victim_index = random_.next_below(static_cast<std::uint32_t>(count));
  for (std::size_t step = 0; may_share && step < count;
       ++step, victim_index = (victim_index + 1) % count) {
    if (victim_index == index_) continue;
    worker& victim = scheduler_.worker_at(victim_index);
    // A lone process stays where its messages are; the sentinel looks after a stuck one.
    if (victim.queue_.size_estimate() < 2) continue;
    if (work* item = victim.queue_.steal_into(queue_)) {
      base::add_single_writer(statistics_.steals, std::uint64_t{1});
      return item;
    }
  }
  return steal_stuck();
}

// Work that sat still while its worker sat in one handler for stuck_after_us (PROTOCOLS 14).
work* worker::steal_stuck() noexcept {
  const std::uint64_t now = base::ticks();
  const std::uint64_t patience = stuck_after_us * base::ticks_per_us();
  for (std::size_t index = 0; index < sightings_.size(); ++index) {
    if (index == index_ || scheduler_.idle_.is_asleep(index)) continue;
    worker& victim = scheduler_.worker_at(index);
    // Relaxed: a counter; only its standing still matters, and the CAS below decides.
    const std::uint64_t activations = victim.statistics_.activations.load(base::relaxed);
    auto& place = victim.lifo_.peek() != nullptr ? victim.lifo_ : victim.lingering_;
    work* const item = place.peek();
    sighting& last = sightings_[index];
    if (activations != last.activations || item != last.item) {
      last = {item, activations, now};
      continue;
    }
    if (now - last.since_ticks < patience) continue;
    if (item != nullptr && place.steal(item)) {
      base::add_single_writer(statistics_.steals, std::uint64_t{1});
      return item;
    }
    if (work* waiting = victim.queue_.steal_into(queue_)) {
      base::add_single_writer(statistics_.steals, std::uint64_t{1});
      return waiting;
    }
  }
  return nullptr;
}

bool worker::everybody_sleeps() const noexcept {
  return scheduler_.idle_.sleeping() >= scheduler_.idle_.size();
}

// A tick of the worker that sleeps timed so that the others may sleep untimed.
work* worker::sentinel_tick() noexcept {
  base::add_single_writer(statistics_.sentinel_ticks, std::uint64_t{1});
  const std::uint64_t epoch = idle_.epoch();
  // In this order: whoever has published by the first look has claimed a sleeper by the second.
  const bool was_quiet = !scheduler_.is_publishing() && everybody_sleeps();
  if (work* item = take_injected()) {
    // It lay there though nobody was about to publish it and nobody was awake to find it: a lost
    // wake.
    if (was_quiet && !scheduler_.is_publishing() && idle_.epoch() == epoch) {
      base::add_single_writer(statistics_.rescued_by_timeout, std::uint64_t{1});
    }
    return item;
  }
  if (work* item = steal()) return item;
  tick_ns_ = std::min(2 * tick_ns_, sentinel_tick_max_ns);
  if (!everybody_sleeps()) {
    quiet_since_ns_ = 0;
    return nullptr;
  }
  const base::nanoseconds_t now = base::now_ns();
  if (quiet_since_ns_ == 0) quiet_since_ns_ = now;
  if (now - quiet_since_ns_ >= sentinel_stays_ns) {
    scheduler_.idle_.resign_sentinel(index_);
    quiet_since_ns_ = 0;  // Untimed from here: everybody sleeps.
  }
  return nullptr;
}

}  // namespace sluice::inline v0::sched
