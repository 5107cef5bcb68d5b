// conversation: what a TCP connection is for its worker, from connected to disconnected.
//
// The part that accepted connections and the client share: it owns the stream, tells the worker
// what comes and writes what it is given. Not a meta: it is part of one, which owns it, passes its
// mail on and hears of the end.
// Who: the thread of the meta's driver; there is no other.
//
//             drain         close, drain over   worker ends   abort    stream closed
//  serving    draining,     closing             closing       tearing  over
//             draining told
//  draining   closing       closing             closing       tearing  over
//  closing    -             -                   -             tearing  over
//  closing and tearing are states of the stream; over tells the worker, then the owner.
// Rules
//   C1  connected is the first message to the worker, disconnected the last; a worker whose full
//       mailbox refused the first is told nothing at all.
//   C2  A send to the worker that is refused ends the connection: bytes do not vanish silently.
//   C3  Draining: what was read before is answered before the close, because draining takes its
//       turn in the worker's mailbox; what is read after is thrown away.
//   C4  A worker that has ended is told nothing, and nor is one that was not told connected: while
//       a PROXY header is due.
//   C5  Malformed input is an order to drain: what came before it is answered (C3).
//   C6  Whatever a frame lies in is charged to the stream: a slice of what was read is, a frame
//       that was gathered is made so, and an empty one holds on to what it came in.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <sluice/inspection.hpp>
#include <sluice/pid.hpp>

#include "base/unique_fd.hpp"
#include "io/socket_address.hpp"
#include "io/stream.hpp"
#include "io/timeout.hpp"
#include "net/connection_plan.hpp"
#include "net/teller.hpp"

namespace sluice::inline v0::core {
struct envelope;
struct slot;
}  // namespace sluice::inline v0::core

namespace sluice::inline v0::net {

/// To the connection, in answer: its worker has handled, and answered, what came before.
struct turn_to_close {};
/// In the worker's activation: sends it.
void close_in_turn(core::slot& worker, alias id);

[[nodiscard]] exit_reason exit_reason_of(io::close_reason reason);

class conversation final : private io::stream_handler, private io::timeout::listener {
 public:
  class owner {
   public:
    /// Before the worker is told disconnected.
    virtual void on_conversation_ending() noexcept {}
    /// Last, exactly once after begin(). The conversation may be destroyed in it.
    virtual void on_conversation_over(io::close_reason why) noexcept = 0;

   protected:
    ~owner() = default;
  };

  conversation(core::meta_state& meta, owner& told, pid worker,
               std::shared_ptr<const connection_plan> plan);
  ~conversation();

  struct opening {
    base::unique_fd socket;
    io::socket_address peer;
    bool expects_proxy = false;  ///< the peer says first for whom it speaks
    bytes first{};               ///< written before anything else, as it is
  };
  /// Takes a connected socket, tells the worker and begins to read.
  void begin(opening how);

  // Of the owner's mail.
  void write(bytes data) {
    const std::size_t size = data.size();
    if (frames_ != nullptr) [[unlikely]]
      return write_frame(std::move(data));
    if (stream_.write(std::move(data)) == io::write_outcome::dropped) [[unlikely]]
      on_dropped(size);
  }
  void shutdown_write() noexcept { stream_.shutdown_write(); }
  void close_after_flush() noexcept;

  /// Ends in order; the second time without waiting for the worker.
  void drain() noexcept;
  /// Nobody is left to tell: flushes and closes.
  void on_worker_ended() noexcept;
  /// Ends at once, by a reset.
  void abort() noexcept { stream_.abort(); }

  /// For on_inspect of the owner.
  void describe(inspect_items& items) const;

 private:
  /// What becomes of bytes that come.
  enum class intake : std::uint8_t {
    plain,    ///< one tcp::data each
    first,    ///< the same, and they end the handshake
    frames,   ///< one tcp::data a frame
    header,   ///< of a proxy, then one of the others
    nothing,  ///< C3
  };

  void on_bytes(bytes data) noexcept override;
  void on_read_closed() noexcept override;
  void on_writable() noexcept override;
  void on_stream_closed(io::close_reason reason, std::uint64_t bytes_in,
                        std::uint64_t bytes_out) noexcept override;
  void on_timeout() noexcept override { close_after_flush(); }

  template <class M>
  void tell(M message) noexcept;
  struct framing_state;
  struct proxy_state;

  void tell_connected(const io::socket_address& peer, const io::socket_address& local,
                      std::string via);
  [[nodiscard]] intake intake_of_plan() const noexcept;
  void take_specially(bytes data) noexcept;
  void take_header(bytes data) noexcept;
  void take_frames(bytes data) noexcept;
  void on_malformed() noexcept;
  void write_frame(bytes data);
  void on_dropped(std::size_t size) noexcept;
  void on_refused(send_outcome why) noexcept;
  [[nodiscard]] base::nanoseconds_t flush_deadline() const noexcept;

  owner& owner_;
  pid worker_;
  alias id_;
  intake intake_ = intake::plain;
  bool has_told_connected_ = false;
  bool is_draining_ = false;
  bool worker_has_ended_ = false;
  teller teller_;
  io::stream stream_;
  std::unique_ptr<io::timeout> drain_over_;  // while draining
  std::shared_ptr<const connection_plan> plan_;
  std::unique_ptr<framing_state> frames_;
  std::unique_ptr<proxy_state> proxy_;
  io::close_reason orderly_reason_ = io::close_reason::closed_here;
  std::uint64_t bytes_dropped_ = 0;
  std::uint64_t bytes_dropped_told_ = 0;
};

}  // namespace sluice::inline v0::net
