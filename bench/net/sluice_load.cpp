// sluice-load: sends counted bytes to an echo service and measures what comes back. Options and
// connections; the run itself is load.cpp (what) and load_epoll.cpp (how).
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <random>

#include "arguments.hpp"
#include "load.hpp"
#include "sockets.hpp"

namespace {

using namespace sluice::bench;

constexpr const char* usage =
    "sluice-load --to HOST:PORT [options]\n"
    "TCP load generator for an echo service; every byte that comes back is verified.\n"
    "  --to HOST:PORT     the service\n"
    "  --connections C    default 50\n"
    "  --size S           bytes a message, default 64\n"
    "  --depth D          closed loop: messages in flight a connection, default 1\n"
    "  --rate R           open loop: R messages a second over all connections; latency is "
    "measured\n"
    "                     from the moment a message was due, and --depth does not apply\n"
    "  --seconds T        length of the measured window, default 5\n"
    "  --warmup T         seconds before it, default 0.5\n"
    "  --pin CPU          bind the thread to one CPU\n"
    "  --spin             never sleep (steadier latencies on a CPU of its own)\n"
    "  --poll-us N        how long an idle loop looks before it sleeps, default 50\n"
    "  --watch-pid PID    also report that process's CPU time a message over the window\n"
    "  --seed N           of the byte pattern, default random; printed\n"
    "  --allow-remote     without it only loopback addresses are accepted\n"
    "Exit code: 0 when messages came back and all were right, 1 for errors, 2 when it cannot "
    "start.\n";

int fail(const std::string& problem) {
  std::fprintf(stderr, "sluice-load: %s\n", problem.c_str());
  return 2;
}

bool connect_all(const address& to, std::uint32_t count, std::vector<int>& out,
                 std::string& problem) {
  for (std::uint32_t index = 0; index < count; ++index) {
    const int fd = connect_to(to, 5000, problem);
    if (fd < 0) {
      problem = "connection " + std::to_string(index) + ": " + problem;
      return false;
    }
    out.push_back(fd);
  }
  return true;
}

load_options read_options(arguments& line) {
  load_options options;
  options.connections = line.number<std::uint32_t>("--connections", 50, 1, 1'000'000);
  options.size_bytes = line.number<std::uint64_t>("--size", 64, 1, 1 << 30);
  options.depth = line.number<std::uint64_t>("--depth", 1, 1, 1 << 20);
  options.rate = line.number<double>("--rate", 0, 0, 1e9);
  options.window_ns =
      static_cast<std::uint64_t>(line.number<double>("--seconds", 5, 0.01, 86400) * 1e9);
  options.warmup_ns =
      static_cast<std::uint64_t>(line.number<double>("--warmup", 0.5, 0, 3600) * 1e9);
  options.poll_ns = line.number<std::uint64_t>("--poll-us", 50, 0, 1'000'000) * 1000;
  options.spin = line.has("--spin");
  options.watch_pid = line.number<int>("--watch-pid", 0, 0, 1 << 30);
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  arguments line(argc, argv,
                 {"--to", "--connections", "--size", "--depth", "--rate", "--seconds", "--warmup",
                  "--pin", "--poll-us", "--watch-pid", "--seed"},
                 {"--help", "--spin", "--allow-remote"});
  if (line.has("--help")) {
    std::fputs(usage, stdout);
    return 0;
  }
  const load_options options = read_options(line);
  const int pin = line.number<int>("--pin", -1, 0, 1023);
  const std::uint64_t seed = line.number<std::uint64_t>("--seed", std::random_device{}(), 0, ~0ull);
  if (line.problem().empty() && !line.has("--to")) return fail("--to HOST:PORT is missing; --help");
  if (!line.problem().empty()) return fail(line.problem());

  std::string problem;
  address to;
  if (!parse_address(line.text("--to"), to, problem)) return fail(problem);
  if (!to.is_loopback() && !line.has("--allow-remote")) {
    return fail(line.text("--to") + " is not a loopback address; --allow-remote permits it");
  }
  if (pin >= 0 && !pin_to_cpu(pin, problem)) return fail(problem);
  if (!allow_descriptors(options.connections + 32ull, problem)) return fail(problem);
  ::prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);  // due messages are sent on time, not 50 us late

  std::vector<int> descriptors;
  if (!connect_all(to, options.connections, descriptors, problem)) {
    return fail("cannot connect to " + line.text("--to") + ": " + problem);
  }
  std::printf("to=%s seed=%llu\n", line.text("--to").c_str(),
              static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  session run(options, descriptors, seed);
  if (!load_with_epoll(run, problem)) return fail(problem);
  return run.report();
}
