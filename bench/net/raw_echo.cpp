// raw-echo: the bare echo server the gateway is measured against. Options, the two drivers' start
// and stop, the summary; the drivers themselves are echo_uring.cpp and echo_epoll.cpp.
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

#include "arguments.hpp"
#include "echo.hpp"
#include "sockets.hpp"

namespace {

using namespace sluice::bench;

constexpr const char* usage =
    "raw-echo --driver uring|epoll --listen HOST:PORT [options]\n"
    "A TCP echo server without any actor: the cost of the kernel interface alone.\n"
    "  --driver uring|epoll  which interface (default uring)\n"
    "  --listen HOST:PORT    where (default 127.0.0.1:7000)\n"
    "  --pin CPU             bind the thread to one CPU\n"
    "  --buffers N           provided buffers, a power of two (uring; default 256)\n"
    "  --buffer-size BYTES   bytes of each (uring; default 16384)\n"
    "  --poll-us N           how long an idle loop looks before it sleeps (default 20; 0 never)\n"
    "  --seconds T           stop by itself after T seconds (default: on SIGINT or SIGTERM)\n"
    "Ends with a summary; exit code 0 after a stop, 1 for a bad command line, 2 when it cannot "
    "start.\n";

int fail(int code, const std::string& problem) {
  std::fprintf(stderr, "raw-echo: %s\n", problem.c_str());
  return code;
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

void print_summary(const std::string& driver, const echo_counts& counts) {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  std::printf(
      "driver=%s accepted=%llu bytes_out=%llu paused=%llu starved=%llu user_s=%.3f sys_s=%.3f\n",
      driver.c_str(), static_cast<unsigned long long>(counts.accepted),
      static_cast<unsigned long long>(counts.bytes_out),
      static_cast<unsigned long long>(counts.paused),
      static_cast<unsigned long long>(counts.starved), seconds_of(used.ru_utime),
      seconds_of(used.ru_stime));
  std::printf("cpu_s=%.3f bytes_in=%llu recvs=%llu syscalls=%llu\n",
              seconds_of(used.ru_utime) + seconds_of(used.ru_stime),
              static_cast<unsigned long long>(counts.bytes_in),
              static_cast<unsigned long long>(counts.receives),
              static_cast<unsigned long long>(counts.syscalls));
}

}  // namespace

int main(int argc, char** argv) {
  arguments line(
      argc, argv,
      {"--driver", "--listen", "--pin", "--buffers", "--buffer-size", "--poll-us", "--seconds"},
      {"--help"});
  if (line.has("--help")) {
    std::fputs(usage, stdout);
    return 0;
  }
  echo_options options;
  const std::string driver = line.text("--driver", "uring");
  const std::string listen = line.text("--listen", "127.0.0.1:7000");
  options.buffers = line.number<unsigned>("--buffers", 256, 2, 32768);
  options.buffer_bytes = line.number<unsigned>("--buffer-size", 16384, 64, 1 << 20);
  options.poll_ns = line.number<std::uint64_t>("--poll-us", 20, 0, 1'000'000) * 1000;
  const int pin = line.number<int>("--pin", -1, 0, 1023);
  const double seconds = line.number<double>("--seconds", 0, 0, 86400);
  if (!line.problem().empty()) return fail(1, line.problem());
  if (driver != "uring" && driver != "epoll") return fail(1, "--driver is uring or epoll");
  if ((options.buffers & (options.buffers - 1)) != 0) {
    return fail(1, "--buffers must be a power of two");
  }

  std::string problem;
  address where;
  if (!parse_address(listen, where, problem)) return fail(1, problem);
  if (pin >= 0 && !pin_to_cpu(pin, problem)) return fail(2, problem);
  options.listen_fd = listen_on(where, problem);
  if (options.listen_fd < 0) return fail(2, "cannot listen on " + listen + ": " + problem);
  options.signal_fd = stop_signals_fd();
  stop_after(seconds);

  std::printf("raw-echo driver=%s listen=%s pid=%d\n", driver.c_str(), listen.c_str(),
              static_cast<int>(::getpid()));
  std::fflush(stdout);
  echo_counts counts;
  const bool served = driver == "uring" ? echo_with_uring(options, counts, problem)
                                        : echo_with_epoll(options, counts, problem);
  if (!served) return fail(2, problem);
  print_summary(driver, counts);
  return 0;
}
