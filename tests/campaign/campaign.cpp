// Long runs of what the suite shows in small: see README.md beside it and scripts/campaign.
//
//   sluice-campaign order|storm|cycles --count N [--seed N] [--schedulers N]
//
//   order   N numbered messages between processes that thieves move about: each receiver sees each
//           sender's numbers in order, per lane, none twice, none missing
//   storm   N processes spawned and ended while threads of the host send to them, dead or alive:
//           nobody gets another's message
//   cycles  N nodes started and stopped, with processes, messages and timers under way
//
// All end with the conservation law and nothing alive. The last line is `ok` or what went wrong;
// the exit code says the same.
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sluice/sluice.hpp>

namespace {

using namespace std::chrono_literals;
using sluice::pid;
using sluice::priority;

struct arguments {
  std::string_view what;
  std::uint64_t count = 0;
  std::uint64_t seed = 1;
  std::uint32_t schedulers = 4;  // More than cores: the kernel preempts in all places.
};

// What went wrong first; written by whoever finds it.
class verdict {
 public:
  void wrong(const char* what) noexcept {
    const char* none = nullptr;
    first_.compare_exchange_strong(none, what);
  }
  [[nodiscard]] const char* first() const noexcept { return first_.load(); }

 private:
  std::atomic<const char*> first_{nullptr};
};
verdict found;

// Small and seeded: a sequence of its own for each who draws.
class dice {
 public:
  explicit dice(std::uint64_t seed) noexcept : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  std::uint32_t below(std::uint32_t bound) noexcept {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<std::uint32_t>((state_ >> 32) * bound >> 32);
  }

 private:
  std::uint64_t state_;
};

void check_books(const sluice::node& node) {
  const sluice::message_statistics sums = node.messages();
  if (sums.sent != sums.handled + sums.dropped + sums.rejected + sums.queued) {
    found.wrong("sent is not handled + dropped + rejected + queued");
  }
  if (sums.queued != 0) found.wrong("messages are left in a stopped node");
  if (sums.alive != 0) found.wrong("somebody lives in a stopped node");
  for (const auto& each : node.schedulers()) {
    if (each.rescued_by_timeout != 0) found.wrong("a wake was lost");
  }
}

void stop(sluice::node& node) {
  const auto report = node.stop(60s);
  if (!report.is_clean()) found.wrong("a stop left somebody behind");
  check_books(node);
}

// ---- order

constexpr std::uint32_t talkers = 8;
constexpr std::array lanes{priority::main, priority::system, priority::log, priority::urgent};
constexpr std::uint32_t credit_batch = 1024;

struct numbered {
  std::uint32_t from;
  std::uint32_t lane;
  std::uint64_t number;
};
struct credit {
  std::uint32_t receiver;
};
struct go_on {};

struct ledger {
  std::atomic<std::uint64_t> received{0};
  std::atomic<std::uint32_t> done{0};
};

struct sender;

struct receiver : sluice::actor<receiver, numbered> {
  receiver(std::uint32_t index, ledger& book) : index_(index), book_(book) {}
  void on(const numbered& one) {
    std::uint64_t& expected = expected_[one.from][one.lane];
    if (one.number != expected) found.wrong("a number out of order");
    expected = one.number + 1;
    if (++since_credit_[one.from] == credit_batch) {
      since_credit_[one.from] = 0;
      send(sender(), credit{index_});
    }
    ++received_;
  }
  void terminate(const sluice::exit_reason&) { book_.received += received_; }

 private:
  const std::uint32_t index_;
  ledger& book_;
  std::uint64_t received_ = 0;
  std::array<std::array<std::uint64_t, lanes.size()>, talkers> expected_{};
  std::array<std::uint32_t, talkers> since_credit_{};
};

struct sender : sluice::actor<sender, credit, go_on> {
  sender(std::uint32_t index, std::uint64_t count, std::uint64_t seed,
         const std::vector<sluice::handle<receiver>>& to, ledger& book)
      : index_(index), left_(count), luck_(seed), to_(to), book_(book) {
    tokens_.fill(4 * credit_batch);
  }
  void on(go_on) {
    is_told_ = false;
    burst();
  }
  void on(credit back) {
    tokens_[back.receiver] += credit_batch;
    if (!is_told_ && left_ != 0) burst();
  }

