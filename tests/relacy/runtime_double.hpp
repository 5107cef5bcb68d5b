// Stands for the headers around delayed_send.cpp, wake_timer.cpp and rundown.cpp: a node of two
// workers, each with a list for a wheel and a real inbox, whose turns the scenarios take; and what
// becomes of a message that a timer sends.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <sluice/message.hpp>
#include <sluice/pid.hpp>
#include <sluice/result.hpp>

#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "mem/cache.hpp"
#include "sched/work.hpp"
#include "slot_double.hpp"
#include "sync/take_all_stack.hpp"

namespace sluice::inline v0 {

namespace sched {

struct timer_node {
  base::nanoseconds_t deadline_ns = 0;
};
struct timer : timer_node {
  void (*on_due)(timer&, worker&) = nullptr;
};

/// Fires all it has at once: any order of time is possible in a model.
class timer_wheel {
 public:
  void arm(timer_node& node, base::nanoseconds_t deadline_ns) noexcept {
    node.deadline_ns = deadline_ns;
    nodes_[count_] = &node;
    count_ = count_ + 1;
  }
  bool cancel(timer_node& node) noexcept {
    const unsigned count = count_;
    for (unsigned i = 0; i < count; ++i) {
      if (nodes_[i] != &node) continue;
      nodes_[i] = nodes_[count - 1];
      count_ = count - 1;
      return true;
    }
    return false;
  }
  template <class OnDue>
  std::size_t advance(base::nanoseconds_t, OnDue&& on_due) noexcept {
    const unsigned due = count_;
    for (unsigned i = 0; i < due && count_ != 0; ++i) {
      timer_node* const node = nodes_[0];
      cancel(*node);
      on_due(*node);
    }
    return due;
  }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }

 private:
  model::plain<unsigned> count_;  // Of one thread: another one's look would be a race.
  timer_node* nodes_[4] = {};
};

class worker {
 public:
  explicit worker(std::uint32_t index) noexcept : index_(index) {}

  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
  [[nodiscard]] timer_wheel& timers() noexcept { return timers_; }
  void post(work* item) noexcept { static_cast<void>(inbox_.push(item)); }

  /// What was posted here; false when nothing was.
  bool run_posted() {
    work* item = inbox_.take_all();
    const bool has_run = item != nullptr;
    while (item != nullptr) {
      work* const next = item->next;
      item->next = nullptr;
      item->run(item, *this);
      item = next;
    }
    return has_run;
  }
  void fire() {
    timers_.advance(0, [this](timer_node& node) {
      auto& due = static_cast<timer&>(node);
      due.on_due(due, *this);
    });
  }

 private:
  std::uint32_t index_;
  timer_wheel timers_;
  sync::take_all_stack<work, &work::next> inbox_;
};

class scheduler {
 public:
  [[nodiscard]] worker& worker_at(std::size_t index) noexcept { return workers_[index]; }

 private:
  worker workers_[2] = {worker{0}, worker{1}};
};

}  // namespace sched

namespace core {

enum class dead_letter : std::uint8_t { full, cancelled };

class gate;
class execution;

/// What timers did with the one message of a scenario.
struct outcome {
  unsigned sent = 0;
  unsigned buried = 0;
  unsigned told = 0;  ///< time-outs and ends of waits
};

struct slots_double {
  [[nodiscard]] slot* find(std::uint32_t) noexcept { return &only; }
  slot only;
};

struct node_core {
  std::uint32_t id = 1;
  gate* way_in = nullptr;
  sched::scheduler* scheduler = nullptr;
  slots_double slots;
  outcome done;

  // Executions of threads that the node does not own, under its lock.
  void attach(execution& of);
  void detach(execution& of);
  model::mutex guard;
  execution* attached[3] = {};
};

struct execution_counters {
  base::atomic<std::uint64_t> sent{0};
  base::atomic<std::uint64_t> timed{0};
  base::atomic<std::uint64_t> timed_over{0};
};

class execution {
 public:
  execution(node_core& of, sched::worker* on, mem::cache& from) noexcept
      : node(of), worker(on), blocks(from) {}

  node_core& node;
  sched::worker* const worker;
  mem::cache& blocks;
  execution_counters counters;
  base::atomic<bool> is_detached{false};

  envelope* make_envelope(std::uint8_t, std::size_t) noexcept { return nullptr; }
  void free_block(envelope*) noexcept {}
  void flush_chain() noexcept {}
  void bury(envelope*, dead_letter) noexcept { ++node.done.buried; }
  send_outcome deliver(envelope* carried, std::uint32_t slot, std::uint32_t generation,
                       priority lane) noexcept {
    return deliver_counted(carried, slot, generation, lane);
  }
  send_outcome deliver_counted(envelope*, std::uint32_t, std::uint32_t, priority) noexcept {
    ++node.done.sent;
    return send_outcome::accepted;
  }
  void tell() noexcept { ++node.done.told; }
};

inline void node_core::attach(execution& of) {
  guard.lock();
  attached[rl::ctx().current_thread()] = &of;
  guard.unlock();
}
inline void node_core::detach(execution& of) {
  guard.lock();
  for (execution*& each : attached) {
    if (each == &of) each = nullptr;
  }
  guard.unlock();
}

/// Who works on which of Relacy's threads; null: a thread that the node does not own.
inline execution* executions[3] = {};

[[nodiscard]] inline execution* current_execution() noexcept {
  return executions[rl::ctx().current_thread()];
}
[[nodiscard]] inline execution* own_thread_of(std::uint32_t) noexcept {
  return current_execution();
}
[[nodiscard]] inline execution& execution_on(const sched::worker& on) noexcept {
  for (execution* each : executions) {
    if (each != nullptr && each->worker == &on) return *each;
  }
  rl::ctx().fail_test("no thread for this worker", rl::test_result_inconsistent_test_suite,
                      RL_INFO);
  return *executions[0];
}

struct completion_kind {};
inline void send_failed_completion(execution& by, std::uint32_t, std::uint32_t,
                                   const completion_kind&, ref, error) noexcept {
  by.tell();
}

struct time_is_up {};
inline send_outcome send_control(execution& by, std::uint32_t, std::uint32_t, priority,
                                 time_is_up) noexcept {
  by.tell();
  return send_outcome::accepted;
}

}  // namespace core
}  // namespace sluice::inline v0
