// Floods on CAF: senders that send all they have in one handler, and receivers that check each
// number.
//
//   count      1 sender  → 1 receiver
//   nn         n senders → a receiver each
//   mbox       n senders → 1 receiver
//   fjthrput   1 driver  → n receivers, in turn
#include "caf_run.hpp"

namespace peers {

namespace {

class receiver : public numbered_actor {
 public:
  receiver(caf::actor_config& config, caf_run& run, std::uint64_t senders, std::uint64_t messages)
      : numbered_actor(config, run), expected_(senders), missing_(senders * messages) {}

  caf::behavior make_behavior() override {
    return {[this](std::uint64_t number, std::uint32_t from) {
      expect(number, expected_[from]++, "receiver");
      if (--missing_ == 0) run_.line().arrive();
    }};
  }

 private:
  std::vector<std::uint64_t> expected_;  // per sender
  std::uint64_t missing_;
};

class flooder : public numbered_actor {
 public:
  flooder(caf::actor_config& config, caf_run& run, caf::actor to, std::uint32_t index,
          std::uint64_t messages)
      : numbered_actor(config, run), to_(std::move(to)), index_(index), messages_(messages) {}

  caf::behavior make_behavior() override {
    return {[this](std::uint64_t begin, go_atom) {
      expect(begin, go_number, "sender");
      for (std::uint64_t i = 0; i < messages_; ++i) tell(to_, i, index_);
    }};
  }

 private:
  void forget() override { to_ = nullptr; }

  caf::actor to_;
  std::uint32_t index_;
  std::uint64_t messages_;
};

std::vector<figure> run_flood(caf_run& run, std::uint64_t senders, std::uint64_t receivers) {
  const std::uint64_t messages = run.parameter("messages");
  const std::uint64_t senders_each = senders / receivers;
  std::vector<caf::actor> all;
  for (std::uint64_t r = 0; r < receivers; ++r) {
    const auto to = run.spawn<receiver>(senders_each, messages);
    for (std::uint32_t s = 0; s < senders_each; ++s) {
      all.push_back(run.spawn<flooder>(to, s, messages));
    }
  }
  const double seconds = run.time(receivers, [&] {
    for (const auto& each : all) run.begin(each);
  });
  run.finish(senders + senders * messages, senders + receivers);
  return {{"", static_cast<double>(senders * messages) / seconds / 1e6, "M/s"}};
}

std::vector<figure> run_count(caf_run& run) { return run_flood(run, 1, 1); }
std::vector<figure> run_nn(caf_run& run) {
  const std::uint64_t pairs = run.parameter("pairs");
  return run_flood(run, pairs, pairs);
}
std::vector<figure> run_mbox(caf_run& run) { return run_flood(run, run.parameter("senders"), 1); }

// -- fjthrput

class joiner : public numbered_actor {
 public:
  joiner(caf::actor_config& config, caf_run& run, std::uint64_t messages)
      : numbered_actor(config, run), messages_(messages) {}

  caf::behavior make_behavior() override {
    return {[this](std::uint64_t number) {
      expect(number, expected_++, "receiver");
      if (expected_ == messages_) run_.line().arrive();
    }};
  }

 private:
  std::uint64_t expected_ = 0;
  std::uint64_t messages_;
};

class distributor : public numbered_actor {
 public:
  distributor(caf::actor_config& config, caf_run& run, std::vector<caf::actor> to,
              std::uint64_t messages)
      : numbered_actor(config, run), to_(std::move(to)), messages_(messages) {}

  caf::behavior make_behavior() override {
    return {[this](std::uint64_t begin, go_atom) {
      expect(begin, go_number, "driver");
      for (std::uint64_t i = 0; i < messages_; ++i) {
        for (const auto& each : to_) tell(each, i);
      }
    }};
  }

 private:
  void forget() override { to_.clear(); }

  std::vector<caf::actor> to_;
  std::uint64_t messages_;
};

std::vector<figure> run_fjthrput(caf_run& run) {
  const std::uint64_t actors = run.parameter("actors");
  const std::uint64_t messages = run.parameter("messages");
  std::vector<caf::actor> all;
  for (std::uint64_t i = 0; i < actors; ++i) all.push_back(run.spawn<joiner>(messages));
  const auto driver = run.spawn<distributor>(all, messages);
  const double seconds = run.time(actors, [&] { run.begin(driver); });
  run.finish(1 + actors * messages, actors + 1);
  return {{"", static_cast<double>(actors * messages) / seconds / 1e6, "M/s"}};
}

}  // namespace

constinit const workload caf_count{"count",
                                   "1 sends to 1 in one go; M messages/s",
                                   {{"messages", 10'000'000, 1000}},
                                   false,
                                   &on_caf<&run_count>};
constinit const workload caf_nn{"nn",
                                "senders with a receiver each, in one go; M messages/s",
                                {{"pairs", 2, 2}, {"messages", 1'000'000, 1000}},
                                false,
                                &on_caf<&run_nn>};
constinit const workload caf_mbox{"mbox",
                                  "many send to 1, each in one go; M messages/s",
                                  {{"senders", 120, 6}, {"messages", 100'000, 50}},
                                  false,
                                  &on_caf<&run_mbox>};
constinit const workload caf_fjthrput{"fjthrput",
                                      "one driver sends to actors in turn; M messages/s",
                                      {{"actors", 60, 5}, {"messages", 200'000, 100}},
                                      false,
                                      &on_caf<&run_fjthrput>};

}  // namespace peers
