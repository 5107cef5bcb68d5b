// raw-floor: what threads and queues alone need for the work of two workloads; no runtime, no
// actor, no scheduler. A figure of a runtime is read as a multiple of one of these.
//
//   pingpong          2 pinned threads, a cache line each way: nothing that crosses cores is less
//   pingpong-local    1 thread; two handlers behind a virtual call, a push and a pop of a
//                     multi-producer queue a message: nothing with a mailbox on one core is less
//   count             1 → 1 across cores, 64-byte nodes from a ring through a single-producer queue
//   count-mpsc        the same through an exchange-linked multi-producer queue
//   count-mpsc-heap   the same, each node allocated by the sender and freed by the receiver
//   count-local       1 thread: all are pushed, then all are popped, each node a fresh 64 bytes
//
// The queues are bounded by `window`, but for count-local, whose backlog is the workload's.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>

#include "../actor/plant.hpp"
#include "peer_program.hpp"

namespace peers {

namespace {

using steady = std::chrono::steady_clock;

// Who looks in vain pauses, so as not to fight for the line.
constexpr int pauses_when_empty = 4;

void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

// The number as it is sent: planted, another one. There is no send here that could be left out or
// done twice, so such a defect too changes the number.
std::uint64_t sent_as(const void* sender, std::uint64_t number) noexcept {
  if (actor_bench::planted.concerns(number)) [[unlikely]] {
    if (actor_bench::planted.spoil(sender, number) != 1) number = ~number;
  }
  return number;
}

class check {
 public:
  void expect(std::uint64_t got) noexcept { wrong_ += got != expected_++; }
  void require(std::uint64_t messages, const char* who) const {
    if (wrong_ != 0) throw void_run{std::string{who} + " got a wrong number"};
    if (expected_ != messages) throw void_run{std::string{who} + " got another count"};
  }

 private:
  std::uint64_t expected_ = 0;
  std::uint64_t wrong_ = 0;
};

struct deadline {
  explicit deadline(const request& asked) : at(steady::now() + asked.given.patience) {}
  // Of a loop that may wait for ever: gives the process up, for the other thread may be stuck too.
  void look(const request& asked, std::uint64_t& turns) const {
    if ((++turns & 0xffff) == 0 && steady::now() > at) give_up(asked, "not done in time");
  }
  steady::time_point at;
};

// Both run, each on a core of its own where it is pinned; nanoseconds from the common start to the
// end.
template <class First, class Second>
double run_pair(const request& asked, First&& first, Second&& second) {
  std::atomic<int> ready{0};
  const auto cores = first_cores(2);
  const bool is_pinned = asked.given.is_pinned && cores.size() == 2;
  const auto meet = [&](std::size_t place) {
    if (is_pinned) stay_on({cores[place]});
    ready.fetch_add(1, std::memory_order_acq_rel);
    while (ready.load(std::memory_order_acquire) != 2) std::this_thread::yield();
  };
  steady::time_point begin;
  {
    const std::jthread other{[&] {
      meet(1);
      second();
    }};
    meet(0);
    begin = steady::now();
    first();
  }
  const double ns = std::chrono::duration<double, std::nano>(steady::now() - begin).count();
  if (is_pinned) stay_on(cores);
  return ns;
}

bool has_two_cores(const request& asked) {
  return asked.given.threads >= 2 && (!asked.given.is_pinned || first_cores(2).size() == 2);
}

// -- queues

struct node {
  std::atomic<node*> next{nullptr};
  std::uint64_t number = 0;
  std::byte rest[48]{};
};
static_assert(sizeof(node) == 64);

// Where nodes are preallocated, each has a line of its own.
struct alignas(64) placed_node : node {};

// Exchange-linked: a push is one exchange and one store. A popped node is the caller's once the
// next one has been popped, for the queue keeps its last one.
class mpsc_queue {
 public:
  void push(node& item) noexcept {
    item.next.store(nullptr, std::memory_order_relaxed);
    node* const before = head_.exchange(&item, std::memory_order_acq_rel);
    before->next.store(&item, std::memory_order_release);
  }
  /// Null when it is empty. `spent` is the node that is free now; null the first time.
  [[nodiscard]] node* pop(node*& spent) noexcept {
    node* const next = tail_->next.load(std::memory_order_acquire);
    if (next == nullptr) return nullptr;
    spent = tail_ == &stub_ ? nullptr : tail_;
    tail_ = next;
    return next;
  }

 private:
  node stub_;
  alignas(64) std::atomic<node*> head_{&stub_};
  alignas(64) node* tail_ = &stub_;
};

// A ring of nodes with two indices, each side remembering the other's.
class spsc_queue {
 public:
  explicit spsc_queue(std::uint64_t size) : nodes_(size) {}

