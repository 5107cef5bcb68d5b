// actor/delayed_send.cpp and actor/wake_timer.cpp, whole, on a double of the runtime: a timer fires
// or is cancelled, never both, its message is sent or buried once, and it is freed once, after the
// last use of both owners.
#include "actor/delayed_send.hpp"
#include "actor/wake_timer.hpp"
#include "model.hpp"

namespace sluice::inline v0::core {

// Always let in: the end of the node is rundown_model.cpp's.
struct open_access {
  open_access(gate&, std::uint32_t) noexcept {}
  explicit operator bool() const noexcept { return true; }
};

}  // namespace sluice::inline v0::core

#define foreign_access open_access
#include "actor/delayed_send.cpp"
#undef foreign_access
#include "actor/wake_timer.cpp"

namespace sluice::inline v0::base {

nanoseconds_t now_ns() noexcept { return 0; }

}  // namespace sluice::inline v0::base

namespace sluice::inline v0::model {
namespace {

using core::envelope;
using core::execution;

constexpr base::nanoseconds_t later_ns = 5'000'000'000;
constexpr base::nanoseconds_t soon_ns = 1'000'000;

// Threads 0 and 1 are the workers; 2 is the node's own too, or somebody else's.
struct timing : scenario {
  timing() {
    node.scheduler = &scheduler;
    node.way_in = reinterpret_cast<core::gate*>(&scheduler);  // Nobody looks into it.
    core::executions[0] = &first;
    core::executions[1] = &second;
    core::executions[2] = nullptr;
  }
  sched::worker& home() { return scheduler.worker_at(0); }
  // What a worker does until nothing comes any more.
  void end_turns() {
    while (home().run_posted() || scheduler.worker_at(1).run_posted()) {
    }
  }

  sched::scheduler scheduler;
  core::node_core node;
  core::outcome& done = node.done;
  execution first{node, &scheduler.worker_at(0), mem::this_thread_cache()};
  execution second{node, &scheduler.worker_at(1), mem::this_thread_cache()};
};

// A message once: its home fires it, another worker cancels it and lets go.
struct delayed : timing {
  delayed() { timed = core::arm_delayed(first, &carried, {}, soon_ns); }
  void run(unsigned thread) override {
    if (thread == 0) {
      home().run_posted();
      home().fire();
      home().run_posted();
    } else if (thread == 1) {
      is_cancelled = core::cancel_delayed(timed);
      core::drop_delayed(timed);
    }
  }
  void verify() override {
    end_turns();
    expect(done.sent + done.buried == 1, "a message is sent once, or buried once");
    expect(is_cancelled == (done.buried == 1), "cancelled says whether it was");
    expect(home().timers().size() == 0, "nothing stays on the wheel");
  }

  envelope carried{};
  core::delayed_send* timed = nullptr;
  bool is_cancelled = false;
};

// A thread without a wheel arms it, so that it travels home, and cancels it on its way or there.
struct travelling : timing {
  void run(unsigned thread) override {
    if (thread == 0) {
      for (int turn = 0; turn < 2; ++turn) {
        home().run_posted();
        home().fire();
      }
    } else if (thread == 2) {
      core::delayed_send* const timed = core::arm_delayed(foreign, &carried, {}, soon_ns);
      is_cancelled = core::cancel_delayed(timed);
      core::drop_delayed(timed);
    }
  }
  void verify() override {
    end_turns();
    if (!is_cancelled && done.sent == 0) home().fire();
    expect(done.sent + done.buried == 1, "a message is sent once, or buried once");
    expect(is_cancelled == (done.buried == 1), "cancelled says whether it was");
  }

  execution foreign{node, nullptr, mem::this_thread_cache()};
  envelope carried{};
  bool is_cancelled = false;
};

// A repeated one, whose ticks are left out for want of memory, is cancelled from elsewhere.
struct repeated : timing {
  repeated() { timed = core::arm_repeated(first, &carried, {}, soon_ns, kind); }
  void run(unsigned thread) override {
    if (thread == 0) {
      home().fire();
      home().run_posted();
      home().fire();
    } else if (thread == 1) {
      expect(core::cancel_delayed(timed), "what repeats is cancelled once");
      core::drop_delayed(timed);
    }
  }
  void verify() override {
    end_turns();
    expect(done.buried == 1, "the message of a repeated send is buried once");
    expect(home().timers().size() == 0, "nothing stays on the wheel");
  }

  core::repeat_kind kind{};
  envelope carried{};
  core::delayed_send* timed = nullptr;
};

// The process waits on the other worker and ends, while the timer fires at home.
struct waking : timing {
  explicit waking(base::nanoseconds_t deadline_ns) : wanted_ns(deadline_ns) {
    expect(core::wake_at(first, self, clock, wanted_ns), "there is memory");
  }
  void run(unsigned thread) override {
    if (thread == 0) {
      home().fire();
      home().run_posted();
    } else if (thread == 1) {
      core::let_go(second, std::exchange(clock, nullptr));
    }
  }
  void verify() override {
    end_turns();
    home().fire();  // A dropped one frees itself when it is due.
    expect(done.told <= 1, "a process is told once");
    expect(home().timers().size() == 0, "nothing stays on the wheel");
  }

  core::slot self;
  core::wake_timer* clock = nullptr;
  base::nanoseconds_t wanted_ns;
};
struct dropped : waking {
  dropped() : waking(soon_ns) {}
};
struct fetched : waking {
  fetched() : waking(later_ns) {}
};

// The process, on the other worker, needs an earlier time: it lets go and arms one there.
struct moving : waking {
  moving() : waking(later_ns) {}
  void run(unsigned thread) override {
    if (thread == 0) return waking::run(thread);
    if (thread == 1) {
      expect(core::wake_at(second, self, clock, soon_ns), "there is memory");
      scheduler.worker_at(1).fire();
    }
  }
  void verify() override {
    end_turns();
    core::executions[0] = &first;
    home().fire();
    scheduler.worker_at(1).fire();
    expect(done.told >= 1, "a process that waits is told");
    // Fired ones are the process's; it ends here.
    core::free_timer(second, clock);
  }
};

const registration moving_{"wake_timer", "moving", &make<moving>};
const registration fetched_{"wake_timer", "fetched", &make<fetched>};
const registration dropped_{"wake_timer", "dropped", &make<dropped>};
const registration repeated_{"delayed_send", "repeated", &make<repeated>};
const registration travelling_{"delayed_send", "travelling", &make<travelling>};
const registration delayed_{"delayed_send", "delayed", &make<delayed>};

}  // namespace
}  // namespace sluice::inline v0::model
