// listener: accepts connections on a listening socket by one multishot operation.
//
// When: a server. Who: the owner thread of the driver. It outlives every accept error but a broken
// descriptor. When descriptors run out (EMFILE, ENFILE) it gives up its reserve descriptor to
// accept and close what waits (the peers learn it at once), takes the reserve back, and pauses; it
// goes on when told that a descriptor was freed, or after a backoff that doubles from 10 ms to 1 s.
//
//            accept ok   EMFILE…          transient   broken       pause/resume    close
//  accepting on_accept   shed, backing    re-arm      on_error,    paused/-        closing
//                        off, on_error                closing
//  backing   on_accept   -                -           -            paused/-        closing
//  paused    on_accept   (kept paused)    (kept)      as above     -/accepting     closing
//  closing   fd closed   …every completion is reaped, then on_closed…             -
//  closed    -           -                -           -            -               -
#pragma once

#include <sluice/result.hpp>

#include "base/unique_fd.hpp"
#include "io/driver.hpp"
#include "io/listening_socket.hpp"
#include "io/socket_address.hpp"
#include "io/timeout.hpp"

namespace sluice::inline v0::io {

/// Called on the owner thread from the driver's poll().
class listener_handler {
 public:
  virtual void on_accept(base::unique_fd connection, const socket_address& peer) noexcept = 0;
  /// Something went wrong; unless on_closed follows, the listener lives and goes on by itself.
  virtual void on_accept_error(const error& why) noexcept = 0;
  /// Last, exactly once; the listener may be destroyed in it.
  virtual void on_listener_closed() noexcept = 0;

 protected:
  ~listener_handler() = default;
};

class listener final : private timeout::listener {
 public:
  listener(driver& on, listener_handler& handler) noexcept;
  ~listener();

  /// Takes a listening socket (listen_on) and begins to accept: all that come, or one after the
  /// other, so that none comes after pause().
  enum class manner : unsigned char { many_at_once, one_by_one };
  [[nodiscard]] result<void> open(base::unique_fd socket, manner how = manner::many_at_once);
  /// Stops and goes on accepting, for a connection limit; many at once, those already accepted by
  /// the kernel still arrive after pause().
  void pause() noexcept;
  void resume() noexcept;
  /// A descriptor of this process was closed: if short of them, go on now.
  void on_descriptor_freed() noexcept;
  /// Ends it; on_closed follows from a later poll().
  void close() noexcept;

  [[nodiscard]] socket_address local_address() const noexcept;
  [[nodiscard]] bool is_backing_off() const noexcept { return state_ == state::backing_off; }
  /// Connections that were accepted and closed for want of descriptors.
  [[nodiscard]] std::uint64_t shed_count() const noexcept { return shed_count_; }

 private:
  enum class state : unsigned char { idle, accepting, backing_off, paused, closing, closed };

  void arm();
  void on_accept_completion(completion what) noexcept;
  void on_failure(int os_error) noexcept;
  void shed_waiting() noexcept;
  void take_reserve() noexcept;
  void begin_closing() noexcept;
  void settle() noexcept;
  void finish() noexcept;
  void on_detach() noexcept;
  void on_timeout() noexcept override;

  driver& driver_;
  listener_handler& handler_;
  base::unique_fd socket_;
  base::unique_fd reserve_;
  state state_ = state::idle;
  base::nanoseconds_t backoff_ns_ = 0;
  std::uint64_t shed_count_ = 0;
  bool multishot_ = true;
  timeout backoff_;
  bound_operation<listener, &listener::on_accept_completion> accept_{*this};
  bound_hook<listener, &listener::finish> finish_{*this};
  bound_hook<listener, &listener::on_detach> detach_{*this};
};

}  // namespace sluice::inline v0::io