  [[nodiscard]] bool try_push(std::uint64_t number) noexcept {
    if (pushed_ - seen_popped_ == nodes_.size()) {
      seen_popped_ = popped_shared_.load(std::memory_order_acquire);
      if (pushed_ - seen_popped_ == nodes_.size()) return false;
    }
    nodes_[pushed_++ % nodes_.size()].number = number;
    pushed_shared_.store(pushed_, std::memory_order_release);
    return true;
  }
  template <class Visit>
  void take(Visit&& visit) noexcept {
    const std::uint64_t end = pushed_shared_.load(std::memory_order_acquire);
    while (popped_ != end) visit(nodes_[popped_++ % nodes_.size()].number);
    popped_shared_.store(popped_, std::memory_order_release);
  }

 private:
  std::vector<placed_node> nodes_;
  alignas(64) std::atomic<std::uint64_t> pushed_shared_{0};
  alignas(64) std::uint64_t pushed_ = 0;  // the producer's, as the next
  std::uint64_t seen_popped_ = 0;
  alignas(64) std::atomic<std::uint64_t> popped_shared_{0};
  alignas(64) std::uint64_t popped_ = 0;  // the consumer's
};

// -- pingpong

double pingpong_across(const request& asked, std::uint64_t rounds) {
  struct alignas(128) line {
    std::atomic<std::uint64_t> number{UINT64_MAX};
  };
  line there, back;
  check at_ponger, at_pinger;
  const deadline end{asked};
  // Each is told its round by the number having changed, and checks which one it has become.
  const auto await = [&](line& from, std::uint64_t last) {
    std::uint64_t turns = 0;
    while (from.number.load(std::memory_order_acquire) == last) end.look(asked, turns);
    return from.number.load(std::memory_order_relaxed);
  };
  const double ns = run_pair(
      asked,
      [&] {
        std::uint64_t last = UINT64_MAX;
        for (std::uint64_t i = 0; i < rounds; ++i) {
          there.number.store(sent_as(&there, i), std::memory_order_release);
          at_pinger.expect(last = await(back, last));
        }
      },
      [&] {
        std::uint64_t last = UINT64_MAX;
        for (std::uint64_t i = 0; i < rounds; ++i) {
          at_ponger.expect(last = await(there, last));
          back.number.store(last, std::memory_order_release);
        }
      });
  at_ponger.require(rounds, "ponger");
  at_pinger.require(rounds, "pinger");
  return ns;
}

// Each has a queue of its own, which the loop below serves in turn.
struct player {
  virtual ~player() = default;
  virtual void on(node& message) = 0;

