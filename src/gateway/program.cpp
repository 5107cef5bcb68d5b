#include "program.hpp"

#include <cstdio>
#include <string>

#include <sluice/sluice.hpp>

#include "mode.hpp"
#include "signals.hpp"

namespace gateway {

namespace {

constexpr std::uint32_t datagram_buffer_bytes = 64 * 1032;
constexpr std::chrono::seconds drain_patience{5};
constexpr std::chrono::seconds stop_patience{5};

exit_status complain(const failure& failed_at) {
  std::fprintf(stderr, "sluice-gateway: %s: %s\n", failed_at.what.c_str(), failed_at.why.c_str());
  return failed;
}

void print(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

sluice::node_options node_options_of(const arguments& asked) {
  sluice::node_options options;
  options.schedulers = asked.schedulers;
  options.io_threads = asked.io_threads;
  options.pin = asked.pin;
  options.pin_list = asked.pin_list;
  options.driver = asked.driver;
  // Room for the largest datagram, so that none is cut.
  if (asked.listen.over == transport::udp) options.ring_buffer_bytes = datagram_buffer_bytes;
  if (asked.ring_buffers != 0) options.ring_buffers = asked.ring_buffers;
  if (asked.ring_buffer_bytes != 0) options.ring_buffer_bytes = asked.ring_buffer_bytes;
  return options;
}

// The law that no message is lost without being counted.
bool is_balanced(const sluice::message_statistics& sums) {
  return sums.sent == sums.handled + sums.rejected + sums.dropped + sums.queued;
}

std::string start_line(const arguments& asked, const mode& what, const sluice::node& node,
                       std::size_t worker_count) {
  return std::string{"sluice-gateway "} + SLUICE_GATEWAY_VERSION + ": " + what.title() +
         "; workers " + std::to_string(worker_count) + " (asked " +
         (asked.workers == 0 ? "auto" : std::to_string(asked.workers)) + "); " + node.start_text();
}

std::string status_line(mode& what, const sluice::node& node) {
  const std::string counted = what.counted_now();
  const sluice::message_statistics sums = node.messages();
  std::uint64_t buffers_out = 0;
  for (const sluice::ring_statistics& each : node.rings()) buffers_out += each.buffers_out;
  return "status: " + counted + "; envelopes out " + std::to_string(sums.queued) + ", alive " +
         std::to_string(sums.alive) + ", buffers out " + std::to_string(buffers_out);
}

std::string messages_line(const sluice::message_statistics& sums) {
  return "messages: sent " + std::to_string(sums.sent) + " = handled " +
         std::to_string(sums.handled) + " + dropped " + std::to_string(sums.dropped) +
         " + rejected " + std::to_string(sums.rejected) + " + queued " +
         std::to_string(sums.queued) + ": " + (is_balanced(sums) ? "balanced" : "NOT BALANCED");
}

// Until it is asked to end; returns the signal.
int run_until_signal(const arguments& asked, signals& caught, mode& what,
                     const sluice::node& node) {
  while (true) {
    const int number = caught.wait(asked.status_every);
    if (number == SIGINT || number == SIGTERM) return number;
    print(status_line(what, node));
  }
}

}  // namespace

exit_status serve(const arguments& asked) {
  signals caught;
  const std::unique_ptr<mode> what = make_mode(asked);
  sluice::node node{"gateway@localhost", node_options_of(asked)};
  if (auto started = node.start(); !started) {
    return complain({"cannot start", started.error().message() + "\n" + node.start_text()});
  }
  const std::size_t worker_count =
      asked.workers != 0 ? asked.workers : node.schedulers().size() - asked.io_threads;
  if (auto failed_at = what->open(node, worker_count)) return complain(*failed_at);
  print(start_line(asked, *what, node, worker_count));

  const int number = run_until_signal(asked, caught, *what, node);
  caught.give_up_patience();
  print(std::string{number == SIGINT ? "SIGINT" : "SIGTERM"} + ": draining");
  what->drain(drain_patience);
  const sluice::stop_report left = node.stop(stop_patience);
  print("stopped: " + what->counted());
  print(messages_line(node.messages()));
  for (const std::string& name : left.not_stopped) print("did not stop: " + name);
  return left.is_clean() ? stopped_in_order : failed;
}

}  // namespace gateway
