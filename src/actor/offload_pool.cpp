#include "actor/offload_pool.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "actor/control_send.hpp"
#include "actor/life.hpp"
#include "actor/node_core.hpp"
#include "actor/offload.hpp"
#include "actor/rundown.hpp"

namespace sluice::inline v0::core {

offload_pool::offload_pool() : shared_(std::make_shared<state>()) {}

offload_pool::~offload_pool() { static_cast<void>(stop(base::now_ns())); }

error offload_pool::submit(offloaded* job) noexcept {
  const std::lock_guard held{shared_->guard};
  state& all = *shared_;
  if (all.is_stopping) return {error_code::stopping, 0, "offload"};
  // Jobs wait for the idle ones already, if there are as many.
  const bool is_short = all.queued >= all.idle && all.running < threads_max_;
  if (is_short && !start_helper() && all.running == 0) {
    return {error_code::limit_reached, 0, "offload: no thread could be started"};
  }
  job->next = nullptr;
  (all.last == nullptr ? all.first : all.last->next) = job;
  all.last = job;
  ++all.queued;
  if (all.idle != 0) all.work_there.notify_one();
  return {};
}

// Under the lock.
bool offload_pool::start_helper() noexcept {
#if defined(__cpp_exceptions)
  try {
    threads_.emplace_back([shared = shared_] { help(shared); });
  } catch (...) {
    return false;
  }
#else
  threads_.emplace_back([shared = shared_] { help(shared); });
#endif
  ++shared_->running;
  return true;
}

void offload_pool::help(const std::shared_ptr<state>& shared) noexcept {
  state& all = *shared;
  std::unique_lock held{all.guard};
  while (true) {
    if (offloaded* const job = all.first) {
      all.first = job->next;
      if (all.first == nullptr) all.last = nullptr;
      --all.queued;
      held.unlock();
      run(job);
      held.lock();
      continue;
    }
    if (all.is_stopping) break;
    ++all.idle;
    all.work_there.wait(held);
    --all.idle;
  }
  --all.running;
  all.helper_ended.notify_all();
}

void offload_pool::run(offloaded* job) noexcept {
#if defined(__cpp_exceptions)
  std::string text;
  try {
    job->run(*job);
  } catch (...) {
    job->failure = {error_code::threw, 0, "offload"};
    text = reason_of_current_exception(exit_code::exception).text;
  }
#else
  job->run(*job);
#endif
  offload_done done{job};
  foreign_access access{*job->node, job->node_id};
  if (!access) return;
#if defined(__cpp_exceptions)
  if (job->failure.code == error_code::threw) {
    access.by().node.write_log(log_level::warning, "an offloaded function threw: " + text);
  }
#endif
  const std::uint32_t slot = job->slot;
  const std::uint32_t generation = job->generation;
  send_control(access.by(), slot, generation, priority::system, std::move(done));
}

std::uint32_t offload_pool::stop(base::nanoseconds_t deadline_ns) noexcept {
  offloaded* unrun = nullptr;
  std::uint32_t left = 0;
  {
    std::unique_lock held{shared_->guard};
    shared_->is_stopping = true;
    unrun = std::exchange(shared_->first, nullptr);
    shared_->last = nullptr;
    shared_->queued = 0;
    shared_->work_there.notify_all();
    const auto patience =
        std::chrono::nanoseconds{std::max<base::nanoseconds_t>(deadline_ns - base::now_ns(), 0)};
    shared_->helper_ended.wait_for(held, patience, [this] { return shared_->running == 0; });
    left = shared_->running;
  }
  for (std::thread& each : threads_) {
    if (left == 0) {
      each.join();
    } else {
      each.detach();
    }
  }
  threads_.clear();
  while (unrun != nullptr) {
    offloaded* const job = std::exchange(unrun, unrun->next);
    job->destroy(job);
  }
  return left;
}

}  // namespace sluice::inline v0::core
