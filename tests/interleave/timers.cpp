// Timers: a delayed send is fired or cancelled, never both and never neither, whoever cancels; and
// never early.
#include "scenario.hpp"

namespace interleave {
namespace {

struct due {
  std::int64_t not_before_ns;
};
struct arm {
  std::int64_t delay_ns;
};

struct ground {
  tally armed;
  tally fired;
  sluice::timer timed;
};

struct sleeper : sluice::actor<sleeper, arm, due> {
  explicit sleeper(ground& on) : at(on) {}
  void on(arm message) {
    const alone here{is_inside};
    at.timed = send_after(std::chrono::nanoseconds{message.delay_ns}, self(),
                          due{sluice::base::now_ns() + message.delay_ns - slack_ns});
    at.armed.add();
  }
  void on(due message) {
    const alone here{is_inside};
    expect(sluice::base::now_ns() >= message.not_before_ns, "a timer fires early");
    at.fired.add();
  }
  // The look at the clock here comes before or after that of the timer.
  static constexpr std::int64_t slack_ns = 100'000;
  ground& at;
  bool is_inside = false;
};

class timers final : public scenario {
 public:
  timers() {
    for (auto& each : grounds_) {
      sleepers_.push_back(node_->spawn<sleeper>({}, std::ref(each)).value());
    }
  }
  void round() override {
    round_ += 1;
    std::vector<std::function<void()>> threads;
    bool is_cancelled[count] = {};
    for (unsigned i = 0; i < count; ++i) {
      const auto delay_ns = static_cast<std::int64_t>(std::uint64_t{1} << draw(20));
      threads.push_back([this, i, delay_ns, &is_cancelled] {
        sleepers_[i].send(arm{delay_ns});
        grounds_[i].armed.wait_for(round_);
        is_cancelled[i] = grounds_[i].timed.cancel();
        grounds_[i].timed = {};
      });
    }
    on_threads(threads);
    for (unsigned i = 0; i < count; ++i) {
      fired_[i] += is_cancelled[i] ? 0 : 1;
      grounds_[i].fired.wait_for(fired_[i]);
    }
    node_.settle(count);
    for (unsigned i = 0; i < count; ++i) {
      expect(grounds_[i].fired.value() == fired_[i], "a timer was cancelled and fires");
    }
    counted().messages += count;
  }
  void end() override { node_.finish(); }

 private:
  static constexpr unsigned count = 2;
  ground grounds_[count];
  judged_node node_;
  std::vector<sluice::handle<sleeper>> sleepers_;
  std::uint32_t round_ = 0;
  std::uint32_t fired_[count] = {};
};

}  // namespace

std::unique_ptr<scenario> make_timers() { return std::make_unique<timers>(); }

}  // namespace interleave
