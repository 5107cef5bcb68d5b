#include "forward_datagrams.hpp"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <utility>

namespace gateway {

namespace {

using namespace sluice;

constexpr std::chrono::seconds tick_time{1};

// A literal, or the first address of a name; this blocks, and happens before anything is served.
std::optional<endpoint> resolve(const location& where) {
  if (auto literal = endpoint::parse(where.host, where.port)) return literal.value();
  ::addrinfo wanted{};
  wanted.ai_socktype = SOCK_DGRAM;
  ::addrinfo* found = nullptr;
  if (::getaddrinfo(where.host.c_str(), nullptr, &wanted, &found) != 0) return {};
  char text[INET6_ADDRSTRLEN] = "";
  const int failed = ::getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, nullptr, 0,
                                   NI_NUMERICHOST);
  ::freeaddrinfo(found);
  if (failed != 0) return {};
  auto made = endpoint::parse(text, where.port);
  if (!made) return {};
  return made.value();
}

}  // namespace

session_totals& session_totals::operator+=(const session_totals& other) noexcept {
  sessions += other.sessions;
  ended += other.ended;
  refused += other.refused;
  there += other.there;
  back += other.back;
  failures += other.failures;
  truncated += other.truncated;
  lost += other.lost;
  return *this;
}

std::string session_totals::text() const {
  return "sessions " + std::to_string(sessions) + " (ended " + std::to_string(ended) +
         "), datagrams there " + std::to_string(there) + " back " + std::to_string(back) +
         " without session " + std::to_string(refused) + " failures " + std::to_string(failures) +
         " truncated " + std::to_string(truncated) + " lost " + std::to_string(lost);
}

void session_worker::on(udp::datagram&& message) {
  if (message.truncated) {
    ++totals_.truncated;
    return;
  }
  if (const auto found = sessions_.find(message.id); found != sessions_.end()) {
    found->second.used_at = now_;
    ++totals_.back;
    message.peer = found->second.peer;
    send(found->second.listener, std::move(message));
    return;
  }
  const alias target = find_or_begin(message);
  if (!target.is_valid()) return;
  ++totals_.there;
  message.peer = {};  // The socket is connected.
  send(target, std::move(message));
}

alias session_worker::find_or_begin(const udp::datagram& first) {
  if (const auto found = by_peer_.find(first.peer); found != by_peer_.end()) {
    sessions_.find(found->second)->second.used_at = now_;
    return found->second;
  }
  udp::socket_options options;
  options.host = plan_.target.is_ipv6() ? "::" : "0.0.0.0";
  options.peer = plan_.target;
  if (sessions_.size() < plan_.sessions_max) {
    if (auto made = spawn_meta<udp::socket>(std::move(options))) {
      const alias socket = made.value().id();
      sessions_.emplace(socket, session{first.peer, first.id, now_});
      by_peer_.emplace(first.peer, socket);
      ++totals_.sessions;
      return socket;
    }
  }
  ++totals_.refused;
  return {};
}

void session_worker::on(const udp::closed& end) {
  const udp::statistics& sums = end.statistics;
  const auto found = sessions_.find(end.id);
  const bool is_session = found != sessions_.end();
  // Each worker is told of the listener's end: the first one counts.
  if (is_session || index_ == 0) {
    totals_.lost += sums.lost_by_kernel + sums.dropped_in + sums.dropped_out;
  }
  if (!is_session) return;
  forget_peer_of(*found);
  sessions_.erase(found);
  ++totals_.ended;
}

void session_worker::on(session_tick) {
  ++now_;
  for (auto& each : sessions_) {
    if (each.second.is_ending || now_ - each.second.used_at <= plan_.idle_ticks) continue;
    each.second.is_ending = true;
    forget_peer_of(each);  // What it sends from now on begins a new session.
    send(each.first, udp::close{each.first});
  }
  tick_later();
}

void session_worker::forget_peer_of(const std::pair<const alias, session>& which) {
  const auto found = by_peer_.find(which.second.peer);
  if (found != by_peer_.end() && found->second == which.first) by_peer_.erase(found);
}

void session_worker::tick_later() { send_after(tick_time, self(), session_tick{}); }

std::optional<failure> forward_datagrams::open(node& node, std::size_t worker_count) {
  const auto target = resolve(asked_.target);
  if (!target) return failure{"cannot find " + asked_.target.text(), "no address"};
  session_plan plan;
  plan.target = *target;
  plan.idle_ticks = static_cast<std::uint32_t>(asked_.idle_time_max.count());
  plan.sessions_max =
      std::max<std::uint32_t>(1, asked_.sessions_max / static_cast<std::uint32_t>(worker_count));
  if (auto failed = spawn_workers(node, worker_count, plan)) return failed;
  udp::socket_options options;
  options.host = asked_.listen.host;
  options.port = asked_.listen.port;
  options.port_bound = &bound_.port;
  options.sockets = asked_.sockets;
  options.workers = workers();
  options.delivery = udp::delivery_policy::by_peer;
  auto listening = node.spawn_meta<udp::socket>(std::move(options));
  if (!listening) {
    return failure{"cannot listen on " + asked_.listen.text(), listening.error().message()};
  }
  return {};
}

}  // namespace gateway
