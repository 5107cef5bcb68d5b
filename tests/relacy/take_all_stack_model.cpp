// sync/take_all_stack.hpp with sync/parker: what is pushed is taken once, whole and in order, and
// an owner that sleeps is woken by exactly one push.
#include "sync/take_all_stack.hpp"

#include "model.hpp"
#include "sync/parker.hpp"

namespace sluice::inline v0::model {
namespace {

struct node {
  node* next = nullptr;
  plain<int> content;
};

struct stacking : scenario {
  void push(int number) {
    nodes[number].content = number;
    if (stack.push(&nodes[number]) == sync::push_outcome::must_wake) {
      wakes += 1;
      sleeper.wake();
    }
  }
  void take() {
    for (node* each = stack.take_all(); each != nullptr;) {
      node* const next = each->next;
      const int number = each->content;
      expect(each == &nodes[number], "a node is seen as it was pushed");
      each->content = -1;
      each->next = nullptr;
      taken[number] += 1;
      when[number] = ++clock;
      taken_count += 1;
      each = next;
    }
  }
  void verify() override {
    take();
    for (int count : taken) expect(count == 1, "each node is taken once");
    expect(when[0] < when[1], "pushes of one thread keep their order");
  }

  sync::take_all_stack<node, &node::next> stack;
  sync::parker sleeper;
  node nodes[3];
  int taken[3] = {};
  int when[3] = {};
  int clock = 0;
  int taken_count = 0;
  int wakes = 0;
};

// The owner takes twice while others push.
struct taking : stacking {
  void run(unsigned thread) override {
    if (thread == 0) {
      push(0);
      push(1);
    } else if (thread == 1) {
      push(2);
    } else {
      take();
      take();
    }
  }
};

// The owner sleeps until it has everything; a lost wake is a deadlock.
struct sleeping : stacking {
  void run(unsigned thread) override {
    if (thread == 0) {
      push(0);
      push(1);
    } else if (thread == 1) {
      push(2);
    } else {
      while (taken_count < 3) {
        take();
        if (taken_count == 3) return;
        if (!stack.try_park()) continue;  // T2
        static_cast<void>(sleeper.park(base::no_deadline));
      }
    }
  }
};

// A chain, and an owner that woke by itself: T3 and unpark.
struct chains : stacking {
  void run(unsigned thread) override {
    if (thread == 0) {
      nodes[0].content = 0;
      nodes[1].content = 1;
      nodes[1].next = &nodes[0];
      if (stack.push_chain(&nodes[1], &nodes[0]) == sync::push_outcome::must_wake) wakes += 1;
    } else if (thread == 1) {
      push(2);
    } else {
      if (stack.try_park()) stack.unpark();
      take();
      expect(!stack.is_parked(), "an owner that took is not parked");
    }
  }
  void verify() override {
    stacking::verify();
    expect(wakes <= 1, "one park is ended by one push (T1)");
  }
};

const registration chains_{"take_all_stack", "chains", &make<chains>};
const registration sleeping_{"take_all_stack", "sleeping", &make<sleeping>};
const registration taking_{"take_all_stack", "taking", &make<taking>};

}  // namespace
}  // namespace sluice::inline v0::model
