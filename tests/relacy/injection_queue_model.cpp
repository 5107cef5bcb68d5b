// sync/injection_queue: the count protocol around the core (J1, J2). The core itself is a double.
#include "sync/injection_queue.hpp"

#include "model.hpp"
#include "sync/take_all_stack.hpp"
//
#include "sync/injection_queue.cpp"

namespace sluice::inline v0::model {
namespace {

struct job {
  job* next = nullptr;
  plain<int> content;
};

struct injecting : scenario {
  bool push(int number) {
    jobs[number].content = number;
    return queue.push(&jobs[number]);
  }
  bool pop() {
    job* const got = queue.try_pop();
    if (got == nullptr) return false;
    const int number = got->content;
    expect(got == &jobs[number], "an item is seen as it was pushed");
    got->content = -1;
    popped[number] += 1;
    return true;
  }
  void verify() override {
    while (!queue.is_empty()) expect(pop(), "what is counted is there when all is quiet");
    for (int count : popped) expect(count == 1, "each item comes out once");
  }

  sync::injection_queue<job> queue;
  job jobs[2];
  int popped[2] = {};
};

// A sleeper announces itself, then asks; a producer pushes, then looks: one sees the other (J2).
struct dekker : injecting {
  void run(unsigned thread) override {
    if (thread == 2) {
      // Seq_cst, as take_all_stack's TS3 and the stop of a scheduler are.
      is_announced.store(true, base::seq_cst);
      sleeper_saw = !queue.is_empty();
      return;
    }
    static_cast<void>(push(static_cast<int>(thread)));
    producer_saw[thread] = is_announced.load(base::seq_cst);
  }
  void verify() override {
    expect(sleeper_saw || (producer_saw[0] && producer_saw[1]),
           "a sleeper sees the push, or its producer sees the sleeper");
    injecting::verify();
  }

  base::atomic<bool> is_announced{false};
  bool sleeper_saw = false;
  bool producer_saw[2] = {};
};

// Two producers and a consumer: a count never says empty while a push that returned is waiting.
struct counting : injecting {
  void run(unsigned thread) override {
    if (thread != 2) {
      static_cast<void>(push(static_cast<int>(thread)));
      returned[thread].store(true, base::release);
      return;
    }
    static_cast<void>(pop());
    bool is_waiting = false;
    for (int i = 0; i < 2; ++i) {
      is_waiting |= returned[i].load(base::acquire) && popped[i] == 0;
    }
    expect(!is_waiting || !queue.is_empty(), "never empty while a push that returned is waiting");
  }

  base::atomic<bool> returned[2];
};

// The idle worker's way to sleep (sched/worker_idle.cpp): its inbox is parked by a seq_cst CAS.
struct parked_inbox : injecting {
  void run(unsigned thread) override {
    if (thread == 2) {
      static_cast<void>(inbox.try_park());
      sleeper_saw = !queue.is_empty();
      inbox.unpark();
      return;
    }
    static_cast<void>(push(static_cast<int>(thread)));
    job& note = notes[thread];
    if (inbox.push(&note) == sync::push_outcome::must_wake) wakes += 1;
    returned += 1;
  }
  void verify() override {
    expect(wakes <= 1, "one sleep is ended by one push");
    expect(sleeper_saw || returned == 2, "all producers return");
    injecting::verify();
  }

  sync::take_all_stack<job, &job::next> inbox;
  job notes[2];
  bool sleeper_saw = false;
  int wakes = 0;
  int returned = 0;
};

const registration parked_inbox_{"injection_queue", "parked_inbox", &make<parked_inbox>};
const registration counting_{"injection_queue", "counting", &make<counting>};
const registration dekker_{"injection_queue", "dekker", &make<dekker>};

}  // namespace
}  // namespace sluice::inline v0::model
