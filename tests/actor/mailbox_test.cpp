// The mailbox word: the table first, then threads.
#include "actor/mailbox.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <thread>
#include <vector>

#include "actor/lanes.hpp"
#include "base/random.hpp"

using sluice::core::envelope;
using sluice::core::lanes;
using sluice::core::mailbox;
using sluice::core::push_outcome;

namespace {

// An envelope that says who sent it and in which order; it is its own chain of one.
struct letter : envelope {
  explicit letter(std::uint32_t from = 0, std::uint32_t number = 0, std::uint8_t on_lane = 2) {
    next = this;
    older = nullptr;
    from_slot = from;
    from_generation = number;
    lane = on_lane;
  }
};

enum class state { owned, owned_with_mail, idle, waiting, waiting_with_mail, closed };

// A mailbox brought into a state, with the mail that is in it.
struct in_state {
  explicit in_state(state wanted) {
    if (wanted == state::closed) return;
    box.open();
    if (wanted == state::idle) REQUIRE(box.try_park());
    if (wanted == state::waiting || wanted == state::waiting_with_mail) REQUIRE(box.try_wait());
    const bool has_mail = wanted == state::owned_with_mail || wanted == state::waiting_with_mail;
    if (has_mail) REQUIRE(box.push(&mail, false) == push_outcome::queued);
  }
  mailbox box;
  letter mail;
  letter pushed;
};

void check_push(state from, bool is_control, push_outcome expected) {
  in_state place{from};
  CAPTURE(static_cast<int>(from), is_control);
  REQUIRE(place.box.push(&place.pushed, is_control) == expected);
  if (expected == push_outcome::closed) {
    REQUIRE(place.pushed.next == &place.pushed);  // M3: the chain stays with its sender.
    return;
  }
  // The next push after one that granted the right to run grants nothing.
  letter second;
  if (expected == push_outcome::schedule) {
    REQUIRE(place.box.push(&second, true) == push_outcome::queued);
    REQUIRE(place.box.take() == &second);
    REQUIRE(second.older == &place.pushed);
  }
}

}  // namespace

TEST_CASE("mailbox: an owner does not come to wait on mail that it has not seen") {
  for (const bool is_control : {false, true}) {
    mailbox box;
    box.open();
    letter unseen;
    REQUIRE(box.push(&unseen, is_control) == push_outcome::queued);
    CHECK(!box.try_wait());
    REQUIRE(box.take() == &unseen);
    CHECK(box.try_wait());
    letter plain;
    CHECK(box.push(&plain, false) == push_outcome::queued);
    letter control;
    CHECK(box.push(&control, true) == push_outcome::schedule);
  }
}

TEST_CASE("mailbox: a held message leaves the word as its owner comes to wait") {
  mailbox box;
  box.open();
  letter held;
  REQUIRE(box.push(&held, false) == push_outcome::queued);
  REQUIRE(box.lone() == &held);
  letter above;
  REQUIRE(box.push(&above, true) == push_outcome::queued);
  CHECK(!box.try_wait_after(&held));
  REQUIRE(box.take_above(&held) == &above);
  letter next;
  REQUIRE(box.push(&next, true) == push_outcome::queued);
  CHECK(box.try_wait_after(&next));
  letter wakes;
  CHECK(box.push(&wakes, true) == push_outcome::schedule);
}

TEST_CASE("mailbox: every cell of the push columns does what the table says") {
  using enum state;
  check_push(owned, false, push_outcome::queued);
  check_push(owned, true, push_outcome::queued);
  check_push(owned_with_mail, false, push_outcome::queued);
  check_push(owned_with_mail, true, push_outcome::queued);
  check_push(idle, false, push_outcome::schedule);
  check_push(idle, true, push_outcome::schedule);
  check_push(waiting, false, push_outcome::queued);
  check_push(waiting, true, push_outcome::schedule);
  check_push(waiting_with_mail, false, push_outcome::queued);
  check_push(waiting_with_mail, true, push_outcome::schedule);
  check_push(closed, false, push_outcome::closed);
  check_push(closed, true, push_outcome::closed);
}

