// sluice-load: sends counted bytes to an echo service and measures what comes back. Options and
// connections; the runs themselves are load.cpp (what) with load_epoll.cpp (how), udp_load.cpp,
// churn_load.cpp and idle_load.cpp.
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <random>

#include "../harness/arguments.hpp"
#include "churn_load.hpp"
#include "idle_load.hpp"
#include "load.hpp"
#include "sockets.hpp"
#include "udp_load.hpp"

namespace {

using namespace sluice::bench;

constexpr const char* usage =
    "sluice-load --to HOST:PORT [options]\n"
    "Load generator for an echo service; every byte that comes back is verified.\n"
    "  --udp              datagrams: loss, duplicates and changes of order are told\n"
    "  --count N          with --udp: ends after N datagrams, not after a time\n"
    "  --churn            connect, one message, its answer, close, and again\n"
    "  --idle             one message a connection, then nothing: memory and CPU time of\n"
    "                     --watch-pid; --seconds is how long nothing happens\n"
    "  --to HOST:PORT     the service\n"
    "  --connections C    default 50; UDP: flows; churn: at once\n"
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
    "  --buckets          TCP: also the histogram of the latencies, lines `bucket EDGE us COUNT`\n"
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

udp_options datagram_options(const load_options& options, arguments& line) {
  udp_options udp;
  udp.flows = options.connections;
  udp.size_bytes = options.size_bytes;
  udp.depth = options.depth;
  udp.count = line.number<std::uint64_t>("--count", 0, 0, 1ull << 40);
  udp.warmup_ns = options.warmup_ns;
  udp.window_ns = options.window_ns;
  udp.poll_ns = options.poll_ns;
  udp.spin = options.spin;
  udp.watch_pid = options.watch_pid;
  return udp;
}

// What the modes do not share; empty when the options go together.
std::string contradiction(const arguments& line, const load_options& options) {
  if (line.has("--udp") + line.has("--churn") + line.has("--idle") > 1) {
    return "--udp, --churn and --idle are three modes, not one";
  }
  const bool has_mode = line.has("--udp") || line.has("--churn") || line.has("--idle");
  if (has_mode && line.has("--buckets")) return "--buckets is for the TCP mode";
  if (has_mode && line.has("--rate")) return "--rate is for the TCP mode";
  if (line.has("--count") && !line.has("--udp")) return "--count is for --udp";
  if (line.has("--idle") && options.watch_pid == 0) return "--idle needs --watch-pid";
  if (line.has("--udp") &&
      (options.size_bytes < udp_size_min || options.size_bytes > udp_size_max)) {
    return "a datagram has from " + std::to_string(udp_size_min) + " to " +
           std::to_string(udp_size_max) + " bytes";
  }
  return {};
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
  options.buckets = line.has("--buckets");
  options.watch_pid = line.number<int>("--watch-pid", 0, 0, 1 << 30);
  return options;
}

int load_connections(const load_options& options, const address& to, std::uint64_t seed,
                     std::string& problem) {
  std::vector<int> descriptors;
  if (!connect_all(to, options.connections, descriptors, problem)) {
    problem = "cannot connect: " + problem;
    return 2;
  }
  session run(options, descriptors, seed);
  return load_with_epoll(run, problem) ? run.report() : 2;
}

}  // namespace

int main(int argc, char** argv) {
  arguments line(argc, argv,
                 {"--to", "--connections", "--size", "--depth", "--rate", "--seconds", "--warmup",
                  "--pin", "--poll-us", "--watch-pid", "--seed", "--count"},
                 {"--buckets", "--help", "--spin", "--allow-remote", "--udp", "--churn", "--idle"});
  if (line.has("--help")) {
    std::fputs(usage, stdout);
    return 0;
  }
  const load_options options = read_options(line);
  const udp_options udp = datagram_options(options, line);
  const int pin = line.number<int>("--pin", -1, 0, 1023);
  const std::uint64_t seed = line.number<std::uint64_t>("--seed", std::random_device{}(), 0, ~0ull);
  if (line.problem().empty() && !line.has("--to")) return fail("--to HOST:PORT is missing; --help");
  if (!line.problem().empty()) return fail(line.problem());

  std::string problem = contradiction(line, options);
  if (!problem.empty()) return fail(problem);
  address to;
  if (!parse_address(line.text("--to"), to, problem)) return fail(problem);
  if (!to.is_loopback() && !line.has("--allow-remote")) {
    return fail(line.text("--to") + " is not a loopback address; --allow-remote permits it");
  }
  if (pin >= 0 && !pin_to_cpu(pin, problem)) return fail(problem);
  if (!allow_descriptors(options.connections + 32ull, problem)) return fail(problem);
  ::prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);  // due messages are sent on time, not 50 us late

  std::printf("to=%s seed=%llu\n", line.text("--to").c_str(),
              static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  const int code = line.has("--udp")     ? load_datagrams(udp, to, seed, problem)
                   : line.has("--churn") ? load_with_churn(options, to, seed, problem)
                   : line.has("--idle")  ? load_with_idle(options, to, seed, problem)
                                         : load_connections(options, to, seed, problem);
  return problem.empty() ? code : fail(line.text("--to") + ": " + problem);
}
