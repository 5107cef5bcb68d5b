// mpsc_queue: an intrusive FIFO with wait-free push (exchange-linked, after Dmitry Vyukov).
//
// What: order of arrival is the order of the exchanges, over all producers. pop has three answers:
//   `busy` says that a producer stands between its exchange and its link, so a completed push may
//   be hidden behind it; `empty` is said only when no push has taken its place in the queue.
// When not: where the owner must sleep on the queue itself or close it (use take_all_stack or the
//   mailbox); where busy cannot be retried later.
// Who: anybody pushes; the owner pops. The caller of a busy pop does other work, and never spins
//   long.
// Progress: push wait-free, pop wait-free.
// Memory: one stub node in place. A node belongs to the queue from push until pop returns it.
#pragma once

#include <concepts>

#include "base/atomic.hpp"

namespace sluice::inline v0::sync {

/// What an element derives from.
struct mpsc_link {
  base::atomic<mpsc_link*> next{nullptr};
};

enum class pop_outcome : unsigned char { item, empty, busy };

template <std::derived_from<mpsc_link> T>
class mpsc_queue {
 public:
  struct popped {
    pop_outcome outcome;
    T* item;
  };

  mpsc_queue() noexcept = default;
  mpsc_queue(const mpsc_queue&) = delete;
  mpsc_queue& operator=(const mpsc_queue&) = delete;

  /// Any thread.
  void push(T* item) noexcept { link(item); }

  /// Owner.
  [[nodiscard]] popped pop() noexcept {
    mpsc_link* first = first_;
    // [MQ1] acquire: sees the node behind the link; pairs MQ3 (link).
    mpsc_link* second = first->next.load(base::acquire);
    if (first == &stub_) {
      if (second == nullptr) return nothing_linked(first);
      first_ = second;
      first = second;
      second = second->next.load(base::acquire);  // [MQ1]
    }
    if (second == nullptr) {
      // Relaxed: only the address counts; a newer one means a producer has not linked yet.
      if (last_.load(base::relaxed) != first) return {pop_outcome::busy, nullptr};
      link(&stub_);
      second = first->next.load(base::acquire);  // [MQ1]
      if (second == nullptr) return {pop_outcome::busy, nullptr};
    }
    first_ = second;
    return {pop_outcome::item, static_cast<T*>(first)};
  }

 private:
  void link(mpsc_link* node) noexcept {
    // Relaxed: published by the exchange and the store below.
    node->next.store(nullptr, base::relaxed);
    // [MQ2] acq_rel: takes the place in the order; the acquire sees the predecessor's cleared link,
    // the release shows ours; pairs MQ2 (the next producer).
    mpsc_link* before = last_.exchange(node, base::acq_rel);
    // [MQ3] release: publishes the node; pairs MQ1 (pop).
    before->next.store(node, base::release);
  }

  popped nothing_linked(const mpsc_link* first) const noexcept {
    // Relaxed: equal addresses mean that no push has taken a place after the stub.
    const bool is_empty = last_.load(base::relaxed) == first;
    return {is_empty ? pop_outcome::empty : pop_outcome::busy, nullptr};
  }

  // Written by producers.
  alignas(base::cache_line_bytes) base::atomic<mpsc_link*> last_{&stub_};
  // Written by the owner (the stub's link also by the producer after it).
  alignas(base::cache_line_bytes) mpsc_link* first_ = &stub_;
  mpsc_link stub_;
};

}  // namespace sluice::inline v0::sync