  check numbers{};
  mpsc_queue mailbox{};
};
struct ponger final : player {
  void on(node& message) override {
    numbers.expect(message.number);
    other->mailbox.push(message);
  }
  player* other = nullptr;
};
struct pinger final : player {
  void on(node& message) override {
    numbers.expect(message.number);
    message.number = sent_as(this, message.number + 1);
    if (--left != 0) other->mailbox.push(message);
  }
  player* other = nullptr;
  std::uint64_t left = 0;
};

// A queue keeps the last node it gave, so a message travels in a copy; the nodes go round.
double pingpong_local(const request&, std::uint64_t rounds) {
  ponger one;
  pinger two;
  one.other = &two;
  two.other = &one;
  two.left = rounds;
  std::vector<placed_node> nodes(8);
  std::uint64_t next = 0;
  player* const turns[] = {&one, &two};
  const auto begin = steady::now();
  nodes[next].number = sent_as(&two, 0);
  one.mailbox.push(nodes[next]);
  for (std::uint64_t i = 0; i < 2 * rounds; ++i) {
    player* target = turns[i % 2];
    asm volatile("" : "+r"(target));  // or the call would be known
    node* spent = nullptr;
    node* const got = target->mailbox.pop(spent);
    if (got == nullptr) throw void_run{"a message is missing"};
    node& copy = nodes[++next % nodes.size()];
    copy.number = got->number;
    target->on(copy);
  }
  const double ns = std::chrono::duration<double, std::nano>(steady::now() - begin).count();
  one.numbers.require(rounds, "ponger");
  two.numbers.require(rounds, "pinger");
  return ns;
}

std::vector<figure> run_pingpong(const request& asked) {
  const std::uint64_t rounds = asked.parameter("rounds");
  const auto each = [rounds](double ns) { return ns / static_cast<double>(2 * rounds); };
  std::vector<figure> figures;
  if (has_two_cores(asked)) figures.push_back({"", each(pingpong_across(asked, rounds)), "ns"});
  figures.push_back({"-local", each(pingpong_local(asked, rounds)), "ns"});
  return figures;
}

// -- count

double count_spsc(const request& asked, std::uint64_t messages) {
  spsc_queue queue{asked.parameter("window")};
  check numbers;
  const deadline end{asked};
  const double ns = run_pair(
      asked,
      [&] {
        std::uint64_t turns = 0;
        for (std::uint64_t i = 0; i < messages; ++i) {
          const std::uint64_t number = sent_as(&queue, i);
          while (!queue.try_push(number)) relax(), end.look(asked, turns);
        }
      },
      [&] {
        std::uint64_t turns = 0;
        for (std::uint64_t got = 0; got < messages;) {
          const std::uint64_t before = got;
          queue.take([&](std::uint64_t number) { numbers.expect(number), ++got; });
          for (int i = 0; i < pauses_when_empty && got == before; ++i) relax();
          end.look(asked, turns);
        }
      });
  numbers.require(messages, "receiver");
  return ns;
}

// `take_node(i)` makes the i-th message's node, `give_back` gets the spent ones.
template <class TakeNode, class GiveBack>
double count_mpsc(const request& asked, std::uint64_t messages, TakeNode&& take_node,
                  GiveBack&& give_back) {
  constexpr std::uint64_t report_every = 32;
  const std::uint64_t window = std::max(asked.parameter("window"), report_every);
  mpsc_queue queue;
  check numbers;
  alignas(64) std::atomic<std::uint64_t> consumed{0};
  const deadline end{asked};
  node* last = nullptr;
  const double ns = run_pair(
      asked,
      [&] {
        std::uint64_t turns = 0;
        for (std::uint64_t i = 0, limit = window; i < messages; ++i) {
          while (i >= limit) {
            limit = consumed.load(std::memory_order_acquire) + window;
            if (i >= limit) relax(), end.look(asked, turns);
          }
          node& item = take_node(i);
          item.number = sent_as(&queue, i);
          queue.push(item);
        }
      },
      [&] {
        std::uint64_t turns = 0;
        for (std::uint64_t got = 0; got < messages; end.look(asked, turns)) {
          node* spent = nullptr;
          node* const item = queue.pop(spent);
          if (item == nullptr) {
            for (int i = 0; i < pauses_when_empty; ++i) relax();
            continue;
          }
          numbers.expect(item->number);
          give_back(spent);
          last = item;
          if (++got % report_every == 0) consumed.store(got, std::memory_order_release);
        }
      });
  give_back(last);
  numbers.require(messages, "receiver");
  return ns;
}

double count_local(const request&, std::uint64_t messages) {
  mpsc_queue queue;
  check numbers;
  const auto begin = steady::now();
  for (std::uint64_t i = 0; i < messages; ++i) {
    auto made = std::make_unique<node>();
    made->number = sent_as(&queue, i);
    queue.push(*made.release());
  }
  node* last = nullptr;
  node* spent = nullptr;
  while (node* const item = queue.pop(spent)) {
    numbers.expect(item->number);
    delete spent;
    last = item;
  }
  delete last;
  const double ns = std::chrono::duration<double, std::nano>(steady::now() - begin).count();
  numbers.require(messages, "receiver");
  return ns;
}

std::vector<figure> run_count(const request& asked) {
  const std::uint64_t messages = asked.parameter("messages");
  const auto rate = [messages](double ns) { return static_cast<double>(messages) / ns * 1e3; };
  std::vector<figure> figures;
  if (has_two_cores(asked)) {
    // A node is free again `window` messages later; one more is kept by the queue.
    std::vector<placed_node> nodes(2 * std::max<std::uint64_t>(asked.parameter("window"), 32));
    const auto from_ring = [&](std::uint64_t i) -> node& { return nodes[i % nodes.size()]; };
    const auto from_heap = [](std::uint64_t) -> node& {
      return *std::make_unique<node>().release();
    };
    const auto keep = [](node*) {};
    const auto free = [](node* spent) { delete spent; };
    figures.push_back({"", rate(count_spsc(asked, messages)), "M/s"});
    figures.push_back({"-mpsc", rate(count_mpsc(asked, messages, from_ring, keep)), "M/s"});
    figures.push_back({"-mpsc-heap", rate(count_mpsc(asked, messages, from_heap, free)), "M/s"});
  }
  figures.push_back({"-local", rate(count_local(asked, messages)), "M/s"});
  return figures;
}

}  // namespace

constinit const workload raw_pingpong{
    "pingpong",
    "a cache line to and fro; `-local` one thread, virtual call, push and pop; ns a message",
    {{"rounds", 2'000'000, 50}},
    false,
    &run_pingpong};
constinit const workload raw_count{
    "count",
    "64-byte nodes through a queue, at most `window` in it; `-local` one thread; M messages/s",
    {{"messages", 10'000'000, 1000}, {"window", 256, 64}},
    false,
    &run_count};

}  // namespace peers

int main(int count, char** words) {
  static constexpr const peers::workload* listed[] = {&peers::raw_pingpong, &peers::raw_count};
  return peers::run_program("raw-floor", listed, count, words);
}
