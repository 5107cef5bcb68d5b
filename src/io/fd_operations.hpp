// Poll, read and write on any descriptor: what awaitables and metas of other kinds start.
//
// The completion's result is the kernel's: ready events, bytes, or -errno. The memory given must
// stay until the final completion. Owner thread only.
#pragma once

#include <cstddef>
#include <span>

#include "io/operation.hpp"
#include "io/uring_driver.hpp"

namespace sluice::inline v0::io {

/// One answer when any of `events` (POLLIN, POLLOUT…) is there.
inline void start_poll(uring_driver& driver, operation& op, int fd, unsigned events) {
  driver.start(op, [&](::io_uring_sqe* entry) { ::io_uring_prep_poll_add(entry, fd, events); });
}

/// Reads at `offset`, or at the file's position for -1 (and for what has none).
inline void start_read(uring_driver& driver, operation& op, int fd, std::span<std::byte> into,
                       std::int64_t offset = -1) {
  driver.start(op, [&](::io_uring_sqe* entry) {
    ::io_uring_prep_read(entry, fd, into.data(), static_cast<unsigned>(into.size()),
                         static_cast<std::uint64_t>(offset));
  });
}

/// Writes at `offset`, or at the file's position for -1 (and for what has none).
inline void start_write(uring_driver& driver, operation& op, int fd,
                        std::span<const std::byte> from, std::int64_t offset = -1) {
  driver.start(op, [&](::io_uring_sqe* entry) {
    ::io_uring_prep_write(entry, fd, from.data(), static_cast<unsigned>(from.size()),
                          static_cast<std::uint64_t>(offset));
  });
}

}  // namespace sluice::inline v0::io
