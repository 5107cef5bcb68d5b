// datagram_socket: a UDP socket on a driver: datagrams in by a multishot receive into the driver's
// buffers, datagrams out by datagram_sends.
//
// When: datagrams. Not for streams. Who: the driver's owner thread; handlers are called from poll()
// only, never from inside a call to the socket. Whoever takes datagrams has an account (a socket
// may have several): what its slices hold is charged to it. While every account is exhausted the
// socket is not read and the kernel drops; while only some are, datagrams for these are dropped
// here, so that a slow taker stops its own and no other's.
// Rules
//   DG1  No error of a datagram ends the socket; a descriptor that is none any more does.
//   DG2  A receive is re-armed by "no F_MORE" alone, when nothing holds reading: the user's pause,
//        no credit, no free buffer, too many errors in a row.
//   DG3  on_socket_closed comes last, exactly once, when every operation was reaped and the
//        descriptor is closed; the socket may be destroyed in it, and not before.
//   DG4  After close_after_flush or abort no datagram arrives.
//   DG5  Received runs (GRO) are asked for only where a buffer holds the largest there is: the
//        kernel cuts what does not fit.
//
//            close_after_flush   all sent    deadline   abort, broken, detach
//  open      flushing | tearing  -           -          tearing
//  flushing  -                   tearing     tearing    tearing
//  tearing   -    …every operation is reaped, the descriptor closed, on_socket_closed: closed…
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <sluice/bytes.hpp>
#include <sluice/endpoint.hpp>
#include <sluice/result.hpp>

#include "base/unique_fd.hpp"
#include "io/datagram_header.hpp"
#include "io/datagram_sends.hpp"
#include "io/driver.hpp"
#include "io/operation.hpp"
#include "io/receive_buffers.hpp"
#include "io/timeout.hpp"
#include "io/turn_hook.hpp"

namespace sluice::inline v0::io {

struct datagram_options {
  std::uint32_t account_count = 1;
  /// Of each account. Small datagrams are copied out of the driver's buffers: the copy costs less
  /// than a buffer that is away.
  receive_limits receive{.bytes_max = 1024 * 1024, .lent_count_max = 32, .lent_bytes_min = 1024};
  datagram_send_options send{};  ///< can_split and takes_errors are found out by open()
  bool wants_split_sends = true;
  bool wants_merged_receives = true;
  bool takes_errors = true;  ///< the socket was made with datagram_bind::tell_errors
};

struct datagram_receive_counters {
  std::uint64_t datagrams = 0;
  std::uint64_t bytes = 0;
  std::uint64_t truncated = 0;  ///< of datagrams: larger than a buffer's room
  std::uint64_t dropped = 0;    ///< read, and thrown away: nobody had credit, or was there
  std::uint64_t malformed = 0;  ///< of dropped: the driver's buffer made no sense
  std::uint64_t errors = 0;     ///< receives that failed, ICMP errors that were read
};

/// Called on the owner thread from the driver's poll().
class datagram_handler {
 public:
  static constexpr std::uint32_t nobody = UINT32_MAX;

  /// Whose account the next datagrams of `peer` are charged to, or `nobody`. Asked once for each
  /// datagram or received run, and only when there are several accounts.
  [[nodiscard]] virtual std::uint32_t choose_account(const endpoint& peer) noexcept = 0;
  /// The slice lies in the driver's buffer or in a copy; what did not fit are `cut_bytes`.
  virtual void on_datagram(std::uint32_t account, const endpoint& peer, bytes data,
                           std::uint32_t cut_bytes) noexcept = 0;
  /// An ICMP error of a datagram to `peer`, or `count` datagrams to it that the kernel refused.
  virtual void on_datagram_error(const endpoint& peer, int os_error,
                                 std::uint32_t count) noexcept = 0;
  /// DG3. 0 when it was asked for or the driver was detached.
  virtual void on_socket_closed(int os_error) noexcept = 0;

