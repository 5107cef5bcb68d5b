// acknowledged: how many bytes the peer of a TCP socket has acknowledged, as the kernel counts
// them.
//
// For limits of time: a send that the kernel completes as a whole shows no progress of its own.
// One system call; any thread.
#pragma once

#include <cstdint>
#include <optional>

namespace sluice::inline v0::io {

/// Since the connection began. Nothing for other kinds of sockets.
[[nodiscard]] std::optional<std::uint64_t> acknowledged_bytes(int fd) noexcept;

}  // namespace sluice::inline v0::io
