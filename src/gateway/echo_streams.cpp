#include "echo_streams.hpp"

namespace gateway {

bool is_in_order(sluice::tcp::disconnect_reason reason) noexcept {
  using sluice::tcp::disconnect_reason;
  return reason == disconnect_reason::closed_by_peer || reason == disconnect_reason::closed_here;
}

echo_totals& echo_totals::operator+=(const echo_totals& other) noexcept {
  connections += other.connections;
  disconnections += other.disconnections;
  failures += other.failures;
  messages += other.messages;
  bytes += other.bytes;
  return *this;
}

std::string echo_totals::text() const {
  return "connections " + std::to_string(connections) + " (ended " +
         std::to_string(disconnections) + ", of these not in order " + std::to_string(failures) +
         "), data " + std::to_string(messages) + " messages " + std::to_string(bytes) + " bytes";
}

void echo_worker::on(const sluice::tcp::disconnected& end) {
  ++totals_.disconnections;
  if (!is_in_order(end.reason)) ++totals_.failures;
}

std::optional<failure> echo_streams::open(sluice::node& node, std::size_t worker_count) {
  if (auto failed = spawn_workers(node, worker_count)) return failed;
  sluice::tcp::server_options server;
  server.host = asked_.listen.library_host();
  server.port = asked_.listen.port;
  server.port_bound = &bound_.port;
  server.workers = workers();
  server.connections_max = asked_.connections_max;
  server.proxy_from = asked_.proxy_from;
  auto listening = node.spawn_meta<sluice::tcp::server>(std::move(server));
  if (!listening) {
    return failure{"cannot listen on " + asked_.listen.text(), listening.error().message()};
  }
  server_ = listening.value();
  return {};
}

// The server takes its connections along: each answers what it had read, then closes.
void echo_streams::drain(std::chrono::seconds patience) {
  server_.exit(sluice::exit_reason::shutdown());
  wait_until_none_is_open(patience);
}

std::string echo_streams::title() const {
  const bool is_unix = bound_.over == transport::unix_stream;
  return std::string{is_unix ? "unix" : "tcp"} + " echo on " + bound_.text();
}

}  // namespace gateway
