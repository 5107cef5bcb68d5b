// stepped_node: a whole node on one thread, without threads of its own, in virtual time.
//
// What: the node's one worker is run by steps, a piece of work at a time; a seed decides which of
//   those that are runnable goes next. One activation handles one message (or the few that came
//   together with a lone one), so orders between processes are as free as the guarantees allow.
// Time stands still while anything can happen and moves by advance(), or while this thread waits
//   for the node (a foreign call, stop). I/O is the simulated driver's, with the same seed.
// Who: one thread, which makes, uses and destroys it. Between steps it is a thread outside of the
//   node like any other.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sluice/node.hpp>

#include "actor/thread_drive.hpp"
#include "base/random.hpp"
#include "io/simulation.hpp"
#include "node/node_state.hpp"
#include "sched/stepper.hpp"

namespace sluice::inline v0::testing {

class stepped_node final : public core::thread_drive {
 public:
  struct setup {
    std::uint64_t seed = 1;
    std::uint64_t steps_max = 1'000'000;
    bool keeps_trace = false;
    node_options node{};
  };

  explicit stepped_node(setup options);
  ~stepped_node();

  [[nodiscard]] node& get() noexcept { return *node_; }
  [[nodiscard]] core::node_core& core() noexcept { return *state_->core; }
  /// Of the worker.
  [[nodiscard]] core::execution& own() noexcept { return *state_->executions.front(); }
  [[nodiscard]] sched::stepper& work() noexcept { return *stepper_; }
  [[nodiscard]] io::simulation& simulation() noexcept { return *simulation_; }

  /// False: nothing can happen at this time.
  bool step();
  /// False: after steps_max steps something could still happen.
  [[nodiscard]] bool run_until_idle();
  [[nodiscard]] bool advance(base::nanoseconds_t by_ns);
  void turn(base::nanoseconds_t until_ns) override;

  /// Since it began.
  [[nodiscard]] base::nanoseconds_t elapsed();
  /// By the node's clock.
  [[nodiscard]] base::nanoseconds_t deadline_after(base::nanoseconds_t delay_ns);
  [[nodiscard]] base::nanoseconds_t next_timer_in();
  [[nodiscard]] std::uint64_t trace_hash() const noexcept { return trace_hash_; }
  [[nodiscard]] const std::vector<std::string>& trace() const noexcept { return trace_; }

 private:
  class inside;

  void note(const sched::work& next);
  void wait_until(base::nanoseconds_t until_ns);

  const setup options_;
  std::unique_ptr<io::simulation> simulation_;
  std::unique_ptr<node> node_;
  core::node_state* state_ = nullptr;
  std::unique_ptr<sched::stepper> stepper_;
  base::random_source random_;
  base::nanoseconds_t begin_ns_ = 0;
  std::uint64_t trace_hash_ = 0xcbf29ce484222325u;
  std::vector<std::string> trace_;
};

}  // namespace sluice::inline v0::testing
