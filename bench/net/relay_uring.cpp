// The io_uring relay. One turn: drain completions, gather the received buffers per flow, queue one
// send a flow straight from those buffers, enter once.
//
// E1 A turn's sends carry MSG_DONTWAIT: the kernel tries them inside the enter and never parks
//    them, so that a buffer is free again after the turn. Successful sends post no completion; a
//    short or refused one does.
// E2 What a short send left is copied to its destination, the source's receive is cancelled, and
//    one ordinary send drains the copy. Reading resumes when it is empty. A copy holds at most what
//    the cancelled receive still delivered.
// E3 Slots are freed when no operation of either side is in flight; only then may their descriptors
//    be closed.
// E4 A receive is armed again only after its final completion (no F_MORE), whatever the result was.
#include "relay.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "ring.hpp"

namespace sluice::bench {
namespace {

constexpr std::uint32_t none = ~std::uint32_t{0};
constexpr unsigned completions_a_turn =
    16384;  // as many as the queue holds: E1 needs all of a turn's

struct side {
  int fd = -1;
  bool is_connected = false;
  bool connecting = false;  // a connect is in flight
  bool broken = false;      // set for both sides of a pair at once
  bool is_touched = false;
  // As a source.
  bool receive_armed = false;
  bool ended = false;          // the peer sent its last byte
  bool is_carried = false;     // and its end was carried on
  std::uint32_t first = none;  // this turn's received buffers, in order
  std::uint32_t last = none;
  // As a destination.
  bool draining = false;      // an ordinary send of `leaving` is in flight; the source rests (E2)
  std::vector<char> leaving;  // in flight: never touched until the send completes
  std::vector<char> waiting;  // received after it
  std::size_t left = 0;       // bytes of `leaving` already sent

  [[nodiscard]] bool is_idle() const {
    return !receive_armed && !connecting && !draining && first == none;
  }
};

struct slice {
  std::uint32_t length = 0;
  std::uint32_t next = none;
};

class uring_relay {
 public:
  uring_relay(const relay_options& options, relay_counts& counts)
      : options_(options),
        counts_(counts),
        across_(options.target != nullptr ? 1 : 0),
        slices_(options.buffers) {
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
    for (std::size_t i = 0; i < touched_.size(); ++i) settle(touched_[i]);  // it may grow
    touched_.clear();
    ring_.publish_buffers();
    for (const std::uint32_t slot : starved_) arm_receive(slot);
    starved_.clear();
  }

  void on_completion(const completion& done) {
    const std::uint32_t slot = slot_of(done.user_data);
    switch (kind_of(done.user_data)) {
      case op::accept: on_accept(done); break;
      case op::connect: on_connected(slot, done.result); break;
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
      const std::uint32_t slot = take_slot();
      sides_[slot].fd = done.result;
      if (across_ == 0) {
        sides_[slot].is_connected = true;
        arm_receive(slot);
      } else {
        connect(slot ^ across_);
      }
    }
    if ((done.flags & IORING_CQE_F_MORE) != 0) return;
    // Out of descriptors: the listener rests until a connection ends.
    const bool is_out = done.result == -EMFILE || done.result == -ENFILE;
    if (is_out && free_.size() * (across_ + 1) < sides_.size()) {
      accept_resting_ = true;
    } else {
      arm_accept();
    }
  }

