// child_process: a program started below this one, held by a pidfd until it has been reaped.
//
// When: a program that is to be run, watched and ended. Who: spawn() on any thread, which waits
// until the program runs (or has failed to); the rest by one owner at a time.
// Rules
//   CP1 The child is made as vfork makes one (memory shared, the caller stopped): nothing is
//       copied, no lock is taken in it. On its own stack it makes system calls alone, by number;
//       what failed is told through shared memory. Under sanitizers its memory is a copy.
//   CP2 The program sees the descriptors 0, 1 and 2, whatever the host has open; default
//       dispositions of all signals and an empty mask; the environment that was given, alone.
//   CP3 It is signalled and reaped through its pidfd, never by its number, which may be another's.
//   CP4 The owner reaps: there is no zombie after the object, but for a process that SIGKILL does
//       not end within kill_bound_ns.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sluice/result.hpp>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"

namespace sluice::inline v0::io {

struct child_order {
  /// argv[0] with a slash is the file, seen from `directory`; without one it is looked for in the
  /// host's PATH.
  std::vector<std::string> argv;
  std::vector<std::string> env;  ///< "NAME=value"
  std::string directory;         ///< empty: as the host
  int fds[3] = {-1, -1, -1};     ///< what become 0, 1 and 2, each 3 or more; borrowed
  bool has_own_group = false;    ///< its process group is its own
  int parent_death_signal = 0;   ///< sent to it when the thread that spawned it ends; 0 = none
};

/// How a child ended.
struct child_end {
  int code = -1;          ///< its exit code; -1: it has none
  int signal = 0;         ///< the signal that ended it, or 0
  bool is_known = false;  ///< false: somebody else reaped it (the host ignores SIGCHLD, or waits)
};

class child_process {
 public:
  static constexpr base::nanoseconds_t kill_bound_ns = 2'000'000'000;

  /// Errors: what the system said, and its place names the step (directory, exec, …).
  [[nodiscard]] static result<child_process> spawn(const child_order& order);

  child_process(child_process&&) noexcept = default;
  child_process& operator=(child_process&&) = delete;
  /// Kills what has not been reaped, and reaps it.
  ~child_process();

  /// Readable from its end on.
  [[nodiscard]] int pidfd() const noexcept { return pidfd_.get(); }
  /// For showing; names somebody else once it was reaped.
  [[nodiscard]] int os_pid() const noexcept { return os_pid_; }
  [[nodiscard]] bool is_reaped() const noexcept { return !pidfd_.is_open(); }

  /// To the process, or to all of its own group if it has one. False: there is nobody any more.
  bool send_signal(int number) noexcept;
  /// How it ended, if it has; at most once. The pidfd is closed then.
  [[nodiscard]] std::optional<child_end> try_reap() noexcept;
  /// SIGKILL, and waits for its end; blocks for kill_bound_ns at most.
  std::optional<child_end> kill_and_reap() noexcept;

 private:
  child_process(base::unique_fd pidfd, int os_pid, bool has_own_group) noexcept
      : pidfd_(std::move(pidfd)), os_pid_(os_pid), has_own_group_(has_own_group) {}

  base::unique_fd pidfd_;
  int os_pid_;
  bool has_own_group_;
};

}  // namespace sluice::inline v0::io