TEST_CASE("mailbox: every cell of the owner's columns does what the table says") {
  SECTION("take of nothing is null and leaves the mailbox owned") {
    in_state place{state::owned};
    REQUIRE(place.box.take() == nullptr);
    REQUIRE(place.box.try_park());
  }
  SECTION("take of mail empties the word") {
    in_state place{state::owned_with_mail};
    REQUIRE(place.box.take() == &place.mail);
    REQUIRE(place.mail.older == nullptr);
    REQUIRE(place.box.take() == nullptr);
  }
  SECTION("park with mail fails and keeps the mail") {
    in_state place{state::owned_with_mail};
    REQUIRE_FALSE(place.box.try_park());
    REQUIRE(place.box.take() == &place.mail);
  }
  SECTION("a user message keeps a waiting owner asleep, a control message wakes it with both") {
    in_state place{state::waiting};
    REQUIRE(place.box.push(&place.mail, false) == push_outcome::queued);
    REQUIRE(place.box.push(&place.pushed, true) == push_outcome::schedule);
    REQUIRE(place.box.take() == &place.pushed);
    REQUIRE(place.pushed.older == &place.mail);
    REQUIRE(place.mail.older == nullptr);
  }
  SECTION("waiting with mail keeps the mail") {
    in_state place{state::waiting_with_mail};
    REQUIRE(place.box.push(&place.pushed, true) == push_outcome::schedule);
    REQUIRE(place.box.take() == &place.pushed);
    REQUIRE(place.pushed.older == &place.mail);
  }
  SECTION("close answers with the rest, once") {
    in_state place{state::owned_with_mail};
    REQUIRE(place.box.close() == &place.mail);
    REQUIRE(place.box.is_closed());
    REQUIRE(place.box.push(&place.pushed, true) == push_outcome::closed);
  }
  SECTION("close of an empty mailbox answers null") {
    in_state place{state::owned};
    REQUIRE(place.box.close() == nullptr);
    REQUIRE(place.box.is_closed());
  }
  SECTION("a closed mailbox opens again, owned and empty") {
    in_state place{state::closed};
    place.box.open();
    REQUIRE_FALSE(place.box.is_closed());
    REQUIRE(place.box.take() == nullptr);
    REQUIRE(place.box.push(&place.pushed, false) == push_outcome::queued);
  }
}

TEST_CASE("mailbox: a held message leaves the word alone or from under later ones") {
  mailbox box;
  box.open();
  REQUIRE(box.lone() == nullptr);
  letter held;
  REQUIRE(box.push(&held, false) == push_outcome::queued);
  REQUIRE(box.lone() == &held);
  SECTION("alone: the park takes it out, and the next push schedules") {
    REQUIRE(box.try_park_after(&held));
    letter next;
    REQUIRE(box.push(&next, false) == push_outcome::schedule);
    REQUIRE(box.lone() == &next);
    REQUIRE(next.older == nullptr);
  }
  SECTION("with later ones: the park fails, and they are taken without it") {
    letter later;
    letter latest;
    REQUIRE(box.push(&later, false) == push_outcome::queued);
    REQUIRE(box.push(&latest, true) == push_outcome::queued);
    REQUIRE(box.lone() == nullptr);
    REQUIRE_FALSE(box.try_park_after(&held));
    REQUIRE(box.take_above(&held) == &latest);
    REQUIRE(latest.older == &later);
    REQUIRE(later.older == &held);
    lanes mail;
    mail.absorb(&latest, 0, &held);
    REQUIRE(mail.pop() == &later);
    REQUIRE(mail.pop() == &latest);
    REQUIRE(mail.pop() == nullptr);
    REQUIRE(box.try_park());
  }
  SECTION("beneath one: it is dropped, and that one is alone") {
    letter later;
    REQUIRE(box.push(&later, false) == push_outcome::queued);
    REQUIRE(box.drop_beneath_one(&held));
    REQUIRE(box.lone() == &later);
  }
  SECTION("beneath two: it stays") {
    letter later;
    letter latest;
    REQUIRE(box.push(&later, false) == push_outcome::queued);
    REQUIRE(box.push(&latest, false) == push_outcome::queued);
    REQUIRE_FALSE(box.drop_beneath_one(&held));
    REQUIRE(later.older == &held);
  }
  SECTION("alone, but the owner goes on: taken above is nothing") {
    REQUIRE(box.take_above(&held) == nullptr);
    REQUIRE(box.try_park());
  }
  SECTION("a chain is not lone") {
    letter first;
    letter second;
    first.next = &second;
    second.next = &first;
    mailbox other;
    other.open();
    REQUIRE(other.push(&second, false) == push_outcome::queued);
    REQUIRE(other.lone() == nullptr);
  }
}

