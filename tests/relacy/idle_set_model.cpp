// sched/idle_set with sync/parker and the injection queue's count: work that is injected wakes who
// sleeps. Workers here do what sched/worker_idle.cpp does, without sentinel and without timers, so
// that a wake which the sentinel would make good is a deadlock.
#include "sched/idle_set.hpp"

#include "model.hpp"
#include "sched/driver.hpp"
#include "sync/injection_queue.hpp"
#include "sync/parker.hpp"
//
#include "sched/idle_set.cpp"

namespace sluice::inline v0::model {
namespace {

struct job {
  plain<int> content;
};

struct sleeping_driver : sched::driver {
  result<void> attach() override { return {}; }
  bool has_ready() const noexcept override { return false; }
  unsigned poll() noexcept override { return 0; }
  sched::park_outcome park(base::nanoseconds_t deadline_ns) noexcept override {
    static_cast<void>(sleeper.park(deadline_ns));
    return sched::park_outcome::woken;
  }
  void wake() noexcept override { sleeper.wake(); }
  void detach() noexcept override {}

  sync::parker sleeper;
};

struct idling : scenario {
  explicit idling(std::size_t count) : idle(count) {
    for (std::size_t i = 0; i < count; ++i) idle.bind(i, drivers[i]);
  }

  void inject(int number) {
    jobs[number].content = number;
    expect(queue.push(&jobs[number]), "the double has room");
    idle.published();
  }
  bool take() {
    job* const got = queue.is_empty() ? nullptr : queue.try_pop();
    if (got == nullptr) return false;
    const int number = got->content;
    expect(got == &jobs[number], "work is seen as it was injected");
    taken[number] += 1;
    return true;
  }
  // Until it has found something to run.
  void work_once(std::size_t self, bool searches) {
    bool has_found = false;
    while (!has_found) {
      if (searches) {
        const bool may_search = idle.try_begin_search();
        has_found = take();
        if (may_search) idle.end_search();
        if (has_found) break;
      }
      idle.announce(self);
      has_found = take();
      if (!has_found && queue.is_empty()) static_cast<void>(drivers[self].park(base::no_deadline));
      idle.retract(self);
      if (!has_found) has_found = take();
      // As worker::search: what is counted but not seen yet comes in time.
      if (!has_found) base::spin_pause();
    }
    // As worker::leave_idle: who was woken for nothing, or searched, calls another one.
    if (idle.sleeping() != 0 && idle.searching() == 0 && !queue.is_empty()) idle.wake_one();
  }
  void verify() override {
    expect(taken[0] == 1 && taken[1] == 1, "injected work is run once");
    expect(idle.sleeping() == 0, "nobody is counted as asleep in the end");
  }

  sched::idle_set idle;
  sync::injection_queue<job> queue;
  sleeping_driver drivers[2];
  job jobs[2];
  int taken[2] = {};
};

// One worker that runs two things, two producers.
struct producers : idling {
  producers() : idling(1) {}
  void run(unsigned thread) override {
    if (thread != 2) return inject(static_cast<int>(thread));
    work_once(0, false);
    work_once(0, false);
  }
};

// The same, but the worker runs one thing: small enough to be searched to the end.
struct one : idling {
  one() : idling(1) {}
  void run(unsigned thread) override {
    if (thread != 2) return inject(static_cast<int>(thread));
    work_once(0, false);
  }
  void verify() override {
    expect(take(), "what nobody has run is there");
    idling::verify();
  }
};

// Two workers that run one thing each, one producer of two.
struct workers : idling {
  workers() : idling(2) {}
  void run(unsigned thread) override {
    if (thread != 2) return work_once(thread, false);
    inject(0);
    inject(1);
  }
};

// The same with workers that search: who injects sees them and wakes nobody.
struct searching : idling {
  searching() : idling(2) {}
  void run(unsigned thread) override {
    if (thread != 2) return work_once(thread, true);
    inject(0);
    inject(1);
  }
};

const registration one_{"idle_set", "one", &make<one>};
const registration searching_{"idle_set", "searching", &make<searching>};
const registration workers_{"idle_set", "workers", &make<workers>};
const registration producers_{"idle_set", "producers", &make<producers>};

}  // namespace
}  // namespace sluice::inline v0::model
