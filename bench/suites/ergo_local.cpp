// ergo_local, ergo_local_nn: what a flood of one-way messages costs. Each ping makes its own pong
// and sends it all it has in one handler call.
//
//   driver --start_send(n)--> each ping: tells the driver that it has begun,
//                             --number 0, 1, ... n - 1--> its pong
//
// The published clock runs from when the driver knows that the sender has begun to the last
// receipt. With several senders that is the first of them: on fewer schedulers than senders the
// last one begins when others have done all their work. The inner time begins before the driver's
// message.
#include <algorithm>
#include <atomic>
#include <future>

#include "program.hpp"

namespace suites {

namespace {

using namespace std::chrono_literals;

// A sender that has not begun by then never will.
constexpr auto begin_patience = 10s;

// Of the inner time: so much must be left when the driver knows that a sender has begun.
constexpr double heard_early = 0.95;

struct start_send {
  std::uint64_t messages;
};
void spoil(start_send& message) { ++message.messages; }
struct number {
  std::uint64_t value;
};
void spoil(number& message) { ++message.value; }

struct receipt {
  std::uint64_t received = 0;
  bench_clock::time_point ended_at{};
};

struct start_line {
  std::atomic_flag is_passed;
  std::promise<void> passed;
};

struct pong : player<pong> {
  pong(std::uint64_t messages, receipt& own) : messages_(messages), own_(own) {}

  void on(number one) {
    require(one.value == received_++, "a pong gets each number once, in order");
    if (received_ != messages_) return;
    own_ = {received_, bench_clock::now()};
    exit();
    arrive();
  }

  const std::uint64_t messages_;
  receipt& own_;
  std::uint64_t received_ = 0;
};

struct ping : player<ping> {
  ping(std::uint64_t messages, start_line& start, receipt& others)
      : messages_(messages), start_(start), others_(others) {}

  void on_start() { to_ = create<pong>(messages_, others_); }
  void on(start_send order) {
    if (!start_.is_passed.test_and_set()) start_.passed.set_value();
    for (std::uint64_t i = 0; i < order.messages; ++i) send(to_, number{i});
    exit();
  }

  const std::uint64_t messages_;
  start_line& start_;
  receipt& others_;
  sluice::handle<pong> to_;
};

void run_ergo_local(iteration& it) {
  const std::uint64_t messages = it.parameter("messages");
  const std::uint64_t pairs = it.parameter("pairs");
  auto& start = it.keep<start_line>();
  auto& all = it.keep<std::vector<receipt>>(pairs);
  std::vector<sluice::handle<ping>> pings;
  for (receipt& each : all) pings.push_back(it.spawn<ping>(messages, start, each));
  it.expect_arrivals(pairs);
  for (const auto& each : pings) it.tell(each, start_send{messages});
  if (start.passed.get_future().wait_for(begin_patience) != std::future_status::ready) {
    throw void_run{"no sender begins"};
  }
  const auto known_at = bench_clock::now();
  it.wait();
  std::uint64_t received = 0;
  for (const receipt& each : all) received += each.received;
  it.check_that(received == pairs * messages, "each pong gets all numbers");
  it.check("received", received);
  it.check_messages(pairs * messages + pairs);
  it.check("messages", it.sums().sent);
  const auto ended_at = std::ranges::max_element(all, {}, &receipt::ended_at)->ended_at;
  const std::chrono::duration<double, std::milli> published = ended_at - known_at;
  it.measure("rate", static_cast<double>(received) / it.inner_ms() / 1e3, "M/s");
  // A driver that hears of the beginning late would shorten the published time, so then there is
  // none: always for tiny floods.
  if (published.count() < heard_early * it.inner_ms()) return;
  it.measure("published", static_cast<double>(received) / published.count() / 1e3, "M/s");
}

}  // namespace

constinit const program ergo_local{"ergo_local",
                                   "Ergo: one sender floods one receiver",
                                   bound::by_messages,
                                   {{"messages", 3'000'000, 300'000, 1'000}, {"pairs", 1, 1, 1}},
                                   &run_ergo_local};

constinit const program ergo_local_nn{
    "ergo_local_nn",
    "Ergo: senders flood a receiver each; published is a pair for each processor",
    bound::by_messages,
    {{"messages", 1'000'000, 100'000, 1'000}, {"pairs", 2, 2, 2}},
    &run_ergo_local};

}  // namespace suites
