// The one table errno → error_code, and the words for both.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include <sluice/result.hpp>

namespace sluice {
inline namespace v0 {

const char* to_string(error_code code) noexcept {
  switch (code) {
    case error_code::none: return "none";
    case error_code::unknown_address: return "unknown_address";
    case error_code::stopping: return "stopping";
    case error_code::not_started: return "not_started";
    case error_code::already_started: return "already_started";
    case error_code::mailbox_full: return "mailbox_full";
    case error_code::name_taken: return "name_taken";
    case error_code::bad_argument: return "bad_argument";
    case error_code::bad_address: return "bad_address";
    case error_code::address_in_use: return "address_in_use";
    case error_code::permission_denied: return "permission_denied";
    case error_code::limit_reached: return "limit_reached";
    case error_code::out_of_memory: return "out_of_memory";
    case error_code::connection_refused: return "connection_refused";
    case error_code::connection_reset: return "connection_reset";
    case error_code::timed_out: return "timed_out";
    case error_code::cancelled: return "cancelled";
    case error_code::io_unavailable: return "io_unavailable";
    case error_code::init_failed: return "init_failed";
    case error_code::unhandled: return "unhandled";
    case error_code::receiver_ended: return "receiver_ended";
    case error_code::no_reply: return "no_reply";
    case error_code::call_cycle: return "call_cycle";
    case error_code::threw: return "threw";
    case error_code::not_supported: return "not_supported";
    case error_code::system: return "system";
  }
  return "?";
}

std::string error::message() const {
  std::string text = to_string(code);
  if (os_error != 0) {
    text += ": ";
    text += std::strerror(os_error);
    text += " (";
    text += std::to_string(os_error);
    text += ")";
  }
  if (place != nullptr && place[0] != '\0') {
    text += " at ";
    text += place;
  }
  return text;
}

error error_from_errno(int os_error, const char* place) noexcept {
  error_code code = error_code::system;
  switch (os_error) {
    case 0: code = error_code::none; break;
    case EADDRINUSE: code = error_code::address_in_use; break;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT: code = error_code::bad_address; break;
    case EACCES:
    case EPERM: code = error_code::permission_denied; break;
    case EMFILE:
    case ENFILE:
    case EAGAIN: code = error_code::limit_reached; break;
    case ENOMEM:
    case ENOBUFS: code = error_code::out_of_memory; break;
    case ECONNREFUSED: code = error_code::connection_refused; break;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE: code = error_code::connection_reset; break;
    case ETIMEDOUT: code = error_code::timed_out; break;
    case ECANCELED: code = error_code::cancelled; break;
    case EINVAL: code = error_code::bad_argument; break;
    case ENOSYS:
    case EOPNOTSUPP: code = error_code::not_supported; break;
    default: break;
  }
  return {code, os_error, place};
}

int report(const error& why) noexcept {
  std::fprintf(stderr, "sluice: %s\n", why.message().c_str());
  return 1;
}

namespace detail {

void bad_result_access(const error& why) {
#if defined(__cpp_exceptions)
  throw std::runtime_error("sluice: result has no value: " + why.message());
#else
  std::fprintf(stderr, "sluice: result has no value: %s\n", why.message().c_str());
  std::abort();
#endif
}

}  // namespace detail
}  // namespace v0
}  // namespace sluice
