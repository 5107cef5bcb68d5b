// meta-send: what a message costs from the start thread of a blocking meta to a process, beside a
// bare queue with a wake. Both on two cores: the sender on one, its receiver on the other.
//
//   polling   one message at a time, acknowledged; the receiver still looks for the next
//   sleeping  the same after 500 us of silence: the receiver must be woken
//   burst     1000 messages in a row, the last acknowledged; per message
//
// The bare side: preallocated messages on a take-all stack whose word also says that the consumer
// sleeps, so that a push is one compare-and-swap and knows whom to wake; the consumer looks as long
// as a scheduler does before it sleeps in a futex. The acknowledgement is the same on both sides: a
// word that the receiver writes and the sender spins on. Every message is numbered, and each
// receiver checks.
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sluice/sluice.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <semaphore>
#include <stop_token>
#include <thread>
#include <vector>

#include "../harness/median.hpp"

namespace {

using bench_clock = std::chrono::steady_clock;

constexpr std::uint64_t burst_length = 1000;
constexpr int polling_trips = 2000;
constexpr int sleeping_trips = 100;
constexpr int bursts = 100;
constexpr auto silence = std::chrono::microseconds{500};
const std::chrono::nanoseconds look_max = sluice::node_options{}.idle_poll_max;

struct item {
  std::uint64_t number;
  bool is_last;  // to be acknowledged
};

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

// One sender's numbers and its receiver's answers.
class conversation {
 public:
  // Sender.
  [[nodiscard]] item next(bool is_last) { return {sent_++, is_last}; }
  void wait() const {
    while (done_.load(std::memory_order_acquire) != sent_) relax();
  }
  // Receiver.
  void take(const item& one) {
    if (one.number != expected_++) {
      std::fprintf(stderr, "meta-send: message %llu came as number %llu\n",
                   static_cast<unsigned long long>(one.number),
                   static_cast<unsigned long long>(expected_ - 1));
      std::_Exit(1);
    }
    if (one.is_last) done_.store(expected_, std::memory_order_release);
  }

 private:
  alignas(64) std::uint64_t sent_ = 0;      // written by the sender
  alignas(64) std::uint64_t expected_ = 0;  // written by the receiver
  alignas(64) std::atomic<std::uint64_t> done_{0};
};

using sluice::bench::median;

enum class scenario { polling, sleeping, burst };
constexpr std::array scenarios{scenario::polling, scenario::sleeping, scenario::burst};
constexpr const char* names[] = {"polling", "sleeping", "burst"};

double ns_since(bench_clock::time_point begin) {
  return std::chrono::duration<double, std::nano>(bench_clock::now() - begin).count();
}

template <class Send>
void trip(conversation& with, Send& send) {
  send(with.next(true));
  with.wait();
}

// Nanoseconds a message; on the sender's thread.
template <class Send>
double measure(scenario what, conversation& with, Send&& send) {
  for (int i = 0; i < 100; ++i) trip(with, send);  // whatever was asleep is awake
  std::vector<double> samples;
  if (what == scenario::polling) {
    const auto begin = bench_clock::now();
    for (int i = 0; i < polling_trips; ++i) trip(with, send);
    return ns_since(begin) / polling_trips;
  }
  if (what == scenario::sleeping) {
    for (int i = 0; i < sleeping_trips; ++i) {
      const auto quiet_until = bench_clock::now() + silence;
      while (bench_clock::now() < quiet_until) relax();
      const auto begin = bench_clock::now();
      trip(with, send);
      samples.push_back(ns_since(begin));
    }
    return median(samples);
  }
  for (int i = 0; i < bursts; ++i) {
    const auto begin = bench_clock::now();
    for (std::uint64_t k = 1; k <= burst_length; ++k) send(with.next(k == burst_length));
    with.wait();
    samples.push_back(ns_since(begin) / static_cast<double>(burst_length));
  }
  return median(samples);
}

void pin_self(int cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(cpu), &one);
  ::pthread_setaffinity_np(::pthread_self(), sizeof one, &one);
}

// The bare queue and its consumer thread.
class bare_queue {
 public:
  bare_queue(conversation& with, int cpu)
      : with_(with), nodes_(2 * burst_length), consumer_([this, cpu] { consume(cpu); }) {}
  ~bare_queue() {
    node last{};
    last.is_end = true;
    push(last);
    consumer_.join();
  }

  void send(const item& one) {
    node& used = nodes_[next_++ % nodes_.size()];
    used.content = one;
    push(used);
  }

 private:
  struct alignas(64) node {
    node* next = nullptr;
    item content{};
    bool is_end = false;
  };

