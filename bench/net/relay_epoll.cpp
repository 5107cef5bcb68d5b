// The epoll relay: edge-triggered, one receive an event unless the buffer came back full, what
// arrived written on at once from the receive buffer.
//
// P1 A short receive means drained, but only while the peer has not ended: with EPOLLRDHUP it reads
//    to the end, for no further edge will come.
// P2 What a short write left is kept with its destination and its source is not received from until
//    it is written; EPOLLOUT is armed from the start, so no epoll_ctl is paid for it. The copy
//    holds at most one receive.
// P3 A side that has had its share of receives goes to the end of a list; the loop does not sleep
//    while the list has entries.
// P4 Spliced bytes wait in a pipe that belongs to the flow while it holds any, otherwise to nobody.
//    A pipe is full by its number of pieces, not by bytes, so a short splice does not mean drained:
//    it reads until there is nothing.
#include "relay.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

namespace sluice::bench {
namespace {

constexpr std::size_t receive_bytes = 128 * 1024;
constexpr std::size_t splice_bytes = 1024 * 1024;
constexpr int receives_a_share = 8;
constexpr int events_a_turn = 1024;
constexpr std::uint32_t listen_slot = ~std::uint32_t{0};
constexpr std::uint32_t signal_slot = listen_slot - 1;

struct pipe_ends {
  int out = -1;
  int in = -1;
};

struct side {
  int fd = -1;
  bool connecting = false;
  // As a source.
  bool ended = false;       // sent its last byte, or will be seen to have by reading on (P1)
  bool is_carried = false;  // the end was read and carried on
  bool is_queued = false;   // on the list of P3
  // As a destination.
  std::vector<char> kept;
  std::size_t written = 0;  // bytes of `kept` already sent
  pipe_ends pipe;           // P4
  std::size_t in_pipe = 0;

  [[nodiscard]] bool has_kept() const { return !kept.empty() || in_pipe != 0; }
};

class epoll_relay {
 public:
  epoll_relay(const relay_options& options, relay_counts& counts)
      : options_(options),
        counts_(counts),
        across_(options.target != nullptr ? 1 : 0),
        buffer_(receive_bytes),
        events_(events_a_turn) {}

  bool run(std::string& problem) {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) {
      problem = std::string("epoll_create1: ") + std::strerror(errno);
      return false;
    }
    if (options_.splice) ::signal(SIGPIPE, SIG_IGN);  // splice() knows no MSG_NOSIGNAL
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
      sides_[slot].is_queued = false;
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
      return;
    }
    if (slot == listen_slot) return accept_all();
    side& at = sides_[slot];
    if (at.fd < 0) return;
    if ((event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) at.ended = true;
    if (at.connecting) return on_connected(slot);
    if (across_ != 0 && at.has_kept()) serve(slot ^ across_);
    serve(slot);
  }

  void accept_all() {
    for (;;) {
      ++counts_.syscalls;
      const int fd = ::accept4(options_.listen_fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0) {
        // Out of descriptors: the listener (level-triggered) rests until a connection ends.
        if ((errno == EMFILE || errno == ENFILE) && free_.size() * (across_ + 1) < sides_.size()) {
          ::epoll_ctl(epoll_, EPOLL_CTL_DEL, options_.listen_fd, nullptr);
          accept_resting_ = true;
        }
        return;
      }
      ++counts_.accepted;
      const std::uint32_t slot = take_slot();
      sides_[slot].fd = fd;
      if (across_ == 0 || connect(slot, slot ^ across_)) watch_stream(slot);
    }
  }

  bool connect(std::uint32_t accepted, std::uint32_t slot) {
    const address& target = *options_.target;
    const int kind = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    const int fd = ::socket(target.storage.ss_family, kind, 0);
    counts_.syscalls += 3;
    sides_[slot].fd = fd;
    if (fd >= 0) set_nodelay(fd);
    if (fd < 0 || (::connect(fd, target.raw(), target.length) != 0 && errno != EINPROGRESS)) {
      end(slot);
      return false;
    }
    sides_[slot].connecting = sides_[accepted].connecting = true;
    watch_stream(slot);
    return true;
  }