 private:
  void burst() {
    for (std::uint32_t rounds = 1 + luck_.below(8); rounds > 0 && left_ > 0; --rounds) {
      const std::uint32_t whom = luck_.below(talkers);
      const std::uint32_t size = 1 + luck_.below(200);
      const std::uint32_t lane = luck_.below(8) == 0 ? luck_.below(lanes.size()) : 0;
      const bool is_typed = luck_.below(2) == 0;
      for (std::uint32_t i = 0; i < size && left_ > 0 && tokens_[whom] > 0; ++i) {
        const numbered one{index_, lane, next_[whom][lane]++};
        is_typed ? send(to_[whom], one, lanes[lane]) : send(to_[whom].id(), one, lanes[lane]);
        --tokens_[whom];
        --left_;
      }
    }
    if (left_ == 0) {
      ++book_.done;
      book_.done.notify_all();
      return;
    }
    for (const std::uint32_t each : tokens_) {
      if (each == 0) continue;
      is_told_ = true;
      send(self(), go_on{});
      return;
    }
  }

  const std::uint32_t index_;
  std::uint64_t left_;
  dice luck_;
  const std::vector<sluice::handle<receiver>>& to_;
  ledger& book_;
  bool is_told_ = false;
  std::array<std::uint32_t, talkers> tokens_{};
  std::array<std::array<std::uint64_t, lanes.size()>, talkers> next_{};
};

void run_order(const arguments& asked) {
  ledger book;
  sluice::node node{"order", {.schedulers = asked.schedulers, .io = false}};
  if (!node.start()) return found.wrong("start");
  std::vector<sluice::handle<receiver>> to;
  std::vector<sluice::handle<sender>> from;
  for (std::uint32_t i = 0; i < talkers; ++i) {
    to.push_back(node.spawn<receiver>({}, i, book).value());
  }
  for (std::uint32_t i = 0; i < talkers; ++i) {
    from.push_back(
        node.spawn<sender>({}, i, asked.count / talkers, asked.seed * talkers + i, to, book)
            .value());
  }
  for (const auto& each : from) each.send(go_on{});
  for (std::uint32_t done = 0; (done = book.done.load()) != talkers;) book.done.wait(done);
  stop(node);
  if (book.received.load() != asked.count / talkers * talkers) found.wrong("numbers are missing");
}

// ---- storm

struct hello {
  pid meant;
};
struct spawn_more {};

// Addresses of processes that live, or did: for whoever wants to send.
class board {
 public:
  void put(std::uint32_t place, pid who) noexcept {
    places_[place % places_.size()].store(std::uint64_t{who.generation} << 32 | who.slot,
                                          std::memory_order_relaxed);
  }
  [[nodiscard]] pid get(std::uint32_t place, std::uint32_t node) const noexcept {
    const std::uint64_t word = places_[place % places_.size()].load(std::memory_order_relaxed);
    return {node, static_cast<std::uint32_t>(word), static_cast<std::uint32_t>(word >> 32)};
  }

 private:
  std::array<std::atomic<std::uint64_t>, 4096> places_{};
};

struct mortal : sluice::actor<mortal, hello> {
  explicit mortal(std::uint32_t lives) : lives_(lives) {}
  void on(const hello& one) {
    if (one.meant != self()) found.wrong("a message reached another than it was meant for");
    if (--lives_ == 0) exit();
  }
  std::uint32_t lives_;
};

struct nest : sluice::actor<nest, spawn_more> {
  nest(std::uint64_t count, std::uint64_t seed, board& shown, std::atomic<std::uint32_t>& done)
      : left_(count), luck_(seed), shown_(shown), done_(done) {}
  void on(spawn_more) {
    for (std::uint32_t i = 0; i < 64 && left_ > 0; ++i, --left_) {
      const std::uint32_t lives = 1 + luck_.below(3);
      auto made = spawn<mortal>({}, lives);
      if (!made) return found.wrong("a spawn was refused");
      const pid who = made.value().id();
      shown_.put(luck_.below(4096), who);
      for (std::uint32_t sent = 0; sent < lives; ++sent) send(who, hello{who});
      if (luck_.below(4) == 0) exit(who, sluice::exit_reason::shutdown());
    }
    if (left_ > 0) {
      send(self(), spawn_more{});
    } else {
      ++done_;
      done_.notify_all();
    }
  }

