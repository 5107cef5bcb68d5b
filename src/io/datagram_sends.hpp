// datagram_sends: the sending half of a datagram socket: a queue with a bound, and several sends in
// flight.
//
// Everything queued in a turn goes out before the next submission. Neighbours in the queue to one
// peer, equal in size (the last may be shorter), leave as one send that the kernel splits
// (UDP_SEGMENT), where it can; the others as one request each. A sender is never blocked: what
// finds the queue full is dropped, the newest first.
// Who: the driver's owner thread; part of datagram_socket.
// Rules
//   DS1  No failure ends anything but its own datagrams. A descriptor that is none any more does.
//   DS2  A pending ICMP error of the socket, which the kernel hands to whichever send comes next,
//        costs that send nothing: it is tried once more.
//   DS3  A split send that the kernel refuses leaves again as single ones; runs of that size are
//        not tried again.
// Memory: the queue (bounded by its limits), 200 bytes a send in flight, 3 KiB a split one; those
// are kept for the next.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <sluice/bytes.hpp>
#include <sluice/endpoint.hpp>

#include "io/datagram_queue.hpp"
#include "io/driver.hpp"
#include "io/operation.hpp"
#include "io/turn_hook.hpp"

namespace sluice::inline v0::io {

struct datagram_send_options {
  std::uint32_t queue_bytes_max = 1024 * 1024;
  std::uint32_t queue_count_max = 4096;
  std::uint32_t in_flight_max = 256;      ///< sends at a time
  std::uint32_t runs_in_flight_max = 32;  ///< of these, split ones
  bool can_split = false;                 ///< the kernel has UDP_SEGMENT
  bool takes_errors = false;  ///< the socket has an error queue, which tells ICMP errors
};

enum class [[nodiscard]] datagram_outcome : unsigned char{
    accepted,  ///< queued
    full,      ///< not queued: the queue is at its limit
    closed,    ///< not queued: closed or closing
};

struct datagram_send_counters {
  std::uint64_t datagrams = 0;  ///< accepted by the kernel
  std::uint64_t bytes = 0;
  std::uint64_t sends = 0;    ///< requests these took
  std::uint64_t dropped = 0;  ///< found the queue full or the socket closing, or were queued then
  std::uint64_t failed = 0;   ///< refused by the kernel
};

/// Called on the owner thread from the driver's poll().
class datagram_sends_listener {
 public:
  /// The kernel refused `count` datagrams for `to`.
  virtual void on_send_failed(const endpoint& to, int os_error, std::uint32_t count) noexcept = 0;
  /// The kernel handed a send an error of an earlier datagram (DS2), so it seems.
  virtual void on_pending_error(int os_error) noexcept = 0;
  /// A send has ended, after the two above.
  virtual void on_send_ended() noexcept = 0;

 protected:
  ~datagram_sends_listener() = default;
};

class datagram_sends {
 public:
  datagram_sends(driver& on, datagram_sends_listener& told) noexcept;
  ~datagram_sends();

  /// `fd` is borrowed until nothing is in flight after end().
  void open(int fd, const datagram_send_options& options) noexcept;
  /// `to` is empty for the peer of a connected socket.
  datagram_outcome push(const endpoint& to, bytes data);
  /// A datagram that came when the socket was closing.
  void count_late() noexcept { ++counters_.dropped; }
  /// Throws the queue away and cancels what is in flight.
  void end() noexcept;

  [[nodiscard]] bool is_idle() const noexcept { return in_flight_ == 0 && queue_.is_empty(); }
  [[nodiscard]] std::uint32_t in_flight_count() const noexcept { return in_flight_; }
  [[nodiscard]] std::uint32_t queued_count() const noexcept { return queue_.count(); }
  /// The descriptor is broken (DS1): nothing can be sent any more.
  [[nodiscard]] bool is_broken() const noexcept { return is_broken_; }
  [[nodiscard]] const datagram_send_counters& counters() const noexcept { return counters_; }

 private:
  struct flight;
  struct run;

  void flush() noexcept;
  [[nodiscard]] std::uint32_t count_run() const noexcept;
  [[nodiscard]] flight& take_flight(bool is_run);
  void launch_one() noexcept;
  void launch_run(std::uint32_t count) noexcept;
  void start(flight& next) noexcept;
  void on_sent(flight& done, completion what) noexcept;
  [[nodiscard]] bool goes_on_after(flight& done, int os_error) noexcept;
  void split_up(flight& refused) noexcept;
  void put_back(flight& done) noexcept;

  driver& driver_;
  datagram_sends_listener& told_;
  int fd_ = -1;
  bool is_open_ = false;
  bool is_broken_ = false;
  std::uint32_t in_flight_ = 0;
  std::uint32_t runs_in_flight_ = 0;
  std::uint32_t segment_bytes_max_ = 0;  // 0 = no split sends (DS3)
  datagram_send_options options_;
  datagram_queue queue_;
  datagram_send_counters counters_;
  flight* free_singles_ = nullptr;
  flight* free_runs_ = nullptr;
  std::vector<std::unique_ptr<flight>> flights_;
  bound_hook<datagram_sends, &datagram_sends::flush> flush_{*this};
};

}  // namespace sluice::inline v0::io
