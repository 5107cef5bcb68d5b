// tcp_client: what is behind tcp::client: attempts, one after the other, and the conversation that
// a successful one becomes.
//
// Who: init() in the spawner's thread before anybody knows the client; everything else on the
// thread of its driver.
//
//              address known  connected   failed, deadline      lost       drain, close   stop
//  resolving   connecting     -           waiting | over        -          over           over
//  connecting  (next one)     connected   (next) waiting|over   -          over           ending
//  connected   -              -           -                     waiting|over (closing)
//  (aborting) waiting     resolving or connecting, when the time has come  -          over
//  over ending      -              over        over                  -          -              -
//  over        leave_start was called, nothing may be touched
// Rules
//   K1  One attempt at a time; an answer of an earlier one is known by its token.
//   K2  The probe goes to the worker before disconnected: what comes before the answer to the last
//       one was sent before the worker knew, and is for nobody. For a worker that ended before it
//       answered, the client answers itself, in turn after what that one had sent.
//   K3  What is sent in between connections is charged (slice_charge each), and bounded.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sluice/tcp_client.hpp>

#include "base/random.hpp"
#include "io/connector.hpp"
#include "io/timeout.hpp"
#include "net/connection_plan.hpp"
#include "net/conversation.hpp"
#include "net/resolver.hpp"
#include "net/teller.hpp"

namespace sluice::inline v0::net {

/// To the worker, who never sees it (K2), and back. Losses are numbered: a slow worker may learn of
/// one when there has been another.
struct loss_probe {
  alias id;
  std::uint64_t number = 0;
};
struct loss_known {
  std::uint64_t number = 0;
};
void answer_loss_probe(core::slot& worker, core::envelope& carried);

}  // namespace sluice::inline v0::net

namespace sluice::inline v0::tcp {

struct client::implementation final : private net::conversation::owner,
                                      private io::connect_handler,
                                      private io::timeout::listener {
 public:
  explicit implementation(client_options asked) : options_(std::move(asked)) {}

  /// Validates. `self` is the client's slot, owned by the caller's execution.
  [[nodiscard]] result<void> init(client& self);
  void begin(core::meta_state& state);
  [[nodiscard]] bool drain(const exit_reason& reason);
  void stop();

  void write(bytes data);
  void close();
  void shutdown_write();
  void on_resolved(net::resolved&& answer);
  void on_loss_known(std::uint64_t number) noexcept {
    if (number == loss_count_) answers_are_old_ = false;
  }
  void on_turn_to_close() noexcept;
  void describe(inspect_items& items) const;

 private:
  enum class phase : std::uint8_t { resolving, connecting, connected, waiting, ending, over };

  [[nodiscard]] result<void> check_options() const;
  [[nodiscard]] result<void> parse_proxy();
  [[nodiscard]] bytes proxy_header_for(int fd) const;
  void on_conversation_ending() noexcept override;
  void on_conversation_over(io::close_reason why) noexcept override;
  void on_connect_done(result<base::unique_fd> outcome) noexcept override;
  void on_timeout() noexcept override;

  void attempt();
  void find_worker() noexcept;
  void resolve();
  void try_next_address();
  void on_established(base::unique_fd socket);
  void on_attempt_failed(const error& why) noexcept;
  void wait_for(base::nanoseconds_t delay_ns) noexcept;
  [[nodiscard]] base::nanoseconds_t next_backoff() noexcept;
  void keep(bytes data);
  void leave_unconnected() noexcept;
  void leave(exit_reason reason) noexcept;

  static constexpr std::size_t slice_charge = 128;

  client_options options_;
  std::optional<io::socket_address> literal_;  // of host
  io::socket_address source_;
  io::socket_address proxy_source_;  // both or none
  io::socket_address proxy_destination_;
  pid parent_;
  std::shared_ptr<const net::connection_plan> plan_;

  // From begin() on.
  core::meta_state* state_ = nullptr;
  std::optional<net::teller> teller_;
  std::optional<io::timeout> timer_;
  std::optional<io::connector> connector_;
  std::optional<net::conversation> talk_;

  phase phase_ = phase::waiting;
  bool is_last_ = false;          // no attempt follows this connection or attempt
  bool close_wanted_ = false;     // after what is kept
  bool shutdown_wanted_ = false;  // likewise
  bool answers_are_old_ = false;  // K2
  std::uint64_t loss_count_ = 0;  // likewise
  bool told_dropped_ = false;
  std::uint64_t token_ = 0;  // K1
  std::uint32_t attempt_ = 0;
  double backoff_ms_ = 0;
  base::nanoseconds_t attempt_deadline_ns_ = 0;
  pid worker_;
  std::vector<io::socket_address> addresses_;
  std::size_t next_address_ = 0;
  std::vector<bytes> kept_;  // K3
  std::size_t kept_charge_ = 0;
  base::random_source random_{0};
};

}  // namespace sluice::inline v0::tcp

namespace sluice::inline v0::core {
template <>
inline constexpr unhandled_function unhandled_action<net::loss_probe> = &net::answer_loss_probe;
}
