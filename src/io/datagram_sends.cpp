#include "io/datagram_sends.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/assert.hpp"
#include "io/datagram_header.hpp"
#include "io/endpoint.hpp"

namespace sluice::inline v0::io {
namespace {

constexpr std::uint32_t run_bytes_max = 65507;  // of one IPv4 packet, before it is split
constexpr unsigned tries_max = 8;               // of a send that was interrupted

[[nodiscard]] bool is_worth_retrying(int os_error) noexcept {
  return os_error == EINTR || os_error == EAGAIN;
}

// Errors that an ICMP message leaves with the socket for whoever comes next (DS2).
[[nodiscard]] bool may_be_pending(int os_error) noexcept {
  switch (os_error) {
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENONET:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case EPROTO: return true;
    default: return false;
  }
}

// With an error queue the kernel hands out more of them.
[[nodiscard]] bool may_be_pending_too(int os_error) noexcept {
  return os_error == EMSGSIZE || os_error == EACCES;
}

// What the kernel says to a split send that it would take in pieces (DS3).
[[nodiscard]] bool may_be_the_split(int os_error) noexcept {
  switch (os_error) {
    case EINVAL:    // a segment larger than the path's packets
    case EMSGSIZE:  // the same, newer kernels
    case EIO:       // a device without checksums of its own
    case ENOPROTOOPT:
    case EOPNOTSUPP: return true;
    default: return false;
  }
}

[[nodiscard]] bool is_broken_descriptor(int os_error) noexcept {
  return os_error == EBADF || os_error == ENOTSOCK || os_error == EFAULT;
}

}  // namespace

/// What a split send points at.
struct datagram_sends::run {
  ::msghdr header{};
  std::array<::iovec, segment_count_max> vectors{};
  std::array<bytes, segment_count_max> slices{};
  alignas(::cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(std::uint16_t))> control{};
};

/// One send in flight, and what the kernel was given (O2).
struct datagram_sends::flight {
  explicit flight(datagram_sends& of) noexcept : home(of) {}
  void on_completion(completion what) noexcept { home.on_sent(*this, what); }