 private:
  std::uint64_t left_;
  dice luck_;
  board& shown_;
  std::atomic<std::uint32_t>& done_;
};

void run_storm(const arguments& asked) {
  constexpr std::uint32_t nests = 4;
  constexpr std::uint32_t strangers = 2;
  board shown;
  std::atomic<std::uint32_t> done{0};
  std::atomic<bool> is_over{false};
  sluice::node node{"storm", {.schedulers = asked.schedulers, .io = false}};
  if (!node.start()) return found.wrong("start");
  std::vector<sluice::handle<nest>> all;
  for (std::uint32_t i = 0; i < nests; ++i) {
    all.push_back(
        node.spawn<nest>({}, asked.count / nests, asked.seed * nests + i, shown, done).value());
  }
  const std::uint32_t node_id = all.front().id().node;
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < strangers; ++i) {
    threads.emplace_back([&, i] {
      dice luck{asked.seed + 1000 + i};
      while (!is_over.load()) {
        const pid who = shown.get(luck.below(4096), node_id);
        static_cast<void>(node.send(who, hello{who}));
      }
    });
  }
  for (const auto& each : all) each.send(spawn_more{});
  for (std::uint32_t now = 0; (now = done.load()) != nests;) done.wait(now);
  is_over = true;
  for (auto& each : threads) each.join();
  stop(node);
}

// ---- cycles

struct ball {
  std::uint32_t left;
};
struct late {};

struct player : sluice::actor<player, ball, late> {
  void on(ball one) {
    if (one.left == 0) return;
    send(sender().is_valid() ? sender() : sluice::address{self()}, ball{one.left - 1});
  }
  void on(late) { found.wrong("a timer of an hour fired"); }
  void on_start() { send_after(1h, self(), late{}); }
};

void run_cycles(const arguments& asked) {
  dice luck{asked.seed};
  for (std::uint64_t cycle = 0; cycle < asked.count && found.first() == nullptr; ++cycle) {
    // A ring is dear to make: now and then one.
    sluice::node node{"cycle",
                      {.schedulers = 1 + luck.below(asked.schedulers), .io = luck.below(50) == 0}};
    if (!node.start()) return found.wrong("start");
    for (std::uint32_t count = luck.below(8); count > 0; --count) {
      auto made = node.spawn<player>();
      if (!made) return found.wrong("a spawn was refused");
      made.value().send(ball{luck.below(100)});
    }
    if (luck.below(4) != 0) {
      stop(node);
    } else {
      static_cast<void>(node.stop(60s));  // And destroyed without a look.
    }
  }
}

bool take_number(std::string_view text, std::uint64_t& into) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), into);
  return failed == std::errc{} && end == text.data() + text.size();
}

bool take_arguments(int count, char** words, arguments& into) {
  if (count < 2) return false;
  into.what = words[1];
  for (int i = 2; i + 1 < count; i += 2) {
    const std::string_view name = words[i];
    std::uint64_t value = 0;
    if (!take_number(words[i + 1], value)) return false;
    if (name == "--count") {
      into.count = value;
    } else if (name == "--seed") {
      into.seed = value;
    } else if (name == "--schedulers") {
      into.schedulers = static_cast<std::uint32_t>(value);
    } else {
      return false;
    }
  }
  return count % 2 == 0 && into.count > 0 && into.schedulers > 0;
}

}  // namespace

int main(int count, char** words) {
  arguments asked;
  if (!take_arguments(count, words, asked)) {
    std::fprintf(stderr,
                 "usage: sluice-campaign order|storm|cycles --count N [--seed N] "
                 "[--schedulers N]\n");
    return 2;
  }
  if (asked.what == "order") {
    run_order(asked);
  } else if (asked.what == "storm") {
    run_storm(asked);
  } else if (asked.what == "cycles") {
    run_cycles(asked);
  } else {
    std::fprintf(stderr, "sluice-campaign: nothing is called %s\n", words[1]);
    return 2;
  }
  std::puts(found.first() == nullptr ? "ok" : found.first());
  return found.first() == nullptr ? 0 : 1;
}
