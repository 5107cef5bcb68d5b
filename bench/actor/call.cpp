// call:      one client asks one callee and waits for each answer; ns a round trip.
// suspended: live processes that wait for an answer; resident bytes each, all in.
//
//   client --ask n--> callee
//   client <--  n --- callee         then n + 1
#include <atomic>

#include "../harness/process_usage.hpp"
#include "trial.hpp"

namespace actor_bench {

namespace {

using sluice::bench::resident_bytes;

struct ask {
  using reply = std::uint64_t;
  std::uint64_t number;
};

/// How often to ask `question`, which may be spoiled.
template <class Actor>
unsigned spoil(Actor& self, ask& question) noexcept {
  return planted.concerns(question.number) ? planted.spoil(&self, question.number) : 1;
}

struct callee : sluice::actor<callee> {
  explicit callee(finish_line& line) : line_(&line) {}

  std::uint64_t on(const ask& question) {
    line_->expect(question.number, expected_++, "callee");
    return question.number;
  }

  finish_line* line_;
  std::uint64_t expected_ = 0;
};

struct client : sluice::actor<client> {
  client(finish_line& line, sluice::handle<callee> other, std::uint64_t rounds)
      : line_(&line), other_(other), rounds_(rounds) {}

  sluice::task<void> on(go begin) {
    line_->expect(begin.number, go::expected, "client");
    for (std::uint64_t round = 0; round < rounds_; ++round) {
      ask question{round};
      for (unsigned left = spoil(*this, question); left != 0; --left) {
        const auto answer = co_await call(other_, question, std::chrono::seconds{60});
        if (!answer) co_return line_->fail("a call failed: " + answer.error().message());
        line_->expect(answer.value(), question.number, "client");
      }
    }
    line_->arrive();
  }

  finish_line* line_;
  sluice::handle<callee> other_;
  std::uint64_t rounds_;
};

std::vector<figure> run_call(trial& run) {
  const std::uint64_t rounds = run.parameter("rounds");
  const auto other = run.spawn<callee>(run.line());
  const auto first = run.spawn<client>(run.line(), other, rounds);
  const double seconds = run.time(1, [&] { run.tell(first); });
  run.verify(1 + 2 * rounds, 2);
  return {{"", seconds * 1e9 / static_cast<double>(rounds), "ns"}};
}

// -- suspended

struct answer_all {
  std::uint64_t number = go::expected;
};

struct silent : sluice::actor<silent> {
  silent(finish_line& line, std::uint64_t processes) : line_(&line), kept_(processes) {}

  // They ask in any order, each once.
  void on(ask question, sluice::reply_to<ask> answer) {
    if (question.number >= kept_.size() || kept_[question.number].is_valid()) {
      return line_->fail("callee got a number twice, or one that nobody has");
    }
    kept_[question.number] = std::move(answer);
    if (++count_ == kept_.size()) line_->arrive();
  }
  void on(answer_all begin) {
    line_->expect(begin.number, go::expected, "callee");
    std::uint64_t number = 0;
    for (auto& answer : kept_) {
      ask spoiled{number++};
      for (unsigned left = spoil(*this, spoiled); left != 0; --left) {
        if (answer.reply(spoiled.number) != sluice::send_outcome::accepted) {
          line_->fail("an answer was refused");
        }
      }
    }
  }

  finish_line* line_;
  std::vector<sluice::reply_to<ask>> kept_;  // touched before the measurement begins
  std::uint64_t count_ = 0;
};

struct roll_call {
  explicit roll_call(std::uint64_t processes) : missing(processes) {}
  std::atomic<std::uint64_t> missing;
};

struct poke {
  std::uint64_t number;
};

struct waiter : sluice::actor<waiter> {
  waiter(finish_line& line, roll_call& all, sluice::handle<silent> other)
      : line_(&line), all_(&all), other_(other) {}

  sluice::task<void> on(poke message) {
    const auto answer = co_await call(other_, ask{message.number}, std::chrono::hours{1});
    if (!answer) co_return line_->fail("a call failed: " + answer.error().message());
    line_->expect(answer.value(), message.number, "waiter");
    // Relaxed: a count; the driver's finish line orders what it reads afterwards.
    if (all_->missing.fetch_sub(1, std::memory_order_relaxed) == 1) line_->arrive();
  }

  finish_line* line_;
  roll_call* all_;
  sluice::handle<silent> other_;
};

// Spawns them with pauses in which those before come to wait, so that no queue is ever long.
struct crowd : sluice::actor<crowd> {
  crowd(finish_line& line, roll_call& all, sluice::handle<silent> other, std::uint64_t processes)
      : line_(&line), all_(&all), other_(other), processes_(processes) {}

  sluice::task<void> on(go begin) {
    line_->expect(begin.number, go::expected, "driver");
    for (std::uint64_t number = 0; number < processes_; ++number) {
      const auto one = spawn<waiter>(sluice::spawn_options{}, *line_, *all_, other_);
      if (!one) co_return line_->fail("a spawn failed: " + one.error().message());
      send(one.value(), poke{number});
      if (number % 100 == 0) co_await yield();
    }
  }

  finish_line* line_;
  roll_call* all_;
  sluice::handle<silent> other_;
  std::uint64_t processes_;
};

std::vector<figure> run_suspended(trial& run) {
  const std::uint64_t processes = run.parameter("actors");
  const auto other = run.spawn<silent>(run.line(), processes);
  auto& all = run.keep<roll_call>(processes);
  const auto driver = run.spawn<crowd>(run.line(), all, other, processes);
  const std::uint64_t before = resident_bytes();
  static_cast<void>(run.time(1, [&] { run.tell(driver); }));
  const auto grown = static_cast<double>(resident_bytes() - before);
  static_cast<void>(run.time(1, [&] { run.tell(other, answer_all{}); }));
  run.verify(2 + 3 * processes, processes + 2);
  return {{"", grown / static_cast<double>(processes), "B"}};
}

}  // namespace

constinit const workload call{"call",
                              "one client waits for each answer of one callee; ns a round trip",
                              {{"rounds", 1'000'000, 50}},
                              false,
                              &run_call};
constinit const workload suspended{"suspended",
                                   "live processes that wait for an answer; resident B each",
                                   {{"actors", 1'000'000, 300}},
                                   true,
                                   &run_suspended};

}  // namespace actor_bench
