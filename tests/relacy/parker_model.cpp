// sync/parker: a wake is never lost, and what the waker did is seen. The real parker.cpp on a
// futex that orders nothing (model_machine.cpp).
#include "sync/parker.hpp"

#include "model.hpp"
//
#include "sync/parker.cpp"

namespace sluice::inline v0::model {
namespace {

using sync::park_result;

// Each of two counts itself and wakes; the owner sleeps until it has seen both.
struct wakers : scenario {
  void run(unsigned thread) override {
    if (thread != 2) {
      done[thread] = 1;
      count.fetch_add(1, base::relaxed);
      sleeper.wake();
      return;
    }
    while (count.load(base::relaxed) < 2 || !has_parked) {
      has_parked = true;
      expect(sleeper.park(base::no_deadline) == park_result::woken, "no time-out without a time");
    }
  }

  sync::parker sleeper;
  base::atomic<int> count{0};
  plain<int> done[2];
  bool has_parked = false;
};

// One waker: after `woken` the owner reads what it wrote.
struct handing_over : scenario {
  void run(unsigned thread) override {
    if (thread == 0) {
      done = 1;
      sleeper.wake();
    } else if (thread == 2) {
      static_cast<void>(sleeper.park(base::no_deadline));
      expect(done == 1, "what a waker did before its wake is seen after it");
      expect(!sleeper.has_wake(), "a wake is taken once");
    }
  }

  sync::parker sleeper;
  plain<int> done;
};

// A sleep that may end by time: the wake that it missed stays for the next.
struct timed : scenario {
  void run(unsigned thread) override {
    if (thread != 2) {
      done[thread] = 1;
      count.fetch_add(1, base::relaxed);
      sleeper.wake();
      return;
    }
    if (sleeper.park(1) == park_result::timed_out) {
      static_cast<void>(sleeper.park(base::no_deadline));
    }
    expect(count.load(base::relaxed) != 0, "who is woken sees a waker");
  }

  sync::parker sleeper;
  base::atomic<int> count{0};
  plain<int> done[2];
};

const registration timed_{"parker", "timed", &make<timed>};
const registration handing_over_{"parker", "handing_over", &make<handing_over>};
const registration wakers_{"parker", "wakers", &make<wakers>};

}  // namespace
}  // namespace sluice::inline v0::model
