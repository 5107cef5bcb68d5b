#include "udp_load.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "event_wait.hpp"
#include "measurement.hpp"
#include "pattern.hpp"

namespace sluice::bench {
namespace {

constexpr std::uint64_t lost_after_ns = 100'000'000;
constexpr std::uint64_t give_up_after_ns = 2'000'000'000;  // without any answer
constexpr std::uint64_t errors_max = 1000;
constexpr std::uint64_t look_for_lost_ns = 20'000'000;
constexpr std::uint64_t linger_ns = 50'000'000;
constexpr std::uint64_t history_min = 16384;  // numbers a flow remembers, and may be ahead
constexpr unsigned datagrams_a_call = 32;
constexpr int errors_described_max = 5;

enum class fate : std::uint8_t { in_flight, answered, lost };

struct flow {
  flow(int descriptor, pattern bytes, std::size_t history)
      : fd(descriptor), stream(bytes), sent_at(history), fates(history, fate::answered) {}

  int fd;
  pattern stream;
  bool is_dirty = false;
  std::uint64_t next = 0;    // the number of the next datagram
  std::uint64_t oldest = 0;  // none before it is in flight
  std::uint64_t in_flight = 0;
  std::uint64_t highest = 0;           // one more than the highest number answered
  std::vector<std::uint64_t> sent_at;  // by number modulo the history
  std::vector<fate> fates;
};

class udp_engine {
 public:
  udp_engine(const udp_options& options, std::uint64_t seed)
      : options_(options),
        seed_(seed),
        window_(options.count != 0 ? 0 : options.warmup_ns,
                options.count != 0 ? ~std::uint64_t{0} >> 1 : options.window_ns, options.watch_pid),
        stride_((options.size_bytes + 7) / 8 * 8),
        history_(std::bit_ceil(std::max(history_min, 4 * options.depth))),
        room_((options.size_bytes + 1 + 63) / 64 * 64),
        bytes_(room_ * datagrams_a_call),
        events_(1024) {
    for (unsigned i = 0; i < datagrams_a_call; ++i) {
      vectors_[i].iov_base = bytes_.data() + i * room_;
      messages_[i].msg_hdr.msg_iov = &vectors_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }
  ~udp_engine() {
    for (const flow& each : flows_) ::close(each.fd);
    if (epoll_ >= 0) ::close(epoll_);
  }

  bool open(const address& to, std::string& problem) {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    for (std::uint32_t index = 0; index < options_.flows; ++index) {
      const int fd = connect_datagrams(to, problem);
      if (fd < 0) return false;
      flows_.emplace_back(fd, pattern(seed_, index), history_);
      epoll_event event{};
      event.events = EPOLLIN | EPOLLET;
      event.data.u32 = index;
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }
    return true;
  }

  void run() {
    now_ = now_ns();
    window_.start(now_);
    for (std::uint32_t index = 0; index < flows_.size(); ++index) mark_dirty(index);
    last_answer_ = now_;
    while (!is_over()) turn();
    for (flow& each : flows_) receive(each, true);
  }

  [[nodiscard]] int report() {
    std::printf("udp, %u flows, %llu bytes, %llu in flight, %.1f s: %llu datagrams, ",
                options_.flows, static_cast<unsigned long long>(options_.size_bytes),
                static_cast<unsigned long long>(options_.depth), window_.seconds(),
                static_cast<unsigned long long>(window_.answered()));
    window_.print_percentiles();
    std::printf("\nsent=%llu lost=%llu late=%llu duplicated=%llu reordered=%llu\n",
                static_cast<unsigned long long>(sent_), static_cast<unsigned long long>(lost_),
                static_cast<unsigned long long>(late_),
                static_cast<unsigned long long>(duplicated_),
                static_cast<unsigned long long>(reordered_));
    window_.print_figures(options_.size_bytes, errors_);
    return errors_ == 0 && window_.answered() != 0 ? 0 : 1;
  }

 private:
  // Sending ends first, then what is in flight is waited for, then what may still come twice.
  bool is_over() {
    window_.advance(now_);
    const bool is_hopeless =
        errors_ > errors_max || now_ - last_answer_ > give_up_after_ns + lost_after_ns;
    if (!is_hopeless && (may_send() || outstanding_ != 0)) {
      quiet_since_ = now_;
      return false;
    }
    window_.end(last_answer_);
    return is_hopeless || now_ - quiet_since_ > linger_ns;
  }

  [[nodiscard]] bool may_send() const {
    return options_.count != 0 ? sent_ < options_.count : now_ < window_.to();
  }

  void turn() {
    sending_.swap(dirty_);
    for (const std::uint32_t index : sending_) {
      flows_[index].is_dirty = false;
      send(index);
    }
    sending_.clear();
    int count = look_for_events(epoll_, events_, options_.spin ? 0 : options_.poll_ns);
    if (count == 0 && !options_.spin && dirty_.empty()) {
      count = sleep_for_events(epoll_, events_, look_for_lost_ns);
    }
    now_ = now_ns();
    for (int i = 0; i < count; ++i) {
      const std::uint32_t index = events_[static_cast<std::size_t>(i)].data.u32;
      receive(flows_[index]);
      mark_dirty(index);
    }
    if (now_ - looked_for_lost_at_ >= look_for_lost_ns) look_for_lost();
  }

  void send(std::uint32_t index) {
    flow& from = flows_[index];
    while (has_room(from) && may_send()) {
      unsigned count = 0;
      const std::uint64_t at = now_ns();
      while (count < datagrams_a_call && has_room(from) && may_send()) {
        write(from, from.next, bytes_.data() + count * room_);
        from.sent_at[from.next % history_] = at;
        from.fates[from.next % history_] = fate::in_flight;
        vectors_[count++].iov_len = options_.size_bytes;
        ++from.next;
        ++from.in_flight;
        ++outstanding_;
        ++sent_;
      }
      if (!hand_over(from, index, count)) return;
    }
  }

  [[nodiscard]] bool has_room(const flow& from) const {
    return from.in_flight < options_.depth && from.next - from.oldest < history_;
  }

  // False: the socket takes no more; what it did not take is unsent again.
  bool hand_over(flow& from, std::uint32_t index, unsigned count) {
    for (unsigned done = 0; done < count;) {
      const int taken =
          count == 1
              ? (::send(from.fd, bytes_.data(), options_.size_bytes, MSG_DONTWAIT) < 0 ? -1 : 1)
              : ::sendmmsg(from.fd, messages_ + done, count - done, MSG_DONTWAIT);
      if (taken > 0) {
        done += static_cast<unsigned>(taken);
        continue;
      }
      if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS) {
        note_error(std::string("send: ") + std::strerror(errno));
      }
      const unsigned left = count - done;
      from.next -= left;
      from.in_flight -= left;
      outstanding_ -= left;
      sent_ -= left;
      mark_dirty(index);
      return false;
    }
    return true;
  }

