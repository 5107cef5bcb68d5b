#include "net/regular_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

namespace sluice::inline v0::net {

result<base::unique_fd> open_regular_file(const std::string& path, int flags, unsigned mode,
                                          const char* place) {
  if (path.empty() || path.find('\0') != std::string::npos) {
    return error{error_code::bad_argument, 0, place};
  }
  base::unique_fd file;
  do {  // A pipe without a reader must not hold us up.
    file.reset(::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, mode));
  } while (!file.is_open() && errno == EINTR);
  if (!file.is_open()) return error_from_errno(errno, place);
  struct ::stat kind {};
  if (::fstat(file.get(), &kind) != 0) return error_from_errno(errno, place);
  if (S_ISDIR(kind.st_mode)) return error_from_errno(EISDIR, place);
  if (!S_ISREG(kind.st_mode)) return error{error_code::not_supported, 0, place};
  if (::fcntl(file.get(), F_SETFL, ::fcntl(file.get(), F_GETFL) & ~O_NONBLOCK) != 0) {
    return error_from_errno(errno, place);
  }
  return file;
}

}  // namespace sluice::inline v0::net
