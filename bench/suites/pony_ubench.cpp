// pony_ubench: how many messages a few actors pass on at random within a given time.
//
//   driver --begin--> leader; then for each interval:
//   leader --go--> each of P pingers, then --ping--> each, I times
//   pinger --ping--> a pinger at random, also itself; it counts those it passes on
//   leader's timer: leader --stop--> each --stopped--> leader; who has stopped drops pings
//   when all have: leader --report--> each --counts--> leader
//   after the last interval: leader --leave--> each
//
// P * I pings are under way all the time. A ping that its sender passed on before it stopped lies
// in front of the report, so at the report exactly so many have been dropped.
#include "program.hpp"

namespace suites {

namespace {

constexpr std::uint64_t ping_value = 42;

struct begin {};
struct go {};
struct ping {
  std::uint64_t value;
};
void spoil(ping& message) { ++message.value; }
struct time_over {};
struct stop {};
struct stopped {};
struct report {};
struct counts {
  std::uint64_t passed_on;
  std::uint64_t dropped;
};
void spoil(counts& message) { ++message.dropped; }
struct leave {};

struct plan {
  std::uint64_t pingers;
  std::uint64_t pings;  // of each pinger, at first
  std::uint64_t intervals;
  std::chrono::milliseconds interval;
};

struct results {
  std::uint64_t passed_on = 0;
  std::uint64_t intervals = 0;
  std::chrono::nanoseconds time{};
};

// Marsaglia's xorshift, 64 bits.
class random_source {
 public:
  explicit random_source(std::uint64_t seed) noexcept : state_(seed * 0x9E3779B97F4A7C15) {}

  std::uint64_t next_below(std::uint64_t limit) noexcept {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return (state_ >> 32) * limit >> 32;
  }

 private:
  std::uint64_t state_;  // Not 0.
};

class pinger : public player<pinger> {
 public:
  pinger(std::uint64_t index, const std::vector<sluice::handle<pinger>>& all, sluice::pid leader)
      : random_(index + 1), all_(all), leader_(leader) {}

  void on(go) {
    require(!is_running_, "a pinger that runs is not told to go");
    is_running_ = true;
    counts_ = {};
  }
  void on(ping one) {
    require(one.value == ping_value, "a ping has its value");
    if (!is_running_) {
      ++counts_.dropped;
      return;
    }
    ++counts_.passed_on;
    send(all_[random_.next_below(all_.size())], one);
  }
  void on(stop) {
    require(is_running_, "a pinger that is told to stop has run");
    is_running_ = false;
    send(leader_, stopped{});
  }
  void on(report) { send(leader_, counts{counts_}); }
  void on(leave) { exit(); }

 private:
  random_source random_;
  const std::vector<sluice::handle<pinger>>& all_;
  const sluice::pid leader_;
  bool is_running_ = false;
  counts counts_{};
};

class leader : public player<leader, stopped, counts, time_over> {
 public:
  leader(const plan& all, results& told, std::vector<sluice::handle<pinger>>& pingers)
      : plan_(all), told_(told), pingers_(pingers) {}

  void on(begin) {
    if (!pingers_.empty()) return fail("the leader begins twice");
    for (std::uint64_t i = 0; i < plan_.pingers; ++i) {
      pingers_.push_back(create<pinger>(i, pingers_, self()));
    }
    begin_interval();
  }
  void on(time_over) {
    told_.time += bench_clock::now() - began_at_;
    expect(phase::stopping);
    for (const auto& each : pingers_) send(each, stop{});
  }
  void on(stopped) {
    require(phase_ == phase::stopping, "pingers stop when they are told to");
    if (--missing_ != 0) return;
    expect(phase::reporting);
    for (const auto& each : pingers_) send(each, report{});
  }
  void on(const counts& of_one) {
    require(phase_ == phase::reporting, "pingers report when they are told to");
    told_.passed_on += of_one.passed_on;
    dropped_ += of_one.dropped;
    if (--missing_ == 0) end_interval();
  }

 private:
  enum class phase : std::uint8_t { running, stopping, reporting, over };

  void expect(phase next) noexcept {
    phase_ = next;
    missing_ = plan_.pingers;
  }
  void begin_interval() {
    expect(phase::running);
    dropped_ = 0;
    for (const auto& each : pingers_) send(each, go{});
    began_at_ = bench_clock::now();
    for (const auto& each : pingers_) {
      for (std::uint64_t i = 0; i < plan_.pings; ++i) send(each, ping{ping_value});
    }
    static_cast<void>(send_after(plan_.interval, self(), time_over{}));
  }
  void end_interval() {
    require(dropped_ == plan_.pingers * plan_.pings, "all pings under way at the stop are dropped");
    if (++told_.intervals != plan_.intervals) return begin_interval();
    expect(phase::over);
    for (const auto& each : pingers_) send(each, leave{});
    exit();
    arrive();
  }

  const plan& plan_;
  results& told_;
  std::vector<sluice::handle<pinger>>& pingers_;
  bench_clock::time_point began_at_{};
  phase phase_ = phase::over;
  std::uint64_t missing_ = 0;
  std::uint64_t dropped_ = 0;
};

void run_pony_ubench(iteration& it) {
  const plan& all =
      it.keep<plan>(plan{it.parameter("pingers"), it.parameter("pings"), it.parameter("intervals"),
                         std::chrono::milliseconds{it.parameter("interval_ms")}});
  auto& told = it.keep<results>();
  auto& pingers = it.keep<std::vector<sluice::handle<pinger>>>();
  it.tell(it.spawn<leader>(all, told, pingers), begin{});
  it.wait();
  it.check_that(told.intervals == all.intervals, "all intervals are reported");
  it.check_that(told.passed_on > 0, "pings are passed on");
  const std::uint64_t under_way = all.pingers * all.pings;
  it.check("dropped_per_interval", under_way);
  // Of an interval: go, stop, stopped, report, counts; the first pings; the timer's message.
  it.check_messages(1 + all.intervals * (5 * all.pingers + under_way + 1) + told.passed_on +
                    all.pingers);
  const double seconds = std::chrono::duration<double>(told.time).count();
  it.measure("", static_cast<double>(told.passed_on) / seconds / 1e6, "M/s");
}

}  // namespace

constinit const program pony_ubench{"pony_ubench",
                                    "Pony: pings that are passed on at random for a while",
                                    bound::by_rule,
                                    {{"pingers", 8, 8, 8},
                                     {"pings", 5, 5, 5},
                                     {"intervals", 3, 2, 2},
                                     {"interval_ms", 1'000, 300, 20}},
                                    &run_pony_ubench};

}  // namespace suites
