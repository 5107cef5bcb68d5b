#include "io/listening_socket.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <string>

namespace sluice::inline v0::io {

namespace {

[[nodiscard]] int try_bind(int fd, const socket_address& where) noexcept {
  return ::bind(fd, where.data(), where.length()) == 0 ? 0 : errno;
}

// A socket file whose server is gone refuses.
[[nodiscard]] bool is_stale_path(const socket_address& where) {
  if (where.family() != AF_UNIX) return false;
  struct ::stat there {};
  if (::lstat(where.path().c_str(), &there) != 0 || !S_ISSOCK(there.st_mode)) return false;
  const base::unique_fd probe{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!probe.is_open()) return false;
  return ::connect(probe.get(), where.data(), where.length()) != 0 && errno == ECONNREFUSED;
}

// Held from before the look at a path to the listen(): who finds the path of a gone server, and who
// has bound his own and does not listen yet, are not told apart by a probe. Closed when others hold
// it for long, or without the right to look at the folder; then nobody's path is taken over.
[[nodiscard]] base::unique_fd lock_folder_of(const socket_address& where) {
  constexpr int tries_max = 100;
  constexpr ::timespec pause{0, 1'000'000};
  const std::string path = where.path();
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  base::unique_fd held{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  for (int count = 0; held.is_open() && ::flock(held.get(), LOCK_EX | LOCK_NB) != 0; ++count) {
    if (errno != EWOULDBLOCK || count == tries_max) return {};
    ::nanosleep(&pause, nullptr);
  }
  return held;
}

}  // namespace

result<base::unique_fd> listen_on(const socket_address& where, const listen_options& options) {
  if (where.family() == AF_UNSPEC) return error{error_code::bad_address, 0, "listen: no address"};
  if (options.backlog < 1) return error{error_code::bad_argument, 0, "listen: backlog"};
  base::unique_fd socket{::socket(where.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!socket.is_open()) return error_from_errno(errno, "listen: socket");
  const int on = 1;
  if (where.family() != AF_UNIX) {
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (options.reuse_port &&
        ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
      return error_from_errno(errno, "listen: reuse_port");
    }
  }
  if (where.family() == AF_INET6) {
    const int only = options.ipv6_only ? 1 : 0;
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
  }
  apply_sizes(socket.get(), options.socket);
  base::unique_fd folder;
  if (where.family() == AF_UNIX) folder = lock_folder_of(where);
  int failed = try_bind(socket.get(), where);
  if (failed == EADDRINUSE && folder.is_open() && is_stale_path(where)) {
    ::unlink(where.path().c_str());
    failed = try_bind(socket.get(), where);
  }
  if (failed != 0) return error_from_errno(failed, "listen: bind");
  if (::listen(socket.get(), options.backlog) != 0) {
    return error_from_errno(errno, "listen: listen");
  }
  return socket;
}

file_identity identity_of(const socket_address& where) noexcept {
  struct ::statx there {};
  constexpr unsigned wanted = STATX_INO | STATX_BTIME;
  if (where.family() != AF_UNIX) return {};
  if (::statx(AT_FDCWD, where.path().c_str(), AT_SYMLINK_NOFOLLOW, wanted, &there) != 0) return {};
  file_identity found;
  found.device = std::uint64_t{there.stx_dev_major} << 32 | there.stx_dev_minor;
  found.inode = there.stx_ino;
  if ((there.stx_mask & STATX_BTIME) != 0) {
    found.born_ns = there.stx_btime.tv_sec * 1'000'000'000 + there.stx_btime.tv_nsec;
  }
  return found;
}

void remove_path(const socket_address& where, const file_identity& own) {
  if (own == file_identity{}) return;
  const base::unique_fd folder = lock_folder_of(where);
  if (identity_of(where) == own) ::unlink(where.path().c_str());
}

}  // namespace sluice::inline v0::io
