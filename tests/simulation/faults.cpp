#include <string.h>

#include "town.hpp"

namespace simulation {

using sluice::io::fault;
using sluice::io::fault_kind;
using sluice::io::op_site;
using sluice::io::request_kind;

const char* to_string(mishap kind) noexcept {
  static constexpr const char* names[] = {"exception in a handler",
                                          "exit normal",
                                          "exit error",
                                          "kill another",
                                          "shut another down",
                                          "kill a supervisor",
                                          "kill a client",
                                          "reset a connection",
                                          "kill the server",
                                          "fill a mailbox",
                                          "cancel a timer",
                                          "call times out",
                                          "call nobody",
                                          "leave an answer open",
                                          "restart by hand",
                                          "exception in on_start",
                                          "timer storm",
                                          "spawn and forget"};
  return names[static_cast<std::size_t>(kind)];
}

std::vector<fault> io_faults() {
  struct row {
    op_site site;
    request_kind kind;
    bool is_multishot;
    bool may_be_short;
  };
  static constexpr row rows[] = {
      {op_site::listener_accept, request_kind::accept, true, false},
      {op_site::connector_connect, request_kind::connect, false, false},
      {op_site::stream_receive, request_kind::receive, true, true},
      {op_site::stream_send, request_kind::send, false, true},
  };
  // Those that only a wrong program meets end the object that made it, and for good.
  static constexpr int of_wrong_programs[] = {
      EBADF,      EINVAL,      EFAULT,       ENOTSOCK, EOPNOTSUPP, EISCONN, EDESTADDRREQ,
      EPROTOTYPE, ENOPROTOOPT, EAFNOSUPPORT, EALREADY, EAGAIN,     EINTR};
  std::vector<fault> found;
  for (const row& each : rows) {
    for (const int os_error : sluice::io::errors_of(each.kind)) {
      bool is_plausible = true;
      for (const int other : of_wrong_programs) is_plausible = is_plausible && os_error != other;
      if (is_plausible) found.push_back({each.site, fault_kind::error, os_error, 1});
    }
    if (each.may_be_short) found.push_back({each.site, fault_kind::cut_short, 0, 1});
    if (each.is_multishot) found.push_back({each.site, fault_kind::lost_more, 0, 1});
  }
  found.push_back({op_site::stream_receive, fault_kind::no_buffer, 0, 1});
  return found;
}

std::string describe(const fault& what) {
  std::string text =
      std::string{sluice::io::to_string(what.site)} + ' ' + sluice::io::to_string(what.kind);
  if (what.kind == fault_kind::error) {
    const char* const name = ::strerrorname_np(what.os_error);
    text += std::string{" "} + (name == nullptr ? "?" : name);
  }
  return text;
}

}  // namespace simulation