TEST_CASE("mailbox: what its owner's thread pushes is one chain") {
  constexpr std::uint8_t main_lane = 2 | sluice::core::lane_may_grow;
  constexpr std::uint8_t log_lane = 3 | sluice::core::lane_may_grow;
  mailbox box;
  box.open();
  letter first{0, 0, main_lane};
  letter second{0, 1, main_lane};
  letter third{0, 2, main_lane};
  const auto pop_all = [&box](std::uint32_t count) {
    lanes mail;
    mail.absorb(box.take());
    for (std::uint32_t i = 0; i < count; ++i) REQUIRE(mail.pop()->from_generation == i);
    REQUIRE(mail.is_empty());
  };
  SECTION("on an idle word it grants, then grows") {
    REQUIRE(box.try_park());
    REQUIRE(box.push_own(&first, false) == push_outcome::schedule);
    REQUIRE(box.push_own(&second, false) == push_outcome::queued);
    REQUIRE(box.push_own(&third, false) == push_outcome::queued);
    REQUIRE(box.newest() == &third);
    REQUIRE(third.older == nullptr);
    REQUIRE(third.next == &first);
    pop_all(3);
  }
  SECTION("another thread's on top is not touched") {
    REQUIRE(box.push_own(&first, false) == push_outcome::queued);
    letter foreign{0, 1};
    REQUIRE(box.push(&foreign, false) == push_outcome::queued);
    third.from_generation = 2;
    REQUIRE(box.push_own(&third, false) == push_outcome::queued);
    REQUIRE(third.older == &foreign);
    REQUIRE(foreign.next == &foreign);
    pop_all(3);
  }
  SECTION("above another thread's it grows, and keeps the link") {
    letter foreign{0, 0};
    REQUIRE(box.push(&foreign, false) == push_outcome::queued);
    second.from_generation = 1;
    REQUIRE(box.push_own(&second, false) == push_outcome::queued);
    REQUIRE(box.push_own(&third, false) == push_outcome::queued);
    REQUIRE(third.older == &foreign);
    REQUIRE(third.next == &second);
    pop_all(3);
  }
  SECTION("another lane is another chain") {
    REQUIRE(box.push_own(&first, false) == push_outcome::queued);
    letter logged{0, 1, log_lane};
    REQUIRE(box.push_own(&logged, false) == push_outcome::queued);
    REQUIRE(logged.older == &first);
    pop_all(2);
  }
  SECTION("what is held never grows") {
    REQUIRE(box.push_own(&first, false) == push_outcome::queued);
    REQUIRE(box.lone() == &first);
    REQUIRE(box.push_own(&second, false) == push_outcome::queued);
    REQUIRE(second.older == &first);
    REQUIRE(first.next == &first);
    REQUIRE(box.take_above(&first) == &second);
  }
  SECTION("a chain grows by a chain") {
    letter fourth{0, 3, main_lane};
    second.next = &first;
    first.next = &second;
    fourth.next = &third;
    third.next = &fourth;
    REQUIRE(box.push_own(&second, false) == push_outcome::queued);
    REQUIRE(box.push_own(&fourth, false) == push_outcome::queued);
    REQUIRE(fourth.older == nullptr);
    pop_all(4);
  }
  SECTION("a word that waits is not disturbed but by control mail") {
    REQUIRE(box.try_wait());
    REQUIRE(box.push_own(&first, false) == push_outcome::queued);
    REQUIRE(box.push_own(&second, false) == push_outcome::queued);
    letter control{0, 2, 1 | sluice::core::lane_may_grow};
    REQUIRE(box.push_own(&control, true) == push_outcome::schedule);
  }
  SECTION("closed is closed") {
    static_cast<void>(box.close());
    REQUIRE(box.push_own(&first, false) == push_outcome::closed);
  }
}

TEST_CASE("mailbox: a chain arrives whole and in order between single messages") {
  mailbox box;
  box.open();
  letter before{0, 0};
  letter one{0, 1};
  letter two{0, 2};
  letter three{0, 3};
  letter after{0, 4};
  one.next = &two;
  two.next = &three;
  three.next = &one;
  REQUIRE(box.push(&before, false) == push_outcome::queued);
  REQUIRE(box.push(&three, false) == push_outcome::queued);
  REQUIRE(box.push(&after, false) == push_outcome::queued);
  lanes mail;
  mail.absorb(box.take());
  for (std::uint32_t i = 0; i < 5; ++i) REQUIRE(mail.pop()->from_generation == i);
  REQUIRE(mail.is_empty());
}

