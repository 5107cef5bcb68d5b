#include "base/thread.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace sluice::inline v0::base {

namespace {

// The new thread inherits the mask of its starter, so the starter blocks everything for a moment.
class blocked_signals {
 public:
  blocked_signals() noexcept {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  blocked_signals(const blocked_signals&) = delete;
  blocked_signals& operator=(const blocked_signals&) = delete;
  ~blocked_signals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

bool is_allowed(int core) noexcept {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return false;
  return core >= 0 && core < CPU_SETSIZE && CPU_ISSET(core, &allowed);
}

}  // namespace

result<std::thread> start_thread(const thread_options& options, std::function<void()> body) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  for (const int core : options.cores) {
    if (!is_allowed(core)) {
      return error{error_code::bad_argument, EINVAL, "pin: core outside the process's affinity"};
    }
    CPU_SET(core, &cores);
  }
  const bool is_pinned = !options.cores.empty();
  auto run = [name = options.name.substr(0, 15), cores, is_pinned, body = std::move(body)] {
    if (!name.empty()) ::pthread_setname_np(::pthread_self(), name.c_str());
    if (is_pinned) ::pthread_setaffinity_np(::pthread_self(), sizeof(cores), &cores);
    body();
  };
  const blocked_signals guard;
#if defined(__cpp_exceptions)
  try {
    return std::thread(std::move(run));
  } catch (const std::system_error& why) {
    return error_from_errno(why.code().value(), "thread start");
  } catch (const std::bad_alloc&) {
    return error{error_code::out_of_memory, 0, "thread start"};
  }
#else
  return std::thread(std::move(run));
#endif
}

}  // namespace sluice::inline v0::base
