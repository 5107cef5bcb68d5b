// ergo_pubsub: one value of an event for very many subscribers; the local part of the program.
//
//   driver --join--> each of N subscribers --(subscribes)--> event
//   driver --(publishes once)--> event --news--> each subscriber
//   driver --leave--> producer, which ends and its event with it: --event_ended--> each subscriber
//
// The inner time is the delivery's. What subscribers and events tell each other is the library's
// business and in no protocol, so there is no sum of messages; each subscriber counts its own.
#include "program.hpp"

namespace suites {

namespace {

struct join {};
struct news {
  static constexpr std::uint64_t expected = 0x60;
  std::uint64_t number = expected;
};
void spoil(news& message) { ++message.number; }
struct leave {};

struct producer : player<producer> {
  explicit producer(sluice::event<news>& out) : out_(out) {}

  sluice::result<void> on_start() {
    auto made = register_event<news>("news");
    if (!made) return made.error();
    out_ = made.value();
    return {};
  }
  void on(leave) { exit(); }

  sluice::event<news>& out_;
};

struct subscriber : player<subscriber> {
  explicit subscriber(const sluice::event<news>& of) : of_(of) {}

  void on(join) {
    require(!has_joined_ && subscribe(of_), "each subscriber subscribes once");
    has_joined_ = true;
  }
  void on(const sluice::published<news>& now) {
    require(now->number == news::expected, "the value is the one that was published");
    require(++heard_ == 1, "each subscriber hears the value once");
    arrive();
  }
  void on(const sluice::event_ended&) {
    require(heard_ == 1, "each subscriber has heard the value before the end");
    exit();
    arrive();
  }

  const sluice::event<news>& of_;
  std::uint32_t heard_ = 0;
  bool has_joined_ = false;
};

double ms_since(bench_clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(bench_clock::now() - begin).count();
}

void publish(const sluice::event<news>& to) {
  news value;
  send_planted(value, [&](news&& each) {
    if (to.publish(each) != sluice::send_outcome::accepted) throw void_run{"publishing is refused"};
  });
}

void run_ergo_pubsub(iteration& it) {
  const std::uint64_t subscribers = it.parameter("subscribers");
  auto& event = it.keep<sluice::event<news>>();
  const auto source = it.spawn<producer>(event);
  std::vector<sluice::handle<subscriber>> all;
  for (std::uint64_t i = 0; i < subscribers; ++i) all.push_back(it.spawn<subscriber>(event));

  const auto joined_at = bench_clock::now();
  for (const auto& each : all) it.tell_untimed(each, join{});
  it.settle();
  it.measure("subscribe", ms_since(joined_at), "ms");

  it.expect_arrivals(subscribers);
  it.begin_inner();
  const auto published_at = bench_clock::now();
  publish(event);
  it.measure("publish", ms_since(published_at), "ms");
  it.wait_for_arrivals();
  it.settle();

  it.expect_arrivals(subscribers);
  it.tell_untimed(source, leave{});
  it.wait();  // Each subscriber has heard the value once, or an arrival is too many or missing.
  it.check("delivered", subscribers);
  it.check_that(it.spawned() == subscribers + 2, "the event is a process, too");
  it.measure("rate", static_cast<double>(subscribers) / it.inner_ms() / 1e3, "M/s");
}

}  // namespace

// Tiny: the driver's message 40, which the controls meet, is the value.
constinit const program ergo_pubsub{"ergo_pubsub",
                                    "Ergo: one value of an event for very many subscribers",
                                    bound::by_messages,
                                    {{"subscribers", 1'000'000, 100'000, 40}},
                                    &run_ergo_pubsub};

}  // namespace suites
