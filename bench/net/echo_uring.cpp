// The io_uring echo server. One turn: drain completions, gather the received buffers per
// connection, queue one send a connection straight from those buffers, enter once.
//
// E1 A turn's sends carry MSG_DONTWAIT: the kernel tries them inside the enter and never parks
//    them, so that a buffer is free again after the turn. Successful sends post no completion; a
//    short or refused one does.
// E2 What a short send left is copied to the connection, its receive is cancelled, and one ordinary
//    send drains the copy. Reading resumes when it is empty. A copy holds at most what the
//    cancelled receive still delivered.
// E3 A slot is freed when no operation of it is in flight; only then may its descriptor be closed.
// E4 A receive is armed again only after its final completion (no F_MORE), whatever the result was.
#include "echo.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "ring.hpp"
#include "sockets.hpp"

namespace sluice::bench {
namespace {

constexpr std::uint32_t none = ~std::uint32_t{0};
constexpr unsigned completions_a_turn =
    16384;  // as many as the queue holds: E1 needs all of a turn's

struct connection {
  int fd = -1;
  bool receive_armed = false;
  bool draining = false;  // an ordinary send of `leaving` is in flight; reading is paused (E2)
  bool ended = false;     // the peer sent its last byte
  bool broken = false;
  bool is_touched = false;
  std::uint32_t first = none;  // this turn's received buffers, in order
  std::uint32_t last = none;
  std::vector<char> leaving;  // in flight: never touched until the send completes
  std::vector<char> waiting;  // received after it
  std::size_t left = 0;       // bytes of `leaving` already sent
};

struct slice {
  std::uint32_t length = 0;
  std::uint32_t next = none;
};

class uring_server {
 public:
  uring_server(const echo_options& options, echo_counts& counts)
      : options_(options), counts_(counts), slices_(options.buffers) {
    completions_ = std::make_unique<completion[]>(completions_a_turn);
    vectors_.resize(options.buffers);
    messages_.resize(options.buffers);
  }

  bool run(std::string& problem) {
    if (!ring_.open(1024, completions_a_turn, problem)) return false;
    if (!ring_.open_buffers(options_.buffers, options_.buffer_bytes, problem)) return false;
    io_uring_sqe* entry = ring_.get_sqe();
    io_uring_prep_poll_add(entry, options_.signal_fd, POLLIN);
    entry->user_data = pack(op::signal, 0);
    arm_accept();
    while (!stopping_) turn();
    counts_.syscalls += ring_.enters();
    return true;
  }

 private:
  void turn() {
    ring_.submit();
    if (!ring_.has_completion()) {
      // Nothing was refused: the sent buffers go back, and an ended connection is closed, before
      // the loop rests.
      recycle_sent();
      settle_touched();
      if (options_.poll_ns == 0 || !ring_.poll_task_run(options_.poll_ns)) {
        ring_.submit_and_wait(0);
      }
    }
    const unsigned count = ring_.drain(completions_.get(), completions_a_turn);
    for (unsigned i = 0; i < count; ++i) {
      if (kind_of(completions_[i].user_data) == op::send) on_refused_send(completions_[i]);
    }
    recycle_sent();
    for (unsigned i = 0; i < count; ++i) on_completion(completions_[i]);
    settle_touched();
  }

  void settle_touched() {
    for (const std::uint32_t slot : touched_) settle(slot);
    touched_.clear();
    ring_.publish_buffers();
    for (const std::uint32_t slot : starved_) arm_receive(slot);
    starved_.clear();
  }

  void on_completion(const completion& done) {
    const std::uint32_t slot = slot_of(done.user_data);
    switch (kind_of(done.user_data)) {
      case op::accept: on_accept(done); break;
      case op::receive: on_receive(slot, done); break;
      case op::drain_send: on_drained(slot, done.result); break;
      case op::signal: stopping_ = true; break;
      case op::send:
      case op::ignored: break;
    }
  }

