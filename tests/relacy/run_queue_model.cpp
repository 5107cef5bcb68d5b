// sync/run_queue.hpp: an owner and two thieves with queues of their own; every entry is taken once,
// and no slot is written while a thief reads it.
#include "sync/run_queue.hpp"

#include "model.hpp"

namespace sluice::inline v0::model {
namespace {

struct job {
  plain<int> content;
};

using queue = sync::run_queue<job, 4>;

constexpr int jobs_max = 7;

struct stealing : scenario {
  void push(int number) {
    jobs[number].content = number + 1;
    owned.push(&jobs[number], [this](job** items, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) note(items[i]);
    });
    pushed += 1;
  }
  void note(job* got) {
    if (got == nullptr) return;
    const int number = got->content - 1;
    expect(&jobs[number] == got, "an entry is seen as it was pushed");
    got->content = 0;
    taken[number] += 1;
  }
  void steal(unsigned thread) {
    queue& own = stolen[thread];
    note(owned.steal_into(own));
    note(own.pop());
  }
  void verify() override {
    for (queue* each : {&owned, &stolen[0], &stolen[1]}) {
      while (job* left = each->pop()) note(left);
    }
    for (int i = 0; i < pushed; ++i) expect(taken[i] == 1, "each entry is taken once");
  }

  queue owned;
  queue stolen[2];
  job jobs[jobs_max];
  int taken[jobs_max] = {};
  int pushed = 0;
};

// Two entries are there; the owner adds one and takes, both thieves come once.
struct thieves : stealing {
  thieves() {
    push(0);
    push(1);
  }
  void run(unsigned thread) override {
    if (thread != 2) return steal(thread);
    push(2);
    note(owned.pop());
  }
};

// The ring is full: the owner makes room and fills it up again behind a thief (R3).
struct wrapping : stealing {
  wrapping() {
    for (int i = 0; i < 4; ++i) push(i);
  }
  void run(unsigned thread) override {
    if (thread != 2) {
      if (thread == 0) steal(thread);
      return;
    }
    note(owned.pop());
    push(4);
    push(5);
  }
};

// The same with two thieves, one after or into the other (R2).
struct contending : stealing {
  contending() {
    for (int i = 0; i < 4; ++i) push(i);
  }
  void run(unsigned thread) override {
    if (thread != 2) {
      note(owned.steal_into(stolen[thread]));
      return;
    }
    push(4);
  }
};

const registration contending_{"run_queue", "contending", &make<contending>};
const registration wrapping_{"run_queue", "wrapping", &make<wrapping>};
const registration thieves_{"run_queue", "thieves", &make<thieves>};

}  // namespace
}  // namespace sluice::inline v0::model
