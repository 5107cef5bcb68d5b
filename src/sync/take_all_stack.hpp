// take_all_stack: an intrusive inbox. Many push, the owner takes everything at once, in push order.
//
// What: one word: 0 (empty), PARKED (empty and the owner sleeps or is about to), or the newest
//   node.
// When not: between processes (the mailbox has more states); where single items are popped.
// Who: anybody pushes; the owner takes, parks and unparks.
// Progress: push is lock-free, take_all wait-free. No ABA, since nobody pops single nodes.
// Memory: none of its own; the node's link belongs to the stack from push until take_all.
//
// Rules:
//   T1  Exactly one push clears PARKED, and it alone is told `must_wake`. It wakes after the push.
//   T2  The owner parks only an empty word: a failed try_park means "take again".
//   T3  take_all clears PARKED too, so an owner that woke for another reason costs no later wake.
#pragma once

#include <cstdint>

#include "base/atomic.hpp"

namespace sluice::inline v0::sync {

/// What the caller of push must do now.
enum class push_outcome : unsigned char { pushed, must_wake };

/// `Next` is the link member of T: take_all_stack<command, &command::next>.
template <class T, T* T::*Next>
class take_all_stack {
 public:
  take_all_stack() noexcept = default;
  take_all_stack(const take_all_stack&) = delete;
  take_all_stack& operator=(const take_all_stack&) = delete;

  /// Any thread. `node` must be in no list.
  [[nodiscard]] push_outcome push(T* node) noexcept { return push_chain(node, node); }

  /// Any thread. Pushes a chain linked newest to oldest (`newest` first, `oldest` last) in one
  /// step.
  [[nodiscard]] push_outcome push_chain(T* newest, T* oldest) noexcept {
    std::uintptr_t top = top_.load(base::relaxed);  // Relaxed: the CAS below checks it.
    do {
      oldest->*Next = top == parked ? nullptr : reinterpret_cast<T*>(top);
      // [TS1] release: publishes the nodes; pairs TS2 (take_all).
      // Ends: a failure means that another push or a take succeeded.
    } while (!top_.compare_exchange_weak(top, reinterpret_cast<std::uintptr_t>(newest),
                                         base::release, base::relaxed));
    return top == parked ? push_outcome::must_wake : push_outcome::pushed;  // T1
  }

  /// Owner. Everything pushed so far, oldest first, linked through Next; null if nothing. Leaves
  /// the word empty and not parked (T3).
  [[nodiscard]] T* take_all() noexcept {
    // Relaxed: an empty word needs no exchange; a push that is not seen here is seen next time.
    if (top_.load(base::relaxed) == 0) return nullptr;
    // [TS2] acquire: sees the nodes; pairs TS1 (push).
    const std::uintptr_t top = top_.exchange(0, base::acquire);
    if (top == parked) return nullptr;
    T* reversed = nullptr;
    for (T* node = reinterpret_cast<T*>(top); node != nullptr;) {
      T* older = node->*Next;
      node->*Next = reversed;
      reversed = node;
      node = older;
    }
    return reversed;
  }

  /// Owner. From empty to PARKED; false when something has been pushed (T2).
  [[nodiscard]] bool try_park() noexcept {
    std::uintptr_t expected = 0;
    // [TS3] seq_cst: the park, then the owner's look at other queues; pairs IQ2 (a producer's push,
    // then its look for sleepers). Relaxed on failure: take_all follows.
    return top_.compare_exchange_strong(expected, parked, base::seq_cst, base::relaxed) ||
           expected == parked;
  }

  /// Owner. From PARKED to empty; a push may have done it before.
  void unpark() noexcept {
    std::uintptr_t expected = parked;
    // Relaxed: nothing is published or read through this change.
    static_cast<void>(top_.compare_exchange_strong(expected, 0, base::relaxed, base::relaxed));
  }

  /// Anybody. Whether take_all would have found something a moment ago.
  [[nodiscard]] bool has_items() const noexcept {
    return top_.load(base::relaxed) > parked;  // Relaxed: a hint.
  }

  /// Anybody. Whether the owner was parked a moment ago.
  [[nodiscard]] bool is_parked() const noexcept {
    return top_.load(base::relaxed) == parked;  // Relaxed: a hint.
  }

 private:
  static constexpr std::uintptr_t parked = 1;

  base::atomic<std::uintptr_t> top_{0};
};

}  // namespace sluice::inline v0::sync
