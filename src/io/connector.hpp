// connector: one attempt to reach one address: a socket, bound if asked, connected by one
// operation.
//
// Who: the driver's owner thread; the handler is called from poll() only, never from inside a call
// to the connector. An attempt ends once, whatever completes late: what the kernel connected after
// the attempt was given up is closed.
//
//              connected       refused, …   deadline, cancel   reaped
//  idle        -               -            -                  -
//  connecting  ended: socket   ended        giving up          -
//  giving up   -               -            -                  ended (timed_out, cancelled,
//  stopping) ended       the handler was told; it may be destroyed, or opened again
#pragma once

#include <sluice/result.hpp>

#include "base/unique_fd.hpp"
#include "io/driver.hpp"
#include "io/socket_address.hpp"
#include "io/socket_options.hpp"
#include "io/timeout.hpp"

namespace sluice::inline v0::io {

class connect_handler {
 public:
  /// Exactly once for each open(); the connector may be destroyed or opened again in it.
  virtual void on_connect_done(result<base::unique_fd> outcome) noexcept = 0;

 protected:
  ~connect_handler() = default;
};

struct connect_options {
  socket_address to;
  socket_address source{};  ///< bound to first, unless empty
  base::nanoseconds_t deadline_ns = base::no_deadline;
  socket_options socket{};  ///< of which the sizes are set before connecting
};

class connector final : private timeout::listener {
 public:
  connector(driver& on, connect_handler& told) noexcept;
  ~connector();

  void open(const connect_options& options) noexcept;
  /// The attempt ends with `cancelled`.
  void cancel() noexcept { give_up({error_code::cancelled, 0, "connect"}); }
  [[nodiscard]] bool is_open() const noexcept { return state_ != state::idle; }

 private:
  enum class state : unsigned char { idle, connecting, giving_up, ended };

  [[nodiscard]] error prepare(const connect_options& options) noexcept;
  void on_completion(completion what) noexcept;
  void give_up(const error& why) noexcept;
  void end(const error& why) noexcept;
  void finish() noexcept;
  void on_detach() noexcept { give_up({error_code::stopping, 0, "connect"}); }
  void on_timeout() noexcept override { give_up({error_code::timed_out, 0, "connect"}); }

  driver& driver_;
  connect_handler& handler_;
  state state_ = state::idle;
  base::unique_fd socket_;
  socket_address to_;  // the kernel reads it until the submission
  error why_{};
  timeout deadline_;
  bound_operation<connector, &connector::on_completion> connect_{*this};
  bound_hook<connector, &connector::finish> finish_{*this};
  bound_hook<connector, &connector::on_detach> detach_{*this};
};

}  // namespace sluice::inline v0::io
