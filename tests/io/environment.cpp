#include "io/environment.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string_view>
#include <utility>

#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>

#include "io/driver_choice.hpp"
#include "io/simulation.hpp"

namespace io_test {
namespace {

constexpr std::pair<std::string_view, environment> environment_names[] = {
    {"uring", environment::uring},         {"epoll", environment::epoll},
    {"simulated", environment::simulated}, {"unprivileged", environment::unprivileged},
    {"tiny", environment::tiny},           {"seccomp", environment::seccomp},
};

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "io tests: %s\n", what);
  std::exit(2);
}

environment named_environment() {
  const char* const given = std::getenv("SLUICE_IO_DRIVER");
  if (given == nullptr || *given == '\0') return environment::uring;
  for (const auto& [name, value] : environment_names) {
    if (name == given) return value;
  }
  give_up("SLUICE_IO_DRIVER is none of uring, epoll, simulated, unprivileged, tiny, seccomp");
}

/// Without rights and, if a ring can be made so, without memory that may be locked.
void drop_privileges() {
  if (::getuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) {
    give_up("cannot become another user");
  }
  // As it was before: the tests count their descriptors, and leak checkers look at their threads.
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  ::rlimit before{};
  ::getrlimit(RLIMIT_MEMLOCK, &before);
  const ::rlimit none{0, before.rlim_max};
  ::setrlimit(RLIMIT_MEMLOCK, &none);
  const bool works = io::uring_driver::create().has_value();
  if (!works) ::setrlimit(RLIMIT_MEMLOCK, &before);
  std::printf("user %u, memory that may be locked: %s\n", static_cast<unsigned>(::getuid()),
              works ? "none" : "as before, a ring needs some");
}

/// The seeds of a test's drivers follow from this one; given by SLUICE_TEST_SEED it repeats a run.
std::uint64_t seed_of_run() {
  static const std::uint64_t seed = [] {
    if (const char* given = std::getenv("SLUICE_TEST_SEED")) {
      return static_cast<std::uint64_t>(std::strtoull(given, nullptr, 0));
    }
    return static_cast<std::uint64_t>(base::now_ns());
  }();
  return seed;
}

unsigned drivers_of_case = 0;

/// Simulations outlive their drivers, also those of a test that was left by an exception.
io::simulation& make_simulation() {
  static std::deque<io::simulation> all;
  io::simulation_options options;
  options.seed = seed_of_run() + drivers_of_case++;
  options.has_real_peers = true;
  options.keeps_send_order = true;
  return all.emplace_back(options);
}

class preparation final : public Catch::EventListenerBase {
 public:
  using Catch::EventListenerBase::EventListenerBase;
  void testRunStarting(const Catch::TestRunInfo&) override {
    const environment here = this_environment();
    if (here == environment::unprivileged) drop_privileges();
    if (here == environment::seccomp && !forbid_io_uring(EPERM)) give_up("seccomp is not there");
    if (here == environment::simulated) {
      std::printf("simulated drivers: SLUICE_TEST_SEED=%llu\n",
                  static_cast<unsigned long long>(seed_of_run()));
    }
    std::fflush(stdout);
  }
  void testCaseStarting(const Catch::TestCaseInfo&) override { drivers_of_case = 0; }
};
CATCH_REGISTER_LISTENER(preparation)

io::driver_kind kind_of(environment here) {
  switch (here) {
    case environment::epoll: return io::driver_kind::epoll;
    case environment::simulated: return io::driver_kind::simulated;
    case environment::seccomp: return io::driver_kind::automatic;
    default: return io::driver_kind::io_uring;
  }
}

}  // namespace

environment this_environment() {
  static const environment here = named_environment();
  return here;
}

bool forbid_io_uring(int os_error) {
  ::sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(::seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(os_error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  ::sock_fprog program{4, code};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

std::unique_ptr<io::driver> make_driver(const io::uring_options& options) {
  io::driver_plan plan;
  plan.kind = kind_of(this_environment());
  plan.options = options;
  if (this_environment() == environment::tiny) {
    plan.options.sq_entries = std::min(options.sq_entries, 4U);
    plan.options.cq_entries = std::min(options.cq_entries, 4U);
    const bool says_its_own = options.common.buffer_count != io::driver_options{}.buffer_count;
    if (!says_its_own) plan.options.common.buffer_count = 2;
  }
  if (plan.kind == io::driver_kind::simulated) plan.simulated = &make_simulation();
  auto created = io::create_driver(plan);
  INFO(created.error().message());
  REQUIRE(created.has_value());
  return std::move(created->made);
}

}  // namespace io_test
