// pingpong: what the delivery of a message costs. Two actors.
//
//   driver --start--> ping --send_ping--> pong --send_pong--> ping --again--> ping --send_ping-->
//   ... ping --stop--> pong     after N rounds
#include "program.hpp"

namespace savina {

namespace {

struct start {};
struct send_ping {
  sluice::pid from;
};
void spoil(send_ping& message) { message.from = {}; }
struct send_pong {
  sluice::pid from;
};
struct again {};
struct stop {};

struct pong : player<pong> {
  explicit pong(std::uint64_t& count) : count_(count) {}

  void on(const send_ping& ping) {
    send(ping.from, send_pong{self()});
    ++count_;
  }
  void on(stop) { exit(); }

  std::uint64_t& count_;
};

struct ping : player<ping, send_pong, again> {
  ping(std::uint64_t rounds, sluice::handle<pong> other)
      : left_(static_cast<std::int64_t>(rounds)), other_(other) {}

  void on(start) { send_next(); }
  void on(again) { send_next(); }
  void on(const send_pong&) {
    if (left_ > 0) return send(self(), again{});
    send(other_, stop{});
    exit();
    arrive();
  }

  void send_next() {
    send(other_, send_ping{self()});
    --left_;
  }

  std::int64_t left_;
  sluice::handle<pong> other_;
};

void run_pingpong(iteration& it) {
  const std::uint64_t rounds = it.parameter("N");
  std::uint64_t& count = it.keep<std::uint64_t>(0);
  const auto other = it.spawn<pong>(count);
  const auto first = it.spawn<ping>(rounds, other);
  it.tell(first, start{});
  it.wait();
  it.check_that(count == rounds, "pong hears every ping");
  it.check("pong_count", count);
  it.check_messages(3 * rounds + 1);
  it.check("messages", it.sums().sent);
}

}  // namespace

constinit const program pingpong{"pingpong",
                                 "two actors, a message to and fro",
                                 bound::by_messages,
                                 {{"N", 40'000, 40'000, 1'000}},
                                 &run_pingpong};

}  // namespace savina
