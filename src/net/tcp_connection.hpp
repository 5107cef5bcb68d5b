// tcp_connection: the meta process of one accepted connection: a conversation with an alias.
//
// Who: begun, fed and ended on the thread of its driver; both flows are there. Its parent is its
// worker, so that it ends with it; the server is told of its end.
// Memory: one object a connection; an envelope a message.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include <sluice/meta.hpp>
#include <sluice/tcp.hpp>

#include "base/unique_fd.hpp"
#include "io/socket_address.hpp"
#include "net/conversation.hpp"

namespace sluice::inline v0::net {

/// To the server, unsigned: the connection at this place of its list has ended.
struct connection_ended {
  std::uint32_t place;
};

/// What the server gives a connection.
struct connection_order {
  base::unique_fd socket;
  io::socket_address peer;
  bool expects_proxy = false;
  pid worker;
  alias server;
  std::uint32_t place = 0;
  std::shared_ptr<const connection_plan> plan;
};

class tcp_connection final : public meta_base, private conversation::owner {
 public:
  using listed_messages = messages<turn_to_close>;

  explicit tcp_connection(connection_order order)
      : server_(order.server),
        place_(order.place),
        order_(std::make_unique<connection_order>(std::move(order))) {}

  void on(tcp::data&& message) { talk_->write(std::move(message.bytes)); }
  void on(const tcp::close&) { talk_->close_after_flush(); }
  void on(const turn_to_close&) { talk_->close_after_flush(); }
  void on(const tcp::shutdown_write&) { talk_->shutdown_write(); }

  void on_inspect(inspect_items& items) const;

  // The start flow, see core::meta_behaviour.
  void begin(core::meta_state& state);
  [[nodiscard]] bool drain(const exit_reason& reason);
  void stop();

 private:
  void on_conversation_over(io::close_reason why) noexcept override;

  alias server_;
  std::uint32_t place_;
  std::unique_ptr<connection_order> order_;  // until begin()
  std::optional<conversation> talk_;         // from begin() on
};

}  // namespace sluice::inline v0::net

namespace sluice::inline v0 {

template <>
struct behaviour_of<net::tcp_connection> {
  static const core::meta_behaviour value;
};

}  // namespace sluice::inline v0
