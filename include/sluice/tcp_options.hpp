// Options of TCP connections, and how workers are named: shared by tcp::server and tcp::client.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sluice/framing.hpp>
#include <sluice/handle.hpp>
#include <sluice/pid.hpp>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {
namespace tcp {

/// What happens when a connection's write queue stands above its high mark.
enum class write_policy : std::uint8_t {
  pause_reading,  ///< read no more from this peer until the queue is below the low mark
  drop,           ///< refuse further writes until it is below the high mark
  close,          ///< end the connection
};

/// Probes of the kernel to a silent peer.
struct keepalive_options {
  bool enabled = false;
  std::chrono::seconds idle{60};  ///< of silence, until the first probe
  std::chrono::seconds interval{10};
  std::uint32_t count = 5;  ///< unanswered ones until the connection is given up
};

/// Of each connection that a server accepts or a client makes. Times of 0 are no limits, sizes of 0
/// the kernel's choice; times are never cut short, and a few 100 µs late at most. What only TCP
/// knows is left out for unix sockets.
struct connection_options {
  bool nodelay = true;
  /// Of the write queue. A message larger than the high mark is taken when it stands below.
  std::uint32_t write_bytes_high = 256 * 1024;
  std::uint32_t write_bytes_low = 64 * 1024;
  write_policy policy = write_policy::pause_reading;
  /// Bytes read and not yet let go by their holders, before this socket is read no further. What
  /// the kernel has delivered by then still comes: at most 32 of a ring's buffers.
  std::uint32_t read_bytes_max = 256 * 1024;
  /// Closing waits this long for queued bytes to be sent, draining as long for the worker.
  std::chrono::milliseconds flush_time_max{5000};
  /// Whatever the policy: a queue that would grow beyond this ends the connection (write_overflow).
  /// Each message counts 128 bytes more than it has; a single one may be larger.
  std::uint32_t write_bytes_max = 16 * 1024 * 1024;
  /// How the bytes are cut into messages; default: as they come. What is malformed, or cut off by
  /// the end of the input, ends the connection once its worker has handled, and answered, the
  /// frames before it. A frame under way counts against nothing but its own frame_bytes_max.
  sluice::framing framing{};
  /// Messages to the connection that wait to be handled, before a send answers full; 0 = no limit.
  std::uint32_t mailbox_max = 0;

  keepalive_options keepalive{};
  /// Sent bytes that the peer's kernel does not acknowledge for so long end it (timed_out).
  std::chrono::milliseconds user_timeout{0};
  std::uint32_t receive_buffer_bytes = 0;
  std::uint32_t send_buffer_bytes = 0;
  /// How long a closed connection waits for the peer's end, so that the last answer is not
  /// destroyed by a reset. 0: it is reset at once, and what the kernel has not sent is lost.
  std::chrono::milliseconds linger_time_max{1000};

  /// Nothing comes from the peer for so long (idle). Does not run while reading is paused here, and
  /// while bytes wait for the peer to take them.
  std::chrono::milliseconds read_idle_max{0};
  /// Bytes wait to be sent and the peer takes none of them (write_stalled): told between once and
  /// twice this time after the last progress.
  std::chrono::milliseconds write_stall_max{0};
  /// Until the first bytes have come, or the first frame, with the PROXY header before it if one is
  /// due (handshake_timed_out).
  std::chrono::milliseconds handshake_time_max{0};
  /// Written, as they are, whenever nothing was written for keep_alive_after.
  std::string keep_alive_bytes{};
  std::chrono::milliseconds keep_alive_after{0};
};

/// A process that serves connections: by its pid or handle, or by the name it has or will have.
struct worker_name {
  pid who{};
  std::string name{};

  worker_name() = default;
  worker_name(pid who_) noexcept : who(who_) {}
  template <class A>
  worker_name(const handle<A>& who_) noexcept : who(who_.id()) {}
  worker_name(std::string name_) noexcept : name(std::move(name_)) {}
  worker_name(std::string_view name_) : name(name_) {}
  worker_name(const char* name_) : name(name_) {}

  [[nodiscard]] bool is_given() const noexcept { return who.is_valid() || !name.empty(); }
};

/// Workers in the order of their turns; made from names, pids, handles, or lists of these.
struct worker_list : std::vector<worker_name> {
  using std::vector<worker_name>::vector;
  worker_list(const std::vector<pid>& pids) : std::vector<worker_name>(pids.begin(), pids.end()) {}
  worker_list(const std::vector<std::string>& names)
      : std::vector<worker_name>(names.begin(), names.end()) {}
  template <class A>
  worker_list(const std::vector<handle<A>>& handles)
      : std::vector<worker_name>(handles.begin(), handles.end()) {}
};

}  // namespace tcp
}  // namespace v0
}  // namespace sluice
