// tcp_server: what is behind tcp::server: the listening socket, the list of its connections, and
// who gets the next one.
//
// Who: open() in the spawner's thread before anybody knows the server; everything else on the
// thread of its ring.
//
//             limit or rate reached   one ended, time   exit                    listener closed
//  accepting  held: listener paused   -                 closing, connections    (broken) ended
//  held       -                       accepting         told to end             (broken) ended
//  closing    -                       -                 -                       ended
// Rules
//   V1  A connection is on the list from its spawn until it told its end; it is spawned on the
//       server's thread, so a stop sees them all.
//   V2  Never more than connections_max on the list: with a limit connections are accepted one by
//       one, and none while something holds accepting.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <sluice/tcp.hpp>

#include "actor/execution.hpp"
#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "io/listener.hpp"
#include "io/socket_address.hpp"
#include "io/timeout.hpp"
#include "net/address_block.hpp"
#include "net/connection_plan.hpp"
#include "net/rate_limit.hpp"

namespace sluice::inline v0::tcp {

struct server::implementation final : private io::listener_handler, private io::timeout::listener {
 public:
  explicit implementation(server_options asked) : options_(std::move(asked)) {}

  /// Validates, binds and listens. `self` is the server's slot, owned by the caller's execution.
  [[nodiscard]] result<void> open(server& self);
  void begin(server& self, core::meta_state& state);
  void stop(const exit_reason& reason);
  void on_connection_ended(std::uint32_t place);
  void describe(inspect_items& items) const;

 private:
  enum hold : std::uint8_t {  // what holds accepting, one bit each
    held_by_limit = 1,
    held_by_rate = 2,
  };
  struct list_place {
    alias connection;  // names nobody while the place is free
    std::uint32_t next_free = 0;
  };
  static constexpr std::uint32_t no_place = UINT32_MAX;

  void on_accept(base::unique_fd socket, const io::socket_address& peer) noexcept override;
  void on_accept_error(const error& why) noexcept override;
  void on_listener_closed() noexcept override;
  void on_timeout() noexcept override;

  [[nodiscard]] result<void> check_options();
  [[nodiscard]] bool expects_proxy(const io::socket_address& peer) const noexcept;
  [[nodiscard]] result<void> check_workers(core::execution& by, const core::meta_state& state);
  [[nodiscard]] result<base::unique_fd> listen();
  [[nodiscard]] bool is_full() const noexcept {
    return options_.connections_max != 0 && connection_count_ >= options_.connections_max;
  }
  void hold(enum hold why) noexcept;
  void release(enum hold why) noexcept;
  void adopt(base::unique_fd socket, const io::socket_address& peer);
  [[nodiscard]] std::optional<std::uint32_t> next_worker() noexcept;
  [[nodiscard]] int ring_for(std::uint32_t worker) const noexcept;
  [[nodiscard]] std::uint32_t take_place();
  void give_place(std::uint32_t place) noexcept;

  server_options options_;
  std::shared_ptr<const net::connection_plan> plan_;  // of all its connections
  base::unique_fd listening_;                         // from open() to begin()
  io::socket_address bound_;
  std::vector<net::address_block> proxies_;
  io::file_identity path_;  // of a unix path that is ours
  alias id_;
  core::execution* by_ = nullptr;
  core::meta_state* state_ = nullptr;
  std::optional<io::listener> listener_;
  std::vector<list_place> places_;
  std::uint32_t first_free_ = no_place;
  std::uint32_t connection_count_ = 0;
  std::uint64_t accepted_count_ = 0;
  std::uint8_t holds_ = 0;
  net::rate_limit rate_;
  std::optional<io::timeout> rate_timer_;
  bool is_closing_ = false;
  base::nanoseconds_t next_report_ns_ = 0;
};

}  // namespace sluice::inline v0::tcp
