// exchange_mailbox: the exchange-linked candidate for the mailbox, kept to be raced against it.
//
// What: two lists (data, control) linked by their producers, MCS style, without a dummy node: the
//   word of a list is its newest node, or empty, or (data only) idle. The exchange that finds empty
//   or idle makes its node `first`; the owner holds the node it handles until a successor is linked
//   or the list is retired by CAS.
// When not: outside of the race. It cannot be closed (an exchange would erase the mark), so the
//   slot would have to answer for the dead; and a waiting state is not built.
// Who: push by anybody; next and try_park by the owner.
// Progress: push is wait-free. next may be `busy`: a producer stands between exchange and link.
// Rules:
//   X1 The right to run is granted only by the push that takes idle away, to its caller.
//   X2 A node that was handled is given back only after its successor is known or its list retired.
//   X3 A control push that took nothing away clears idle on the data word; after parking the data
//      word the owner looks at control again and takes idle back by a read-modify-write.
#pragma once

#include <cstdint>
#include <utility>

#include "base/atomic.hpp"

namespace sluice::bench {

struct exchange_node {
  base::atomic<exchange_node*> next{nullptr};
};

enum class next_outcome : unsigned char { item, none, busy };

class exchange_mailbox {
 public:
  /// Any thread. `first` to `last` are linked by next; true: the caller must schedule the owner.
  [[nodiscard]] bool push(exchange_node* first, exchange_node* last, bool is_control) noexcept {
    last->next.store(nullptr, base::relaxed);  // Relaxed: published by the exchange.
    list& to = lists_[is_control];
    // [XM1] acq_rel: takes the place in the order, and who takes idle receives what the last owner
    // left; pairs XM4 (retire), XM1 (the next producer).
    const std::uintptr_t before =
        to.newest.exchange(reinterpret_cast<std::uintptr_t>(last), base::acq_rel);
    if (before > idle) {
      // [XM2] release: publishes the chain; pairs XM3 (next).
      reinterpret_cast<exchange_node*>(before)->next.store(first, base::release);
    } else {
      to.first.store(first, base::release);  // [XM2]
    }
    if (before == idle) return true;  // X1
    if (!is_control) return false;
    // [XM5] acq_rel: X3, the chain before, the owner's state after; pairs XM4, XM6.
    return lists_[0].newest.fetch_and(~idle, base::acq_rel) == idle;
  }

  /// Owner. The next node of a list, after giving the one before it to `give_back` (X2).
  template <class GiveBack>
  [[nodiscard]] std::pair<next_outcome, exchange_node*> next(bool is_control,
                                                             GiveBack&& give_back) noexcept {
    list& from = lists_[is_control];
    exchange_node* const now = from.held;
    // [XM3] acquire: sees the node behind the link; pairs XM2 (push).
    exchange_node* const following =
        now != nullptr ? now->next.load(base::acquire) : from.first.load(base::acquire);
    if (following == nullptr) {
      // Relaxed: only the value counts; another one means that a producer has not linked yet.
      const std::uintptr_t newest = from.newest.load(base::relaxed);
      const bool is_last = now != nullptr ? newest == word_of(now) : newest <= idle;
      return {is_last ? next_outcome::none : next_outcome::busy, nullptr};
    }
    // Relaxed: producers store `first` again only after the list was retired.
    if (now == nullptr) from.first.store(nullptr, base::relaxed);
    if (now != nullptr) give_back(now);
    from.held = following;
    return {next_outcome::item, following};
  }

  /// Owner, both lists seen to the end. True: idle, and the caller owns nothing any more.
  template <class GiveBack>
  [[nodiscard]] bool try_park(GiveBack&& give_back) noexcept {
    list& control = lists_[1];
    if (control.held != nullptr && !retire(control, empty, give_back)) return false;
    if (!retire(lists_[0], idle, give_back)) return false;
    // [XM6] acquire: X3; pairs XM5 (push).
    if (control.newest.load(base::acquire) == empty) return true;
    return lists_[0].newest.fetch_and(~idle, base::acq_rel) != idle;  // [XM5]
  }

 private:
  static constexpr std::uintptr_t empty = 0;
  static constexpr std::uintptr_t idle = 1;

  struct list {
    base::atomic<std::uintptr_t> newest{empty};
    base::atomic<exchange_node*> first{nullptr};
    exchange_node* held = nullptr;  // owner only: handled, not yet given back
  };

  static std::uintptr_t word_of(const exchange_node* node) noexcept {
    return reinterpret_cast<std::uintptr_t>(node);
  }

  template <class GiveBack>
  bool retire(list& of, std::uintptr_t as, GiveBack& give_back) noexcept {
    exchange_node* const last = std::exchange(of.held, nullptr);
    std::uintptr_t expected = word_of(last);  // Null is empty.
    // [XM4] acq_rel: what the owner wrote to the slot, and a control push that came before; pairs
    // XM1, XM5 (push). A failure means new mail behind `last`.
    if (!of.newest.compare_exchange_strong(expected, as, base::acq_rel, base::relaxed)) {
      of.held = last;
      return false;
    }
    if (last != nullptr) give_back(last);
    return true;
  }

  list lists_[2];
};

}  // namespace sluice::bench
