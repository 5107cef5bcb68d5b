// Making a ring: which flags are asked for, what is given up when the kernel refuses, and the words
// for a host that forbids io_uring altogether.
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>

#include "io/uring_driver.hpp"

namespace sluice::inline v0::io {
namespace {

constexpr unsigned flags_always = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;

/// From the wanted set down to what every supported kernel takes.
constexpr std::array<unsigned, 4> flag_ladder{
    flags_always | IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
        IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    flags_always | IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN |
        IORING_SETUP_TASKRUN_FLAG,
    flags_always | IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL,
    flags_always,
};

struct flag_name {
  unsigned flag;
  const char* name;
};
constexpr std::array<flag_name, 8> flag_names{{
    {IORING_SETUP_SINGLE_ISSUER, "SINGLE_ISSUER"},
    {IORING_SETUP_DEFER_TASKRUN, "DEFER_TASKRUN"},
    {IORING_SETUP_COOP_TASKRUN, "COOP_TASKRUN"},
    {IORING_SETUP_TASKRUN_FLAG, "TASKRUN_FLAG"},
    {IORING_SETUP_SUBMIT_ALL, "SUBMIT_ALL"},
    {IORING_SETUP_R_DISABLED, "R_DISABLED"},
    {IORING_SETUP_CQSIZE, "CQSIZE"},
    {IORING_SETUP_CLAMP, "CLAMP"},
}};

[[nodiscard]] std::string names_of(unsigned flags) {
  std::string text;
  for (const flag_name& entry : flag_names) {
    if ((flags & entry.flag) == 0) continue;
    if (!text.empty()) text += '|';
    text += entry.name;
  }
  return text.empty() ? "none" : text;
}

/// kernel.io_uring_disabled: 0 free, 1 for privileged and one group, 2 for nobody; -1 not there.
[[nodiscard]] int disabled_sysctl() {
  std::ifstream file("/proc/sys/kernel/io_uring_disabled");
  int value = -1;
  if (!(file >> value)) return -1;
  return value;
}

/// The mode in /proc/self/status: 0 none, 1 strict, 2 a filter; -1 unknown.
[[nodiscard]] int seccomp_mode() {
  std::ifstream file("/proc/self/status");
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind("Seccomp:", 0) == 0) return std::atoi(line.c_str() + 8);
  }
  return -1;
}

constexpr const char* place_sysctl = "io_uring_setup: forbidden by sysctl kernel.io_uring_disabled";
constexpr const char* place_seccomp = "io_uring_setup: forbidden by a seccomp filter";
constexpr const char* place_missing = "io_uring_setup: this kernel has no io_uring";
constexpr const char* place_memlock = "io_uring_setup: memory limit, see RLIMIT_MEMLOCK";
constexpr const char* place_forbidden = "io_uring_setup: forbidden by a security policy";

[[nodiscard]] error setup_error(int os_error) {
  switch (os_error) {
    case EPERM:
    case EACCES:
      if (os_error == EPERM && disabled_sysctl() > 0) {
        return {error_code::io_unavailable, os_error, place_sysctl};
      }
      return {error_code::io_unavailable, os_error,
              seccomp_mode() == 2 ? place_seccomp : place_forbidden};
    case ENOSYS:
      return {error_code::io_unavailable, os_error,
              seccomp_mode() == 2 ? place_seccomp : place_missing};
    case ENOMEM: return {error_code::io_unavailable, os_error, place_memlock};
    case EINVAL: return {error_code::io_unavailable, os_error, "io_uring_setup: kernel too old"};
    default: return error_from_errno(os_error, "io_uring_setup");
  }
}

// Without privileges a ring's memory counts against RLIMIT_MEMLOCK, and that of a ring closed a
// moment ago still does: the kernel tears it down later and tells nobody. So a refusal is first
// waited out (node restarts), then smaller rings are asked for; describe() shows the entries that
// were given.
constexpr unsigned teardown_waits_max = 40;
constexpr unsigned teardown_wait_us = 5'000;

/// Asks for less until the kernel takes the flags. Returns 0 or -errno.
[[nodiscard]] int init_ring(::io_uring& ring, unsigned& accepted, unsigned sq_entries,
                            unsigned cq_entries) {
  int failed = -EINVAL;
  for (const unsigned flags : flag_ladder) {
    ::io_uring_params params{};
    params.flags = flags;
    params.cq_entries = cq_entries;
    failed = ::io_uring_queue_init_params(sq_entries, &ring, &params);
    if (failed == 0) accepted = flags;
    if (failed != -EINVAL) break;  // only "unknown flag" is mended by asking for less
  }
  return failed;
}

