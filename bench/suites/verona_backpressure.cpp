// Verona's backpressure benches: do queues stay short when senders are faster than receivers?
// Mailboxes of receivers are bounded here, and who finds one full waits for room.
//
// backpressure1: driver --again(0)--> each sender --item--> proxy ... --item--> receiver
//                sender --again(n + 1)--> itself             until the driver raises a flag
// backpressure2: the same to one to three of the receivers at a time, which a sender draws anew
// backpressure3: sender --item--> receiver --assist--> a sender, drawn --assisted--> receiver
//                The receiver needs its senders, which wait for it, to get on.
//
// A sender's last message is --last(count)-->. The driver asks receivers and proxies again and
// again how many messages wait there.
#include <algorithm>
#include <atomic>
#include <numeric>
#include <random>
#include <thread>

#include "../harness/process_usage.hpp"
#include "program.hpp"

namespace suites {

namespace {

struct again {
  std::uint64_t number;
};
void spoil(again& message) { ++message.number; }
struct item {
  std::uint32_t sender;
  std::uint64_t number;  // of those to this receiver
};
void spoil(item& message) { ++message.number; }
struct last {
  std::uint32_t sender;
  std::uint64_t count;
};
void spoil(last& message) { ++message.count; }
struct assist {
  std::uint64_t number;
};
void spoil(assist& message) { ++message.number; }
struct assisted {
  std::uint64_t number;
};
void spoil(assisted& message) { ++message.number; }
struct end {};

// What was sent and received; one place for each actor, written when it ends.
struct outcome {
  std::atomic<bool> is_over{false};  // raised by the driver; relaxed: seen sooner or later
  std::vector<std::uint64_t> sent{};
  std::vector<std::uint64_t> received{};
  std::uint64_t assists_max = 0;
};

// What all receivers do: items of a sender come in order, all of them and none twice.
class delivery {
 public:
  explicit delivery(std::size_t senders) : next_(senders), missing_(senders) {}

  void take(const item& got) {
    const bool is_next = got.sender < next_.size() && got.number == next_[got.sender]++;
    require(is_next, "what each sender sends comes in order");
    ++received_;
  }
  void take(const last& told) {
    require(told.sender < next_.size() && told.count == next_[told.sender],
            "all that a sender sent has come");
    require(missing_-- != 0, "each sender ends once");
  }
  [[nodiscard]] bool is_over() const noexcept { return missing_ == 0; }
  [[nodiscard]] std::uint64_t received() const noexcept { return received_; }

 private:
  std::vector<std::uint64_t> next_;  // of each sender
  std::uint64_t missing_;            // senders that have not ended
  std::uint64_t received_ = 0;
};

struct receiver : player<receiver, item, last> {
  receiver(std::uint64_t& received, std::size_t senders) : received_(received), mail_(senders) {}

  void on(const item& got) { mail_.take(got); }
  void on(const last& told) {
    mail_.take(told);
    if (!mail_.is_over()) return;
    received_ = mail_.received();
    exit();
    arrive();
  }

  std::uint64_t& received_;
  delivery mail_;
};

struct proxy : player<proxy, item, last> {
  proxy(sluice::pid next, std::size_t senders) : next_(next), missing_(senders) {}

  sluice::task<void> on(item got) { co_await pass(got); }
  sluice::task<void> on(last told) {
    co_await pass(told);
    if (--missing_ == 0) exit();
  }

  template <class M>
  sluice::task<void> pass(M message) {
    const auto sent = co_await send_when_room(next_, message);
    if (!sent) fail("a send failed: " + sent.error().message());
  }

  sluice::pid next_;
  std::size_t missing_;
};

struct sender : player<sender, again> {
  sender(outcome& left, std::vector<sluice::pid> receivers, std::uint32_t index)
      : outcome_(left),
        receivers_(std::move(receivers)),
        counts_(receivers_.size()),
        index_(index),
        source_(index + 1) {}

  sluice::task<void> on(again turn) {
    require(turn.number == turns_++, "a sender has one turn after the other");
    draw();
    for (std::size_t i = 0; i < drawn_; ++i) co_await pass(i, item{index_, counts_[i]++});
    if (!outcome_.is_over.load(std::memory_order_relaxed)) co_return send(self(), again{turns_});
    for (std::size_t i = 0; i < receivers_.size(); ++i) co_await pass(i, last{index_, counts_[i]});
    outcome_.sent[index_] = std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
    exit();
  }

