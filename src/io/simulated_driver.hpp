// simulated_driver: the io layer's driver whose every completion comes when and how a seed decides.
//
// When: tests of what stands on drivers. Real descriptors are underneath (attempt.hpp); what a
// request answers is what the kernel says, unless the simulation's plan or odds say otherwise.
// A turn takes a few of the requests that wait to be taken, and hands out a few completions of
// those that are due, in any order; the rest comes in later turns. A cancelled request ends some
// time later, and may succeed instead. Nothing completes twice, nothing is lost.
// See simulation.hpp for the clock. Memory: a record a request; a turn costs a call for each
// request that waits.
#pragma once

#include <poll.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sluice/result.hpp>

#include "base/random.hpp"
#include "io/attempt.hpp"
#include "io/driver.hpp"
#include "io/simulation.hpp"
#include "io/wake_signal.hpp"

namespace sluice::inline v0::io {

class simulated_driver final : public driver {
 public:
  /// `of` outlives the driver.
  [[nodiscard]] static result<std::unique_ptr<simulated_driver>> create(
      simulation& of, const driver_options& options = {});

  [[nodiscard]] result<void> attach() override;
  [[nodiscard]] sched::park_outcome park(base::nanoseconds_t deadline_ns) noexcept override;
  void wake() noexcept override { signal_.wake(); }
  void forget(int) noexcept override {}
  [[nodiscard]] std::string describe() const override;

  /// Of the order, sites, results, flags and (virtual) times of all completions so far.
  [[nodiscard]] std::uint64_t trace_hash() const noexcept { return trace_hash_; }
  [[nodiscard]] std::uint64_t wake_write_count() const noexcept { return signal_.write_count(); }

 private:
  /// A request that was taken.
  struct active {
    std::uint64_t number = 0;
    request what{};
    attempt_state attempts{};
    base::nanoseconds_t due_ns = 0;     // it is not looked at before
    base::nanoseconds_t cancel_ns = 0;  // not 0: it ends then
    std::uint32_t wait_for = 0;         // poll events it is blocked for
    bool is_late = false;               // cancelled, and a success wins
    bool is_rolled = false;             // the next completion's fate is decided
    fault fate{};
    bool has_fate = false;
  };

  simulated_driver(simulation& of, const driver_options& options);

  void begin(std::uint64_t number, const request& what) noexcept override;
  void ask_to_end(std::uint64_t number) noexcept override;
  void exchange() noexcept override { run_turn(); }
  [[nodiscard]] bool has_exchange() const noexcept override;
  void end_all() noexcept override;
  void close() noexcept override;

  void run_turn() noexcept;
  void take_requests() noexcept;
  /// False: nothing came of it.
  bool step(active& of, base::nanoseconds_t now_ns) noexcept;
  void end_cancelled(active& of) noexcept;
  [[nodiscard]] bool has_to_wait(const active& of) const noexcept;
  void decide(active& of) noexcept;
  [[nodiscard]] bool may_be_cut(const active& of) const noexcept;
  [[nodiscard]] std::uint32_t size_max_of(const active& of) noexcept;
  void hand_out(active& of, completion what, bool ends) noexcept;
  [[nodiscard]] base::nanoseconds_t delay() noexcept;
  [[nodiscard]] bool roll(unsigned per_mille) noexcept;
  [[nodiscard]] base::nanoseconds_t next_due() const noexcept;
  /// Whether a descriptor or a wake ended the wait.
  bool wait_for_peers(base::nanoseconds_t until_ns) noexcept;

  simulation& simulation_;
  base::random_source random_;
  wake_signal signal_;
  std::vector<active> begun_;   // not taken yet
  std::vector<active> active_;  // in any order; number 0: has ended
  std::vector<std::uint32_t> order_;
  std::vector<::pollfd> watched_;
  bool has_more_ = false;  // the last turn handed out all it may
  base::nanoseconds_t traced_ns_ = 0;
  std::uint64_t trace_hash_ = 0;
};

}  // namespace sluice::inline v0::io
