// The process behind the echo service: what a connection sends goes back to it.
#pragma once

#include <cstdint>

#include <sluice/actor.hpp>
#include <sluice/tcp.hpp>

namespace gateway {

/// What one worker has seen. Written by it alone; read when the node has stopped.
struct alignas(64) worker_totals {
  std::uint64_t connections = 0;
  std::uint64_t disconnections = 0;
  std::uint64_t failures = 0;  ///< of the disconnections: reset, timed out, aborted, …
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

class echo_worker : public sluice::actor<echo_worker> {
 public:
  explicit echo_worker(worker_totals* totals) : totals_(*totals) {}

  void on(const sluice::tcp::connected&) { ++totals_.connections; }
  void on(sluice::tcp::data&& message) {
    ++totals_.messages;
    totals_.bytes += message.bytes.size();
    const sluice::alias peer = message.id;
    send(peer, std::move(message));
  }
  void on(const sluice::tcp::writable&) {}
  void on(const sluice::tcp::disconnected& end) {
    using reason = sluice::tcp::disconnect_reason;
    ++totals_.disconnections;
    if (end.reason != reason::closed_by_peer && end.reason != reason::closed_here) {
      ++totals_.failures;
    }
  }

 private:
  worker_totals& totals_;
};

}  // namespace gateway
