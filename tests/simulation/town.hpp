// town: who lives in a simulated node, what they owe each other, and what is done to them.
//
// People send numbered letters, call each other, sleep on timers, hear news and sit in groups;
// callers keep a TCP connection to an echo in the same node. All are children of supervisors of
// every strategy. Who breaks a promise is told to the town, which keeps the first broken ones.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <sluice/sluice.hpp>

#include "base/random.hpp"
#include "testing/stepped_node.hpp"

namespace simulation {

using namespace std::chrono_literals;

/// What can be done to those who live in the town; faults of I/O come beside these (faults.cpp).
enum class mishap : unsigned char {
  exception_in_handler,
  exit_normal,
  exit_error,
  kill_other,
  shut_down_other,
  kill_supervisor,
  kill_client,
  reset_connection,
  kill_server,
  fill_mailbox,
  cancel_timer,
  call_times_out,
  call_nobody,
  leave_answer_open,
  restart_by_hand,
  exception_in_start,
  timer_storm,
  spawn_and_forget,
  count,
};
[[nodiscard]] const char* to_string(mishap kind) noexcept;

/// Planted defects, to show that the checks see them.
enum class defect : unsigned char {
  none,
  lost_letter,
  doubled_letter,
  swapped_letters,
  early_timer,
  dead_person,
  silent_echo,
  kept_message,
  kept_descriptor,
};
inline constexpr const char* defect_names[] = {
    "none",        "lost-letter", "doubled-letter", "swapped-letters", "early-timer",
    "dead-person", "silent-echo", "kept-message",   "kept-descriptor"};

struct plan {
  std::uint64_t seed = 1;
  unsigned people = 1000;
  unsigned callers = 4;
  std::int64_t act_ns = 600'000'000'000;  ///< between two acts of a person, on average
  bool has_mishaps = true;
  defect planted = defect::none;
};

class town {
 public:
  explicit town(const plan& how);
  town(const town&) = delete;
  town& operator=(const town&) = delete;
  ~town();

  /// Mishaps and faults of I/O as they are drawn.
  void live(std::int64_t time_ns);
  /// No more mishaps: everybody has to be back and to answer.
  void recover();
  /// Stops the node and judges what is left.
  void end();

  [[nodiscard]] std::uint64_t events() const noexcept { return events_; }
  [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }
  [[nodiscard]] const std::vector<std::string>& broken() const noexcept { return broken_; }
  [[nodiscard]] const std::array<std::uint64_t, static_cast<std::size_t>(mishap::count)>& mishaps()
      const noexcept {
    return mishaps_;
  }
  [[nodiscard]] const std::map<std::string, std::uint64_t>& io_faults() const noexcept {
    return io_faults_;
  }

  // For those who live there.
  void complain(std::string what);
  [[nodiscard]] std::uint64_t draw(std::uint64_t below) { return random_.next() % below; }
  [[nodiscard]] std::int64_t now();
  [[nodiscard]] bool happens(mishap kind, std::uint64_t one_in);
  [[nodiscard]] bool is_planted(defect what) const noexcept { return plan_.planted == what; }
  [[nodiscard]] const plan& how() const noexcept { return plan_; }

  struct place {
    sluice::pid who{};
    std::uint64_t answers = 0;
  };
  std::vector<place> people;
  std::vector<place> callers;
  std::vector<sluice::pid> districts;
  sluice::alias server{};
  std::uint16_t port = 0;
  std::uint64_t next_name = 1;  ///< of an incarnation

 private:
  void advance(std::int64_t time_ns);
  void inject_io_fault();

  plan plan_;
  sluice::base::random_source random_;
  std::size_t descriptors_before_;
  std::int64_t blocks_before_;
  std::unique_ptr<sluice::testing::stepped_node> in_;
  bool has_mishaps_ = false;
  std::uint64_t events_ = 0;
  std::uint64_t hash_ = 0;
  std::vector<std::string> broken_;
  std::array<std::uint64_t, static_cast<std::size_t>(mishap::count)> mishaps_{};
  std::map<std::string, std::uint64_t> io_faults_;
};

/// The people, as children of supervisors of every strategy, and the echo and its callers.
sluice::result<void> settle(sluice::node& in, town& of);
struct question {
  using reply = std::uint64_t;
  std::uint64_t value = 0;
};

/// The faults of I/O that can be drawn: site, kind and errno.
std::vector<sluice::io::fault> io_faults();
[[nodiscard]] std::string describe(const sluice::io::fault& what);

}  // namespace simulation
