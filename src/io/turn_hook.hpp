// turn_hook: a request to be called once at a named point of the ring's turn.
//
// Embedded in its owner, which may be queued on one list at a time; queueing twice is one call.
// Used to gather a turn's writes into one send (before the submission) and to end an object's life
// outside of the call that decided it (after the callbacks). Owner thread only.
#pragma once

#include "base/assert.hpp"

namespace sluice::inline v0::io {

/// One place in a doubly linked list. Leaves its list when destroyed.
class turn_hook {
 public:
  using callback = void (*)(turn_hook&) noexcept;

  explicit turn_hook(callback run) noexcept : run_(run) {}
  turn_hook(const turn_hook&) = delete;
  turn_hook& operator=(const turn_hook&) = delete;
  ~turn_hook() { unlink(); }

  [[nodiscard]] bool is_queued() const noexcept { return next_ != this; }
  void unlink() noexcept {
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = this;
  }

 private:
  friend class turn_hook_list;
  callback run_;
  turn_hook* next_ = this;
  turn_hook* previous_ = this;
};

/// A hook that calls a member function of its owner.
template <class Owner, void (Owner::*Handler)() noexcept>
class bound_hook final : public turn_hook {
 public:
  explicit bound_hook(Owner& owner) noexcept : turn_hook(&deliver), owner_(owner) {}

 private:
  static void deliver(turn_hook& self) noexcept {
    (static_cast<bound_hook&>(self).owner_.*Handler)();
  }
  Owner& owner_;
};

/// First queued, first called.
class turn_hook_list {
 public:
  turn_hook_list() noexcept = default;

  [[nodiscard]] bool is_empty() const noexcept { return !head_.is_queued(); }

  void push_back(turn_hook& hook) noexcept {
    if (hook.is_queued()) return;
    hook.previous_ = head_.previous_;
    hook.next_ = &head_;
    head_.previous_->next_ = &hook;
    head_.previous_ = &hook;
  }

  /// Calls the hooks that are queued now; those queued meanwhile wait for the next run.
  void run_all() noexcept {
    if (is_empty()) return;
    turn_hook_list now;
    now.take_all_from(*this);
    while (!now.is_empty()) {
      turn_hook& hook = *now.head_.next_;
      hook.unlink();
      hook.run_(hook);
    }
  }

 private:
  void take_all_from(turn_hook_list& other) noexcept {
    head_.next_ = other.head_.next_;
    head_.previous_ = other.head_.previous_;
    head_.next_->previous_ = &head_;
    head_.previous_->next_ = &head_;
    other.head_.next_ = other.head_.previous_ = &other.head_;
  }
  turn_hook head_{nullptr};
};

}  // namespace sluice::inline v0::io
