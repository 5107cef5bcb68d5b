// The datagram servers on ordinary system calls, with recvmmsg and sendmmsg or one by one. Both
// take what is there without sleeping; with nothing there they look for a while (the batches only)
// and then sleep on the socket and on the stop signals.
#include "datagrams.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "sockets.hpp"

namespace sluice::bench {
namespace {

constexpr int turns_between_looks = 256;  // at the stop signals, while there is work

// Sleeps until there is a datagram; false: the server shall stop.
bool sleep_for_datagram(const datagram_options& options, datagram_counts& counts,
                        int timeout_ms = -1) {
  pollfd waiting[2] = {{options.fd, POLLIN, 0}, {options.signal_fd, POLLIN, 0}};
  ++counts.syscalls;
  ::poll(waiting, 2, timeout_ms);
  return waiting[1].revents == 0;
}

class batch_answerer {
 public:
  batch_answerer(const datagram_options& options, datagram_counts& counts)
      : options_(options),
        counts_(counts),
        // An odd number of cache lines: the starts of many buffers spread over the cache.
        stride_(((options.buffer_bytes + 63) / 64 | 1) * 64),
        bytes_(std::size_t{stride_} * options.batch),
        names_(options.batch),
        vectors_(options.batch),
        messages_(options.batch),
        ready_(options.batch) {
    for (unsigned i = 0; i < options.batch; ++i) {
      vectors_[i].iov_base = bytes_.data() + std::size_t{i} * stride_;
      messages_[i].msg_hdr.msg_iov = &vectors_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
      messages_[i].msg_hdr.msg_name = &names_[i];
    }
  }

  void run() {
    for (int turn = 1;; ++turn) {
      const unsigned count = receive();
      if (count != 0) answer(count);
      const bool has_to_look = count == 0 || turn % turns_between_looks == 0;
      if (has_to_look && !sleep_for_datagram(options_, counts_, count == 0 ? -1 : 0)) return;
    }
  }

 private:
  unsigned receive() {
    for (unsigned i = 0; i < ready_; ++i) {
      messages_[i].msg_hdr.msg_iov->iov_len = options_.buffer_bytes;
      messages_[i].msg_hdr.msg_namelen = sizeof names_[i];
    }
    const std::uint64_t until = options_.poll_ns == 0 ? 0 : now_ns() + options_.poll_ns;
    do {
      ++counts_.syscalls;
      const int got =
          ::recvmmsg(options_.fd, messages_.data(), options_.batch, MSG_DONTWAIT, nullptr);
      if (got > 0) return ready_ = static_cast<unsigned>(got);
    } while (until != 0 && now_ns() < until);
    return ready_ = 0;
  }

  void answer(unsigned count) {
    counts_.received += count;
    unsigned kept = 0;
    for (unsigned i = 0; i < count; ++i) {
      if ((messages_[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
        ++counts_.truncated;
        continue;
      }
      messages_[i].msg_hdr.msg_iov->iov_len = messages_[i].msg_len;
      if (kept != i) std::swap(messages_[kept], messages_[i]);
      ++kept;
    }
    for (unsigned done = 0; done < kept;) {
      ++counts_.syscalls;
      const int taken =
          ::sendmmsg(options_.fd, &messages_[done], kept - done, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (taken < 0 && errno == EINTR) continue;
      counts_.sent += taken > 0 ? static_cast<unsigned>(taken) : 0;
      counts_.refused += taken <= 0;
      done += taken > 0 ? static_cast<unsigned>(taken) : 1;  // the one that was refused is dropped
    }
  }

  const datagram_options& options_;
  datagram_counts& counts_;
  unsigned stride_;
  std::vector<char> bytes_;
  std::vector<sockaddr_in6> names_;
  std::vector<iovec> vectors_;
  std::vector<mmsghdr> messages_;
  unsigned ready_;  // headers that the last call changed; at first, all
};

}  // namespace

bool answer_in_batches(const datagram_options& options, datagram_counts& counts, std::string&) {
  batch_answerer server(options, counts);
  server.run();
  return true;
}

bool answer_one_by_one(const datagram_options& options, datagram_counts& counts, std::string&) {
  std::vector<char> bytes(options.buffer_bytes);
  for (int turn = 1;; ++turn) {
    sockaddr_in6 from{};
    socklen_t length = sizeof from;
    ++counts.syscalls;
    const ssize_t got = ::recvfrom(options.fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_TRUNC,
                                   reinterpret_cast<sockaddr*>(&from), &length);
    if (got >= 0) {
      ++counts.received;
      if (static_cast<std::size_t>(got) > bytes.size()) {
        ++counts.truncated;
      } else {
        ++counts.syscalls;
        const ssize_t sent =
            ::sendto(options.fd, bytes.data(), static_cast<std::size_t>(got),
                     MSG_DONTWAIT | MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&from), length);
        ++(sent < 0 ? counts.refused : counts.sent);
      }
    }
    const bool has_to_look = got < 0 || turn % turns_between_looks == 0;
    if (has_to_look && !sleep_for_datagram(options, counts, got < 0 ? -1 : 0)) return true;
  }
}

}  // namespace sluice::bench