  // Until nothing is in flight, or until the socket is empty.
  void receive(flow& to, bool is_last_look = false) {
    while (to.in_flight != 0 || is_last_look) {
      if (to.in_flight <= 1) {
        const ssize_t got = ::recv(to.fd, bytes_.data(), room_, MSG_DONTWAIT | MSG_TRUNC);
        if (got < 0) return on_receive_error();
        now_ = now_ns();
        on_datagram(to, bytes_.data(), static_cast<std::size_t>(got));
        continue;
      }
      for (iovec& each : vectors_) each.iov_len = room_;
      const int got =
          ::recvmmsg(to.fd, messages_, datagrams_a_call, MSG_DONTWAIT | MSG_TRUNC, nullptr);
      if (got < 0) return on_receive_error();
      now_ = now_ns();
      for (unsigned i = 0; i < static_cast<unsigned>(got); ++i) {
        on_datagram(to, bytes_.data() + i * room_, messages_[i].msg_len);
      }
      if (static_cast<unsigned>(got) < datagrams_a_call) return;
    }
  }

  void on_receive_error() {
    if (errno == EAGAIN || errno == EINTR) return;
    note_error(std::string("receive: ") + std::strerror(errno));
  }

  void on_datagram(flow& to, const char* from, std::size_t length) {
    if (length != options_.size_bytes) {
      return note_error("a datagram of " + std::to_string(length) + " bytes");
    }
    std::uint64_t number = 0;
    std::memcpy(&number, from, 8);
    if constexpr (std::endian::native == std::endian::big) number = __builtin_bswap64(number);
    if (number >= to.next) return note_error("a number that was never sent");
    if (to.stream.find_mismatch(number * stride_, from + 8, length - 8) != pattern::all_match) {
      return note_error("wrong bytes in number " + std::to_string(number));
    }
    fate& before = to.fates[number % history_];
    if (to.next - number > history_ || before == fate::answered) {
      ++duplicated_;
      return;
    }
    reordered_ += number < to.highest;
    to.highest = std::max(to.highest, number + 1);
    if (before == fate::lost) {
      --lost_;
      ++late_;
    } else {
      --to.in_flight;
      --outstanding_;
      if (window_.contains(now_)) {
        const std::uint64_t at = to.sent_at[number % history_];
        window_.count_answer();
        window_.record_latency(now_ > at ? now_ - at : 0);
      }
    }
    before = fate::answered;
    last_answer_ = now_;
    while (to.oldest < to.next && to.fates[to.oldest % history_] != fate::in_flight) ++to.oldest;
  }

