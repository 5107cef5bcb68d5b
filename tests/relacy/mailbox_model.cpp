// actor/mailbox.hpp: no letter is lost, doubled or seen half written, the letters of a sender keep
// their order, and one thread at a time has the right to run. Who is told to schedule runs at once.
#include "actor/mailbox.hpp"

#include "model.hpp"

namespace sluice::inline v0::model {
namespace {

using core::envelope;
using core::push_outcome;

constexpr int letters_max = 4;

struct letter : envelope {
  plain<int> content;
};

struct post : scenario {
  post() {
    for (letter& each : letters) {
      each.envelope::next = &each;
      each.older = nullptr;
      each.lane = static_cast<std::uint8_t>(priority::main);
    }
    box.open();
  }

  push_outcome write(int number, bool is_control) {
    letter& out = letters[number];
    out.content = number + 1;
    const push_outcome outcome = box.push(&out, is_control);
    if (outcome == push_outcome::closed) {
      rejected[number] += 1;
      out.content = 0;  // It is the sender's again (M3).
    }
    if (outcome == push_outcome::schedule) own_and_run();
    return outcome;
  }

  // What an owner leaves in the slot, the next one finds there.
  void own_and_run() {
    slot_state = slot_state + 1;
    run_as_owner();
  }
  virtual void run_as_owner() {
    do {
      handle_chains(box.take(), nullptr);
    } while (!leave());
  }
  bool leave() {
    slot_state = slot_state + 1;
    return box.try_park();
  }

  // Newest chain first, so what is older comes out of the recursion first. Ends before `held`.
  void handle_chains(envelope* newest, const envelope* held) {
    if (newest == nullptr || newest == held) return;
    handle_chains(newest->older, held);
    envelope* each = newest->next;
    while (true) {
      envelope* const next = each->next;
      handle(*each);
      if (each == newest) return;
      each = next;
    }
  }
  void handle(envelope& in) {
    auto& each = static_cast<letter&>(in);
    const int number = each.content - 1;
    expect(&letters[number] == &each, "a letter is seen as it was written");
    each.content = 0;  // The block is used again.
    handled[number] += 1;
    when[number] = ++clock;
  }

  void verify() override {
    if (!box.is_closed()) handle_chains(box.close(), nullptr);
    for (int i = 0; i < count; ++i) {
      expect(handled[i] + rejected[i] == 1, "each letter is handled once or rejected");
    }
  }

  core::mailbox box;
  letter letters[letters_max];
  plain<int> slot_state{0};
  int count = letters_max;
  int handled[letters_max] = {};
  int rejected[letters_max] = {};
  int when[letters_max] = {};
  int clock = 0;
};

// Two senders to an idle process, one of them twice; a third comes in between.
struct senders : post {
  senders() { static_cast<void>(box.try_park()); }
  void run(unsigned thread) override {
    if (thread == 0) {
      write(0, false);
      write(1, false);
    } else {
      write(static_cast<int>(thread) + 1, false);
    }
  }
  void verify() override {
    post::verify();
    expect(when[0] < when[1], "the letters of one sender keep their order");
  }
};

// Two senders to a process that runs and is about to park.
struct parking : post {
  parking() { count = 2; }
  void run(unsigned thread) override {
    if (thread == 2) return own_and_run();
    write(static_cast<int>(thread), false);
  }
};

// A new mailbox is opened: whose letter gets in finds the tenant there.
struct opening : post {
  opening() {
    count = 2;
    static_cast<void>(box.close());
  }
  void run(unsigned thread) override {
    if (thread != 2) {
      const push_outcome outcome = write(static_cast<int>(thread), false);
      if (outcome != push_outcome::closed) expect(tenant == 1, "the tenant comes before its mail");
      return;
    }
    tenant = 1;
    box.open();
    own_and_run();
  }
  plain<int> tenant;
};

// The lone letter stays in the word while it is handled (M5).
struct held : post {
  held() {
    count = 3;
    static_cast<void>(box.try_park());
  }
  void run(unsigned thread) override { write(static_cast<int>(thread), false); }
  void run_as_owner() override {
    while (true) {
      envelope* const alone = box.lone();
      if (alone == nullptr) {
        handle_chains(box.take(), nullptr);
        if (leave()) return;
        continue;
      }
      const int number = static_cast<letter*>(alone)->content - 1;
      handled[number] += 1;
      slot_state = slot_state + 1;
      if (box.has_only(alone) && box.try_park_after(alone)) {
        static_cast<letter*>(alone)->content = 0;
        return;
      }
      handle_chains(box.take_above(alone), alone);
      static_cast<letter*>(alone)->content = 0;  // Out of the word: its block is used again (M5).
      if (leave()) return;
    }
  }
};

// The owner closes while two push, and opens for another tenant.
struct closing : post {
  closing() { count = 3; }
  void run(unsigned thread) override {
    if (thread == 0) {
      write(0, false);
      write(2, true);
    } else if (thread == 1) {
      write(1, false);
    } else {
      slot_state = slot_state + 1;
      handle_chains(box.close(), nullptr);
      slot_state = slot_state + 1;
      box.open();
      run_as_owner();
    }
  }
};

// A process that waits in a call: a letter to a main lane wakes nobody, a control letter does.
struct waiting : post {
  waiting() { count = 3; }
  void run(unsigned thread) override {
    if (thread == 0) {
      write(0, false);
      write(1, false);
    } else if (thread == 1) {
      write(2, true);
    } else {
      slot_state = slot_state + 1;
      while (true) {
        handle_chains(box.take(), nullptr);
        slot_state = slot_state + 1;
        if (handled[2] != 0 ? box.try_park() : box.try_wait()) return;
      }
    }
  }
  void verify() override {
    for (int i = 0; i < count; ++i) {
      expect(handled[i] == 1, "what wakes a process that waits lets it see all its mail");
    }
  }
};

// The owner adds to what it pushed itself while two others push (M7).
struct growing : post {
  growing() {
    for (letter& each : letters) {
      each.lane = static_cast<std::uint8_t>(each.lane | core::lane_may_grow);
    }
  }
  void run(unsigned thread) override {
    if (thread != 2) {
      write(static_cast<int>(thread), false);
      return;
    }
    for (int number : {2, 3}) {
      letters[number].content = number + 1;
      static_cast<void>(box.push_own(&letters[number], false));
    }
    own_and_run();
  }
  void verify() override {
    post::verify();
    expect(when[2] < when[3], "what the owner pushed keeps its order");
  }
};

const registration growing_{"mailbox", "growing", &make<growing>};
const registration waiting_{"mailbox", "waiting", &make<waiting>};
const registration opening_{"mailbox", "opening", &make<opening>};
const registration closing_{"mailbox", "closing", &make<closing>};
const registration held_{"mailbox", "held", &make<held>};
const registration parking_{"mailbox", "parking", &make<parking>};
const registration senders_{"mailbox", "senders", &make<senders>};

}  // namespace
}  // namespace sluice::inline v0::model
