// trial: one run of one workload on a node of its own, timed and verified.
//
// Life: made (the node starts) → the workload's function spawns, times and states what it expects →
//   finish() stops the node and checks that nothing is left. What does not hold throws void_run,
//   and then no figure may be printed.
// Who: the driver, a thread that is foreign to the node.
#pragma once

#include <sluice/sluice.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../harness/node_watch.hpp"
#include "crossings.hpp"
#include "finish_line.hpp"
#include "plant.hpp"
#include "workload.hpp"

namespace actor_bench {

using sluice::bench::void_run;

/// What the command line asks of every run.
struct settings {
  std::uint32_t threads = 1;
  sluice::pinning pin = sluice::pinning::cores;
  std::chrono::seconds patience{120};
  bool is_tiny = false;
  bool has_costs = false;  ///< wakes and steals are figures as well
  std::map<std::string, std::uint64_t, std::less<>> parameters{};
};

/// What a driver's first actor waits for; its number is checked like any other.
struct go {
  static constexpr std::uint64_t expected = 0x60;
  std::uint64_t number = expected;
};

class trial {
 public:
  trial(const workload& what, const settings& given);
  trial(const trial&) = delete;
  trial& operator=(const trial&) = delete;

  [[nodiscard]] std::uint64_t parameter(std::string_view name) const;
  [[nodiscard]] const settings& given() const noexcept { return given_; }
  [[nodiscard]] sluice::node& node() noexcept { return node_; }
  [[nodiscard]] finish_line& line() noexcept { return line_; }

  template <class A, class... Arguments>
  [[nodiscard]] sluice::handle<A> spawn(Arguments&&... arguments) {
    auto made = node_.spawn<A>(sluice::spawn_options{}, std::forward<Arguments>(arguments)...);
    if (!made) throw void_run{"a spawn failed: " + made.error().message()};
    return made.value();
  }

  /// Something that actors share: it lives until the node is gone, also when the run fails.
  template <class T, class... Arguments>
  [[nodiscard]] T& keep(Arguments&&... arguments) {
    auto made = std::make_shared<T>(std::forward<Arguments>(arguments)...);
    kept_.push_back(made);
    return *made;
  }

  /// Sends a message from outside; it must be accepted.
  template <class Handle, class M = go>
  void tell(const Handle& to, M message = {}) {
    if (to.send(std::move(message)) != sluice::send_outcome::accepted) {
      throw void_run{"a message from the driver was refused"};
    }
  }

  /// Seconds from before `begin_it` until `parties` actors have arrived.
  template <class BeginIt>
  [[nodiscard]] double time(std::uint64_t parties, BeginIt&& begin_it) {
    line_.arm(parties);
    const work_done before = done_so_far();
    const auto begin = bench_clock::now();
    begin_it();
    const double seconds = wait_from(begin);
    note_timed(before, seconds);
    return seconds;
  }
  /// Figures beside the workload's own: what the timed part asked of the schedulers, and by how
  /// much the process has grown at its peak since its first run began.
  [[nodiscard]] std::vector<figure> costs() const;

  /// Instead of the workload's figures, when crossings are counted: what went between the
  /// schedulers in all that was timed, and how many of them were at work.
  [[nodiscard]] std::vector<figure> traffic() const;

  /// Waits until nothing is queued, then: exactly `sent` messages were sent since the node started,
  /// each was handled but for those of `cancelled` timers, and `alive` processes live.
  void verify(std::uint64_t sent, std::uint64_t alive, std::uint64_t cancelled = 0);
  /// The same where the runtime itself sends as it sees fit: all that was sent was handled.
  void verify_handled(std::uint64_t alive, std::uint64_t cancelled = 0);
  /// Waits until nothing is queued.
  void settle();

  /// Stops the node: all are gone, nothing is queued, everything sent is accounted for.
  void finish();

 private:
  // What the node's schedulers have done, all together.
  struct work_done {
    std::uint64_t activations = 0, steals = 0, wakes = 0;
    double busy_seconds = 0;
    crossings::sums messages{};
  };
  [[nodiscard]] work_done done_so_far() const;
  void note_timed(const work_done& before, double seconds);
  double wait_from(bench_clock::time_point begin);
  void require(bool holds, const char* promise) const;

  const workload& what_;
  const settings& given_;
  finish_line line_;
  work_done timed_;  // summed over the timed parts, as the next
  double timed_seconds_ = 0;
  std::uint64_t resident_bytes_before_;
  std::vector<std::shared_ptr<void>> kept_;
  sluice::node node_;
};

}  // namespace actor_bench
