// raw-udp: the bare UDP echo servers the gateway's udp mode is measured against. Options, start and
// stop, summary; the servers themselves are datagrams_uring.cpp and datagrams_calls.cpp.
#include <unistd.h>

#include <cstdio>

#include "../harness/arguments.hpp"
#include "cpu_time.hpp"
#include "datagrams.hpp"
#include "sockets.hpp"

namespace {

using namespace sluice::bench;

constexpr const char* usage =
    "raw-udp --driver uring|mmsg|plain --listen HOST:PORT [options]\n"
    "A UDP echo server without any actor: the cost of the kernel interface alone.\n"
    "  --driver uring        io_uring, multishot receive, answers of a turn in one enter "
    "(default)\n"
    "           mmsg         recvmmsg and sendmmsg\n"
    "           plain        recvfrom and sendto\n"
    "  --listen HOST:PORT    where (default 127.0.0.1:7000)\n"
    "  --pin CPU             bind the thread to one CPU\n"
    "  --buffers N           provided buffers, a power of two (uring; default 256)\n"
    "  --buffer-size BYTES   room for a datagram (default 2048); longer ones are counted and "
    "dropped\n"
    "  --batch N             datagrams a call (mmsg; default 64)\n"
    "  --poll-us N           how long an idle loop looks before it sleeps (default 20; not plain)\n"
    "  --seconds T           stop by itself after T seconds (default: on SIGINT or SIGTERM)\n"
    "Ends with a summary; exit code 0 after a stop, 1 for a bad command line, 2 when it cannot "
    "start.\n";

int fail(int code, const std::string& problem) {
  std::fprintf(stderr, "raw-udp: %s\n", problem.c_str());
  return code;
}

void print_summary(const std::string& driver, const datagram_counts& counts) {
  const cpu_seconds used = own_cpu_seconds();
  std::printf("driver=%s received=%llu sent=%llu refused=%llu truncated=%llu starved=%llu\n",
              driver.c_str(), static_cast<unsigned long long>(counts.received),
              static_cast<unsigned long long>(counts.sent),
              static_cast<unsigned long long>(counts.refused),
              static_cast<unsigned long long>(counts.truncated),
              static_cast<unsigned long long>(counts.starved));
  std::printf("cpu_s=%.3f syscalls=%llu\n", used.user + used.system,
              static_cast<unsigned long long>(counts.syscalls));
}

}  // namespace

int main(int argc, char** argv) {
  arguments line(argc, argv,
                 {"--driver", "--listen", "--pin", "--buffers", "--buffer-size", "--batch",
                  "--poll-us", "--seconds"},
                 {"--help"});
  if (line.has("--help")) {
    std::fputs(usage, stdout);
    return 0;
  }
  datagram_options options;
  const std::string driver = line.text("--driver", "uring");
  const std::string listen = line.text("--listen", "127.0.0.1:7000");
  options.buffers = line.number<unsigned>("--buffers", 256, 2, 32768);
  options.buffer_bytes = line.number<unsigned>("--buffer-size", 2048, 64, 65536);
  options.batch = line.number<unsigned>("--batch", 64, 1, 1024);
  options.poll_ns = line.number<std::uint64_t>("--poll-us", 20, 0, 1'000'000) * 1000;
  const int pin = line.number<int>("--pin", -1, 0, 1023);
  const double seconds = line.number<double>("--seconds", 0, 0, 86400);
  if (!line.problem().empty()) return fail(1, line.problem());
  const auto serve = driver == "uring"   ? answer_with_uring
                     : driver == "mmsg"  ? answer_in_batches
                     : driver == "plain" ? answer_one_by_one
                                         : nullptr;
  if (serve == nullptr) return fail(1, "--driver is uring, mmsg or plain");
  if ((options.buffers & (options.buffers - 1)) != 0) {
    return fail(1, "--buffers must be a power of two");
  }

  std::string problem;
  address where;
  if (!parse_address(listen, where, problem)) return fail(1, problem);
  if (pin >= 0 && !pin_to_cpu(pin, problem)) return fail(2, problem);
  options.fd = bind_datagrams(where, problem);
  if (options.fd < 0) return fail(2, "cannot bind " + listen + ": " + problem);
  options.signal_fd = stop_signals_fd();
  stop_after(seconds);

  std::printf("raw-udp driver=%s listen=%s pid=%d\n", driver.c_str(), listen.c_str(),
              static_cast<int>(::getpid()));
  std::fflush(stdout);
  datagram_counts counts;
  if (!serve(options, counts, problem)) return fail(2, problem);
  print_summary(driver, counts);
  return 0;
}