 protected:
  ~datagram_handler() = default;
};

class datagram_socket final : private timeout::listener,
                              private credit_listener,
                              private datagram_sends_listener {
 public:
  datagram_socket(driver& on, datagram_handler& handler) noexcept;
  ~datagram_socket();

  /// Takes a bound socket (make_datagram_socket) and begins to read.
  void open(base::unique_fd socket, const datagram_options& options = {});

  /// `to` is empty for the peer of a connected socket.
  datagram_outcome send(const endpoint& to, bytes data) {
    if (state_ == state::open) return sends_.push(to, std::move(data));
    sends_.count_late();
    return datagram_outcome::closed;
  }
  void pause_read() noexcept;
  void resume_read() noexcept;
  /// Reads no more, sends what is queued, then closes; at the deadline without the rest.
  void close_after_flush(base::nanoseconds_t deadline_ns = base::no_deadline) noexcept;
  /// Closes at once; queued datagrams are lost.
  void abort() noexcept;

  /// Whether `account` may take datagrams: false from exhaustion until half of it is free again.
  [[nodiscard]] bool has_credit(std::uint32_t account) const noexcept {
    return !accounts_[account]->waits_for_credit();
  }
  [[nodiscard]] bool is_open() const noexcept { return state_ == state::open; }
  [[nodiscard]] bool is_closed() const noexcept {
    return state_ == state::closed || state_ == state::idle;
  }
  [[nodiscard]] bool has_merged_receives() const noexcept { return merges_; }
  [[nodiscard]] bool has_split_sends() const noexcept { return splits_; }
  /// The largest datagram that is received whole.
  [[nodiscard]] std::uint32_t payload_bytes_max() const noexcept;
  [[nodiscard]] const datagram_receive_counters& received() const noexcept { return counters_; }
  [[nodiscard]] const datagram_send_counters& sent() const noexcept { return sends_.counters(); }
  /// Datagrams that the kernel dropped because its queue was full.
  [[nodiscard]] std::uint64_t lost_by_kernel() const noexcept;
  [[nodiscard]] int fd() const noexcept { return socket_.get(); }

 private:
  enum class state : unsigned char { idle, open, flushing, tearing, closed };
  enum hold : std::uint8_t {  // DG2: what holds reading, one bit each
    held_by_user = 1,
    held_by_credit = 2,
    held_by_buffers = 4,
    held_by_errors = 8,
  };

  [[nodiscard]] datagram_layout layout() const noexcept {
    return {shape_.msg_namelen, static_cast<std::uint32_t>(shape_.msg_controllen)};
  }
  void update_reading() noexcept;
  void on_received(completion what) noexcept;
  void take_buffer(completion what) noexcept;
  void deliver(std::uint32_t account, const endpoint& peer, bytes data, std::uint32_t segment_bytes,
               std::uint32_t cut_bytes) noexcept;
  void wait_for_credit(std::uint32_t account) noexcept;
  void on_receive_error(int os_error) noexcept;
  void take_errors(int os_error) noexcept;

  void tear_down(int os_error) noexcept;
  void settle() noexcept;
  void finish() noexcept;
  void on_detach() noexcept;
  void on_timeout() noexcept override;
  void on_receive_credit() noexcept override;
  void on_send_failed(const endpoint& to, int os_error, std::uint32_t count) noexcept override;
  void on_pending_error(int os_error) noexcept override;
  void on_send_ended() noexcept override;

  driver& driver_;
  datagram_handler& handler_;
  base::unique_fd socket_;
  state state_ = state::idle;
  std::uint8_t holds_ = 0;
  bool received_before_ = false;
  bool merges_ = false;
  bool splits_ = false;
  bool takes_errors_ = false;
  std::uint32_t errors_in_row_ = 0;
  int os_error_ = 0;
  std::uint64_t lost_by_kernel_ = 0;  // once the descriptor is gone
  endpoint peer_;                     // of a connected socket
  ::msghdr shape_{};
  std::vector<receive_account*> accounts_;
  datagram_receive_counters counters_;
  datagram_sends sends_;
  bound_operation<datagram_socket, &datagram_socket::on_received> receive_{*this};
  bound_hook<datagram_socket, &datagram_socket::finish> finish_{*this};
  bound_hook<datagram_socket, &datagram_socket::on_detach> detach_{*this};
  timeout deadline_;
};

}  // namespace sluice::inline v0::io
