#include "sched/scheduler.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/out_of_memory.hpp"
#include "base/park.hpp"
#include "base/thread.hpp"

namespace sluice::inline v0::sched {

namespace {

std::size_t count_process_workers(const std::vector<worker_plan>& plans) {
  const auto runs = [](const worker_plan& plan) { return plan.runs_processes; };
  SLUICE_ASSERT(std::is_partitioned(plans.begin(), plans.end(), runs),
                "workers that run processes come first");
  return static_cast<std::size_t>(std::count_if(plans.begin(), plans.end(), runs));
}

}  // namespace

scheduler::scheduler(std::vector<worker_plan> plans, scheduler_hooks hooks)
    : plans_(std::move(plans)), hooks_(std::move(hooks)), idle_(count_process_workers(plans_)) {
  workers_.reserve(plans_.size());
  for (std::size_t index = 0; index < plans_.size(); ++index) {
    auto& plan = plans_[index];
    if (plan.runs_processes) idle_.bind(index, *plan.parking);
    workers_.push_back(std::make_unique<worker>(*this, static_cast<std::uint32_t>(index),
                                                plan.runs_processes, *plan.parking,
                                                plan.idle_poll_us));
  }
}

scheduler::~scheduler() { static_cast<void>(stop(base::no_deadline)); }

result<void> scheduler::start() {
  attached_.store(0, base::relaxed);  // No thread runs yet.
  attach_errors_.assign(workers_.size(), error{});
  threads_.reserve(workers_.size());
  error failure{};
  for (std::size_t index = 0; index < workers_.size(); ++index) {
    auto started = base::or_out_of_memory("thread start", [&] {
      base::thread_options options{plans_[index].thread_name, plans_[index].cores};
      return base::start_thread(options, [this, index] { thread_body(index); });
    });
    if (!started) {
      failure = started.error();
      break;
    }
    threads_.push_back(std::move(started).value());
  }
  const auto expected = static_cast<std::uint32_t>(threads_.size());
  // [SC1] acquire: sees attach_errors_; pairs SC2 (thread_body).
  for (auto seen = attached_.load(base::acquire); seen != expected;
       seen = attached_.load(base::acquire)) {
    base::futex_wait(attached_, seen, base::no_deadline);
  }
  for (const auto& why : attach_errors_) {
    if (why.code != error_code::none) ++refused_;
    if (failure.code == error_code::none && why.code != error_code::none) failure = why;
  }
  if (failure.code == error_code::none) return {};
  static_cast<void>(join_all(base::no_deadline));
  return failure;
}

result<void> scheduler::start_stepped() {
  SLUICE_ASSERT(workers_.size() == 1, "a scheduler without threads has one worker");
  worker& only = *workers_.front();
  if (auto ready = only.parking().attach(); !ready) return ready;
  only.forbid_lingering();  // Who steps decides what is next.
  hooks_.on_thread_start(only);
  is_stepped_ = true;
  return {};
}

result<void> scheduler::begin_thread(worker& self) {
  if (auto ready = self.parking().attach(); !ready) return ready;
  base::undo_unless_kept attached{[&self]() noexcept { self.parking().detach(); }};
  hooks_.on_thread_start(self);
  attached.keep();
  return {};
}

void scheduler::thread_body(std::size_t index) noexcept {
  worker& self = *workers_[index];
  const auto ready =
      base::or_out_of_memory("thread start", [this, &self] { return begin_thread(self); });
  if (!ready) attach_errors_[index] = ready.error();
  // [SC2] release: attach_errors_ and what the hook set up; pairs SC1 (start).
  attached_.fetch_add(1, base::release);
  base::futex_wake(attached_, 1);
  if (!ready) return;
  self.run_until_stopped();
  self.parking().detach();  // Completes what is in flight: its callbacks still have their context.
  hooks_.on_thread_end(self);
  self.mark_ended();
  // [SC8] release: the thread's last act on shared state; pairs SC9 (join_all).
  ended_.fetch_add(1, base::release);
  base::futex_wake(ended_, 1);
}

std::vector<std::size_t> scheduler::join_all(base::nanoseconds_t deadline_ns) noexcept {
  // [SC3] seq_cst: the stop, then the wake-ups, against a sleeper's announcement, then its look;
  // pairs SC4.
  stopping_.store(true, base::seq_cst);
  for (std::size_t index = 0; index < threads_.size(); ++index) workers_[index]->parking().wake();
  const auto running = static_cast<std::uint32_t>(threads_.size() - refused_);
  // [SC9] acquire: everything the ended threads did; pairs SC8 (thread_body).
  for (auto seen = ended_.load(base::acquire); seen != running && base::now_ns() < deadline_ns;
       seen = ended_.load(base::acquire)) {
    base::futex_wait(ended_, seen, deadline_ns);
  }
  std::vector<std::size_t> stuck;
  for (std::size_t index = 0; index < threads_.size(); ++index) {
    if (workers_[index]->has_ended() || attach_errors_[index].code != error_code::none) {
      threads_[index].join();
    } else {
      threads_[index].detach();
      stuck.push_back(index);
    }
  }
  threads_.clear();
  return stuck;
}

std::vector<std::size_t> scheduler::stop(base::nanoseconds_t deadline_ns) noexcept {
  if (std::exchange(is_stepped_, false)) {
    workers_.front()->parking().detach();
    hooks_.on_thread_end(*workers_.front());
  }
  return threads_.empty() ? std::vector<std::size_t>{} : join_all(deadline_ns);
}

void scheduler::inject(work* item) noexcept { inject_bulk(&item, 1); }

void scheduler::inject_bulk(work** items, std::size_t count) noexcept {
  // [SC5] seq_cst: up before the item can be seen; pairs SC6 (is_publishing).
  publishing_.fetch_add(1, base::seq_cst);
  const std::size_t taken = injection_.push_bulk({items, count});
  SLUICE_ASSERT(taken == count, "no memory left to queue runnable work");
  idle_.published();
  // [SC7] release: the wake-up before; pairs SC6 (is_publishing).
  publishing_.fetch_sub(1, base::release);
}

}  // namespace sluice::inline v0::sched