namespace {

constexpr std::uint32_t producer_count = 3;
constexpr std::uint32_t letters_each = 20'000;

// What one owner sees of several producers: who grants it the right to run hands it over.
class stress {
 public:
  // Pushes all letters of one producer; runs the owner whenever a push grants the right to.
  void produce(std::uint32_t producer, std::vector<letter>& letters) {
    for (auto& each : letters) {
      // Plain write by the sender: only the mailbox's orders carry it to the owner.
      each.from_slot = producer;
      switch (box_.push(&each, each.lane == 0)) {
        case push_outcome::queued: break;
        case push_outcome::schedule: own(); break;
        case push_outcome::closed: ++refused_[producer]; break;
      }
    }
  }

  // Plain fields of the slot: only the mailbox word hands them from owner to owner.
  void own() {
    if (is_owned_) ++double_grants_;
    is_owned_ = true;
    ++grants_;
    if (envelope* const held = box_.lone()) {
      note(held);
      is_owned_ = false;
      const bool is_parked = box_.try_park_after(held);
      if (!is_parked) {
        is_owned_ = true;
        if (envelope* newest = box_.take_above(held)) mail_.absorb(newest, 0, held);
      }
      held->next = nullptr;  // Out of the word, so its block is free for anything (M5).
      held->older = held;
      if (is_parked) return;
    }
    while (true) {
      while (envelope* one = mail_.pop()) note(one);
      while (envelope* newest = box_.take()) {
        mail_.absorb(newest);
        while (envelope* one = mail_.pop()) note(one);
      }
      is_owned_ = false;
      if (box_.try_park()) return;
      is_owned_ = true;
    }
  }

  void note(const envelope* one) {
    if (one->from_generation != expected_[one->from_slot]) ++out_of_order_;
    expected_[one->from_slot] = one->from_generation + 1;
    ++handled_;
  }

  mailbox box_;
  lanes mail_;
  bool is_owned_ = false;
  std::uint64_t grants_ = 0;
  std::uint64_t double_grants_ = 0;
  std::uint64_t out_of_order_ = 0;
  std::uint64_t handled_ = 0;
  std::uint32_t expected_[producer_count] = {};
  std::uint64_t refused_[producer_count] = {};
};

std::vector<letter> make_letters() {
  std::vector<letter> made(letters_each);
  for (std::uint32_t i = 0; i < letters_each; ++i) {
    made[i] = letter{0, i};
    made[i].next = &made[i];
  }
  return made;
}

}  // namespace

TEST_CASE(
    "mailbox: no message of several producers is lost, doubled or out of its sender's order") {
  stress state;
  state.box_.open();
  REQUIRE(state.box_.try_park());
  std::vector<std::vector<letter>> letters;
  for (std::uint32_t i = 0; i < producer_count; ++i) letters.push_back(make_letters());
  std::vector<std::thread> producers;
  for (std::uint32_t i = 0; i < producer_count; ++i) {
    producers.emplace_back([&, i] { state.produce(i, letters[i]); });
  }
  for (auto& each : producers) each.join();
  REQUIRE(state.handled_ == std::uint64_t{producer_count} * letters_each);
  REQUIRE(state.out_of_order_ == 0);
  REQUIRE(state.double_grants_ == 0);
  REQUIRE(state.grants_ >= 1);
  // One schedule an idle period: it is idle now, so the next push grants, and only that.
  letter last{0, letters_each};
  REQUIRE(state.box_.push(&last, false) == push_outcome::schedule);
}

