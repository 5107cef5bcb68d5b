#include "echo_datagrams.hpp"

#include <utility>

namespace gateway {

datagram_totals& datagram_totals::operator+=(const datagram_totals& other) noexcept {
  datagrams += other.datagrams;
  bytes += other.bytes;
  failures += other.failures;
  truncated += other.truncated;
  lost += other.lost;
  return *this;
}

std::string datagram_totals::text() const {
  return "datagrams " + std::to_string(datagrams) + " bytes " + std::to_string(bytes) +
         " failures " + std::to_string(failures) + " truncated " + std::to_string(truncated) +
         " lost " + std::to_string(lost);
}

// Each worker is told of the end of each socket: the first one counts.
void datagram_worker::on(const sluice::udp::closed& end) {
  if (index_ != 0) return;
  totals_.lost +=
      end.statistics.lost_by_kernel + end.statistics.dropped_in + end.statistics.dropped_out;
}

std::optional<failure> echo_datagrams::open(sluice::node& node, std::size_t worker_count) {
  if (auto failed = spawn_workers(node, worker_count)) return failed;
  sluice::udp::socket_options options;
  options.host = asked_.listen.host;
  options.port = asked_.listen.port;
  options.port_bound = &bound_.port;
  options.sockets = asked_.sockets;
  options.workers = workers();
  options.delivery = sluice::udp::delivery_policy::by_peer;  // Keeps a peer's order.
  auto listening = node.spawn_meta<sluice::udp::socket>(std::move(options));
  if (!listening) {
    return failure{"cannot listen on " + asked_.listen.text(), listening.error().message()};
  }
  return {};
}

}  // namespace gateway
