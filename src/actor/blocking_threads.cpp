#include "actor/blocking_threads.hpp"

#include <chrono>
#include <utility>

#include "actor/execution.hpp"
#include "actor/life.hpp"
#include "actor/meta_flow.hpp"
#include "actor/meta_state.hpp"
#include "actor/node_core.hpp"
#include "base/cpu_topology.hpp"
#include "base/out_of_memory.hpp"
#include "base/thread.hpp"

namespace sluice::inline v0::core {

result<void> blocking_threads::start(meta_state& meta, const meta_order& order) {
  std::list<std::shared_ptr<entry>> done;
  auto own = std::make_shared<entry>();
  own->name = order.thread_name.empty() ? std::string{meta.what.name.substr(0, 15)}
                                        : std::string{order.thread_name};
  base::thread_options options{own->name, {}};
  if (order.core >= 0) {
    options.cores.push_back(order.core);
  } else if (order.is_pinned) {
    options.cores.push_back(base::next_pin_core(base::allowed_cores()));
  }
  result<void> outcome;
  {
    const std::lock_guard lock{guard_};
    if (is_closed_) return error{error_code::stopping, 0, "spawn_meta: the node stops"};
    for (auto each = entries_.begin(); each != entries_.end();) {
      const auto next = std::next(each);
      if ((*each)->is_done) done.splice(done.end(), entries_, each);
      each = next;
    }
    entries_.push_back(own);
    base::undo_unless_kept listed{[this]() noexcept { entries_.pop_back(); }};
    auto started = base::start_thread(options, [this, &meta, own] { run(meta, *own); });
    if (started) {
      own->thread = std::move(started).value();
      listed.keep();
    } else {
      outcome = started.error();
    }
  }
  join_done(done);
  return outcome;
}

void blocking_threads::run(meta_state& meta, entry& own) noexcept {
  execution by{node_, nullptr, mem::this_thread_cache()};
  by.needs_rundown = true;
  by.running = &meta.self;
  node_.attach(by);
  set_current_execution(&by);
  exit_reason reason;
#if defined(__cpp_exceptions)
  try {
    const auto outcome = meta.what.run(meta.self.object, meta.stop.get_token());
    if (!outcome) reason = exit_reason::error(outcome.error().message());
  } catch (...) {
    reason = reason_of_current_exception(exit_code::exception);
  }
#else
  const auto outcome = meta.what.run(meta.self.object, meta.stop.get_token());
  if (!outcome) reason = exit_reason::error(outcome.error().message());
#endif
  by.running = nullptr;
  leave_start(by, meta, std::move(reason));
  set_current_execution(nullptr);
  node_.detach(by);
  const std::lock_guard lock{guard_};
  own.is_done = true;
  changed_.notify_all();
}

void blocking_threads::join_done(std::list<std::shared_ptr<entry>>& done) {
  for (auto& each : done) each->thread.join();
}

std::vector<std::string> blocking_threads::wait_all(base::nanoseconds_t deadline_ns) {
  std::list<std::shared_ptr<entry>> all;
  std::vector<std::string> stuck;
  {
    std::unique_lock lock{guard_};
    is_closed_ = true;  // A spawn that is slow enough to come now would have nobody to join it.
    const auto all_done = [this] {
      for (const auto& each : entries_) {
        if (!each->is_done) return false;
      }
      return true;
    };
    const auto left = std::chrono::nanoseconds{deadline_ns - base::now_ns()};
    changed_.wait_for(lock, std::max(left, std::chrono::nanoseconds{0}), all_done);
    all.swap(entries_);
    for (auto each = all.begin(); each != all.end();) {
      const auto next = std::next(each);
      if (!(*each)->is_done) {
        stuck.push_back((*each)->name);
        (*each)->thread.detach();
        all.erase(each);
      }
      each = next;
    }
  }
  node_.quarantined.fetch_add(static_cast<std::uint32_t>(stuck.size()), base::relaxed);
  join_done(all);
  return stuck;
}

}  // namespace sluice::inline v0::core
