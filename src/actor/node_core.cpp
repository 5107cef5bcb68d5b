#include "actor/node_core.hpp"

#include <algorithm>
#include <climits>
#include <string>

#include "base/out_of_memory.hpp"
#include "base/park.hpp"

namespace sluice::inline v0::core {

namespace {

constexpr base::nanoseconds_t report_interval_ns = 1'000'000'000;

}  // namespace

const char* to_string(dead_letter why) noexcept {
  switch (why) {
    case dead_letter::unknown: return "unknown";
    case dead_letter::full: return "full";
    case dead_letter::stopping: return "stopping";
    case dead_letter::stale: return "stale";
    case dead_letter::receiver_ended: return "receiver_ended";
    case dead_letter::unhandled: return "unhandled";
    case dead_letter::cancelled: return "cancelled";
    case dead_letter::overflowed: return "overflowed";
  }
  return "?";
}

void message_totals::add_consumed(const execution_counters& counters) noexcept {
  // Relaxed: exact only at quiescence.
  handled += counters.handled.load(base::relaxed);
  for (unsigned i = 0; i < dead_letter_kinds; ++i) dead[i] += counters.dead[i].load(base::relaxed);
  envelopes_freed += counters.envelopes_freed.load(base::relaxed);
  ended += counters.ended.load(base::relaxed);
  late_completions += counters.late_completions.load(base::relaxed);
  timed -= counters.timed_over.load(base::relaxed);
  suspended -= counters.suspended_over.load(base::relaxed);
}

void message_totals::add_sent(const execution_counters& counters) noexcept {
  sent += counters.sent.load(base::relaxed);
  envelopes_made += counters.envelopes_made.load(base::relaxed);
  spawned += counters.spawned.load(base::relaxed);
  timed += counters.timed.load(base::relaxed);
  suspended += counters.suspended.load(base::relaxed);
  handed_over += counters.handed_over.load(base::relaxed);
}

void node_core::attach(execution& by) {
  const std::lock_guard lock{executions_guard_};
  executions_.push_back(&by);
}

void node_core::detach(execution& by) noexcept {
  slots.flush(by.free_slots);
  const std::lock_guard lock{executions_guard_};
  fold(by);
  executions_.erase(std::remove(executions_.begin(), executions_.end(), &by), executions_.end());
}

void node_core::fold(const execution& by) noexcept {
  folded_.add_consumed(by.counters);
  folded_.add_sent(by.counters);
  // Without memory the statistics of the kinds lack what this thread did; nothing else does.
  static_cast<void>(base::has_memory_for([&] {
    by.kinds.add_ended(folded_kinds_);
    by.kinds.add_spawned(folded_kinds_);
  }));
}

void node_core::detach_foreign() noexcept {
  const std::lock_guard lock{executions_guard_};
  const auto is_foreign = [](const execution* by) {
    return by->worker == nullptr && !by->needs_rundown;
  };
  const auto first = std::partition(executions_.begin(), executions_.end(),
                                    [&](const execution* by) { return !is_foreign(by); });
  for (auto each = first; each != executions_.end(); ++each) {
    fold(**each);
    // [NC3] release: the node is done with it; pairs NC4 (its thread frees it).
    (*each)->is_detached.store(true, base::release);
  }
  executions_.erase(first, executions_.end());
}

message_totals node_core::totals() const {
  const std::lock_guard lock{executions_guard_};
  message_totals sums = folded_;
  // All that was consumed first, then all that was sent: never more consumed than sent.
  for (const execution* by : executions_) sums.add_consumed(by->counters);
  for (const execution* by : executions_) sums.add_sent(by->counters);
  return sums;
}

std::vector<kind_totals> node_core::kinds() const {
  const std::lock_guard lock{executions_guard_};
  std::vector<kind_totals> sums = folded_kinds_;
  for (const execution* by : executions_) by->kinds.add_ended(sums);  // As in totals.
  for (const execution* by : executions_) by->kinds.add_spawned(sums);
  return sums;
}

// One line a second at most; the counters have them all.
void node_core::report_dead_letter(const envelope& dead, dead_letter why) noexcept {
  if (dead.from_generation == 0) return;  // The runtime's own control messages.
  const base::nanoseconds_t now = base::now_ns();
  // Relaxed: a rate limit; a line more or less does not matter.
  base::nanoseconds_t next = next_report_ns_.load(base::relaxed);
  if (now < next || !next_report_ns_.compare_exchange_strong(next, now + report_interval_ns,
                                                             base::relaxed, base::relaxed)) {
    unreported_.fetch_add(1, base::relaxed);
    return;
  }
  const std::uint64_t more = unreported_.exchange(0, base::relaxed);
  static_cast<void>(base::has_memory_for([&] {  // Without, the log lacks a line.
    std::string text = "dead letter: ";
    text += to_string(why);
    text += ", type ";
    text += dead.type->name;
    text += ", from slot " + std::to_string(dead.from_slot);
    if (more != 0) text += " (and " + std::to_string(more) + " more since the last report)";
    write_log(log_level::warning, text);
  }));
}

void node_core::write_log(log_level level, std::string_view text) const noexcept {
  static_cast<void>(base::has_memory_for([&] {  // Without, the log lacks a line.
    log_record line;
    line.severity = static_cast<log_severity>(level);
    line.text = escape_for_log(text, log_bytes_max);
    write_record(std::move(line));
  }));
}

void node_core::say(const log_record& line) const {
  std::string whole = line.source.empty() ? line.text : line.source + ": " + line.text;
  for (const log_field& each : line.fields) whole += ' ' + each.name + '=' + each.value;
  log(static_cast<log_level>(line.severity), whole);
}

void node_core::write_record(log_record&& line) const noexcept {
  if (log) {
#if defined(__cpp_exceptions)
    try {
      say(line);
    } catch (...) {  // The host's function: what it throws costs it this line.
    }
#else
    say(line);
#endif
  }
  if (!outputs.wants(line.severity)) return;
  line.time = std::chrono::system_clock::now();
  outputs.write(*this, std::move(line));
}

void node_core::note_ended() noexcept {
  if (phase() != node_phase::stopping) return;
  // [NC1] release: what ended is counted; pairs NC2 (node stop).
  ended_signal.fetch_add(1, base::release);
  base::futex_wake(ended_signal, INT_MAX);
}

}  // namespace sluice::inline v0::core
