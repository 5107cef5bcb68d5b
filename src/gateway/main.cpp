// sluice-gateway: connection meta → worker process → connection meta, from a command line.
//
// The program owns what a library must not: the signals, the output, the exit status.
#include <pthread.h>
#include <signal.h>

#include <cstdio>
#include <string>
#include <vector>

#include <sluice/sluice.hpp>

#include "arguments.hpp"
#include "echo_worker.hpp"

namespace {

using gateway::arguments;
using gateway::worker_totals;

constexpr std::chrono::seconds stop_patience{10};

enum exit_status : int { stopped_in_order = 0, failed = 1, usage = 2 };

// Blocked before any thread is made, so that all inherit it and only wait_for_signal takes them.
sigset_t block_signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGINT);
  sigaddset(&wanted, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
  return wanted;
}

int wait_for_signal(const sigset_t& wanted) {
  int caught = 0;
  while (sigwait(&wanted, &caught) != 0) {
  }
  // A second one ends the program the usual way.
  pthread_sigmask(SIG_UNBLOCK, &wanted, nullptr);
  return caught;
}

int complain(const std::string& what, const std::string& why) {
  std::fprintf(stderr, "sluice-gateway: %s: %s\n", what.c_str(), why.c_str());
  return failed;
}

std::string printed_address(const arguments& asked, std::uint16_t port) {
  if (asked.host.rfind("unix:", 0) == 0) return asked.host;
  const bool is_ipv6 = asked.host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + asked.host + "]" : asked.host) + ":" + std::to_string(port);
}

// The law that no message is lost without being counted.
bool is_balanced(const sluice::message_statistics& sums) {
  return sums.sent == sums.handled + sums.rejected + sums.dropped + sums.queued;
}

void print_summary(const std::vector<worker_totals>& totals,
                   const sluice::message_statistics& sums) {
  worker_totals all;
  for (const worker_totals& each : totals) {
    all.connections += each.connections;
    all.disconnections += each.disconnections;
    all.failures += each.failures;
    all.messages += each.messages;
    all.bytes += each.bytes;
  }
  using count = unsigned long long;
  std::printf(
      "stopped: connections %llu (ended %llu, of these not in order %llu), data %llu "
      "messages %llu bytes\n",
      count{all.connections}, count{all.disconnections}, count{all.failures}, count{all.messages},
      count{all.bytes});
  std::printf(
      "messages: sent %llu = handled %llu + dropped %llu + rejected %llu + queued %llu: %s\n",
      count{sums.sent}, count{sums.handled}, count{sums.dropped}, count{sums.rejected},
      count{sums.queued}, is_balanced(sums) ? "balanced" : "NOT BALANCED");
}

int serve(const arguments& asked) {
  const sigset_t signals = block_signals();
  sluice::node_options options;
  options.schedulers = asked.schedulers;
  options.io_threads = asked.io_threads;
  options.pin = asked.pin;
  options.pin_list = asked.pin_list;
  sluice::node node{"gateway@localhost", options};
  if (auto started = node.start(); !started) {
    return complain("cannot start", started.error().message() + "\n" + node.start_text());
  }
  const std::size_t worker_count =
      asked.workers != 0 ? asked.workers : node.schedulers().size() - asked.io_threads;
  std::vector<worker_totals> totals(worker_count);
  std::vector<sluice::pid> workers;
  for (worker_totals& own : totals) {
    auto made = node.spawn<gateway::echo_worker>({}, &own);
    if (!made) return complain("cannot spawn a worker", made.error().message());
    workers.push_back(made.value());
  }
  std::uint16_t port = 0;
  sluice::tcp::server_options server;
  server.host = asked.host;
  server.port = asked.port;
  server.port_bound = &port;
  server.workers = workers;
  if (auto listening = node.spawn_meta<sluice::tcp::server>(server); !listening) {
    return complain("cannot listen on " + printed_address(asked, asked.port),
                    listening.error().message());
  }
  std::printf("sluice-gateway %s: tcp echo on %s; workers %zu (asked %s); %s\n",
              SLUICE_GATEWAY_VERSION, printed_address(asked, port).c_str(), worker_count,
              asked.workers == 0 ? "auto" : std::to_string(asked.workers).c_str(),
              node.start_text().c_str());
  std::fflush(stdout);

  const int caught = wait_for_signal(signals);
  std::printf("%s: draining\n", caught == SIGINT ? "SIGINT" : "SIGTERM");
  std::fflush(stdout);
  const sluice::stop_report left = node.stop(stop_patience);
  print_summary(totals, node.messages());
  for (const std::string& name : left.not_stopped) {
    std::printf("did not stop: %s\n", name.c_str());
  }
  return left.is_clean() ? stopped_in_order : failed;
}

}  // namespace

int main(int count, char** words) {
  std::string complaint;
  const auto asked = gateway::parse(count, words, complaint);
  if (!asked) {
    std::fprintf(stderr, "sluice-gateway: %s\n\n%s", complaint.c_str(), gateway::help_text());
    return usage;
  }
  if (asked->wants_help) {
    std::fputs(gateway::help_text(), stdout);
    return stopped_in_order;
  }
  if (asked->wants_version) {
    std::printf("sluice-gateway %s\n", SLUICE_GATEWAY_VERSION);
    return stopped_in_order;
  }
  return serve(*asked);
}
