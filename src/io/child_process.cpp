#include "io/child_process.hpp"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLUICE_CHILD_COPIES_MEMORY
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLUICE_CHILD_COPIES_MEMORY
#endif

namespace sluice::inline v0::io {
namespace {

#if defined(SLUICE_CHILD_COPIES_MEMORY)
constexpr int memory_flags = 0;  // Their runtimes would take the child for a thread of ours.
#else
constexpr int memory_flags = CLONE_VM;
#endif

// Not in the headers of Linux 6.1.
constexpr unsigned pidfd_signal_process_group = 1U << 2;
constexpr int signal_count = 64;
constexpr std::size_t kernel_mask_bytes = 8;

enum class child_step : int { none, group, death_signal, descriptors, directory, signals, exec };

const char* place_of(child_step step) noexcept {
  switch (step) {
    case child_step::none: break;
    case child_step::group: return "child process: process group";
    case child_step::death_signal: return "child process: parent death signal";
    case child_step::descriptors: return "child process: descriptors";
    case child_step::directory: return "child process: working directory";
    case child_step::signals: return "child process: signals";
    case child_step::exec: return "child process: exec";
  }
  return "child process";
}

/// In shared memory: what the child has to say when it does not become the program.
struct child_report {
  child_step step = child_step::none;
  int os_error = 0;
};

/// All that the child reads, made before it is.
struct child_plan {
  const char* const* candidates;  // paths to try, then null
  char* const* argv;
  char* const* env;
  const char* directory;  // or null
  const int* fds;
  bool has_own_group;
  int parent_death_signal;
  ::pid_t parent;
  child_report* report;
};

/// The kernel's struct sigaction, all zero: the default disposition.
struct default_action {
  unsigned long words[4] = {};
};

#define SLUICE_CHILD_CODE __attribute__((no_sanitize("address", "thread", "undefined"), noinline))

[[noreturn]] SLUICE_CHILD_CODE void give_up(const child_plan& plan, child_step step, int os_error) {
  plan.report->step = step;
  plan.report->os_error = os_error;
  for (;;) ::syscall(SYS_exit_group, 127);
}

// CP2: signals that the host ignores would stay ignored across the exec.
SLUICE_CHILD_CODE void reset_signals(const child_plan& plan) {
  const default_action action;
  for (int number = 1; number <= signal_count; ++number) {
    if (number == SIGKILL || number == SIGSTOP) continue;
    if (::syscall(SYS_rt_sigaction, number, &action, nullptr, kernel_mask_bytes) != 0) {
      give_up(plan, child_step::signals, errno);
    }
  }
  const unsigned long nothing = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &nothing, nullptr, kernel_mask_bytes);
}

// Tries one path after the other, as a shell does; tells the error that says most.
[[noreturn]] SLUICE_CHILD_CODE void become_program(const child_plan& plan) {
  int told = ENOENT;
  for (const char* const* path = plan.candidates; *path != nullptr; ++path) {
    ::syscall(SYS_execve, *path, plan.argv, plan.env);
    const int os_error = errno;
    if (os_error == EACCES) {
      told = EACCES;
    } else if (os_error != ENOENT && os_error != ENOTDIR) {
      give_up(plan, child_step::exec, os_error);
    }
  }
  give_up(plan, child_step::exec, told);
}

// CP1. errno is the stopped caller's, whose call sets it anew.
SLUICE_CHILD_CODE int run_child(void* argument) {
  const child_plan& plan = *static_cast<const child_plan*>(argument);
  if (plan.has_own_group && ::syscall(SYS_setpgid, 0, 0) != 0) {
    give_up(plan, child_step::group, errno);
  }
  if (plan.parent_death_signal != 0) {
    if (::syscall(SYS_prctl, PR_SET_PDEATHSIG, plan.parent_death_signal, 0, 0, 0) != 0) {
      give_up(plan, child_step::death_signal, errno);
    }
    // It may have died before it was asked for.
    if (::syscall(SYS_getppid) != plan.parent) give_up(plan, child_step::death_signal, ESRCH);
  }
  for (int fd = 0; fd < 3; ++fd) {
    if (::syscall(SYS_dup3, plan.fds[fd], fd, 0) < 0) {
      give_up(plan, child_step::descriptors, errno);
    }
  }
  if (::syscall(SYS_close_range, 3U, ~0U, 0U) != 0) {
    give_up(plan, child_step::descriptors, errno);
  }
  if (plan.directory != nullptr && ::syscall(SYS_chdir, plan.directory) != 0) {
    give_up(plan, child_step::directory, errno);
  }
  reset_signals(plan);
  become_program(plan);
}

#undef SLUICE_CHILD_CODE

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> paths_of(const std::string& name) {
  if (name.find('/') != std::string::npos) return {name};
  const char* const set = std::getenv("PATH");
  std::string_view rest = set != nullptr ? set : "/usr/local/bin:/usr/bin:/bin";
  std::vector<std::string> paths;
  for (bool is_last = false; !is_last;) {
    const std::size_t colon = rest.find(':');
    is_last = colon == std::string_view::npos;
    const std::string_view folder = rest.substr(0, colon);
    paths.push_back((folder.empty() ? std::string{"."} : std::string{folder}) + "/" + name);
    if (!is_last) rest.remove_prefix(colon + 1);
  }
  return paths;
}

/// The child's stack, and above it the report; below it a page that faults.
class child_memory {
 public:
  child_memory() noexcept {
    void* const got = ::mmap(nullptr, total_bytes, PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED) return;
    start_ = static_cast<std::byte*>(got);
    ::mprotect(start_, guard_bytes, PROT_NONE);
    new (start_ + guard_bytes + stack_bytes) child_report;
  }
  child_memory(const child_memory&) = delete;
  child_memory& operator=(const child_memory&) = delete;
  ~child_memory() {
    if (start_ != nullptr) ::munmap(start_, total_bytes);
  }
  [[nodiscard]] bool is_there() const noexcept { return start_ != nullptr; }
  [[nodiscard]] void* stack_top() const noexcept { return start_ + guard_bytes + stack_bytes; }
  [[nodiscard]] child_report* report() const noexcept {
    return std::launder(static_cast<child_report*>(stack_top()));
  }

