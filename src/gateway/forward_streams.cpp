#include "forward_streams.hpp"

#include <utility>

#include "echo_streams.hpp"

namespace gateway {

namespace {

using namespace sluice;

// Of both sides. The high mark is out of the credit's reach: see the header. The credit may be
// overdrawn by all that a ring delivers in one turn.
tcp::connection_options connection_options_of_pairs(const arguments& asked) {
  tcp::connection_options options;
  options.write_bytes_high = 1u << 30;
  options.write_bytes_max = options.write_bytes_high;
  options.write_bytes_low = options.read_bytes_max;
  // A side that is read no further is not seen to go, so the one it waits for may not stall for
  // ever.
  options.write_stall_max = asked.stall_time_max;
  return options;
}

}  // namespace

forward_totals& forward_totals::operator+=(const forward_totals& other) noexcept {
  connections += other.connections;
  disconnections += other.disconnections;
  failures += other.failures;
  not_reached += other.not_reached;
  messages += other.messages;
  bytes_there += other.bytes_there;
  bytes_back += other.bytes_back;
  sides_begun += other.sides_begun;
  sides_ended += other.sides_ended;
  return *this;
}

std::string forward_totals::text() const {
  return "connections " + std::to_string(connections) + " (ended " +
         std::to_string(disconnections) + ", of these not in order " + std::to_string(failures) +
         "), targets not reached " + std::to_string(not_reached) + ", data " +
         std::to_string(messages) + " messages " + std::to_string(bytes_there) + " bytes there " +
         std::to_string(bytes_back) + " bytes back";
}

void forward_worker::on(const tcp::connected& there) {
  if (pairs_.find(there.id) != nullptr) return;  // The target's side; it was added at its spawn.
  ++totals_.connections;
  ++totals_.sides_begun;
  if (is_ending_) {
    exit(there.id, exit_reason::shutdown());
    return;
  }
  auto made = spawn_meta<tcp::client>(target_for(there));
  if (!made) {
    ++totals_.not_reached;
    return reset(there.id);
  }
  ++totals_.sides_begun;
  pairs_.add(there.id, made.value().id());
}

// A PROXY header names the client and where it came to; a unix socket's peer has no name.
tcp::client_options forward_worker::target_for(const tcp::connected& there) const {
  tcp::client_options target = target_;
  if (target.proxy.version == tcp::proxy_version::none) return target;
  const auto source = parse_location(there.peer);
  const auto destination = parse_location(there.local);
  if (!source || !destination || source->over != transport::tcp ||
      destination->over != transport::tcp) {
    return target;
  }
  target.proxy.source = source->host;
  target.proxy.source_port = source->port;
  target.proxy.destination = destination->host;
  target.proxy.destination_port = destination->port;
  return target;
}

void forward_worker::on(const tcp::read_closed& there) {
  const pair_side* const from = pairs_.find(there.id);
  if (from != nullptr && !from->is_alone) send(from->other, tcp::shutdown_write{from->other});
}

// What was read from this side is on its way. When that holds for both, nothing more comes.
void forward_worker::on(const tcp::draining& there) {
  pair_side* const from = pairs_.find(there.id);
  if (from == nullptr || from->is_alone) {
    send(there.id, tcp::close{there.id});
    return;
  }
  from->is_drained = true;
  if (!pairs_.find(from->other)->is_drained) return;
  send(from->own, tcp::close{from->own});
  send(from->other, tcp::close{from->other});
}

// Bytes are missing: what follows them would be wrong.
void forward_worker::on(const tcp::dropped& there) { reset(there.id); }

void forward_worker::on(const tcp::disconnected& end) {
  ++totals_.sides_ended;
  const auto own = pairs_.take(end.id);
  if (!own || own->is_accepted) {
    ++totals_.disconnections;
    if (!is_in_order(end.reason)) ++totals_.failures;
  }
  if (own) end_other_side_of(*own, is_in_order(end.reason));
}

void forward_worker::end_other_side_of(const pair_side& ended, bool is_in_order) {
  if (ended.is_alone) return;
  if (is_in_order) {
    send(ended.other, tcp::close{ended.other});
  } else {
    reset(ended.other);
  }
}

void forward_worker::on(const tcp::connect_failed& end) {
  if (end.will_retry) return;
  ++totals_.sides_ended;
  if (end.error.code != error_code::cancelled) ++totals_.not_reached;  // Else the client went.
  if (const auto own = pairs_.take(end.id)) end_other_side_of(*own, false);
}

void forward_worker::on(end_pairs) {
  is_ending_ = true;
  pairs_.for_each([this](const pair_side& side) { exit(side.own, exit_reason::shutdown()); });
}

std::optional<failure> forward_streams::open(node& node, std::size_t worker_count) {
  tcp::client_options target;
  target.host = asked_.target.library_host();
  target.port = asked_.target.port;
  target.connect_time_max = asked_.connect_time_max;
  target.connection = connection_options_of_pairs(asked_);
  target.proxy.version = asked_.proxy_send;
  if (auto failed = spawn_workers(node, worker_count, target)) return failed;
  tcp::server_options server;
  server.host = asked_.listen.library_host();
  server.port = asked_.listen.port;
  server.port_bound = &bound_.port;
  server.workers = workers();
  server.connections_max = asked_.connections_max;
  server.proxy_from = asked_.proxy_from;
  server.takes_connections_along = false;  // The workers end them, both sides at a time.
  server.connection = connection_options_of_pairs(asked_);
  auto listening = node.spawn_meta<tcp::server>(std::move(server));
  if (!listening) {
    return failure{"cannot listen on " + asked_.listen.text(), listening.error().message()};
  }
  server_ = listening.value();
  return {};
}

std::string forward_streams::title() const {
  const bool is_unix = bound_.over == transport::unix_stream;
  return std::string{is_unix ? "unix" : "tcp"} + " forward on " + bound_.text() + " to " +
         asked_.target.text();
}

void forward_streams::drain(std::chrono::seconds patience) {
  server_.exit(exit_reason::shutdown());
  for (const handle<forward_worker>& each : workers()) each.send(end_pairs{});
  wait_until_none_is_open(patience);
}

}  // namespace gateway
