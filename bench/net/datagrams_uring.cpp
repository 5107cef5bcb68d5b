// The io_uring datagram server. One turn: drain completions, queue an answer for each datagram
// straight from its buffer, enter once.
//
// G1 Answers carry MSG_DONTWAIT: the kernel tries them inside the enter and never parks them, so a
//    buffer is free again after it. Successful ones post no completion.
// G2 The receive is armed again only after its final completion, and after the buffers went back.
// G3 A buffer is header, address, datagram; its size is an odd number of cache lines, so that the
//    parts touched of many buffers do not fall on the same lines of the cache.
#include "datagrams.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "ring.hpp"

namespace sluice::bench {
namespace {

constexpr unsigned completions_a_turn = 16384;
constexpr unsigned line_bytes = 64;

unsigned odd_lines(unsigned bytes) {
  return ((bytes + line_bytes - 1) / line_bytes | 1) * line_bytes;
}

class uring_answerer {
 public:
  uring_answerer(const datagram_options& options, datagram_counts& counts)
      : options_(options), counts_(counts) {
    completions_ = std::make_unique<completion[]>(completions_a_turn);
    layout_.msg_namelen = sizeof(sockaddr_in6);
  }

  bool run(std::string& problem) {
    const unsigned header = sizeof(io_uring_recvmsg_out) + sizeof(sockaddr_in6);
    if (!ring_.open(1024, completions_a_turn, problem)) return false;
    if (!ring_.open_buffers(options_.buffers, odd_lines(header + options_.buffer_bytes), problem)) {
      return false;
    }
    if (!ring_.register_file(options_.fd, problem)) return false;
    io_uring_sqe* entry = ring_.get_sqe();
    io_uring_prep_poll_add(entry, options_.signal_fd, POLLIN);
    entry->user_data = pack(op::signal, 0);
    arm_receive();
    while (!stopping_) turn();
    counts_.syscalls += ring_.enters();
    return true;
  }

 private:
  void turn() {
    ring_.submit();
    recycle_answered();
    if (!ring_.has_completion() &&
        (options_.poll_ns == 0 || !ring_.poll_task_run(options_.poll_ns))) {
      ring_.submit_and_wait(0);
    }
    const unsigned count = ring_.drain(completions_.get(), completions_a_turn);
    for (unsigned i = 0; i < count; ++i) {
      const completion& done = completions_[i];
      switch (kind_of(done.user_data)) {
        case op::receive: on_receive(done); break;
        case op::send: ++counts_.refused; break;
        case op::signal: stopping_ = true; break;
        default: break;
      }
    }
  }

  void on_receive(const completion& done) {
    if ((done.flags & IORING_CQE_F_MORE) == 0) receive_armed_ = false;  // G2
    if (done.result == -ENOBUFS) ++counts_.starved;
    if ((done.flags & IORING_CQE_F_BUFFER) == 0) return;
    const unsigned id = done.flags >> IORING_CQE_BUFFER_SHIFT;
    answered_.push_back(id);
    io_uring_recvmsg_out* out =
        done.result < 0 ? nullptr
                        : io_uring_recvmsg_validate(ring_.buffer(id), done.result, &layout_);
    if (out == nullptr) return;
    ++counts_.received;
    if ((out->flags & MSG_TRUNC) != 0 || out->payloadlen > options_.buffer_bytes) {
      ++counts_.truncated;
      return;
    }
    io_uring_sqe* entry = ring_.get_sqe();
    io_uring_prep_send(entry, 0, io_uring_recvmsg_payload(out, &layout_), out->payloadlen,
                       MSG_NOSIGNAL | MSG_DONTWAIT);  // G1
    entry->addr2 = reinterpret_cast<std::uintptr_t>(io_uring_recvmsg_name(out));
    entry->addr_len = static_cast<std::uint16_t>(out->namelen);
    entry->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    entry->user_data = pack(op::send, id);
    ++counts_.sent;
  }

  void recycle_answered() {
    for (const unsigned id : answered_) ring_.give_back(id);
    answered_.clear();
    ring_.publish_buffers();
    if (!receive_armed_) arm_receive();
  }

  void arm_receive() {
    io_uring_sqe* entry = ring_.get_sqe();
    io_uring_prep_recvmsg_multishot(entry, 0, &layout_, 0);
    entry->flags |= IOSQE_BUFFER_SELECT | IOSQE_FIXED_FILE;
    entry->buf_group = 0;
    entry->user_data = pack(op::receive, 0);
    receive_armed_ = true;
  }

  const datagram_options& options_;
  datagram_counts& counts_;
  ring ring_;
  msghdr layout_{};  // how much of a buffer is address
  std::unique_ptr<completion[]> completions_;
  std::vector<unsigned> answered_;  // buffers to give back after the coming enter
  bool receive_armed_ = false;
  bool stopping_ = false;
};

}  // namespace

bool answer_with_uring(const datagram_options& options, datagram_counts& counts,
                       std::string& problem) {
  uring_answerer server(options, counts);
  return server.run(problem);
}

}  // namespace sluice::bench