/// Buffer rings (5.19) and multishot receives of streams and datagrams (6.0) have no flag that says
/// so. An operation of the same release stands for them, and asking for it shows whether
/// io_uring_register is allowed.
[[nodiscard]] bool has_multishot_receives(::io_uring& ring) noexcept {
  ::io_uring_probe* const probe = ::io_uring_get_probe_ring(&ring);
  if (probe == nullptr) return false;
  const bool is_there = ::io_uring_opcode_supported(probe, IORING_OP_SEND_ZC) != 0;
  ::io_uring_free_probe(probe);
  return is_there;
}

[[nodiscard]] bool are_valid(const uring_options& options) {
  return options.sq_entries > 0 && options.cq_entries >= options.sq_entries &&
         options.common.is_valid();
}

}  // namespace

result<std::unique_ptr<uring_driver>> uring_driver::create(const uring_options& options) {
  if (!are_valid(options)) return error{error_code::bad_argument, 0, "uring_options"};
  std::unique_ptr<uring_driver> self{new uring_driver(options)};
  self->flags_asked_ = flag_ladder.front();
  if (auto opened = self->signal_.open(); !opened) return opened.error();

  int failed = -ENOMEM;
  for (unsigned divisor = 1; failed == -ENOMEM && divisor <= 16; divisor *= 4) {
    const unsigned sq_entries = std::max(options.sq_entries / divisor, 1U);
    const unsigned cq_entries = std::max(options.cq_entries / divisor, sq_entries);
    for (unsigned attempt = 0;; ++attempt) {
      failed = init_ring(self->ring_, self->flags_accepted_, sq_entries, cq_entries);
      if (failed != -ENOMEM || divisor > 1 || attempt == teardown_waits_max) break;
      ::usleep(teardown_wait_us);
    }
  }
  if (failed != 0) return setup_error(-failed);

  constexpr unsigned needed =
      IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_EXT_ARG | IORING_FEAT_FAST_POLL;
  if ((self->ring_.features & needed) != needed) {
    return error{error_code::io_unavailable, 0, "io_uring_setup: kernel too old (features)"};
  }
  if (!has_multishot_receives(self->ring_)) {
    return error{error_code::io_unavailable, 0, "io_uring_setup: kernel too old (operations)"};
  }
  // A forked child must not meet the ring; refusal is no reason to fail.
  static_cast<void>(::io_uring_ring_dontfork(&self->ring_));
  return self;
}

std::string uring_driver::describe() const {
  ::utsname system{};
  ::uname(&system);
  const unsigned given_up = flags_asked_ & ~flags_accepted_;
  return std::string{"io_uring, kernel "} + system.release + ": " + names_of(flags_accepted_) +
         " (refused: " + names_of(given_up) + "), " + std::to_string(ring_.sq.ring_entries) + "/" +
         std::to_string(ring_.cq.ring_entries) + " entries, " +
         std::to_string(options_.buffer_count) + " x " + std::to_string(options_.buffer_bytes) +
         " B receive buffers";
}

std::string refusal_of(const error& why) {
  std::string_view text = why.place;
  constexpr std::string_view call = "io_uring_setup: ";
  if (text.substr(0, call.size()) == call) text.remove_prefix(call.size());
  const char* const name = why.os_error == 0 ? nullptr : ::strerrorname_np(why.os_error);
  return std::string{text} + (name == nullptr ? "" : std::string{", "} + name);
}

std::string explain_unavailable(const error& why) {
  std::string text = "io_uring is not available: " + why.message() + ". ";
  const int disabled = disabled_sysctl();
  if (why.place == place_sysctl) {
    text += "The sysctl kernel.io_uring_disabled is " + std::to_string(disabled);
    text += disabled == 1
                ? " (only CAP_SYS_ADMIN or members of kernel.io_uring_group may use it). Add the "
                  "user to that group, or set the sysctl to 0."
                : " (nobody may use it). Set it to 0: sysctl -w kernel.io_uring_disabled=0.";
  } else if (why.place == place_seccomp) {
    text +=
        "A seccomp filter is active in this process, as in containers with Docker's default "
        "profile. Run with a profile that allows io_uring_setup, io_uring_enter and "
        "io_uring_register (Docker: --security-opt seccomp=FILE).";
  } else if (why.place == place_missing) {
    text +=
        "The kernel was built without io_uring or is a sandbox's (gVisor). Run on Linux 6.1 or "
        "newer with CONFIG_IO_URING.";
  } else if (why.place == place_forbidden) {
    text +=
        "Neither sysctl nor seccomp forbids it; look at the security module's log (SELinux, "
        "AppArmor).";
  } else if (why.os_error == ENOMEM) {
    ::rlimit limit{};
    ::getrlimit(RLIMIT_MEMLOCK, &limit);
    text += "RLIMIT_MEMLOCK is " +
            (limit.rlim_cur == RLIM_INFINITY ? std::string{"unlimited"}
                                             : std::to_string(limit.rlim_cur / 1024) + " KiB") +
            "; raise it (ulimit -l) or ask for fewer entries and buffers.";
  } else {
    text += "Linux 6.1 or newer is needed.";
  }
  return text;
}

}  // namespace sluice::inline v0::io
