#include "sup/pool_workers.hpp"

#include <algorithm>

#include <sluice/forwarding.hpp>

#include "actor/caller.hpp"

namespace sluice::inline v0::core {

namespace {

supervisor_options rules_for(const pool_options& options) noexcept {
  return {.strategy = restart_strategy::simple_one_for_one, .limit = options.limit};
}

// Only bounded mailboxes are counted (PROTOCOLS 21), so the load of unbounded ones has a bound that
// nobody reaches.
child_spec counted(child_spec worker, pool_choice choice) {
  worker.options.id.clear();
  const bool needs_count = choice == pool_choice::least_loaded;
  if (needs_count && worker.options.mailbox_max == 0) worker.options.mailbox_max = 1u << 30;
  return worker;
}

// Relaxed: a hint; the worker's own mailbox decides. A worker that has ended may show the count of
// another tenant for as long as its end is under way.
std::uint32_t queued_in(const slot& place) noexcept {
  return place.bounded_count.load(base::relaxed) & ~room_mark;
}

bool is_full(const slot& place, std::uint32_t mailbox_max) noexcept {
  return mailbox_max != 0 && queued_in(place) >= mailbox_max;
}

}  // namespace

pool_workers::pool_workers(const pool_options& options, child_spec worker)
    : options_(options),
      worker_(counted(std::move(worker), options.choice)),
      keeper_(rules_for(options), {}) {}

result<void> pool_workers::begin(slot& self) {
  self_ = &self;
  keeper_.listen(*this, asking_lane::after_mail);
  if (auto begun = keeper_.begin(self); !begun) return begun;
  return resize(options_.workers);
}

result<void> pool_workers::resize(std::uint32_t count) {
  if (count == 0 || count > pool::workers_max) {
    return error{error_code::bad_argument, 0, "pool: workers"};
  }
  return keeper_.resize(count, worker_);
}

void pool_workers::hand_on(slot& self, envelope& seen) noexcept {
  static_cast<void>(forward_payload(self, seen, choose()));
}

void pool_workers::on_child_up(sup::child_key key, pid who) {
  caller from{*self_};
  targets_.push_back({who, key, from.by().node.slots.find(who.slot)});
}

// Comes once when it is asked to end and once when it has.
void pool_workers::on_child_down(sup::child_key key) {
  const auto found = std::find_if(targets_.begin(), targets_.end(),
                                  [key](const target& each) { return each.key == key; });
  if (found != targets_.end()) targets_.erase(found);
}

// When all are full one of them refuses, which is the answer to who sent. With none a pid that
// names nobody does the same.
pid pool_workers::choose() noexcept {
  if (targets_.empty()) return {};
  return options_.choice == pool_choice::round_robin ? choose_next() : choose_least();
}

pid pool_workers::choose_next() noexcept {
  for (std::size_t tried = 0; tried < targets_.size(); ++tried) {
    if (++next_ >= targets_.size()) next_ = 0;
    if (!is_full(*targets_[next_].place, worker_.options.mailbox_max)) break;
  }
  return targets_[next_].who;
}

// Begins behind the last one chosen, so that equals take turns.
pid pool_workers::choose_least() noexcept {
  std::size_t least = next_;
  std::uint32_t least_queued = UINT32_MAX;
  for (std::size_t tried = 0; tried < targets_.size(); ++tried) {
    if (++next_ >= targets_.size()) next_ = 0;
    const std::uint32_t queued = queued_in(*targets_[next_].place);
    if (queued >= least_queued) continue;
    least = next_;
    least_queued = queued;
    if (queued == 0) break;
  }
  next_ = least;
  return targets_[least].who;
}

}  // namespace sluice::inline v0::core
