#include "port_programs.hpp"

#include <cstdio>
#include <utility>

#include "echo_streams.hpp"

namespace gateway {

namespace {

using namespace sluice;

}  // namespace

program_totals& program_totals::operator+=(const program_totals& other) noexcept {
  connections += other.connections;
  disconnections += other.disconnections;
  failures += other.failures;
  not_started += other.not_started;
  programs += other.programs;
  exited += other.exited;
  killed += other.killed;
  bytes_in += other.bytes_in;
  bytes_out += other.bytes_out;
  return *this;
}

std::string program_totals::text() const {
  return "connections " + std::to_string(connections) + " (ended " +
         std::to_string(disconnections) + ", of these not in order " + std::to_string(failures) +
         "), programs " + std::to_string(programs) + " (exited " + std::to_string(exited) +
         ", of these by a signal " + std::to_string(killed) + "), not started " +
         std::to_string(not_started) + ", bytes in " + std::to_string(bytes_in) + " out " +
         std::to_string(bytes_out);
}

void program_worker::on(const tcp::connected& there) {
  ++totals_.connections;
  port::program_options options;
  options.argv = argv_;
  options.inherit_env = true;
  options.error = port::error_route::inherit;
  auto made = spawn_meta<port::program>(std::move(options));
  if (!made) {
    ++totals_.not_started;
    std::fprintf(stderr, "sluice-gateway: cannot run %s: %s\n", argv_.front().c_str(),
                 made.error().message().c_str());
    exit(there.id, exit_reason::killed());
    return;
  }
  ++totals_.programs;
  pairs_.add(there.id, made.value().id());
}

void program_worker::on(tcp::data&& message) {
  const pair_side* const from = pairs_.find(message.id);
  if (from == nullptr || from->is_alone) return;
  totals_.bytes_in += message.bytes.size();
  send(from->other, port::input{from->other, std::move(message.bytes)});
}

void program_worker::close_input_of(alias connection) {
  const pair_side* const from = pairs_.find(connection);
  if (from != nullptr && !from->is_alone) {
    send(from->other, port::close_input{from->other});
  } else {
    send(connection, tcp::close{connection});
  }
}

void program_worker::on(port::output&& message) {
  const pair_side* const from = pairs_.find(message.id);
  if (from == nullptr || from->is_alone) return;
  totals_.bytes_out += message.bytes.size();
  send(from->other, tcp::data{from->other, std::move(message.bytes)});
}

void program_worker::on(const port::exited& end) {
  ++totals_.exited;
  if (end.signal != 0) ++totals_.killed;
  const auto own = pairs_.take(end.id);
  if (own && !own->is_alone) send(own->other, tcp::close{own->other});
}

void program_worker::on(const tcp::disconnected& end) {
  ++totals_.disconnections;
  if (!is_in_order(end.reason)) ++totals_.failures;
  const auto own = pairs_.take(end.id);
  if (own && !own->is_alone) exit(own->other, exit_reason::shutdown());
}

std::optional<failure> port_programs::open(node& node, std::size_t worker_count) {
  if (auto failed = spawn_workers(node, worker_count, asked_.program)) return failed;
  tcp::server_options server;
  server.host = asked_.listen.library_host();
  server.port = asked_.listen.port;
  server.port_bound = &bound_.port;
  server.workers = workers();
  server.connections_max = asked_.connections_max;
  server.proxy_from = asked_.proxy_from;
  auto listening = node.spawn_meta<tcp::server>(std::move(server));
  if (!listening) {
    return failure{"cannot listen on " + asked_.listen.text(), listening.error().message()};
  }
  server_ = listening.value();
  return {};
}

std::string port_programs::title() const {
  const bool is_unix = bound_.over == transport::unix_stream;
  return std::string{is_unix ? "unix" : "tcp"} + " port on " + bound_.text() + " to " +
         asked_.program.front();
}

// The server takes its connections along; each closes its program's input and waits for its end.
void port_programs::drain(std::chrono::seconds patience) {
  server_.exit(exit_reason::shutdown());
  wait_until_none_is_open(patience);
}

}  // namespace gateway