TEST_CASE("mailbox: its owner's thread adds to chains while others push") {
  mailbox box;
  box.open();
  std::vector<std::vector<letter>> letters;
  for (std::uint32_t i = 0; i < producer_count; ++i) letters.push_back(make_letters());
  std::vector<std::thread> producers;
  for (std::uint32_t i = 1; i < producer_count; ++i) {
    producers.emplace_back([&box, &own = letters[i], i] {
      for (auto& each : own) {
        each.from_slot = i;
        static_cast<void>(box.push(&each, false));
      }
    });
  }
  lanes mail;
  std::uint32_t expected[producer_count] = {};
  std::uint64_t out_of_order = 0;
  const auto take = [&] {
    if (envelope* const newest = box.take()) mail.absorb(newest);
    while (const envelope* const one = mail.pop()) {
      out_of_order += one->from_generation != expected[one->from_slot] ? 1 : 0;
      expected[one->from_slot] = one->from_generation + 1;
    }
  };
  for (std::uint32_t i = 0; i < letters_each; ++i) {
    letters[0][i].lane |= sluice::core::lane_may_grow;
    static_cast<void>(box.push_own(&letters[0][i], false));
    if (i % 64 == 0) take();
  }
  for (auto& each : producers) each.join();
  take();
  REQUIRE(out_of_order == 0);
  for (const std::uint32_t all : expected) REQUIRE(all == letters_each);
}

TEST_CASE("mailbox: one message at a time between two threads never leaves both asleep") {
  // Each message is sent when the one before was handled, so every push races a park.
  mailbox box;
  box.open();
  REQUIRE(box.try_park());
  std::vector<letter> letters = make_letters();
  sluice::base::atomic<std::uint32_t> handled{0};
  sluice::base::atomic<std::uint32_t> granted{0};
  sluice::base::atomic<bool> is_over{false};
  std::uint64_t plain = 0;
  sluice::base::random_source random{letters_each};
  std::thread owner([&] {
    std::uint32_t taken = 0;
    while (true) {
      while (granted.load(sluice::base::acquire) == 0) {  // [MT1] acquire: pairs MT2 (sender).
        if (is_over.load(sluice::base::relaxed)) return;  // Relaxed: polled.
        std::this_thread::yield();
      }
      granted.fetch_sub(1, sluice::base::relaxed);  // Relaxed: a token taken.
      do {
        while (envelope* one = box.take()) {
          for (; one != nullptr; one = one->older) {
            plain += one->from_slot;
            ++taken;
          }
          // [MT3] release: the taken letter; pairs MT4 (sender).
          handled.store(taken, sluice::base::release);
        }
        // Now and then a while between "nothing left" and the park, so that pushes fall into it.
        for (std::uint32_t i = random.next_below(64); i > 0; --i) sluice::base::spin_pause();
        if (random.next_below(4) == 0) std::this_thread::yield();  // Where both share a core.
      } while (!box.try_park());
    }
  });
  bool is_stuck = false;
  for (std::uint32_t i = 0; i < letters_each && !is_stuck; ++i) {
    letters[i].from_slot = 1;
    if (box.push(&letters[i], false) == push_outcome::schedule) {
      granted.fetch_add(1, sluice::base::release);  // [MT2] release: pairs MT1 (owner).
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (handled.load(sluice::base::acquire) != i + 1) {  // [MT4] acquire: pairs MT3 (owner).
      if (std::chrono::steady_clock::now() > deadline) {
        is_stuck = true;
        break;
      }
      std::this_thread::yield();
    }
  }
  is_over.store(true, sluice::base::relaxed);  // Relaxed: polled.
  owner.join();
  REQUIRE_FALSE(is_stuck);
  REQUIRE(plain == letters_each);
}

TEST_CASE(
    "mailbox: of pushes racing a close each message is either in the rest or with its sender") {
  for (int round = 0; round < 200; ++round) {
    mailbox box;
    box.open();
    constexpr std::uint32_t count = 200;
    std::vector<letter> letters[2] = {std::vector<letter>(count), std::vector<letter>(count)};
    std::uint32_t refused[2] = {};
    sluice::base::atomic<std::uint32_t> ready{0};
    const auto send = [&](int who) {
      for (auto& each : letters[who]) each.next = &each;
      ready.fetch_add(1, sluice::base::relaxed);  // Relaxed: only a start signal.
      for (auto& each : letters[who]) {
        if (box.push(&each, false) == push_outcome::closed) ++refused[who];
      }
    };
    std::thread one(send, 0);
    std::thread two(send, 1);
    while (ready.load(sluice::base::relaxed) != 2) std::this_thread::yield();
    std::uint32_t taken = 0;
    for (envelope* rest = box.take(); rest != nullptr; rest = rest->older) ++taken;
    for (envelope* rest = box.close(); rest != nullptr; rest = rest->older) ++taken;
    one.join();
    two.join();
    REQUIRE(taken + refused[0] + refused[1] == 2 * count);
  }
}
