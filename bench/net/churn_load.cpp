#include "churn_load.hpp"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "event_wait.hpp"
#include "measurement.hpp"
#include "pattern.hpp"

namespace sluice::bench {
namespace {

constexpr std::uint32_t source_addresses = 64;
constexpr std::uint32_t patterns = 1u << 24;  // after so many connections they come again
constexpr std::uint64_t sleep_most_ns = 10'000'000;
constexpr std::uint64_t give_up_after_ns = 2'000'000'000;  // without any answer
constexpr std::uint64_t errors_max = 1000;
constexpr int errors_described_max = 5;

struct visit {
  int fd = -1;
  std::uint32_t number = 0;
  std::uint64_t started_at = 0;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
};

class churn_engine {
 public:
  churn_engine(const load_options& options, const address& to, std::uint64_t seed)
      : options_(options),
        to_(to),
        seed_(seed),
        window_(options.warmup_ns, options.window_ns, options.watch_pid),
        message_(options.size_bytes),
        buffer_(options.size_bytes + 1),
        events_(1024),
        visits_(options.connections) {}
  ~churn_engine() {
    for (visit& each : visits_) {
      if (each.fd >= 0) ::close(each.fd);
    }
    if (epoll_ >= 0) ::close(epoll_);
  }

  bool run(std::string& problem) {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    now_ = last_answer_ = now_ns();
    window_.start(now_);
    for (std::uint32_t slot = 0; slot < visits_.size(); ++slot) open(slot);
    if (open_ == 0) {
      problem = "no connection could be opened";
      return false;
    }
    while (!is_over()) turn();
    for (const visit& each : visits_) {
      if (each.fd >= 0) note_error(each.number, "never answered");
    }
    return true;
  }

  [[nodiscard]] int report() {
    std::printf("churn, %u at once, %llu bytes, %.1f s: %llu connections, ", options_.connections,
                static_cast<unsigned long long>(options_.size_bytes), window_.seconds(),
                static_cast<unsigned long long>(window_.answered()));
    window_.print_percentiles();
    std::printf("\n");
    window_.print_figures(options_.size_bytes, errors_);
    return errors_ == 0 && window_.answered() != 0 ? 0 : 1;
  }

 private:
  bool is_over() {
    window_.advance(now_);
    return open_ == 0 || errors_ > errors_max || now_ - last_answer_ > give_up_after_ns;
  }

  void turn() {
    int count = look_for_events(epoll_, events_, options_.spin ? 0 : options_.poll_ns);
    if (count == 0 && !options_.spin) count = sleep_for_events(epoll_, events_, sleep_most_ns);
    now_ = now_ns();
    for (int i = 0; i < count; ++i) on_event(events_[static_cast<std::size_t>(i)].data.u32);
  }

  void open(std::uint32_t slot) {
    visit& fresh = visits_[slot] = visit{};
    fresh.number = opened_++;
    fresh.started_at = now_ns();
    const int kind = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    fresh.fd = ::socket(to_.storage.ss_family, kind, 0);
    if (fresh.fd < 0) return note_error(fresh.number, failure("socket"));
    ++open_;
    choose_source(fresh);
    if (::connect(fresh.fd, to_.raw(), to_.length) != 0 && errno != EINPROGRESS) {
      return fail(slot, failure("connect"));
    }
    // On loopback the connection stands by now; where it does not, the event brings us back.
    if (!send(slot)) return;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u32 = slot;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fresh.fd, &event);
  }

  void choose_source(const visit& fresh) const {
    if (to_.storage.ss_family != AF_INET || !to_.is_loopback()) return;
    const int one = 1;
    ::setsockopt(fresh.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(0x7f000002u + fresh.number % source_addresses);
    ::bind(fresh.fd, reinterpret_cast<const sockaddr*>(&from), sizeof from);
  }

  void on_event(std::uint32_t slot) {
    if (visits_[slot].fd >= 0 && send(slot)) receive(slot);
  }

  // False: the visit failed.
  bool send(std::uint32_t slot) {
    visit& at = visits_[slot];
    while (at.sent < options_.size_bytes) {
      const std::uint64_t length = options_.size_bytes - at.sent;
      stream_of(at).write(at.sent, message_.data(), length);
      const ssize_t sent = ::send(at.fd, message_.data(), length, MSG_NOSIGNAL);
      if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return true;
      if (sent < 0) {
        fail(slot, failure("send"));
        return false;
      }
      at.sent += static_cast<std::uint64_t>(sent);
    }
    return true;
  }

  void receive(std::uint32_t slot) {
    visit& at = visits_[slot];
    while (at.received < options_.size_bytes) {
      const ssize_t got = ::recv(at.fd, buffer_.data(), buffer_.size(), 0);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (got < 0) return fail(slot, failure("receive"));
      if (got == 0) return fail(slot, "closed by the server");
      const auto length = static_cast<std::size_t>(got);
      if (at.received + length > at.sent) return fail(slot, "more bytes than were sent");
      if (stream_of(at).find_mismatch(at.received, buffer_.data(), length) != pattern::all_match) {
        return fail(slot, "wrong bytes");
      }
      at.received += length;
    }
    now_ = last_answer_ = now_ns();
    if (window_.contains(now_)) {
      window_.count_answer();
      window_.record_latency(now_ - at.started_at);
    }
    close(slot);
    if (now_ < window_.to()) open(slot);
  }

  void fail(std::uint32_t slot, const std::string& what) {
    note_error(visits_[slot].number, what);
    close(slot);
    if (now_ < window_.to() && errors_ < errors_max) open(slot);
  }

  void close(std::uint32_t slot) {
    ::close(visits_[slot].fd);
    visits_[slot].fd = -1;
    --open_;
  }

  [[nodiscard]] pattern stream_of(const visit& of) const {
    return pattern(seed_, of.number % patterns);
  }

  static std::string failure(const char* what) {
    return std::string(what) + ": " + std::strerror(errno);
  }

  void note_error(std::uint32_t number, const std::string& what) {
    if (errors_++ < errors_described_max) {
      std::fprintf(stderr, "sluice-load: connection %u: %s\n", number, what.c_str());
    }
  }

  const load_options& options_;
  const address& to_;
  std::uint64_t seed_;
  measurement window_;
  std::vector<char> message_;
  std::vector<char> buffer_;
  std::vector<epoll_event> events_;
  std::vector<visit> visits_;
  int epoll_ = -1;
  std::uint32_t opened_ = 0;
  std::uint32_t open_ = 0;
  std::uint64_t now_ = 0;
  std::uint64_t last_answer_ = 0;
  std::uint64_t errors_ = 0;
};

}  // namespace

int load_with_churn(const load_options& options, const address& to, std::uint64_t seed,
                    std::string& problem) {
  churn_engine engine(options, to, seed);
  if (!engine.run(problem)) return 2;
  return engine.report();
}

}  // namespace sluice::bench
