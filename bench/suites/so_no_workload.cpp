// so_no_workload: what a runtime costs that has nothing to do (SObjectizer's no_workload).
//
//   driver --begin--> controller, whose timer --tick--> controller     once a second, N times
//
// The figure is the processor time of the process in these N seconds.
#include <thread>

#include "../harness/process_usage.hpp"
#include "program.hpp"

namespace suites {

namespace {

using namespace std::chrono_literals;

struct begin {
  std::uint64_t ticks;
};
void spoil(begin& message) { ++message.ticks; }
struct tick {};

struct controller : player<controller, tick> {
  explicit controller(std::uint64_t& ticks) : ticks_(ticks) {}

  void on(begin order) {
    require(left_ == 0, "one timer runs");
    left_ = order.ticks;
    wind_up();
  }
  void on(tick) {
    ++ticks_;
    if (--left_ != 0) return wind_up();
    exit();
    arrive();
  }
  void wind_up() { next_ = send_after(1s, self(), tick{}); }

  std::uint64_t& ticks_;
  std::uint64_t left_ = 0;
  sluice::timer next_{};
};

void run_no_workload(iteration& it) {
  const std::uint64_t seconds = it.parameter("seconds");
  std::uint64_t& ticks = it.keep<std::uint64_t>(0);
  const auto idle = it.spawn<controller>(ticks);
  const std::uint64_t used_before = processor_time_ns();
  const auto until = bench_clock::now() + std::chrono::seconds{seconds} + 10ms;
  it.tell(idle, begin{seconds});
  std::this_thread::sleep_until(until);  // wait() looks at the node now and then.
  const std::uint64_t used = processor_time_ns() - used_before;
  it.wait();
  it.check("ticks", ticks);
  it.check_that(ticks == seconds, "the timer fires once a second");
  it.check_messages(seconds + 1);
  it.measure("", static_cast<double>(used) / 1e6, "ms");
}

}  // namespace

constinit const program so_no_workload{"so_no_workload",
                                       "an idle runtime; processor time over some seconds",
                                       bound::by_rule,
                                       {{"seconds", 30, 5, 1}},
                                       &run_no_workload};

}  // namespace suites