  // Puts one to three receivers first.
  void draw() {
    const std::size_t most = std::min<std::size_t>(receivers_.size(), 3);
    drawn_ = most == 1 ? 1 : source_() % most + 1;
    for (std::size_t i = 0; i < drawn_ && receivers_.size() > 1; ++i) {
      const std::size_t other = i + source_() % (receivers_.size() - i);
      std::swap(receivers_[i], receivers_[other]);
      std::swap(counts_[i], counts_[other]);
    }
  }
  template <class M>
  sluice::task<void> pass(std::size_t to, M message) {
    const auto sent = co_await send_when_room(receivers_[to], message);
    if (!sent) fail("a send failed: " + sent.error().message());
  }

  outcome& outcome_;
  std::vector<sluice::pid> receivers_;
  std::vector<std::uint64_t> counts_;  // of items to each
  std::size_t drawn_ = 0;
  std::uint32_t index_;
  std::minstd_rand source_;
  std::uint64_t turns_ = 0;
};

struct needing_receiver;

// A sender that also helps: it goes on until the receiver ends it.
struct helper : player<helper, again, assist, end> {
  helper(outcome& left, sluice::handle<needing_receiver> to, std::uint32_t index)
      : outcome_(left), receiver_(to), index_(index) {}

  sluice::task<void> on(again turn);
  void on(assist asked);
  void on(end) { exit(); }

  outcome& outcome_;
  sluice::handle<needing_receiver> receiver_;
  std::uint32_t index_;
  std::uint64_t count_ = 0;
};

struct needing_receiver : player<needing_receiver> {
  needing_receiver(outcome& left, const std::vector<sluice::pid>& helpers)
      : outcome_(left), helpers_(helpers), mail_(left.sent.size()) {}

  void on(const item& got) {
    mail_.take(got);
    send(helpers_[source_() % helpers_.size()], assist{mail_.received()});
    asked_ += mail_.received();
    outcome_.assists_max = std::max(outcome_.assists_max, ++under_way_);
  }
  void on(assisted answer) {
    answered_ += answer.number;
    require(under_way_-- != 0, "each answer was asked for");
    end_if_over();
  }
  void on(const last& told) {
    mail_.take(told);
    end_if_over();
  }

  void end_if_over() {
    if (!mail_.is_over() || under_way_ != 0) return;
    require(asked_ == answered_, "each item is assisted once");
    outcome_.received[0] = mail_.received();
    for (const sluice::pid each : helpers_) send(each, end{});
    exit();
    arrive();
  }

