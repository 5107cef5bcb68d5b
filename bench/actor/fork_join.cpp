// fjthrput: one driver, many receivers, messages in turn; millions of messages a second.
// fjcreate: one driver makes actors that take one message and end; thousands of actors a second.
#include <algorithm>
#include <atomic>

#include "trial.hpp"

namespace actor_bench {

namespace {

struct item {
  std::uint64_t number;
};

struct receiver : sluice::actor<receiver> {
  receiver(finish_line& line, std::uint64_t messages) : line_(&line), messages_(messages) {}

  void on(const item& one) {
    line_->expect(one.number, expected_++, "receiver");
    if (expected_ == messages_) line_->arrive();
  }

  finish_line* line_;
  std::uint64_t expected_ = 0;
  std::uint64_t messages_;
};

struct distributor : sluice::actor<distributor> {
  distributor(finish_line& line, std::vector<sluice::handle<receiver>> to, std::uint64_t messages)
      : line_(&line), to_(std::move(to)), messages_(messages) {}

  void on(const go& begin) {
    line_->expect(begin.number, go::expected, "driver");
    for (std::uint64_t i = 0; i < messages_; ++i) {
      for (const auto& each : to_) send_numbered(*this, each, item{i});
    }
  }

  finish_line* line_;
  std::vector<sluice::handle<receiver>> to_;
  std::uint64_t messages_;
};

std::vector<figure> run_fjthrput(trial& run) {
  const std::uint64_t actors = run.parameter("actors");
  const std::uint64_t messages = run.parameter("messages");
  std::vector<sluice::handle<receiver>> all;
  for (std::uint64_t i = 0; i < actors; ++i) {
    all.push_back(run.spawn<receiver>(run.line(), messages));
  }
  const auto driver = run.spawn<distributor>(run.line(), all, messages);
  const double seconds = run.time(actors, [&] { run.tell(driver); });
  run.verify(1 + actors * messages, actors + 1);
  return {{"", static_cast<double>(actors * messages) / seconds / 1e6, "M/s"}};
}

// Counts the ends of all leaves; the last one to go is the finish.
struct endings {
  explicit endings(std::uint64_t actors) : missing(actors) {}
  std::atomic<std::uint64_t> missing;
};

struct leaf : sluice::actor<leaf> {
  leaf(finish_line& line, endings& all, std::uint64_t expected)
      : line_(&line), all_(&all), expected_(expected) {}
  ~leaf() {
    // Relaxed: a count; the driver's finish line orders what it reads afterwards.
    if (all_->missing.fetch_sub(1, std::memory_order_relaxed) == 1) line_->arrive();
  }

  void on(const item& one) {
    line_->expect(one.number, expected_, "leaf");
    exit();
  }

  finish_line* line_;
  endings* all_;
  std::uint64_t expected_;
};

struct more {
  std::uint64_t number;
};

class maker : public sluice::actor<maker, more> {
 public:
  maker(finish_line& line, endings& all, std::uint64_t actors, std::uint64_t batch)
      : line_(&line), all_(&all), actors_(actors), batch_(batch) {}

  void on(const go& begin) {
    line_->expect(begin.number, go::expected, "driver");
    make();
  }
  void on(const more& next) {
    line_->expect(next.number, made_, "driver");
    make();
  }

 private:
  void make() {
    for (std::uint64_t left = std::min(batch_, actors_ - made_); left != 0; --left, ++made_) {
      const auto one = spawn<leaf>(sluice::spawn_options{}, *line_, *all_, made_);
      if (!one) return line_->fail("a spawn failed: " + one.error().message());
      send_numbered(*this, one.value(), item{made_});
    }
    if (made_ != actors_) send(self(), more{made_});
  }

  finish_line* line_;
  endings* all_;
  std::uint64_t actors_;
  std::uint64_t batch_;
  std::uint64_t made_ = 0;
};

std::vector<figure> run_fjcreate(trial& run) {
  const std::uint64_t actors = run.parameter("actors");
  const std::uint64_t batch = run.parameter("batch") == 0 ? actors : run.parameter("batch");
  endings& all = run.keep<endings>(actors);
  const auto driver = run.spawn<maker>(run.line(), all, actors, batch);
  const double seconds = run.time(1, [&] { run.tell(driver); });
  run.verify(1 + actors + (actors - 1) / batch, 1);
  return {{"", static_cast<double>(actors) / seconds / 1e3, "k/s"}};
}

}  // namespace

constinit const workload fjthrput{"fjthrput",
                                  "one driver sends to actors in turn; M messages/s",
                                  {{"actors", 60, 5}, {"messages", 200'000, 100}},
                                  false,
                                  &run_fjthrput,
                                  true};
constinit const workload fjcreate{
    "fjcreate",
    "actors that take one message and end, `batch` a handler (0: all in one); k actors/s",
    {{"actors", 1'000'000, 300}, {"batch", 0, 0}},
    false,
    &run_fjcreate};

}  // namespace actor_bench