  // The accepted side reports too while its partner connects: only what the opened one says counts.
  void on_connected(std::uint32_t slot) {
    if ((slot & 1) == 0) return;
    int error = 0;
    socklen_t length = sizeof error;
    ++counts_.syscalls;
    ::getsockopt(sides_[slot].fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return end(slot);
    sides_[slot].connecting = sides_[slot ^ across_].connecting = false;
    serve(slot ^ across_);
    serve(slot);
  }

  // Moves what a source has until it is empty, its destination takes no more, or its share is used
  // up.
  void serve(std::uint32_t slot) {
    side& from = sides_[slot];
    if (from.fd < 0 || from.connecting || !write_kept(slot ^ across_)) return;
    if (from.is_carried) return;
    for (int i = 0; i < receives_a_share; ++i) {
      const moved after = options_.splice ? splice_once(slot) : copy_once(slot);
      if (after == moved::nothing_more) return;
    }
    queue(slot);
  }

  enum class moved { some, nothing_more };

  moved copy_once(std::uint32_t slot) {
    side& from = sides_[slot];
    side& to = sides_[slot ^ across_];
    ++counts_.syscalls;
    const ssize_t got = ::recv(from.fd, buffer_.data(), buffer_.size(), 0);
    if (got <= 0) return on_no_bytes(slot, got);
    const auto length = static_cast<std::size_t>(got);
    ++counts_.receives;
    counts_.bytes_in += length;
    ++counts_.syscalls;
    const ssize_t sent = ::send(to.fd, buffer_.data(), length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
      end(slot);
      return moved::nothing_more;
    }
    const std::size_t done = sent > 0 ? static_cast<std::size_t>(sent) : 0;
    counts_.bytes_out += done;
    if (done < length) {  // P2
      ++counts_.paused;
      to.kept.assign(buffer_.data() + done, buffer_.data() + length);
      to.written = 0;
      if (!write_kept(slot ^ across_)) return moved::nothing_more;
    }
    return length < buffer_.size() && !from.ended ? moved::nothing_more : moved::some;  // P1
  }

  moved splice_once(std::uint32_t slot) {
    side& from = sides_[slot];
    side& to = sides_[slot ^ across_];
    if (to.pipe.in < 0 && !take_pipe(to.pipe)) {
      end(slot);
      return moved::nothing_more;
    }
    ++counts_.syscalls;
    const ssize_t got = ::splice(from.fd, nullptr, to.pipe.in, nullptr, splice_bytes,
                                 SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (got <= 0) {
      give_back(to.pipe);
      return on_no_bytes(slot, got);
    }
    ++counts_.receives;
    counts_.bytes_in += static_cast<std::uint64_t>(got);
    to.in_pipe = static_cast<std::size_t>(got);
    if (write_kept(slot ^ across_)) return moved::some;  // P4
    if (to.in_pipe != 0) ++counts_.paused;
    return moved::nothing_more;
  }

  moved on_no_bytes(std::uint32_t slot, ssize_t got) {
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return moved::nothing_more;
    if (got < 0 || across_ == 0 || sides_[slot ^ across_].is_carried) {
      end(slot);
    } else {
      sides_[slot].is_carried = true;
      ++counts_.syscalls;
      ::shutdown(sides_[slot ^ across_].fd, SHUT_WR);
    }
    return moved::nothing_more;
  }

  // True: nothing is kept for this destination, its source may be read.
  bool write_kept(std::uint32_t slot) {
    side& to = sides_[slot];
    while (to.has_kept()) {
      ++counts_.syscalls;
      const ssize_t sent = to.in_pipe != 0 ? ::splice(to.pipe.out, nullptr, to.fd, nullptr,
                                                      to.in_pipe, SPLICE_F_NONBLOCK | SPLICE_F_MOVE)
                                           : ::send(to.fd, to.kept.data() + to.written,
                                                    to.kept.size() - to.written, MSG_NOSIGNAL);
      if (sent <= 0) {
        if (sent == 0 || (errno != EAGAIN && errno != EINTR)) end(slot);
        return false;  // EPOLLOUT brings us back
      }
      const auto done = static_cast<std::size_t>(sent);
      counts_.bytes_out += done;
      if (to.in_pipe != 0) {
        to.in_pipe -= done;
      } else if ((to.written += done) == to.kept.size()) {
        std::vector<char>().swap(to.kept);
        to.written = 0;
      }
    }
    return true;
  }

  bool take_pipe(pipe_ends& out) {
    if (!pipes_.empty()) {
      out = pipes_.back();
      pipes_.pop_back();
      return true;
    }
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;
    ::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(splice_bytes));  // the default does too
    out = pipe_ends{ends[0], ends[1]};
    return true;
  }

  void give_back(pipe_ends& empty) {
    pipes_.push_back(empty);
    empty = pipe_ends{};
  }

  void queue(std::uint32_t slot) {  // P3
    if (sides_[slot].is_queued) return;
    sides_[slot].is_queued = true;
    queued_.push_back(slot);
  }

  // Both sides of a pair. The slots are freed at the end of the turn, when no event of this turn
  // can still name them.
  void end(std::uint32_t slot) {
    const std::uint32_t first = slot & ~across_;
    if (sides_[first].fd < 0 && sides_[first | across_].fd < 0) return;
    for (std::uint32_t each = first; each <= first + across_; ++each) {
      side& at = sides_[each];
      counts_.syscalls += at.fd >= 0;
      if (at.fd >= 0) ::close(at.fd);
      at.fd = -1;
      if (at.pipe.in >= 0) {
        ::close(at.pipe.in);
        ::close(at.pipe.out);
        at.pipe = pipe_ends{};
      }
    }
    ended_.push_back(first);
  }

  void release(std::uint32_t slot) {
    for (std::uint32_t each = slot; each <= slot + across_; ++each) sides_[each] = side{};
    free_.push_back(slot);
    if (accept_resting_) watch(options_.listen_fd, EPOLLIN, listen_slot);
    accept_resting_ = false;
  }

  std::uint32_t take_slot() {
    if (!free_.empty()) {
      const std::uint32_t slot = free_.back();
      free_.pop_back();
      return slot;
    }
    const auto slot = static_cast<std::uint32_t>(sides_.size());
    sides_.resize(sides_.size() + across_ + 1);
    return slot;
  }

  void watch_stream(std::uint32_t slot) {
    ++counts_.syscalls;
    watch(sides_[slot].fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, slot);
  }

  void watch(int fd, std::uint32_t events, std::uint32_t slot) {
    epoll_event event{};
    event.events = events;
    event.data.u32 = slot;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  const relay_options& options_;
  relay_counts& counts_;
  const std::uint32_t across_;
  int epoll_ = -1;
  std::vector<char> buffer_;
  std::vector<epoll_event> events_;
  std::vector<side> sides_;
  std::vector<std::uint32_t> free_;  // the first slots of free pairs
  std::vector<std::uint32_t> queued_;
  std::vector<std::uint32_t> again_;
  std::vector<std::uint32_t> ended_;
  std::vector<pipe_ends> pipes_;
  bool accept_resting_ = false;
  bool stopping_ = false;
};

}  // namespace

bool relay_with_epoll(const relay_options& options, relay_counts& counts, std::string& problem) {
  epoll_relay relay(options, counts);
  return relay.run(problem);
}

}  // namespace sluice::bench
