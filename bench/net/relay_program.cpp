#include "relay_program.hpp"

#include <unistd.h>

#include <cstdio>

#include "../harness/arguments.hpp"
#include "cpu_time.hpp"
#include "relay.hpp"

namespace sluice::bench {
namespace {

constexpr const char* shared_usage =
    "  --driver uring|epoll  which interface (default uring)\n"
    "  --listen HOST:PORT    where (default 127.0.0.1:7000)\n"
    "  --pin CPU             bind the thread to one CPU\n"
    "  --buffers N           provided buffers, a power of two (uring; default 256)\n"
    "  --buffer-size BYTES   bytes of each (uring; default 16384)\n"
    "  --splice              move bytes through a pipe (epoll)\n"
    "  --poll-us N           how long an idle loop looks before it sleeps (default 20; 0 never)\n"
    "  --seconds T           stop by itself after T seconds (default: on SIGINT or SIGTERM)\n"
    "Ends with a summary; exit code 0 after a stop, 1 for a bad command line, 2 when it cannot "
    "start.\n";

int fail(const relay_program& program, int code, const std::string& problem) {
  std::fprintf(stderr, "%s: %s\n", program.name, problem.c_str());
  return code;
}

void print_summary(const std::string& driver, const relay_counts& counts) {
  const cpu_seconds used = own_cpu_seconds();
  std::printf(
      "driver=%s accepted=%llu bytes_out=%llu paused=%llu starved=%llu user_s=%.3f sys_s=%.3f\n",
      driver.c_str(), static_cast<unsigned long long>(counts.accepted),
      static_cast<unsigned long long>(counts.bytes_out),
      static_cast<unsigned long long>(counts.paused),
      static_cast<unsigned long long>(counts.starved), used.user, used.system);
  std::printf("cpu_s=%.3f bytes_in=%llu recvs=%llu syscalls=%llu\n", used.user + used.system,
              static_cast<unsigned long long>(counts.bytes_in),
              static_cast<unsigned long long>(counts.receives),
              static_cast<unsigned long long>(counts.syscalls));
}

}  // namespace

int run_relay(const relay_program& program, int argc, char** argv) {
  arguments line(argc, argv,
                 {"--driver", "--listen", "--to", "--pin", "--buffers", "--buffer-size",
                  "--poll-us", "--seconds"},
                 {"--help", "--splice"});
  if (line.has("--help")) {
    std::fputs(program.usage, stdout);
    std::fputs(shared_usage, stdout);
    return 0;
  }
  relay_options options;
  const std::string driver = line.text("--driver", "uring");
  const std::string listen = line.text("--listen", "127.0.0.1:7000");
  options.buffers = line.number<unsigned>("--buffers", 256, 2, 32768);
  options.buffer_bytes = line.number<unsigned>("--buffer-size", 16384, 64, 1 << 20);
  options.poll_ns = line.number<std::uint64_t>("--poll-us", 20, 0, 1'000'000) * 1000;
  options.splice = line.has("--splice");
  const int pin = line.number<int>("--pin", -1, 0, 1023);
  const double seconds = line.number<double>("--seconds", 0, 0, 86400);
  if (!line.problem().empty()) return fail(program, 1, line.problem());
  if (driver != "uring" && driver != "epoll") return fail(program, 1, "--driver is uring or epoll");
  if ((options.buffers & (options.buffers - 1)) != 0) {
    return fail(program, 1, "--buffers must be a power of two");
  }
  if (options.splice && driver != "epoll") return fail(program, 1, "--splice is for epoll");
  if (line.has("--to") != program.has_target) {
    return fail(program, 1,
                program.has_target ? "--to HOST:PORT is missing" : "--to means nothing");
  }

  std::string problem;
  address where;
  address target;
  if (!parse_address(listen, where, problem)) return fail(program, 1, problem);
  if (program.has_target) {
    if (!parse_address(line.text("--to"), target, problem)) return fail(program, 1, problem);
    options.target = &target;
  }
  if (pin >= 0 && !pin_to_cpu(pin, problem)) return fail(program, 2, problem);
  if (!allow_descriptors(1, problem)) return fail(program, 2, problem);
  options.listen_fd = listen_on(where, problem);
  if (options.listen_fd < 0) {
    return fail(program, 2, "cannot listen on " + listen + ": " + problem);
  }
  options.signal_fd = stop_signals_fd();
  stop_after(seconds);

  std::printf("%s driver=%s listen=%s pid=%d\n", program.name, driver.c_str(), listen.c_str(),
              static_cast<int>(::getpid()));
  std::fflush(stdout);
  relay_counts counts;
  const bool served = driver == "uring" ? relay_with_uring(options, counts, problem)
                                        : relay_with_epoll(options, counts, problem);
  if (!served) return fail(program, 2, problem);
  print_summary(driver, counts);
  return 0;
}

}  // namespace sluice::bench
