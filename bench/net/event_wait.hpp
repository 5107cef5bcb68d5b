// How the load generator's loops wait: look first, then sleep.
#pragma once

#include <sys/epoll.h>
#include <time.h>

#include <cstdint>
#include <vector>

#include "sockets.hpp"

namespace sluice::bench {

// Looks once and then for so long; never sleeps.
inline int look_for_events(int epoll, std::vector<epoll_event>& events, std::uint64_t look_ns) {
  const auto capacity = static_cast<int>(events.size());
  int count = ::epoll_wait(epoll, events.data(), capacity, 0);
  if (count != 0 || look_ns == 0) return count;
  const std::uint64_t start = now_ns();
  do {
    count = ::epoll_wait(epoll, events.data(), capacity, 0);
  } while (count == 0 && now_ns() - start < look_ns);
  return count;
}

inline int sleep_for_events(int epoll, std::vector<epoll_event>& events, std::uint64_t most_ns) {
  timespec limit{};
  limit.tv_sec = static_cast<time_t>(most_ns / 1'000'000'000);
  limit.tv_nsec = static_cast<long>(most_ns % 1'000'000'000);
  return ::epoll_pwait2(epoll, events.data(), static_cast<int>(events.size()), &limit, nullptr);
}

}  // namespace sluice::bench
