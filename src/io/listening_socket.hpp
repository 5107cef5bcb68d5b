// listening_socket: a bound, listening socket, and what its path leaves behind.
#pragma once

#include <cstdint>

#include <sluice/result.hpp>

#include "base/unique_fd.hpp"
#include "io/socket_address.hpp"
#include "io/socket_options.hpp"

namespace sluice::inline v0::io {

struct listen_options {
  int backlog = 1024;
  bool reuse_port = false;
  bool ipv6_only = true;    ///< false: "::" takes IPv4 peers too
  socket_options socket{};  ///< of which the sizes are set, for the sockets accepted from it
};

/// Errors: address_in_use, permission_denied, bad_address, limit_reached. A unix path at which a
/// socket lies that nobody listens on is taken over, by one of those who try at once; one that
/// somebody listens on, or that is no socket, is address_in_use.
[[nodiscard]] result<base::unique_fd> listen_on(const socket_address& where,
                                                const listen_options& options = {});

/// Which file a path names now. Numbers of inodes come again at once, times of birth do not.
struct file_identity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t born_ns = 0;  ///< 0 where the file system does not say
  friend bool operator==(const file_identity&, const file_identity&) = default;
};
/// Of a unix path; of nothing else.
[[nodiscard]] file_identity identity_of(const socket_address& where) noexcept;
/// Removes a unix path if it still names that file: another server may have taken its place.
void remove_path(const socket_address& where, const file_identity& own);

}  // namespace sluice::inline v0::io