  void push(node& one) {
    node* top = top_.load(std::memory_order_relaxed);
    do {
      one.next = top == &sleeper_ ? nullptr : top;
    } while (!top_.compare_exchange_weak(top, &one, std::memory_order_acq_rel,
                                         std::memory_order_relaxed));
    if (top != &sleeper_) return;
    wakes_.fetch_add(1, std::memory_order_release);
    ::syscall(SYS_futex, &wakes_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }

  void consume(int cpu) {
    pin_self(cpu);
    for (;;) {
      wait();
      node* reversed = nullptr;
      for (node* one = top_.exchange(nullptr, std::memory_order_acquire); one != nullptr;) {
        node* older = one->next;
        one->next = reversed;
        reversed = one;
        one = older;
      }
      while (reversed != nullptr) {
        if (reversed->is_end) return;
        node* next = reversed->next;  // read first: an acknowledged node may be pushed again
        with_.take(reversed->content);
        reversed = next;
      }
    }
  }

  // Until something was pushed: looks, then sleeps.
  void wait() {
    const auto look_until = bench_clock::now() + look_max;
    do {
      for (int i = 0; i < 16; ++i) {
        if (top_.load(std::memory_order_relaxed) != nullptr) return;
        relax();
      }
    } while (bench_clock::now() < look_until);
    const std::uint32_t wakes = wakes_.load(std::memory_order_acquire);
    node* top = nullptr;
    if (!top_.compare_exchange_strong(top, &sleeper_, std::memory_order_acq_rel)) return;
    while (top_.load(std::memory_order_acquire) == &sleeper_) {
      ::syscall(SYS_futex, &wakes_, FUTEX_WAIT_PRIVATE, wakes, nullptr, nullptr, 0);
    }
  }

  conversation& with_;
  node sleeper_;  // in top_: nothing is queued and the consumer sleeps
  alignas(64) std::atomic<node*> top_{nullptr};
  alignas(64) std::atomic<std::uint32_t> wakes_{0};
  std::vector<node> nodes_;
  std::uint64_t next_ = 0;
  std::jthread consumer_;
};

struct receiver : sluice::actor<receiver> {
  explicit receiver(conversation& with) : with_(&with) {}
  void on(const item& one) { with_->take(one); }
  conversation* with_;
};

// What the main thread asks of the meta's start thread.
struct orders {
  scenario what = scenario::polling;
  bool is_end = false;
  double answer = 0;
  std::binary_semaphore given{0};
  std::binary_semaphore done{0};
};

struct sender : sluice::meta<sender> {
  sender(sluice::handle<receiver> to, conversation& with, orders& from)
      : to_(to), with_(&with), from_(&from) {}

  void start(std::stop_token) {
    for (from_->given.acquire(); !from_->is_end; from_->given.acquire()) {
      from_->answer = measure(from_->what, *with_, [this](const item& one) {
        if (send(to_, one) != sluice::send_outcome::accepted) std::_Exit(1);
      });
      from_->done.release();
    }
  }

  sluice::handle<receiver> to_;
  conversation* with_;
  orders* from_;
};

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

int compare(int rounds, int sending_cpu, int receiving_cpu) {
  conversation bare_talk;
  conversation talk;
  orders to_meta;
  bare_queue bare(bare_talk, receiving_cpu);

  sluice::node_options options;
  options.schedulers = 1;
  options.io = false;
  options.pin = sluice::pinning::list;
  options.pin_list = {receiving_cpu};
  sluice::node node("meta-send", options);
  if (!node.start()) return 2;
  const auto process = node.spawn<receiver>(sluice::spawn_options{}, talk);
  if (!process) return 2;
  sluice::meta_options pinned;
  pinned.pin.number = sending_cpu;
  if (!node.spawn_meta<sender>(pinned, process.value(), talk, to_meta)) return 2;
  pin_self(sending_cpu);

  std::vector<double> bare_ns[scenarios.size()];
  std::vector<double> own_ns[scenarios.size()];
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < scenarios.size(); ++i) {
      bare_ns[i].push_back(
          measure(scenarios[i], bare_talk, [&bare](const item& one) { bare.send(one); }));
      to_meta.what = scenarios[i];
      to_meta.given.release();
      to_meta.done.acquire();
      own_ns[i].push_back(to_meta.answer);
    }
  }
  to_meta.is_end = true;
  to_meta.given.release();
  const bool is_clean = node.stop().is_clean();

  std::printf(
      "| a message | bare ns | sluice ns | ratio | least of both |\n|---|---|---|---|---|\n");
  for (std::size_t i = 0; i < scenarios.size(); ++i) {
    const double bare_median = median(bare_ns[i]);
    const double own_median = median(own_ns[i]);
    std::printf("| %s | %.1f | %.1f | %.2f | %.1f, %.1f |\n", names[i], bare_median, own_median,
                own_median / bare_median, *std::min_element(bare_ns[i].begin(), bare_ns[i].end()),
                *std::min_element(own_ns[i].begin(), own_ns[i].end()));
  }
  return is_clean ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = 9;
  if (argc == 3 && std::strcmp(argv[1], "--rounds") == 0) rounds = std::atoi(argv[2]);
  if ((argc != 1 && argc != 3) || rounds < 1) {
    std::fprintf(stderr, "meta-send [--rounds N]\n");
    return 2;
  }
  const std::vector<int> cpus = allowed_cpus();
  if (cpus.size() < 2) {
    std::printf("meta-send: needs two CPUs, %zu allowed\n", cpus.size());
    return 0;
  }
  return compare(rounds, cpus[1], cpus[0]);
}