  void on_accept(const completion& done) {
    if (done.result >= 0) {
      ++counts_.accepted;
      ++counts_.syscalls;
      set_nodelay(done.result);
      std::uint32_t slot = 0;
      if (free_.empty()) {
        slot = static_cast<std::uint32_t>(connections_.size());
        connections_.emplace_back();
      } else {
        slot = free_.back();
        free_.pop_back();
      }
      connections_[slot].fd = done.result;
      arm_receive(slot);
    }
    if ((done.flags & IORING_CQE_F_MORE) != 0) return;
    // Out of descriptors: the listener rests until a connection ends.
    const bool is_out = done.result == -EMFILE || done.result == -ENFILE;
    if (is_out && free_.size() < connections_.size()) {
      accept_resting_ = true;
    } else {
      arm_accept();
    }
  }

  void on_receive(std::uint32_t slot, const completion& done) {
    connection& peer = connections_[slot];
    touch(slot);
    if ((done.flags & IORING_CQE_F_MORE) == 0) peer.receive_armed = false;  // E4
    if ((done.flags & IORING_CQE_F_BUFFER) != 0) {
      const std::uint32_t id = done.flags >> IORING_CQE_BUFFER_SHIFT;
      if (done.result > 0) {
        ++counts_.receives;
        counts_.bytes_in += static_cast<std::uint64_t>(done.result);
        slices_[id] = slice{static_cast<std::uint32_t>(done.result), none};
        (peer.first == none ? peer.first : slices_[peer.last].next) = id;
        peer.last = id;
      } else {
        ring_.give_back(id);
      }
    }
    if (done.result == 0) peer.ended = true;
    if (done.result == -ENOBUFS) ++counts_.starved;
    if (done.result < 0 && done.result != -ENOBUFS && done.result != -ECANCELED) {
      peer.broken = true;
    }
  }

  // Decides, once a turn, what a connection that saw something does next.
  void settle(std::uint32_t slot) {
    connection& peer = connections_[slot];
    peer.is_touched = false;
    if (peer.first != none) {
      if (peer.broken) {
        discard(peer);
      } else if (peer.draining) {
        copy_out(peer, peer.waiting, 0);
      } else {
        send_slices(slot, peer);
      }
    }
    const bool wants_more = !peer.ended && !peer.broken && !peer.draining;
    if (wants_more && !peer.receive_armed) starved_.push_back(slot);
    if (peer.broken && peer.receive_armed) ::shutdown(peer.fd, SHUT_RDWR);  // ends the receive
    const bool is_idle = !peer.receive_armed && !peer.draining && peer.first == none;
    if ((peer.ended || peer.broken) && is_idle) release(slot);
  }

  void send_slices(std::uint32_t slot, connection& peer) {
    io_uring_sqe* entry = ring_.get_sqe();
    const int flags = MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL;  // E1
    if (slices_[peer.first].next == none) {
      io_uring_prep_send(entry, peer.fd, ring_.buffer(peer.first), slices_[peer.first].length,
                         flags);
    } else {
      msghdr& message = messages_[messages_used_++] = msghdr{};
      message.msg_iov = &vectors_[vectors_used_];
      for (std::uint32_t id = peer.first; id != none; id = slices_[id].next) {
        vectors_[vectors_used_++] = iovec{ring_.buffer(id), slices_[id].length};
        ++message.msg_iovlen;
      }
      io_uring_prep_sendmsg(entry, peer.fd, &message, static_cast<unsigned>(flags));
    }
    entry->user_data = pack(op::send, slot);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sent_.push_back(slot);
  }

  void on_refused_send(const completion& done) {
    const std::uint32_t slot = slot_of(done.user_data);
    connection& peer = connections_[slot];
    touch(slot);
    if (done.result < 0 && done.result != -EAGAIN) {
      peer.broken = true;
      discard(peer);
      return;
    }
    const std::size_t sent = done.result > 0 ? static_cast<std::size_t>(done.result) : 0;
    counts_.bytes_out += sent;
    ++counts_.paused;
    copy_out(peer, peer.leaving, sent);
    if (peer.receive_armed) {
      io_uring_sqe* entry = ring_.get_sqe();
      io_uring_prep_cancel64(entry, pack(op::receive, slot), 0);
      entry->user_data = pack(op::ignored, slot);
      entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    }
    drain(slot, peer);
  }