  outcome& outcome_;
  const std::vector<sluice::pid>& helpers_;
  delivery mail_;
  std::minstd_rand source_{};
  std::uint64_t under_way_ = 0;
  std::uint64_t asked_ = 0, answered_ = 0;  // sums of the numbers
};

sluice::task<void> helper::on(again turn) {
  require(turn.number == count_, "a sender has one turn after the other");
  auto sent = co_await send_when_room(receiver_, item{index_, count_++});
  const bool is_over = outcome_.is_over.load(std::memory_order_relaxed);
  if (sent && !is_over) co_return send(self(), again{count_});
  if (sent) sent = co_await send_when_room(receiver_, last{index_, count_});
  if (!sent) fail("a send failed: " + sent.error().message());
  outcome_.sent[index_] = count_;
}
// Above main there is always room: who waits for room must not hold up who gives it.
void helper::on(assist asked) { send(receiver_, assisted{asked.number}, sluice::priority::system); }

// Of one mailbox; the bound is that of the main lane, the others belong to who gives room.
struct peak {
  std::uint64_t queued = 0;
  std::uint64_t queued_main = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t samples = 0;
};

peak watch(iteration& it, std::span<const sluice::pid> mailboxes) {
  peak found;
  const auto end = bench_clock::now() + std::chrono::milliseconds{it.parameter("duration_ms")};
  const std::chrono::milliseconds interval{it.parameter("sample_ms")};
  while (bench_clock::now() < end) {
    std::this_thread::sleep_for(interval);
    found.resident_bytes = std::max(found.resident_bytes, resident_bytes());
    for (const sluice::pid each : mailboxes) {
      const auto told = it.node().inspect(each);
      if (!told) continue;  // It has ended: the iteration has failed.
      const auto& lanes = told.value().queued;
      const std::uint64_t queued = std::accumulate(lanes, lanes + 4, std::uint64_t{0});
      found.queued = std::max(found.queued, queued);
      constexpr auto main_lane = static_cast<std::size_t>(sluice::priority::main);
      found.queued_main = std::max(found.queued_main, lanes[main_lane]);
      ++found.samples;
    }
  }
  return found;
}

sluice::spawn_options bounded(const iteration& it) {
  sluice::spawn_options options;
  options.mailbox_max = static_cast<std::uint32_t>(it.parameter("mailbox"));
  return options;
}

// Starts the senders, watches the mailboxes, and tells what came of it.
template <class Sender>
void run_senders(iteration& it, outcome& left, const std::vector<sluice::handle<Sender>>& senders,
                 std::span<const sluice::pid> mailboxes) {
  static bool is_cold = true;  // Memory outlives nodes: later iterations of a process grow less.
  it.expect_arrivals(left.received.size());
  const std::uint64_t resident_before = resident_bytes();
  for (const auto& each : senders) it.tell(each, again{0});
  const peak found = watch(it, mailboxes);
  left.is_over.store(true, std::memory_order_relaxed);
  it.wait();
  const auto sum = [](const std::vector<std::uint64_t>& all) {
    return std::accumulate(all.begin(), all.end(), std::uint64_t{0});
  };
  it.check_that(found.samples != 0, "somebody looked at the mailboxes");
  it.check_that(it.sums().rejected + it.sums().dropped == 0, "no message is lost");
  it.check("lost_items", sum(left.sent) - sum(left.received));
  it.check_that(sum(left.sent) == sum(left.received), "each item is received");
  it.measure("", static_cast<double>(found.queued), "queued");
  if (std::exchange(is_cold, false)) {
    const std::uint64_t grown =
        found.resident_bytes - std::min(found.resident_bytes, resident_before);
    it.measure("resident", static_cast<double>(grown) / (1 << 20), "MiB");
  }
  it.measure("rate", static_cast<double>(sum(left.received)) / it.inner_ms() / 1e3, "M/s");
  const std::uint64_t bound = it.parameter("mailbox");
  it.check_that(bound == 0 || found.queued_main <= bound, "no mailbox holds more than its bound");
}

void run_to_receivers(iteration& it, std::size_t receivers, std::size_t proxies) {
  const auto senders = static_cast<std::uint32_t>(it.parameter("senders"));
  outcome& left = it.keep<outcome>();
  left.sent.resize(senders);
  left.received.resize(receivers);
  std::vector<sluice::pid> mailboxes, targets;
  for (auto& received : left.received) {
    targets.push_back(it.spawn_with<receiver>(bounded(it), received, std::size_t{senders}).id());
  }
  mailboxes = targets;
  for (std::size_t i = 0; i < proxies; ++i) {
    targets = {it.spawn_with<proxy>(bounded(it), targets.front(), std::size_t{senders}).id()};
    mailboxes.push_back(targets.front());
  }
  std::vector<sluice::handle<sender>> all;
  for (std::uint32_t i = 0; i < senders; ++i) {
    all.push_back(it.spawn<sender>(left, targets, i));
  }
  run_senders(it, left, all, mailboxes);
}

void run_backpressure1(iteration& it) { run_to_receivers(it, 1, it.parameter("proxies")); }
void run_backpressure2(iteration& it) { run_to_receivers(it, it.parameter("receivers"), 0); }

void run_backpressure3(iteration& it) {
  const auto senders = static_cast<std::uint32_t>(it.parameter("senders"));
  outcome& left = it.keep<outcome>();
  left.sent.resize(senders);
  left.received.resize(1);
  auto& helpers = it.keep<std::vector<sluice::pid>>();
  const auto to = it.spawn_with<needing_receiver>(bounded(it), left, helpers);
  std::vector<sluice::handle<helper>> all;
  for (std::uint32_t i = 0; i < senders; ++i) {
    all.push_back(it.spawn<helper>(left, to, i));
    helpers.push_back(all.back().id());
  }
  const sluice::pid mailbox = to.id();
  run_senders(it, left, all, {&mailbox, 1});
  it.note("most assists under way", static_cast<double>(left.assists_max));
}

}  // namespace

constinit const program verona_backpressure1{"verona_backpressure1",
                                             "many senders, one receiver; its longest queue",
                                             bound::by_rule,
                                             {{"senders", 100, 100, 10},
                                              {"mailbox", 1'000, 1'000, 16, 0},
                                              {"proxies", 0, 0, 0, 0},
                                              {"duration_ms", 10'000, 2'000, 100},
                                              {"sample_ms", 10, 10, 1}},
                                             &run_backpressure1};
constinit const program verona_backpressure2{
    "verona_backpressure2",
    "many senders, each to some of ten receivers; their longest queue",
    bound::by_rule,
    {{"senders", 100, 100, 10},
     {"receivers", 10, 10, 4},
     {"mailbox", 1'000, 1'000, 16, 0},
     {"duration_ms", 10'000, 2'000, 100},
     {"sample_ms", 10, 10, 1}},
    &run_backpressure2};
constinit const program verona_backpressure3{
    "verona_backpressure3",
    "many senders, one receiver that needs them; its longest queue",
    bound::by_rule,
    {{"senders", 100, 100, 10},
     {"mailbox", 1'000, 1'000, 16, 0},
     {"duration_ms", 10'000, 2'000, 100},
     {"sample_ms", 10, 10, 1}},
    &run_backpressure3};

}  // namespace suites