  void look_for_lost() {
    looked_for_lost_at_ = now_;
    for (std::uint32_t index = 0; index < flows_.size(); ++index) {
      flow& of = flows_[index];
      for (; of.oldest < of.next; ++of.oldest) {
        fate& each = of.fates[of.oldest % history_];
        if (each != fate::in_flight) continue;
        if (now_ - of.sent_at[of.oldest % history_] < lost_after_ns) break;
        each = fate::lost;
        --of.in_flight;
        --outstanding_;
        ++lost_;
        mark_dirty(index);
      }
    }
  }

  void write(const flow& of, std::uint64_t number, char* to) const {
    std::uint64_t stored = number;
    if constexpr (std::endian::native == std::endian::big) stored = __builtin_bswap64(stored);
    std::memcpy(to, &stored, 8);
    of.stream.write(number * stride_, to + 8, options_.size_bytes - 8);
  }

  void mark_dirty(std::uint32_t index) {
    if (flows_[index].is_dirty) return;
    flows_[index].is_dirty = true;
    dirty_.push_back(index);
  }

  void note_error(const std::string& what) {
    if (errors_++ < errors_described_max) std::fprintf(stderr, "sluice-load: %s\n", what.c_str());
  }

  const udp_options& options_;
  std::uint64_t seed_;
  measurement window_;
  std::uint64_t stride_;
  std::uint64_t history_;
  std::size_t room_;         // of one datagram in bytes_, with one byte more than is expected
  std::vector<char> bytes_;  // of one call, either way
  iovec vectors_[datagrams_a_call] = {};
  mmsghdr messages_[datagrams_a_call] = {};
  std::vector<epoll_event> events_;
  int epoll_ = -1;
  std::uint64_t now_ = 0;
  std::vector<flow> flows_;
  std::vector<std::uint32_t> dirty_;
  std::vector<std::uint32_t> sending_;
  std::uint64_t looked_for_lost_at_ = 0;
  std::uint64_t quiet_since_ = 0;
  std::uint64_t last_answer_ = 0;
  std::uint64_t outstanding_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t late_ = 0;
  std::uint64_t duplicated_ = 0;
  std::uint64_t reordered_ = 0;
  std::uint64_t errors_ = 0;
};

}  // namespace

int load_datagrams(const udp_options& options, const address& to, std::uint64_t seed,
                   std::string& problem) {
  udp_engine engine(options, seed);
  if (!engine.open(to, problem)) return 2;
  engine.run();
  return engine.report();
}

}  // namespace sluice::bench
