// sync/mpsc_queue.hpp: every item comes out once, whole, and in its producer's order.
#include "sync/mpsc_queue.hpp"

#include "model.hpp"

namespace sluice::inline v0::model {
namespace {

using sync::pop_outcome;

struct item : sync::mpsc_link {
  plain<int> content;
};

struct queueing : scenario {
  void push(int number) {
    items[number].content = number;
    queue.push(&items[number]);
  }
  bool pop() {
    const auto got = queue.pop();
    if (got.outcome != pop_outcome::item) {
      expect(got.item == nullptr, "no item without an answer that says so");
      return false;
    }
    const int number = got.item->content;
    expect(got.item == &items[number], "an item is seen as it was pushed");
    got.item->content = -1;  // Its memory is the owner's again.
    popped[number] += 1;
    when[number] = ++clock;
    return true;
  }
  void verify() override {
    while (pop()) {
    }
    for (int count : popped) expect(count == 1, "each item comes out once");
    expect(when[0] < when[1], "items of one producer keep their order");
  }

  sync::mpsc_queue<item> queue;
  item items[3];
  int popped[3] = {};
  int when[3] = {};
  int clock = 0;
};

// Two producers, one of them twice; the owner looks three times.
struct producers : queueing {
  void run(unsigned thread) override {
    if (thread == 0) {
      push(0);
      push(1);
    } else if (thread == 1) {
      push(2);
    } else {
      for (int i = 0; i < 3; ++i) static_cast<void>(pop());
    }
  }
};

// "Empty" is said only when no push that has returned is waiting: the owner sleeps on it.
struct emptiness : queueing {
  void run(unsigned thread) override {
    if (thread == 2) return look();
    if (thread == 0) push(0);
    push(static_cast<int>(thread) + 1);
    // Release: the pushes of this thread have returned.
    returned[thread].store(true, base::release);
  }
  void look() {
    bool had[2];
    for (int i = 0; i < 2; ++i) had[i] = returned[i].load(base::acquire);
    if (queue_is_empty()) {
      expect(!had[0] || popped[1] == 1, "empty hides no push that has returned");
      expect(!had[1] || popped[2] == 1, "empty hides no push that has returned");
    }
  }
  bool queue_is_empty() {
    while (true) {
      const auto got = queue.pop();
      if (got.outcome == pop_outcome::busy) return false;
      if (got.outcome == pop_outcome::empty) return true;
      const int number = got.item->content;
      popped[number] += 1;
      when[number] = ++clock;
    }
  }

  base::atomic<bool> returned[2];
};

const registration emptiness_{"mpsc_queue", "emptiness", &make<emptiness>};
const registration producers_{"mpsc_queue", "producers", &make<producers>};

}  // namespace
}  // namespace sluice::inline v0::model
