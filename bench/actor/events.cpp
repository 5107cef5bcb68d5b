// events: one process publishes to very many; millions of deliveries a second.
//
//   publisher --rates n--> event --n--> every subscriber, once all have heard n - 1
//
// Each subscriber counts its own; the last value of all is acknowledged by each of them.
#include "trial.hpp"

namespace actor_bench {

namespace {

struct tick {
  std::uint64_t number;
};

struct subscriber : sluice::actor<subscriber> {
  subscriber(finish_line& line, const sluice::event<tick>& of, std::uint64_t values)
      : line_(&line), of_(&of), values_(values) {}
  void on_start() { static_cast<void>(subscribe(*of_)); }
  void on(const sluice::published<tick>& now) {
    line_->expect(now->number, heard_, "subscriber");
    if (++heard_ == values_) line_->arrive();
  }

  finish_line* line_;
  const sluice::event<tick>* of_;
  std::uint64_t values_;
  std::uint64_t heard_ = 0;
};

struct publisher : sluice::actor<publisher, go> {
  publisher(finish_line& line, sluice::event<tick>& out, std::uint64_t values)
      : line_(&line), out_(&out), values_(values) {}
  sluice::result<void> on_start() {
    auto made = register_event<tick>("ticks");
    if (!made) return made.error();
    *out_ = made.value();
    return {};
  }
  void on(const go& begin) {
    line_->expect(begin.number, go::expected, "publisher");
    for (std::uint64_t i = 0; i < values_; ++i) publish_numbered(i);
  }
  void publish_numbered(std::uint64_t number) {
    unsigned copies = 1;
    if (planted.concerns(number)) [[unlikely]]
      copies = planted.spoil(this, number);
    for (; copies != 0; --copies) {
      if (out_->publish(tick{number}) != sluice::send_outcome::accepted) {
        line_->fail("publisher: a value was refused");
      }
    }
  }

  finish_line* line_;
  sluice::event<tick>* out_;
  std::uint64_t values_;
};

std::vector<figure> run_events(trial& run) {
  const std::uint64_t subscribers = run.parameter("subscribers");
  const std::uint64_t values = run.parameter("values");
  auto& ticks = run.keep<sluice::event<tick>>();
  const auto source = run.spawn<publisher>(run.line(), ticks, values);
  for (std::uint64_t i = 0; i < subscribers; ++i) {
    static_cast<void>(run.spawn<subscriber>(run.line(), ticks, values));
  }
  run.settle();
  const double seconds = run.time(subscribers, [&] { run.tell(source); });
  run.verify_handled(subscribers + 2);
  return {{"", static_cast<double>(subscribers * values) / seconds / 1e6, "M/s"}};
}

}  // namespace

constinit const workload events{"events",
                                "one event, very many subscribers; M deliveries/s",
                                {{"subscribers", 1'000'000, 500}, {"values", 20, 4}},
                                false,
                                &run_events};

}  // namespace actor_bench
