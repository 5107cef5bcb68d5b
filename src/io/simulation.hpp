// simulation: what decides the fate of every operation of simulated drivers: a seed, a plan of
// faults, and a clock that jumps.
//
// When: tests. One simulation serves the drivers of one node or one loop and outlives them. With
// one thread at both ends equal seeds give equal runs (simulated_driver::trace_hash).
// Who: options and faults before the drivers start; the dice are a driver's own; the plan is
// guarded, for nodes of several schedulers.
//
// The clock. Without real peers time is virtual on the threads that own a driver: it stands still
// while anything can happen and jumps to the next deadline when nothing can, so that hours of
// waiting pass in no time. It is for one thread. With real peers (other threads or processes) time
// is the system's, and an idle driver waits in poll(2).
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "io/request.hpp"

namespace sluice::inline v0::io {

/// What can be done to one completion.
enum class fault_kind : std::uint8_t {
  error,      ///< it fails with os_error, and nothing is carried out
  cut_short,  ///< one byte is received, sent, read or written
  no_buffer,  ///< ENOBUFS, though there are buffers
  lost_more,  ///< a multishot request succeeds and ends
  late,       ///< a cancelled request succeeds all the same
};
[[nodiscard]] const char* to_string(fault_kind kind) noexcept;

struct fault {
  op_site site = op_site::test;
  fault_kind kind = fault_kind::error;
  int os_error = 0;
  std::uint64_t nth = 1;  ///< of the site's completions (late: of its cancels), from 1
};

/// Per mille each, decided anew for each completion. Requests of op_site::test are spared.
struct simulation_odds {
  unsigned error = 0;   ///< any errno of a list for the request's kind; objects may end of it
  unsigned retry = 20;  ///< EINTR or EAGAIN, where the kernel answers so
  unsigned cut_short = 200;
  unsigned no_buffer = 20;
  unsigned lost_more = 100;
  unsigned late = 500;
};

struct simulation_options {
  std::uint64_t seed = 1;
  bool has_real_peers = false;
  base::nanoseconds_t delay_max_ns = 200'000;  ///< each completion comes 0 to so much later
  unsigned submit_count_max = 8;  ///< a turn takes 1 to so many requests: short submits
  unsigned finish_count_max = 8;  ///< a turn hands out 1 to so many completions: overflow
  /// Sends of one descriptor are carried out in their order, as rings do until one has to wait.
  bool keeps_send_order = false;
  simulation_odds odds{};
};

class simulation {
 public:
  explicit simulation(const simulation_options& options = {});
  simulation(const simulation&) = delete;
  simulation& operator=(const simulation&) = delete;

  /// Adds a fault to the plan.
  void inject(const fault& planned);
  /// Planned faults that have happened.
  [[nodiscard]] unsigned fired_count() const;
  /// Completions that the site has had.
  [[nodiscard]] std::uint64_t completion_count(op_site site) const;

  // ---- for simulated_driver
  [[nodiscard]] const simulation_options& options() const noexcept { return options_; }
  /// Seeds of the drivers differ in order of their making.
  [[nodiscard]] std::uint64_t next_seed();
  /// The fault planned for the site's next completion (which is counted), or its next cancel.
  [[nodiscard]] std::optional<fault> next_completion_fault(op_site site);
  [[nodiscard]] bool is_next_cancel_late(op_site site);
  /// Puts the calling thread on the virtual clock, if there is one, until as many have left.
  void enter_clock() noexcept;
  void leave_clock() noexcept;
  /// Sets the virtual clock; it never goes back.
  void advance_clock(base::nanoseconds_t to_ns) noexcept;

 private:
  [[nodiscard]] std::optional<fault> take(op_site site, bool late, std::uint64_t nth);

  const simulation_options options_;
  base::atomic<base::nanoseconds_t> clock_;
  base::atomic<unsigned> driver_count_{0};
  mutable std::mutex guard_;  // of all below
  base::random_source seeds_;
  std::vector<fault> plan_;
  unsigned fired_count_ = 0;
  std::array<std::uint64_t, op_site_count> completions_{};
  std::array<std::uint64_t, op_site_count> cancels_{};
};

/// The errors that the kernel documents for a kind of request (man pages and sources), without
/// those that only a wrong program meets.
[[nodiscard]] const std::vector<int>& errors_of(request_kind kind);

}  // namespace sluice::inline v0::io
