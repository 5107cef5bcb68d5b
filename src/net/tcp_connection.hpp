// tcp_connection: the meta process of one accepted connection, between its stream and its worker.
//
// Who: begun, fed and ended on the thread of its ring; both flows are there. Its parent is its
// worker, so that it ends with it; the server is told of its end.
//
//             drain asked        close, drain over   worker ends   kill     stream closed
//  serving    draining, probe    closing             closing       tearing  ended
//  draining   closing            closing             closing       tearing  ended
//  closing    -                  -                   -             tearing  ended
//  closing and tearing are states of the stream; ended tells the worker, the server, and leaves.
// Rules
//   C1  connected is the first message to the worker, disconnected the last; nothing between the
//       end of the stream and the end of the meta.
//   C2  A send to the worker that is refused ends the connection: bytes do not vanish silently.
//   C3  Draining: what was read before is answered before the close, because the probe takes its
//       turn in the worker's mailbox; what is read after is thrown away.
//   C4  A worker that has ended is told nothing.
// Memory: one object a connection; an envelope a message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sluice/meta.hpp>
#include <sluice/tcp.hpp>

#include "actor/execution.hpp"
#include "base/unique_fd.hpp"
#include "io/stream.hpp"
#include "io/turn_hook.hpp"

namespace sluice::inline v0::net {

/// To the server, unsigned: the connection at this place of its list has ended.
struct connection_ended {
  std::uint32_t place;
};
/// To the worker, who never sees it: close this connection when its turn has come (C3).
struct drain_probe {
  alias id;
};
/// To itself: draining has taken long enough.
struct drain_over {};

void answer_drain_probe(core::slot& worker, core::envelope& carried);

/// What the server gives a connection.
struct connection_order {
  base::unique_fd socket;
  std::string peer;
  pid worker;
  alias server;
  std::uint32_t place = 0;
  tcp::connection_options options;
};

class tcp_connection final : public meta_base, private io::stream_handler {
 public:
  using listed_messages = messages<drain_over>;

  explicit tcp_connection(connection_order order) : order_(std::move(order)) {}

  void on(tcp::data&& message) { static_cast<void>(stream_->write(std::move(message.bytes))); }
  void on(const tcp::close&) { close_after_flush(); }
  void on(const tcp::shutdown_write&) { stream_->shutdown_write(); }
  void on(const drain_over&) { close_after_flush(); }

  // The start flow, see core::meta_behaviour.
  void begin(core::meta_state& state);
  [[nodiscard]] bool drain(const exit_reason& reason);
  void stop();

 private:
  void on_bytes(bytes data) noexcept override;
  void on_read_closed() noexcept override;
  void on_writable() noexcept override;
  void on_stream_closed(io::close_reason reason, std::uint64_t bytes_in,
                        std::uint64_t bytes_out) noexcept override;

  template <class M>
  void tell(M message) noexcept;
  void on_refused(send_outcome why) noexcept;
  void tell_disconnected(const tcp::disconnected& end) noexcept;
  void begin_drain();
  void close_after_flush() noexcept;
  void end_run_of_sends() noexcept { by_->end_run_of_sends(); }
  [[nodiscard]] io::driver& ring() const noexcept;

  connection_order order_;
  alias id_;
  core::execution* by_ = nullptr;      // of the ring's thread, from begin() on
  core::meta_state* state_ = nullptr;  // from begin() until leave_start
  bool is_draining_ = false;
  bool worker_has_ended_ = false;
  std::optional<io::stream> stream_;  // from begin() on
  timer drain_timer_;
  io::bound_hook<tcp_connection, &tcp_connection::end_run_of_sends> flush_{*this};
};

}  // namespace sluice::inline v0::net

namespace sluice::inline v0 {

namespace core {
template <>
inline constexpr unhandled_function unhandled_action<net::drain_probe> = &net::answer_drain_probe;
}

template <>
struct behaviour_of<net::tcp_connection> {
  static const core::meta_behaviour value;
};

}  // namespace sluice::inline v0