 private:
  static constexpr std::size_t guard_bytes = 65536;  // a page, whatever its size
  static constexpr std::size_t stack_bytes = 65536;
  static constexpr std::size_t total_bytes = guard_bytes + stack_bytes + 65536;
  std::byte* start_ = nullptr;
};

// The host's handlers must not run in the child, which shares our memory.
class all_signals_blocked {
 public:
  all_signals_blocked() noexcept {
    ::sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  all_signals_blocked(const all_signals_blocked&) = delete;
  all_signals_blocked& operator=(const all_signals_blocked&) = delete;
  ~all_signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  ::sigset_t before_;
};

bool signal_through(int pidfd, int number, unsigned flags) noexcept {
  return ::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, flags) == 0;
}

}  // namespace

result<child_process> child_process::spawn(const child_order& order) {
  const child_memory memory;
  if (!memory.is_there()) return error_from_errno(errno, "child process: memory");
  const std::vector<std::string> paths = paths_of(order.argv.front());
  const std::vector<char*> candidates = pointers_to(paths);
  const std::vector<char*> argv = pointers_to(order.argv);
  const std::vector<char*> env = pointers_to(order.env);
  child_plan plan{candidates.data(),
                  argv.data(),
                  env.data(),
                  order.directory.empty() ? nullptr : order.directory.c_str(),
                  order.fds,
                  order.has_own_group,
                  order.parent_death_signal,
                  ::getpid(),
                  memory.report()};
  int pidfd = -1;
  int os_pid = -1;
  {
    const all_signals_blocked guard;
    os_pid = ::clone(&run_child, memory.stack_top(),
                     memory_flags | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &plan, &pidfd);
  }
  if (os_pid < 0) return error_from_errno(errno, "child process: clone");
  child_process made{base::unique_fd{pidfd}, os_pid, order.has_own_group};
  const child_report told = *memory.report();
  if (told.step == child_step::none) return made;
  made.kill_and_reap();
  return error_from_errno(told.os_error, place_of(told.step));
}

child_process::~child_process() { kill_and_reap(); }

bool child_process::send_signal(int number) noexcept {
  if (is_reaped()) return false;
  if (!has_own_group_) return signal_through(pidfd(), number, 0);
  if (signal_through(pidfd(), number, pidfd_signal_process_group)) return true;
  // A kernel before 6.9. The number of a process that was not reaped is nobody else's.
  return errno == EINVAL && ::kill(-os_pid_, number) == 0;
}

std::optional<child_end> child_process::try_reap() noexcept {
  if (is_reaped()) return std::nullopt;
  ::siginfo_t info{};
  int answer = 0;
  do {
    answer = ::waitid(P_PIDFD, static_cast<::id_t>(pidfd()), &info, WEXITED | WNOHANG);
  } while (answer != 0 && errno == EINTR);
  child_end end;
  if (answer == 0) {
    if (info.si_pid == 0) return std::nullopt;  // It lives.
    end.is_known = true;
    (info.si_code == CLD_EXITED ? end.code : end.signal) = info.si_status;
  } else {
    // ECHILD: somebody else's wait was quicker, or the kernel itself reaped it. Is it over?
    ::pollfd over{pidfd(), POLLIN, 0};
    if (::poll(&over, 1, 0) == 0) return std::nullopt;
  }
  pidfd_.reset();
  return end;
}

std::optional<child_end> child_process::kill_and_reap() noexcept {
  if (is_reaped()) return std::nullopt;
  send_signal(SIGKILL);
  const base::nanoseconds_t bound_ns = base::now_ns() + kill_bound_ns;
  for (;;) {
    if (auto end = try_reap()) return end;
    const base::nanoseconds_t left_ns = bound_ns - base::now_ns();
    if (left_ns <= 0) return std::nullopt;
    ::pollfd over{pidfd(), POLLIN, 0};
    ::poll(&over, 1, static_cast<int>(left_ns / 1'000'000) + 1);
  }
}

}  // namespace sluice::inline v0::io