  void connect(std::uint32_t slot) {
    side& opened = sides_[slot];
    const address& target = *options_.target;
    ++counts_.syscalls;
    opened.fd = ::socket(target.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (opened.fd < 0) return break_both(slot);
    ++counts_.syscalls;
    set_nodelay(opened.fd);
    io_uring_sqe* entry = ring_.get_sqe();
    io_uring_prep_connect(entry, opened.fd, target.raw(), target.length);
    entry->user_data = pack(op::connect, slot);
    opened.connecting = true;
  }

  void on_connected(std::uint32_t slot, int result) {
    sides_[slot].connecting = false;
    if (result < 0) return break_both(slot);
    for (const std::uint32_t each : {slot, slot ^ across_}) {
      sides_[each].is_connected = true;
      arm_receive(each);
    }
  }

  void on_receive(std::uint32_t slot, const completion& done) {
    side& from = sides_[slot];
    touch(slot);
    if ((done.flags & IORING_CQE_F_MORE) == 0) from.receive_armed = false;  // E4
    if ((done.flags & IORING_CQE_F_BUFFER) != 0) {
      const std::uint32_t id = done.flags >> IORING_CQE_BUFFER_SHIFT;
      if (done.result > 0) {
        ++counts_.receives;
        counts_.bytes_in += static_cast<std::uint64_t>(done.result);
        slices_[id] = slice{static_cast<std::uint32_t>(done.result), none};
        (from.first == none ? from.first : slices_[from.last].next) = id;
        from.last = id;
      } else {
        ring_.give_back(id);
      }
    }
    if (done.result == 0) from.ended = true;
    if (done.result == -ENOBUFS) ++counts_.starved;
    if (done.result < 0 && done.result != -ENOBUFS && done.result != -ECANCELED) break_both(slot);
  }

  // Decides, once a turn, what the flow from a side that saw something does next.
  void settle(std::uint32_t slot) {
    side& from = sides_[slot];
    side& to = sides_[slot ^ across_];
    from.is_touched = false;
    if (from.first != none) {
      if (from.broken) {
        discard(from);
      } else if (to.draining) {
        copy_out(from, to.waiting, 0);
      } else {
        send_slices(slot, from, to.fd);
      }
    }
    const bool may_read = from.is_connected && !from.ended && !from.broken && !to.draining;
    if (may_read && !from.receive_armed) starved_.push_back(slot);
    // Ends the operations in flight.
    if (from.broken && !from.is_idle()) ::shutdown(from.fd, SHUT_RDWR);
    if (from.ended && from.first == none && !to.draining) carry_end(from, to);
    if ((from.broken || (from.is_carried && to.is_carried)) && from.is_idle() && to.is_idle()) {
      release(slot & ~across_);
    }
  }

  void carry_end(side& from, const side& to) {
    if (from.is_carried) return;
    from.is_carried = true;
    if (across_ == 0 || to.is_carried) return;  // both are closed next
    ++counts_.syscalls;
    ::shutdown(to.fd, SHUT_WR);
  }

  void send_slices(std::uint32_t slot, const side& from, int fd) {
    io_uring_sqe* entry = ring_.get_sqe();
    const int flags = MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL;  // E1
    if (slices_[from.first].next == none) {
      io_uring_prep_send(entry, fd, ring_.buffer(from.first), slices_[from.first].length, flags);
    } else {
      msghdr& message = messages_[messages_used_++] = msghdr{};
      message.msg_iov = &vectors_[vectors_used_];
      for (std::uint32_t id = from.first; id != none; id = slices_[id].next) {
        vectors_[vectors_used_++] = iovec{ring_.buffer(id), slices_[id].length};
        ++message.msg_iovlen;
      }
      io_uring_prep_sendmsg(entry, fd, &message, static_cast<unsigned>(flags));
    }
    entry->user_data = pack(op::send, slot);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sent_.push_back(slot);
  }

  void on_refused_send(const completion& done) {
    const std::uint32_t slot = slot_of(done.user_data);
    side& from = sides_[slot];
    touch(slot);
    if (done.result < 0 && done.result != -EAGAIN) {
      discard(from);
      return break_both(slot);
    }
    const std::size_t sent = done.result > 0 ? static_cast<std::size_t>(done.result) : 0;
    counts_.bytes_out += sent;
    ++counts_.paused;
    copy_out(from, sides_[slot ^ across_].leaving, sent);
    if (from.receive_armed) {
      io_uring_sqe* entry = ring_.get_sqe();
      io_uring_prep_cancel64(entry, pack(op::receive, slot), 0);
      entry->user_data = pack(op::ignored, slot);
      entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    }
    drain(slot ^ across_);
  }

  void drain(std::uint32_t slot) {
    side& to = sides_[slot];
    to.draining = true;
    io_uring_sqe* entry = ring_.get_sqe();
    io_uring_prep_send(entry, to.fd, to.leaving.data() + to.left, to.leaving.size() - to.left,
                       MSG_NOSIGNAL | MSG_WAITALL);
    entry->user_data = pack(op::drain_send, slot);
  }

  void on_drained(std::uint32_t slot, int result) {
    side& to = sides_[slot];
    touch(slot ^ across_);
    to.draining = false;
    if (result <= 0) return break_both(slot);
    counts_.bytes_out += static_cast<std::uint64_t>(result);
    to.left += static_cast<std::size_t>(result);
    if (to.left == to.leaving.size()) {
      to.leaving.swap(to.waiting);
      to.waiting.clear();
      to.left = 0;
    }
    if (to.leaving.empty()) {
      std::vector<char>().swap(to.leaving);
      std::vector<char>().swap(to.waiting);
    } else if (!to.broken) {
      drain(slot);
    }
  }

  // After the enter: the buffers of accepted sends are free; those of refused ones were copied by
  // now (E1).
  void recycle_sent() {
    for (const std::uint32_t slot : sent_) {
      side& from = sides_[slot];
      for (std::uint32_t id = from.first; id != none; id = slices_[id].next) {
        counts_.bytes_out += slices_[id].length;
      }
      discard(from);
      if (from.ended || from.broken) touch(slot);
    }
    sent_.clear();
    messages_used_ = 0;
    vectors_used_ = 0;
  }

  void copy_out(side& from, std::vector<char>& to, std::size_t skip) {
    for (std::uint32_t id = from.first; id != none; id = slices_[id].next) {
      const std::size_t length = slices_[id].length;
      if (skip < length) {
        to.insert(to.end(), ring_.buffer(id) + skip, ring_.buffer(id) + length);
      }
      skip -= skip < length ? skip : length;
    }
    discard(from);
  }

  void discard(side& from) {
    for (std::uint32_t id = from.first; id != none; id = slices_[id].next) ring_.give_back(id);
    from.first = from.last = none;
  }

  void break_both(std::uint32_t slot) {
    for (const std::uint32_t each : {slot, slot ^ across_}) {
      sides_[each].broken = true;
      touch(each);
    }
  }

  void touch(std::uint32_t slot) {
    if (sides_[slot].is_touched) return;
    sides_[slot].is_touched = true;
    touched_.push_back(slot);
  }

  void arm_accept() {
    io_uring_sqe* entry = ring_.get_sqe();
    io_uring_prep_multishot_accept(entry, options_.listen_fd, nullptr, nullptr, SOCK_CLOEXEC);
    entry->user_data = pack(op::accept, 0);
  }

  void arm_receive(std::uint32_t slot) {
    side& from = sides_[slot];
    io_uring_sqe* entry = ring_.get_sqe();
    io_uring_prep_recv_multishot(entry, from.fd, nullptr, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = 0;
    entry->user_data = pack(op::receive, slot);
    from.receive_armed = true;
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

  // `slot` is the first of a pair.
  void release(std::uint32_t slot) {
    for (std::uint32_t each = slot; each <= slot + across_; ++each) {
      counts_.syscalls += sides_[each].fd >= 0;
      if (sides_[each].fd >= 0) ::close(sides_[each].fd);  // E3
      const bool is_touched = sides_[each].is_touched;
      sides_[each] = side{};
      sides_[each].is_touched = is_touched;
    }
    free_.push_back(slot);
    if (accept_resting_) arm_accept();
    accept_resting_ = false;
  }

  const relay_options& options_;
  relay_counts& counts_;
  const std::uint32_t across_;
  ring ring_;
  std::vector<side> sides_;
  std::vector<std::uint32_t> free_;     // the first slots of free pairs
  std::vector<std::uint32_t> touched_;  // sources to settle at the end of this turn
  std::vector<std::uint32_t> sent_;     // sources with a send in the coming enter
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

bool relay_with_uring(const relay_options& options, relay_counts& counts, std::string& problem) {
  uring_relay relay(options, counts);
  return relay.run(problem);
}

}  // namespace sluice::bench
