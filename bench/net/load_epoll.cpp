// The engine of sluice-load: epoll, edge-triggered, one receive an event unless the buffer came
// back full, all receives of a turn and then one send a connection, so that the server meets its
// work in batches. An io_uring engine was written and measured against it: the same CPU time a
// message (50 x 64 B: 4.5-4.7 us both), a lower rate at one connection (81 k against 103 k a
// second) and a longer tail. It went, and the generator shares no interface with the io_uring
// server.
//
// The clock is read at every receive and before every send (25 ns each), not once a turn: in a turn
// of fifty messages the last is sent 100 us after the first.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "event_wait.hpp"
#include "load.hpp"
#include "sockets.hpp"

namespace sluice::bench {
namespace {

constexpr std::size_t receive_bytes = 128 * 1024;
constexpr std::size_t send_bytes_max = 128 * 1024;
constexpr int events_a_turn = 1024;

class epoll_engine {
 public:
  explicit epoll_engine(session& run)
      : run_(run), options_(run.options()), buffer_(receive_bytes), events_(events_a_turn) {}

  bool run(std::string& problem) {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) {
      problem = std::string("epoll_create1: ") + std::strerror(errno);
      return false;
    }
    const std::uint64_t a_turn = options_.size_bytes * options_.depth;
    send_capacity_ = options_.rate > 0 && a_turn < 16384 ? 16384 : a_turn;
    if (send_capacity_ > send_bytes_max) send_capacity_ = send_bytes_max;
    flights_.resize(run_.connection_count());
    for (std::uint32_t index = 0; index < run_.connection_count(); ++index) {
      flights_[index].bytes = std::make_unique<char[]>(send_capacity_);
      epoll_event event{};
      event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
      event.data.u32 = index;
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, run_.connection(index).fd, &event);
    }
    run_.start(now_ns());
    while (run_.advance(now_)) turn();
    ::close(epoll_);
    return true;
  }

 private:
  struct flight {
    std::unique_ptr<char[]> bytes;
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  void turn() {
    now_ = now_ns();
    send_dirty();
    const int count = wait();
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events_[static_cast<std::size_t>(i)];
      if ((event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) receive(event.data.u32);
      if ((event.events & EPOLLOUT) != 0) run_.mark_dirty(event.data.u32);
    }
  }

  int wait() {
    const std::uint64_t until_due = run_.until_next_due(now_ns());
    const std::uint64_t look = until_due < options_.poll_ns ? until_due : options_.poll_ns;
    const int count = look_for_events(epoll_, events_, options_.spin ? 0 : look);
    if (count != 0 || options_.spin) return count;
    const std::uint64_t early = options_.rate > 0 ? 2 * options_.poll_ns : 0;
    const std::uint64_t left = run_.until_next_due(now_ns());
    return left <= early ? 0 : sleep_for_events(epoll_, events_, left - early);
  }

  void send_dirty() {
    sending_.swap(run_.dirty());
    for (const std::uint32_t index : sending_) {
      run_.connection(index).is_dirty = false;
      while (!run_.connection(index).failed && send_some(index)) {
      }
    }
    sending_.clear();
  }

  // True: all was taken and there may be more.
  bool send_some(std::uint32_t index) {
    flight& out = flights_[index];
    if (out.begin == out.end) {
      if (!run_.has_something_to_send(index)) return false;
      out.begin = 0;
      out.end = run_.fill(index, out.bytes.get(), send_capacity_, now_ns());
    }
    const ssize_t sent = ::send(run_.connection(index).fd, out.bytes.get() + out.begin,
                                out.end - out.begin, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EAGAIN && errno != EINTR) {
        run_.on_failure(index, std::string("send: ") + std::strerror(errno));
      }
      return false;  // EPOLLOUT brings us back
    }
    out.begin += static_cast<std::size_t>(sent);
    return true;
  }

  void receive(std::uint32_t index) {
    while (!run_.connection(index).failed) {
      const ssize_t got = ::recv(run_.connection(index).fd, buffer_.data(), buffer_.size(), 0);
      if (got == 0) run_.on_failure(index, "closed by the server");
      if (got < 0 && errno != EAGAIN && errno != EINTR) {
        run_.on_failure(index, std::string("receive: ") + std::strerror(errno));
      }
      if (got <= 0) return;
      now_ = now_ns();
      const auto length = static_cast<std::size_t>(got);
      run_.on_received(index, buffer_.data(), length, now_);
      if (length < buffer_.size()) return;
    }
  }

  session& run_;
  const load_options& options_;
  int epoll_ = -1;
  std::uint64_t now_ = 0;
  std::size_t send_capacity_ = 0;
  std::vector<char> buffer_;
  std::vector<epoll_event> events_;
  std::vector<flight> flights_;
  std::vector<std::uint32_t> sending_;
};

}  // namespace

bool load_with_epoll(session& run, std::string& problem) {
  epoll_engine engine(run);
  return engine.run(problem);
}

}  // namespace sluice::bench