  datagram_sends& home;
  bound_operation<flight, &flight::on_completion> op{*this};
  flight* next_free = nullptr;
  std::uint32_t count = 0;
  std::uint32_t size = 0;
  std::uint8_t tries = 0;
  int pending_error = 0;  // DS2: what the first try met
  endpoint to;
  bytes data;
  std::unique_ptr<run> many;  // of a split send
};

datagram_sends::datagram_sends(driver& on, datagram_sends_listener& told) noexcept
    : driver_(on), told_(told) {}

datagram_sends::~datagram_sends() {
  SLUICE_ASSERT(in_flight_ == 0, "O1: a datagram socket was destroyed with sends in flight");
}

void datagram_sends::open(int fd, const datagram_send_options& options) noexcept {
  fd_ = fd;
  options_ = options;
  segment_bytes_max_ = options.can_split ? run_bytes_max : 0;
  is_open_ = true;
}

datagram_outcome datagram_sends::push(const endpoint& to, bytes data) {
  if (!is_open_) return datagram_outcome::closed;
  if (queue_.count() >= options_.queue_count_max ||
      queue_.total_bytes() + data.size() > options_.queue_bytes_max) {
    ++counters_.dropped;
    return datagram_outcome::full;
  }
  queue_.push_back(to, std::move(data));
  driver_.call_before_submission(flush_);
  return datagram_outcome::accepted;
}

void datagram_sends::end() noexcept {
  is_open_ = false;
  flush_.unlink();
  counters_.dropped += queue_.count();
  queue_.clear();
  for (const auto& each : flights_) driver_.cancel(each->op);
}

// ---- what goes out ----

void datagram_sends::flush() noexcept {
  while (!queue_.is_empty() && in_flight_ < options_.in_flight_max && is_open_) {
    const std::uint32_t count = count_run();
    if (count == 1) {
      launch_one();
    } else if (runs_in_flight_ < options_.runs_in_flight_max) {
      launch_run(count);
    } else {
      return;  // goes on when one has ended
    }
  }
}

// How many of the queue's first datagrams one split send can take.
std::uint32_t datagram_sends::count_run() const noexcept {
  const auto limit = std::min<std::uint32_t>(queue_.count(), segment_count_max);
  const queued_datagram& first = queue_[0];
  const std::size_t size = first.data.size();
  if (limit < 2 || size == 0 || size > segment_bytes_max_) return 1;
  std::size_t total = size;
  std::uint32_t count = 1;
  for (; count < limit; ++count) {
    const queued_datagram& next = queue_[count];
    const std::size_t next_size = next.data.size();
    if (next_size == 0 || next_size > size || total + next_size > run_bytes_max) break;
    if (next.to != first.to) break;
    total += next_size;
    if (next_size < size) return count + 1;  // only the last one may be shorter
  }
  return count;
}

datagram_sends::flight& datagram_sends::take_flight(bool is_run) {
  flight*& free = is_run ? free_runs_ : free_singles_;
  if (free == nullptr) {
    free = flights_.emplace_back(std::make_unique<flight>(*this)).get();
    if (is_run) free->many = std::make_unique<run>();
  }
  flight& taken = *free;
  free = taken.next_free;
  taken.to = queue_[0].to;
  taken.tries = 0;
  taken.pending_error = 0;
  ++in_flight_;
  return taken;
}

void datagram_sends::launch_one() noexcept {
  flight& next = take_flight(false);
  next.count = 1;
  next.data = queue_.pop_front();
  next.size = static_cast<std::uint32_t>(next.data.size());
  start(next);
}

void datagram_sends::launch_run(std::uint32_t count) noexcept {
  flight& next = take_flight(true);
  run& all = *next.many;
  ++runs_in_flight_;
  next.count = count;
  next.size = 0;
  for (std::uint32_t index = 0; index < count; ++index) {
    bytes& slice = all.slices[index] = queue_.pop_front();
    all.vectors[index] = {const_cast<std::byte*>(slice.data()), slice.size()};
    next.size += static_cast<std::uint32_t>(slice.size());
  }
  all.header = {};
  if (!next.to.is_empty()) {
    all.header.msg_name = const_cast<::sockaddr*>(sockaddr_of(next.to));
    all.header.msg_namelen = sockaddr_length(next.to);
  }
  all.header.msg_iov = all.vectors.data();
  all.header.msg_iovlen = count;
  all.header.msg_control = all.control.data();
  all.header.msg_controllen =
      write_segment_control(all.control, static_cast<std::uint16_t>(all.slices[0].size()));
  start(next);
}

void datagram_sends::start(flight& next) noexcept {
  ++counters_.sends;
  if (next.many != nullptr) {
    return driver_.start(next.op, request::send_message(fd_, op_site::datagram_send,
                                                        &next.many->header, MSG_NOSIGNAL));
  }
  const bool has_peer = next.to.is_empty();
  driver_.start(next.op, request::send_to(fd_, op_site::datagram_send, next.data.span(),
                                          has_peer ? nullptr : sockaddr_of(next.to),
                                          has_peer ? 0 : sockaddr_length(next.to), MSG_NOSIGNAL));
}

// ---- what became of it ----

void datagram_sends::on_sent(flight& done, completion what) noexcept {
  if (what.result >= 0) {
    counters_.datagrams += done.count;
    counters_.bytes += static_cast<std::uint32_t>(what.result);
    if (static_cast<std::uint32_t>(what.result) < done.size) {
      base::add_single_writer<std::uint64_t>(driver_.counters().short_sends, 1);
    }
    // Without an error queue this is how one knows that the error was not this datagram's.
    if (done.pending_error != 0 && !options_.takes_errors) {
      told_.on_pending_error(done.pending_error);
    }
  } else if (!is_open_ || what.result == -ECANCELED) {
    counters_.dropped += done.count;
  } else if (goes_on_after(done, -what.result)) {
    return;
  }
  put_back(done);
  if (!queue_.is_empty()) driver_.call_before_submission(flush_);
  told_.on_send_ended();
}

// True: it is under way again.
bool datagram_sends::goes_on_after(flight& done, int os_error) noexcept {
  if (is_worth_retrying(os_error) && ++done.tries < tries_max) {
    start(done);
    return true;
  }
  const bool is_pending =
      may_be_pending(os_error) || (options_.takes_errors && may_be_pending_too(os_error));
  if (is_pending && done.pending_error == 0) {  // DS2
    done.pending_error = os_error;
    if (options_.takes_errors) told_.on_pending_error(os_error);
    if (!is_open_) {
      counters_.dropped += done.count;
      return false;
    }
    start(done);
    return true;
  }
  if (done.count > 1 && may_be_the_split(os_error)) {  // DS3
    split_up(done);
    if (os_error == EINVAL || os_error == EMSGSIZE) {
      const auto refused = static_cast<std::uint32_t>(done.many->vectors[0].iov_len);
      segment_bytes_max_ = std::min(segment_bytes_max_, refused - 1);
    } else {
      segment_bytes_max_ = 0;
    }
    return false;
  }
  if (is_broken_descriptor(os_error)) is_broken_ = true;  // DS1
  counters_.failed += done.count;
  told_.on_send_failed(done.to, os_error, done.count);
  return false;
}

void datagram_sends::split_up(flight& refused) noexcept {
  for (std::uint32_t left = refused.count; left > 0; --left) {
    queue_.push_front(refused.to, std::move(refused.many->slices[left - 1]));
  }
}

void datagram_sends::put_back(flight& done) noexcept {
  --in_flight_;
  done.data = {};
  if (done.many != nullptr) {
    for (std::uint32_t index = 0; index < done.count; ++index) done.many->slices[index] = {};
    --runs_in_flight_;
  }
  flight*& free = done.many != nullptr ? free_runs_ : free_singles_;
  done.next_free = free;
  free = &done;
}

}  // namespace sluice::inline v0::io