  void drain(std::uint32_t slot, connection& peer) {
    peer.draining = true;
    io_uring_sqe* entry = ring_.get_sqe();
    io_uring_prep_send(entry, peer.fd, peer.leaving.data() + peer.left,
                       peer.leaving.size() - peer.left, MSG_NOSIGNAL | MSG_WAITALL);
    entry->user_data = pack(op::drain_send, slot);
  }

  void on_drained(std::uint32_t slot, int result) {
    connection& peer = connections_[slot];
    touch(slot);
    peer.draining = false;
    if (result <= 0) {
      peer.broken = true;
      return;
    }
    counts_.bytes_out += static_cast<std::uint64_t>(result);
    peer.left += static_cast<std::size_t>(result);
    if (peer.left == peer.leaving.size()) {
      peer.leaving.swap(peer.waiting);
      peer.waiting.clear();
      peer.left = 0;
    }
    if (peer.leaving.empty()) {
      std::vector<char>().swap(peer.leaving);
      std::vector<char>().swap(peer.waiting);
    } else {
      drain(slot, peer);
    }
  }

  // After the enter: the buffers of accepted sends are free; those of refused ones were copied by
  // now (E1).
  void recycle_sent() {
    for (const std::uint32_t slot : sent_) {
      connection& peer = connections_[slot];
      for (std::uint32_t id = peer.first; id != none; id = slices_[id].next) {
        counts_.bytes_out += slices_[id].length;
      }
      discard(peer);
      if (peer.ended || peer.broken) touch(slot);
    }
    sent_.clear();
    messages_used_ = 0;
    vectors_used_ = 0;
  }

  void copy_out(connection& peer, std::vector<char>& to, std::size_t skip) {
    for (std::uint32_t id = peer.first; id != none; id = slices_[id].next) {
      const std::size_t length = slices_[id].length;
      if (skip < length) {
        to.insert(to.end(), ring_.buffer(id) + skip, ring_.buffer(id) + length);
      }
      skip -= skip < length ? skip : length;
    }
    discard(peer);
  }

  void discard(connection& peer) {
    for (std::uint32_t id = peer.first; id != none; id = slices_[id].next) ring_.give_back(id);
    peer.first = peer.last = none;
  }

  void touch(std::uint32_t slot) {
    if (connections_[slot].is_touched) return;
    connections_[slot].is_touched = true;
    touched_.push_back(slot);
  }

  void arm_accept() {
    io_uring_sqe* entry = ring_.get_sqe();
    io_uring_prep_multishot_accept(entry, options_.listen_fd, nullptr, nullptr, SOCK_CLOEXEC);
    entry->user_data = pack(op::accept, 0);
  }

  void arm_receive(std::uint32_t slot) {
    connection& peer = connections_[slot];
    io_uring_sqe* entry = ring_.get_sqe();
    io_uring_prep_recv_multishot(entry, peer.fd, nullptr, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = 0;
    entry->user_data = pack(op::receive, slot);
    peer.receive_armed = true;
  }

  void release(std::uint32_t slot) {
    ++counts_.syscalls;
    ::close(connections_[slot].fd);  // E3
    connections_[slot] = connection{};
    free_.push_back(slot);
    if (accept_resting_) arm_accept();
    accept_resting_ = false;
  }

  const echo_options& options_;
  echo_counts& counts_;
  ring ring_;
  std::vector<connection> connections_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> touched_;  // connections to settle at the end of this turn
  std::vector<std::uint32_t> sent_;     // connections with a send in the coming enter
  std::vector<std::uint32_t> starved_;  // to arm again once this turn's buffers are back
  std::vector<slice> slices_;           // by buffer id
  std::vector<iovec> vectors_;          // of this turn's sends of several buffers
  std::size_t vectors_used_ = 0;
  std::vector<msghdr> messages_;
  std::size_t messages_used_ = 0;
  std::unique_ptr<completion[]> completions_;
  bool accept_resting_ = false;
  bool stopping_ = false;
};

}  // namespace

bool echo_with_uring(const echo_options& options, echo_counts& counts, std::string& problem) {
  uring_server server(options, counts);
  return server.run(problem);
}

}  // namespace sluice::bench
