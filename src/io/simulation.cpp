#include "io/simulation.hpp"

#include <algorithm>
#include <cerrno>

namespace sluice::inline v0::io {
namespace {

// Virtual time begins at a round number ahead of the system's: wheels that were made by the
// system's clock are not in its future, and equal runs meet equal slots of the wheels.
constexpr unsigned start_shift = 34;

[[nodiscard]] base::nanoseconds_t start_of_time() noexcept {
  return ((base::now_ns() >> start_shift) + 1) << start_shift;
}

}  // namespace

const char* to_string(fault_kind kind) noexcept {
  switch (kind) {
    case fault_kind::error: return "error";
    case fault_kind::cut_short: return "cut_short";
    case fault_kind::no_buffer: return "no_buffer";
    case fault_kind::lost_more: return "lost_more";
    case fault_kind::late: return "late";
  }
  return "?";
}

simulation::simulation(const simulation_options& options)
    : options_(options), clock_(start_of_time()), seeds_(options.seed) {}

void simulation::inject(const fault& planned) {
  const std::lock_guard lock{guard_};
  plan_.push_back(planned);
}

unsigned simulation::fired_count() const {
  const std::lock_guard lock{guard_};
  return fired_count_;
}

std::uint64_t simulation::completion_count(op_site site) const {
  const std::lock_guard lock{guard_};
  return completions_[static_cast<std::size_t>(site)];
}

std::uint64_t simulation::next_seed() {
  const std::lock_guard lock{guard_};
  return seeds_.next();
}

std::optional<fault> simulation::next_completion_fault(op_site site) {
  const std::lock_guard lock{guard_};
  return take(site, false, ++completions_[static_cast<std::size_t>(site)]);
}

bool simulation::is_next_cancel_late(op_site site) {
  const std::lock_guard lock{guard_};
  return take(site, true, ++cancels_[static_cast<std::size_t>(site)]).has_value();
}

std::optional<fault> simulation::take(op_site site, bool late, std::uint64_t nth) {
  const auto found = std::find_if(plan_.begin(), plan_.end(), [&](const fault& planned) {
    return planned.site == site && (planned.kind == fault_kind::late) == late && planned.nth == nth;
  });
  if (found == plan_.end()) return std::nullopt;
  const fault taken = *found;
  plan_.erase(found);
  ++fired_count_;
  return taken;
}

void simulation::enter_clock() noexcept {
  // Relaxed: virtual time is for one thread.
  driver_count_.fetch_add(1, base::relaxed);
  if (!options_.has_real_peers) base::use_virtual_clock(&clock_);
}

void simulation::leave_clock() noexcept {
  if (driver_count_.fetch_sub(1, base::relaxed) != 1) return;  // Relaxed: as above.
  if (!options_.has_real_peers) base::use_virtual_clock(nullptr);
}

void simulation::advance_clock(base::nanoseconds_t to_ns) noexcept {
  // Relaxed: a clock orders nothing. Ends: a failure means that another thread went on with it.
  base::nanoseconds_t now = clock_.load(base::relaxed);
  while (now < to_ns && !clock_.compare_exchange_weak(now, to_ns, base::relaxed, base::relaxed)) {
  }
}

const std::vector<int>& errors_of(request_kind kind) {
  static const std::vector<int> accept{EAGAIN,  EINTR,       ECONNABORTED, EMFILE,     ENFILE,
                                       ENOBUFS, ENOMEM,      EPERM,        EPROTO,     ENETDOWN,
                                       EINVAL,  ENOTSOCK,    EBADF,        EOPNOTSUPP, EHOSTUNREACH,
                                       ENONET,  ENETUNREACH, ENOPROTOOPT,  EHOSTDOWN,  EFAULT};
  static const std::vector<int> connect{
      EACCES,       EPERM,   EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EAGAIN,   EALREADY,
      ECONNREFUSED, EINTR,   EISCONN,    ENETUNREACH,   EHOSTUNREACH, ENOTSOCK, EPROTOTYPE,
      ETIMEDOUT,    ENOBUFS, ENOMEM,     ECONNRESET,    EBADF,        ENOENT};
  static const std::vector<int> receive{
      EAGAIN,       EINTR,       ECONNRESET, ECONNREFUSED, ENOTCONN, ETIMEDOUT,    ENOMEM, ENOBUFS,
      EHOSTUNREACH, ENETUNREACH, ENETDOWN,   EBADF,        EINVAL,   ECONNABORTED, EPIPE,  EIO};
  static const std::vector<int> send{EAGAIN,   EINTR,        EACCES,       EPERM,    ECONNRESET,
                                     EPIPE,    EMSGSIZE,     ENOBUFS,      ENOMEM,   ENOTCONN,
                                     EINVAL,   EDESTADDRREQ, ECONNREFUSED, EBADF,    ETIMEDOUT,
                                     ENETDOWN, ENETUNREACH,  EHOSTUNREACH, EALREADY, EIO};
  static const std::vector<int> poll{EBADF, EINTR, EINVAL, ENOMEM};
  static const std::vector<int> read{EAGAIN, EINTR, EIO, EBADF, EINVAL, EISDIR, ENOMEM, ECONNRESET};
  static const std::vector<int> write{EAGAIN, EINTR, EPIPE, ENOSPC, EDQUOT, EFBIG,
                                      EIO,    EBADF, EPERM, EINVAL, ENOMEM, ECONNRESET};
  static const std::vector<int> sync{EINTR, EIO, ENOSPC, EDQUOT, EBADF, EINVAL, EROFS};
  switch (kind) {
    case request_kind::accept: return accept;
    case request_kind::connect: return connect;
    case request_kind::receive:
    case request_kind::receive_datagram: return receive;
    case request_kind::send:
    case request_kind::send_message: return send;
    case request_kind::poll: return poll;
    case request_kind::read: return read;
    case request_kind::sync: return sync;
    case request_kind::write: break;
  }
  return write;
}

}  // namespace sluice::inline v0::io
