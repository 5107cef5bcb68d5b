// udp_socket: what is behind udp::socket: the datagram socket, its workers, what is told of errors.
//
// Who: open() in the spawner's thread before anybody knows the socket; everything else on the
// thread of its driver.
//
//             drain asked       close, drain over   kill      broken   socket closed
//  serving    draining, probe   closing             closing   closing  ended
//  draining   closing           next probe, closing closing   closing  ended
//  closing is a state of the datagram socket; ended tells the workers and leaves.
// Rules
//   UD1  closed is the last message to each worker, once.
//   UD2  No error ends the socket but a broken descriptor.
//   UD3  Draining: what was read before is answered before the close, because a probe takes its
//        turn in each worker's mailbox, one after the other; what arrives after is left to the
//        kernel. A worker that ends with the probe in its mailbox is found out by looking.
//   UD4  With several sockets the first one binds them all, before the spawn returns, and spawns
//        the others below itself.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <sluice/udp.hpp>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "io/datagram_setup.hpp"
#include "io/datagram_socket.hpp"
#include "io/timeout.hpp"
#include "net/teller.hpp"
#include "net/udp_workers.hpp"

namespace sluice::inline v0::net {

/// To a worker, who never sees it: close this socket when its turn has come (UD3).
struct udp_drain_probe {
  alias id;
};
void answer_udp_drain_probe(core::slot& worker, core::envelope& carried);

}  // namespace sluice::inline v0::net

namespace sluice::inline v0::core {
template <>
inline constexpr unhandled_function unhandled_action<net::udp_drain_probe> =
    &net::answer_udp_drain_probe;
}

namespace sluice::inline v0::udp {

struct socket::implementation final : private io::datagram_handler, private io::timeout::listener {
 public:
  explicit implementation(socket_options asked) : options_(std::move(asked)) {}
  /// One of several (UD4): bound already.
  implementation(socket_options asked, base::unique_fd bound)
      : options_(std::move(asked)), is_leader_(false) {
    bound_.push_back(std::move(bound));
  }

  [[nodiscard]] result<void> open(socket& self);
  void begin(core::meta_state& state);
  [[nodiscard]] bool drain(const exit_reason& reason);
  void stop();

  // Of the socket's mail.
  void send(const endpoint& peer, bytes data) noexcept;
  void change(io::membership what, const endpoint& group, const std::string& interface) noexcept;
  void close() noexcept;
  [[nodiscard]] statistics count() const noexcept;
  void describe(inspect_items& items) const;

 private:
  std::uint32_t choose_account(const endpoint& peer) noexcept override;
  void on_datagram(std::uint32_t account, const endpoint& peer, bytes data,
                   std::uint32_t cut_bytes) noexcept override;
  void on_datagram_error(const endpoint& peer, int os_error, std::uint32_t count) noexcept override;
  void on_socket_closed(int os_error) noexcept override;
  void on_timeout() noexcept override;

  [[nodiscard]] result<void> check_options() const;
  [[nodiscard]] result<void> check_workers(core::execution& by, const core::meta_state& state);
  [[nodiscard]] result<void> bind_all();
  [[nodiscard]] io::datagram_options datagram_options() const noexcept;
  [[nodiscard]] worker_list workers_of(std::uint32_t index) const;
  void spawn_others();
  void tell_failed(const endpoint& peer, const error& why, std::uint64_t count) noexcept;
  void probe_from(std::uint32_t place) noexcept;
  void close_after_flush() noexcept;
  [[nodiscard]] base::nanoseconds_t flush_deadline() const noexcept;

  socket_options options_;
  const bool is_leader_ = true;
  std::vector<base::unique_fd> bound_;  // from open() to begin()
  endpoint local_;
  alias id_;
  bool is_draining_ = false;
  std::uint32_t probed_ = net::udp_workers::nobody;  // whose answer is waited for
  base::nanoseconds_t drain_end_ns_ = 0;
  std::uint32_t told_in_window_ = 0;
  base::nanoseconds_t window_end_ns_ = 0;
  std::uint64_t untold_errors_ = 0;
  // From begin() on.
  std::optional<net::teller> teller_;
  std::optional<net::udp_workers> workers_;
  std::optional<io::datagram_socket> socket_;
  std::optional<io::timeout> look_;
};

}  // namespace sluice::inline v0::udp
