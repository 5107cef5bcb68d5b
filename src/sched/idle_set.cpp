#include "sched/idle_set.hpp"

#include "base/assert.hpp"
#include "sched/driver.hpp"

namespace sluice::inline v0::sched {

void idle_set::announce(std::size_t index) noexcept {
  // Counted before it can be claimed, so that the count never falls below none. Who counts it and
  // finds nobody to claim comes before the RMW below: the re-check sees that work (I1).
  sleeping_.fetch_add(1, base::relaxed);
  // [IS7] release: the count before the mark; pairs IS4.
  cells_[index].asleep.store(true, base::release);
  // [IS1] acq_rel: the sleeper's mark before, its re-check after; pairs IS2 (published), IS5.
  epoch_.fetch_add(1, base::acq_rel);
}

void idle_set::retract(std::size_t index) noexcept {
  // [IS3] acq_rel: I2, one claimer; pairs IS4.
  if (cells_[index].asleep.exchange(false, base::acq_rel)) {
    sleeping_.fetch_sub(1, base::relaxed);
  }
}

void idle_set::published() noexcept {
  // [IS2] acq_rel: the work before, the look at the sleepers after; pairs IS1, IS5, IS6.
  epoch_.fetch_add(1, base::acq_rel);
  if (sleeping() != 0 && searching() == 0) wake_one();
}

bool idle_set::wake_one() noexcept {
  for (auto& cell : cells_) {
    // Relaxed first look: only the exchange decides.
    if (!cell.asleep.load(base::relaxed)) continue;
    // [IS4] acq_rel: I2, one claimer, who takes off what was counted; pairs IS3, IS7.
    if (!cell.asleep.exchange(false, base::acq_rel)) continue;
    sleeping_.fetch_sub(1, base::relaxed);
    cell.sleeper->wake();
    return true;
  }
  return false;
}

bool idle_set::try_begin_search() noexcept {
  if (2 * searching() >= cells_.size() && searching() != 0) return false;
  searching_.fetch_add(1, base::relaxed);
  return true;
}

bool idle_set::try_become_sentinel(std::uint32_t index) noexcept {
  std::uint32_t seen = sentinel_.load(base::relaxed);
  while (seen == nobody || seen == vacancy_noticed) {
    // Relaxed: the post protects no data; the watcher reads the queues by their own orders.
    if (sentinel_.compare_exchange_weak(seen, index, base::relaxed, base::relaxed)) return true;
  }
  return seen == index;
}

void idle_set::resign_sentinel(std::uint32_t index) noexcept {
  std::uint32_t seen = index;
  sentinel_.compare_exchange_strong(seen, nobody, base::relaxed, base::relaxed);
}

void idle_set::hand_over_post() noexcept {
  std::uint32_t seen = sentinel_.load(base::relaxed);  // Relaxed: as above.
  if (seen == vacancy_noticed) {
    sentinel_.compare_exchange_strong(seen, nobody, base::relaxed, base::relaxed);
  } else if (seen != nobody) {
    return;
  }
  const std::uint32_t asleep = sleeping();
  if (asleep != 0 && asleep + 1 < size()) call_sentinel();
}

void idle_set::call_sentinel() noexcept {
  std::uint32_t seen = nobody;
  // Relaxed: one caller for one vacancy; the woken worker takes the post by itself.
  if (!sentinel_.compare_exchange_strong(seen, vacancy_noticed, base::relaxed, base::relaxed)) {
    return;
  }
  if (!wake_one()) {
    seen = vacancy_noticed;
    sentinel_.compare_exchange_strong(seen, nobody, base::relaxed, base::relaxed);
  }
}

}  // namespace sluice::inline v0::sched
