// ergo_local, ergo_local_nn: what a flood of one-way messages costs. Each ping makes its own pong
// and sends it all it has in one handler call.
//
//   driver --start_send(n)--> each ping --number 0, 1, ... n - 1--> its pong
//
// The published clock runs from when the driver knows that the sender has begun to the last
// receipt. Here the sender itself notes when it begins: a driver that is woken late would shorten
// the time. With several senders it is the first of them: on fewer schedulers than senders the last
// one begins when others have done all their work.
#include <algorithm>

#include "program.hpp"

namespace suites {

namespace {

struct start_send {
  std::uint64_t messages;
};
void spoil(start_send& message) { ++message.messages; }
struct number {
  std::uint64_t value;
};
void spoil(number& message) { ++message.value; }

struct flood {
  bench_clock::time_point began_at{};  // written by its ping
  bench_clock::time_point ended_at{};  // by its pong, as what follows
  std::uint64_t received = 0;
};

struct pong : player<pong> {
  pong(std::uint64_t messages, flood& own) : messages_(messages), own_(own) {}

  void on(number one) {
    require(one.value == received_++, "a pong gets each number once, in order");
    if (received_ != messages_) return;
    own_.received = received_;
    own_.ended_at = bench_clock::now();
    exit();
    arrive();
  }

  const std::uint64_t messages_;
  flood& own_;
  std::uint64_t received_ = 0;
};

struct ping : player<ping> {
  ping(std::uint64_t messages, flood& own) : messages_(messages), own_(own) {}

  void on_start() { to_ = create<pong>(messages_, own_); }
  void on(start_send order) {
    own_.began_at = bench_clock::now();
    for (std::uint64_t i = 0; i < order.messages; ++i) send(to_, number{i});
    exit();
  }

  const std::uint64_t messages_;
  flood& own_;
  sluice::handle<pong> to_;
};

double seconds_of(const std::vector<flood>& all) {
  const auto begin = std::ranges::min_element(all, {}, &flood::began_at)->began_at;
  const auto end = std::ranges::max_element(all, {}, &flood::ended_at)->ended_at;
  return std::chrono::duration<double>(end - begin).count();
}

void run_ergo_local(iteration& it) {
  const std::uint64_t messages = it.parameter("messages");
  const std::uint64_t pairs = it.parameter("pairs");
  auto& all = it.keep<std::vector<flood>>(pairs);
  std::vector<sluice::handle<ping>> pings;
  for (flood& each : all) pings.push_back(it.spawn<ping>(messages, each));
  it.expect_arrivals(pairs);
  for (const auto& each : pings) it.tell(each, start_send{messages});
  it.wait();
  std::uint64_t received = 0;
  for (const flood& each : all) received += each.received;
  it.check_that(received == pairs * messages, "each pong gets all numbers");
  it.check("received", received);
  it.check_messages(pairs * messages + pairs);
  it.check("messages", it.sums().sent);
  it.measure("rate", static_cast<double>(received) / seconds_of(all) / 1e6, "M/s");
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
