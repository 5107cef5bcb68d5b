// count, nn, mbox: senders that send all they have in one go, and receivers that check each number;
// millions of messages a second.
//
//   count   1 sender  → 1 receiver
//   nn      n senders → a receiver each
//   mbox    n senders → 1 receiver
#include "trial.hpp"

namespace actor_bench {

namespace {

struct item {
  std::uint64_t number;
  std::uint32_t from;
};

struct receiver : sluice::actor<receiver> {
  receiver(finish_line& line, std::uint64_t senders, std::uint64_t messages)
      : line_(&line), expected_(senders), missing_(senders * messages) {}

  void on(const item& one) {
    line_->expect(one.number, expected_[one.from]++, "receiver");
    if (--missing_ == 0) line_->arrive();
  }

  finish_line* line_;
  std::vector<std::uint64_t> expected_;  // per sender
  std::uint64_t missing_;
};

struct flooder : sluice::actor<flooder> {
  flooder(finish_line& line, sluice::handle<receiver> to, std::uint32_t index,
          std::uint64_t messages)
      : line_(&line), to_(to), index_(index), messages_(messages) {}

  void on(const go& begin) {
    line_->expect(begin.number, go::expected, "sender");
    for (std::uint64_t i = 0; i < messages_; ++i) send_numbered(*this, to_, item{i, index_});
  }

  finish_line* line_;
  sluice::handle<receiver> to_;
  std::uint32_t index_;
  std::uint64_t messages_;
};

std::vector<figure> run_flood(trial& run, std::uint64_t senders, std::uint64_t receivers) {
  const std::uint64_t messages = run.parameter("messages");
  const std::uint64_t senders_each = senders / receivers;
  std::vector<sluice::handle<flooder>> all;
  for (std::uint64_t r = 0; r < receivers; ++r) {
    const auto to = run.spawn<receiver>(run.line(), senders_each, messages);
    for (std::uint32_t s = 0; s < senders_each; ++s) {
      all.push_back(run.spawn<flooder>(run.line(), to, s, messages));
    }
  }
  const double seconds = run.time(receivers, [&] {
    for (const auto& each : all) run.tell(each);
  });
  run.verify(senders + senders * messages, senders + receivers);
  return {{"", static_cast<double>(senders * messages) / seconds / 1e6, "M/s"}};
}

std::vector<figure> run_count(trial& run) { return run_flood(run, 1, 1); }
std::vector<figure> run_nn(trial& run) {
  const std::uint64_t pairs = run.parameter("pairs");
  return run_flood(run, pairs, pairs);
}
std::vector<figure> run_mbox(trial& run) { return run_flood(run, run.parameter("senders"), 1); }

}  // namespace

constinit const workload count{"count",
                               "1 sends to 1 in one go; M messages/s",
                               {{"messages", 10'000'000, 1000}},
                               false,
                               &run_count,
                               true};
constinit const workload nn{"nn",
                            "senders with a receiver each, in one go; M messages/s",
                            {{"pairs", 2, 2}, {"messages", 1'000'000, 1000}},
                            false,
                            &run_nn,
                            true};
constinit const workload mbox{"mbox",
                              "many send to 1, each in one go; M messages/s",
                              {{"senders", 120, 6}, {"messages", 100'000, 50}},
                              false,
                              &run_mbox,
                              true};

}  // namespace actor_bench
