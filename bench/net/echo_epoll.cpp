// The epoll echo server: edge-triggered, one receive an event unless the buffer came back full, the
// answer written at once from the receive buffer.
//
// P1 A short receive means drained, but only while the peer has not ended: with EPOLLRDHUP it reads
//    to the end, for no further edge will come.
// P2 What a short write left is kept with the connection and nothing more is received until it is
//    written; EPOLLOUT is armed from the start, so no epoll_ctl is paid for it. The copy holds at
//    most one receive.
// P3 A connection that has had its share of receives goes to the end of a list; the loop does not
//    sleep while the list has entries.
#include "echo.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "sockets.hpp"

namespace sluice::bench {
namespace {

constexpr std::size_t receive_bytes = 128 * 1024;
constexpr int receives_a_share = 8;
constexpr int events_a_turn = 1024;
constexpr std::uint32_t listen_slot = ~std::uint32_t{0};
constexpr std::uint32_t signal_slot = listen_slot - 1;

struct connection {
  int fd = -1;
  bool ended = false;  // the peer sent its last byte, or will be seen to have by reading on (P1)
  bool is_queued = false;  // on the list of P3
  std::vector<char> kept;
  std::size_t written = 0;  // bytes of `kept` already sent
};

class epoll_server {
 public:
  epoll_server(const echo_options& options, echo_counts& counts)
      : options_(options), counts_(counts), buffer_(receive_bytes), events_(events_a_turn) {}

  bool run(std::string& problem) {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) {
      problem = std::string("epoll_create1: ") + std::strerror(errno);
      return false;
    }
    watch(options_.listen_fd, EPOLLIN, listen_slot);
    watch(options_.signal_fd, EPOLLIN, signal_slot);
    while (!stopping_) turn();
    ::close(epoll_);
    return true;
  }

 private:
  void turn() {
    const int count = wait();
    for (int i = 0; i < count; ++i) on_event(events_[static_cast<std::size_t>(i)]);
    again_.swap(queued_);
    for (const std::uint32_t slot : again_) {
      connections_[slot].is_queued = false;
      serve(slot);
    }
    again_.clear();
    for (const std::uint32_t slot : ended_) release(slot);
    ended_.clear();
  }

  int wait() {
    ++counts_.syscalls;
    int count = ::epoll_wait(epoll_, events_.data(), events_a_turn, 0);
    if (count != 0 || !queued_.empty()) return count;
    const std::uint64_t until = options_.poll_ns == 0 ? 0 : now_ns() + options_.poll_ns;
    while (until != 0 && now_ns() < until) {
      ++counts_.syscalls;
      count = ::epoll_wait(epoll_, events_.data(), events_a_turn, 0);
      if (count != 0) return count;
    }
    ++counts_.syscalls;
    return ::epoll_wait(epoll_, events_.data(), events_a_turn, -1);
  }

  void on_event(const epoll_event& event) {
    const std::uint32_t slot = event.data.u32;
    if (slot == signal_slot) {
      stopping_ = true;
    } else if (slot == listen_slot) {
      accept_all();
    } else {
      connection& peer = connections_[slot];
      if (peer.fd < 0) return;
      if ((event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) peer.ended = true;
      serve(slot);
    }
  }

  void accept_all() {
    for (;;) {
      ++counts_.syscalls;
      const int fd = ::accept4(options_.listen_fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0) {
        // Out of descriptors: the listener (level-triggered) rests until a connection ends.
        if ((errno == EMFILE || errno == ENFILE) && free_.size() < connections_.size()) {
          ::epoll_ctl(epoll_, EPOLL_CTL_DEL, options_.listen_fd, nullptr);
          accept_resting_ = true;
        }
        return;
      }
      ++counts_.accepted;
      counts_.syscalls += 2;
      set_nodelay(fd);
      std::uint32_t slot = static_cast<std::uint32_t>(connections_.size());
      if (free_.empty()) {
        connections_.emplace_back();
      } else {
        slot = free_.back();
        free_.pop_back();
      }
      connections_[slot].fd = fd;
      watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, slot);
    }
  }

  // Reads and answers until the socket is empty, the peer does not read, or its share is used up.
  void serve(std::uint32_t slot) {
    connection& peer = connections_[slot];
    if (peer.fd < 0 || !write_kept(slot, peer)) return;
    for (int i = 0; i < receives_a_share; ++i) {
      ++counts_.syscalls;
      const ssize_t got = ::recv(peer.fd, buffer_.data(), buffer_.size(), 0);
      if (got <= 0) {
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        end(slot);
        return;
      }
      const auto length = static_cast<std::size_t>(got);
      ++counts_.receives;
      counts_.bytes_in += length;
      ++counts_.syscalls;
      const ssize_t sent = ::send(peer.fd, buffer_.data(), length, MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        end(slot);
        return;
      }
      const std::size_t done = sent > 0 ? static_cast<std::size_t>(sent) : 0;
      counts_.bytes_out += done;
      if (done < length) {  // P2
        ++counts_.paused;
        peer.kept.assign(buffer_.data() + done, buffer_.data() + length);
        peer.written = 0;
        if (!write_kept(slot, peer)) return;
      }
      if (length < buffer_.size() && !peer.ended) return;  // P1
    }
    queue(slot);
  }

  // True: nothing is kept, the connection may be read.
  bool write_kept(std::uint32_t slot, connection& peer) {
    while (peer.written < peer.kept.size()) {
      ++counts_.syscalls;
      const ssize_t sent = ::send(peer.fd, peer.kept.data() + peer.written,
                                  peer.kept.size() - peer.written, MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR) end(slot);
        return false;  // EPOLLOUT brings us back
      }
      counts_.bytes_out += static_cast<std::uint64_t>(sent);
      peer.written += static_cast<std::size_t>(sent);
    }
    if (!peer.kept.empty()) std::vector<char>().swap(peer.kept);
    peer.written = 0;
    return true;
  }

  void queue(std::uint32_t slot) {  // P3
    if (connections_[slot].is_queued) return;
    connections_[slot].is_queued = true;
    queued_.push_back(slot);
  }

  // The slot is freed at the end of the turn, when no event of this turn can still name it.
  void end(std::uint32_t slot) {
    ++counts_.syscalls;
    ::close(connections_[slot].fd);
    connections_[slot].fd = -1;
    ended_.push_back(slot);
  }

  void release(std::uint32_t slot) {
    connections_[slot] = connection{};
    free_.push_back(slot);
    if (accept_resting_) watch(options_.listen_fd, EPOLLIN, listen_slot);
    accept_resting_ = false;
  }

  void watch(int fd, std::uint32_t events, std::uint32_t slot) {
    epoll_event event{};
    event.events = events;
    event.data.u32 = slot;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  const echo_options& options_;
  echo_counts& counts_;
  int epoll_ = -1;
  std::vector<char> buffer_;
  std::vector<epoll_event> events_;
  std::vector<connection> connections_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> queued_;
  std::vector<std::uint32_t> again_;
  std::vector<std::uint32_t> ended_;
  bool accept_resting_ = false;
  bool stopping_ = false;
};

}  // namespace

bool echo_with_epoll(const echo_options& options, echo_counts& counts, std::string& problem) {
  epoll_server server(options, counts);
  return server.run(problem);
}

}  // namespace sluice::bench
