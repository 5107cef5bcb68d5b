#include "net/udp_workers.hpp"

#include <utility>

#include "net/worker_finder.hpp"

namespace sluice::inline v0::net {

udp_workers::udp_workers(teller& through, udp::worker_list workers, udp::delivery_policy policy)
    : teller_(through), policy_(policy), places_(workers.size()) {
  for (std::size_t index = 0; index < workers.size(); ++index) {
    places_[index].worker = std::move(workers[index]);
  }
}

bool udp_workers::is_living(std::uint32_t place) noexcept {
  return find_worker(teller_.by().node, places_[place].worker).is_valid();
}

std::uint32_t udp_workers::find_living(std::uint32_t first) noexcept {
  for (std::uint32_t step = 0, place = first; step < count(); ++step) {
    if (is_living(place)) return place;
    place = place + 1 == count() ? 0 : place + 1;
  }
  return nobody;
}

std::uint32_t udp_workers::place_of(const endpoint& peer) const noexcept {
  return static_cast<std::uint32_t>(((peer.hash() >> 32) * count()) >> 32);  // UW2
}

void udp_workers::give(std::uint32_t place, udp::datagram&& message) noexcept {
  if (count() == 1) return tell(0, std::move(message));
  places_[place].gathered.push_back(std::move(message));
  teller_.driver().call_after_turn(flush_);
}

void udp_workers::flush() noexcept {
  if (count() == 1) return;
  for (std::uint32_t place = 0; place < count(); ++place) {
    auto& gathered = places_[place].gathered;
    if (gathered.empty()) continue;
    for (udp::datagram& each : gathered) tell(place, std::move(each));
    gathered.clear();
  }
  teller_.by().end_run_of_sends();
}

void udp_workers::tell(std::uint32_t place, udp::datagram&& message) noexcept {
  udp::worker_name& worker = places_[place].worker;
  if (!worker.name.empty()) static_cast<void>(find_worker(teller_.by().node, worker));  // UW1
  if (teller_.tell(worker.who, std::move(message)) != send_outcome::accepted) [[unlikely]]
    ++refused_count_;
}

void udp_workers::tell_failed(const udp::failed& message) noexcept {
  const bool has_place =
      policy_ == udp::delivery_policy::by_peer && !message.peer.is_empty() && count() > 1;
  const std::uint32_t place = find_living(has_place ? place_of(message.peer) : 0);
  if (place != nobody) static_cast<void>(teller_.tell(places_[place].worker.who, message));
}

void udp_workers::tell_closed(const udp::closed& message) noexcept {
  flush();
  for (std::uint32_t place = 0; place < count(); ++place) {
    if (is_living(place)) teller_.tell_surely(places_[place].worker.who, message);
  }
}

}  // namespace sluice::inline v0::net
