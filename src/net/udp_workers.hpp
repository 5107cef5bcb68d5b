// udp_workers: who gets the next datagram of a UDP socket, and what goes to each in one turn.
//
// A lone worker is told at once. With several, a turn's datagrams are gathered for each and told
// when the turn is over, so that each gets one chain.
// Who: the thread of the socket's driver.
// Rules
//   UW1  A worker that has ended is passed over; a name is looked up again.
//   UW2  by_peer: the place of a peer depends on its hash and the length of the list alone, and
//        moves on only past workers that have ended.
#pragma once

#include <cstdint>
#include <vector>

#include <sluice/udp.hpp>

#include "net/teller.hpp"

namespace sluice::inline v0::net {

class udp_workers {
 public:
  static constexpr std::uint32_t nobody = UINT32_MAX;

  udp_workers(teller& through, udp::worker_list workers, udp::delivery_policy policy);

  [[nodiscard]] std::uint32_t count() const noexcept {
    return static_cast<std::uint32_t>(places_.size());
  }
  /// The worker whose datagram of `peer` this is, or nobody. By turns those are passed over for
  /// whom `has_credit(place)` is false.
  template <class HasCredit>
  [[nodiscard]] std::uint32_t choose(const endpoint& peer, HasCredit&& has_credit) noexcept {
    const std::uint32_t size = count();
    if (policy_ == udp::delivery_policy::by_peer) return find_living(place_of(peer));
    for (std::uint32_t step = 0; step < size; ++step) {
      const std::uint32_t place = turn_;
      turn_ = turn_ + 1 == size ? 0 : turn_ + 1;
      if (has_credit(place) && is_living(place)) return place;
    }
    return nobody;
  }
  /// At once, or with the turn.
  void give(std::uint32_t place, udp::datagram&& message) noexcept;
  /// Tells what was gathered.
  void flush() noexcept;
  /// Datagrams that their worker did not take: its mailbox was full, or it had ended.
  [[nodiscard]] std::uint64_t refused_count() const noexcept { return refused_count_; }

  /// To the worker that an error about `peer` concerns, or the first that lives.
  void tell_failed(const udp::failed& message) noexcept;
  /// To each that lives, after all that was gathered.
  void tell_closed(const udp::closed& message) noexcept;
  /// To the first that lives from `place` on, unsigned, after all that was gathered. Its place, or
  /// nobody.
  template <message M>
  [[nodiscard]] std::uint32_t tell_next(std::uint32_t place, M message) noexcept {
    flush();
    for (; place < count(); ++place) {
      if (!is_living(place)) continue;
      const auto outcome = teller_.control(places_[place].worker.who, priority::main, message);
      if (outcome == send_outcome::accepted) return place;
    }
    return nobody;
  }
  [[nodiscard]] bool is_living(std::uint32_t place) noexcept;

 private:
  struct worker_place {
    udp::worker_name worker;
    std::vector<udp::datagram> gathered;
  };

  [[nodiscard]] std::uint32_t find_living(std::uint32_t first) noexcept;
  [[nodiscard]] std::uint32_t place_of(const endpoint& peer) const noexcept;
  void tell(std::uint32_t place, udp::datagram&& message) noexcept;

  teller& teller_;
  const udp::delivery_policy policy_;
  std::uint32_t turn_ = 0;
  std::uint64_t refused_count_ = 0;
  std::vector<worker_place> places_;
  io::bound_hook<udp_workers, &udp_workers::flush> flush_{*this};
};

}  // namespace sluice::inline v0::net
