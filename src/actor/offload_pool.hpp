// offload_pool: the helper threads of a node, for functions that block or take long.
//
// Started when there is work and no idle helper, up to a maximum; they stay until the node stops.
// What is under way then runs to its end: stop() waits for it until a deadline and leaves the rest
// to itself. A helper that was left behind finds the node's gate closed.
// Who: submit by owners of processes; stop by the node, once.
// Progress: a short mutex; nothing is run, allocated or logged under it but a helper's start.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <sluice/offload.hpp>

#include "base/clock.hpp"

namespace sluice::inline v0::core {

class offload_pool {
 public:
  offload_pool();
  offload_pool(const offload_pool&) = delete;
  offload_pool& operator=(const offload_pool&) = delete;
  ~offload_pool();

  /// Before the first submit.
  void set_threads_max(std::uint32_t count) noexcept { threads_max_ = count == 0 ? 1 : count; }

  /// Takes `job` over when it answers no error. Errors: stopping; limit_reached when no helper
  /// could be started and there is none.
  [[nodiscard]] error submit(offloaded* job) noexcept;

  /// No more work is taken; what nobody began is destroyed unrun. Returns how many helpers did not
  /// end in time; they are left behind.
  [[nodiscard]] std::uint32_t stop(base::nanoseconds_t deadline_ns) noexcept;

 private:
  // Shared with the helpers, which may outlive the pool.
  struct state {
    std::mutex guard;
    std::condition_variable work_there;
    std::condition_variable helper_ended;
    offloaded* first = nullptr;
    offloaded* last = nullptr;
    std::uint32_t queued = 0;
    std::uint32_t idle = 0;     // helpers that wait, also those that were told and have yet to wake
    std::uint32_t running = 0;  // helpers that have not ended
    bool is_stopping = false;
  };
  static void help(const std::shared_ptr<state>& shared) noexcept;
  static void run(offloaded* job) noexcept;
  [[nodiscard]] bool start_helper() noexcept;

  std::shared_ptr<state> shared_;
  std::vector<std::thread> threads_;
  std::uint32_t threads_max_ = 4;
};

}  // namespace sluice::inline v0::core
