#include <cstdio>
#include <iostream>
#include <string>

#include <sluice/sluice.hpp>

#include "chaos.hpp"
#include "mem/block_pool.hpp"

namespace chaos {
namespace {

using namespace std::chrono_literals;
namespace tcp = sluice::tcp;

struct sums {
  std::uint64_t connected = 0;
  std::uint64_t ended = 0;
  std::uint64_t frames = 0;
};
struct count_them {
  using reply = sums;
};

/// Gives each frame back.
struct echo : sluice::actor<echo, count_them> {
  void on(const tcp::connected&) { sum.connected += 1; }
  void on(tcp::data frame) {
    sum.frames += 1;
    send(frame.id, tcp::data{frame.id, std::move(frame.bytes)});
  }
  void on(const tcp::disconnected&) { sum.ended += 1; }
  sums on(count_them) { return sum; }
  sums sum;
};

struct door : sluice::actor<door> {
  door(std::vector<sluice::pid> workers_, std::uint16_t* port_)
      : workers(std::move(workers_)), port(port_) {}
  sluice::result<void> on_start() {
    tcp::server_options options;
    options.port_bound = port;
    for (const sluice::pid each : workers) options.workers.emplace_back(each);
    options.connection.framing = {.by = sluice::frames::length_prefix{.width = 4}};
    auto made = spawn_meta<tcp::server>(std::move(options));
    if (!made) return made.error();
    return {};
  }
  std::vector<sluice::pid> workers;
  std::uint16_t* port;
};

void print_status(sluice::node& in, const std::vector<sluice::handle<echo>>& workers) {
  sums all;
  for (const auto& each : workers) {
    const auto said = in.call(each, count_them{}, {.timeout = 60s});
    if (!said) continue;
    all.connected += said.value().connected;
    all.ended += said.value().ended;
    all.frames += said.value().frames;
  }
  std::uint64_t buffers = 0;
  for (const auto& each : in.rings()) buffers += each.buffers_out;
  const auto messages = in.messages();
  std::printf(
      "status: connections %llu, ended %llu, frames %llu, alive %llu, queued %llu, "
      "buffers %llu, blocks %lld\n",
      static_cast<unsigned long long>(all.connected - all.ended),
      static_cast<unsigned long long>(all.ended), static_cast<unsigned long long>(all.frames),
      static_cast<unsigned long long>(messages.alive),
      static_cast<unsigned long long>(messages.queued), static_cast<unsigned long long>(buffers),
      static_cast<long long>(sluice::mem::pool().statistics().outstanding_blocks()));
  std::fflush(stdout);
}

}  // namespace

int serve(bool with_epoll) {
  sluice::node_options options;
  options.schedulers = 2;
  options.pin = sluice::pinning::never;
  options.driver = with_epoll ? sluice::driver_choice::epoll : sluice::driver_choice::automatic;
  sluice::node in{"chaos", std::move(options)};
  if (const auto started = in.start(); !started) {
    std::fprintf(stderr, "chaos: %s\n", started.error().message().c_str());
    return 1;
  }
  std::vector<sluice::handle<echo>> workers;
  std::vector<sluice::pid> ids;
  for (int i = 0; i < 2; ++i) {
    auto made = in.spawn<echo>();
    if (!made) return 1;
    workers.push_back(made.value());
    ids.push_back(made.value().id());
  }
  std::uint16_t port = 0;
  if (const auto made = in.spawn<door>({}, ids, &port); !made) {
    std::fprintf(stderr, "chaos: %s\n", made.error().message().c_str());
    return 1;
  }
  std::printf("port %u\n", port);
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line) && line != "quit";) {
    if (line == "status") print_status(in, workers);
  }
  const auto left = in.stop(20s);
  const auto messages = in.messages();
  const bool is_balanced =
      messages.sent == messages.handled + messages.dropped + messages.rejected &&
      messages.queued == 0;
  std::printf("stopped: %s, %s\n", left.is_clean() ? "clean" : "not clean",
              is_balanced ? "balanced" : "not balanced");
  return left.is_clean() && is_balanced ? 0 : 1;
}

}  // namespace chaos
