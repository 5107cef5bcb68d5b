// plain: a member that is no atomic, under Relacy's eyes. Two accesses that are not ordered, one of
// them a write, are a data race and end the execution. prepare.py puts it in the place of plain
// members of the code under test (edits.ini); scenarios use it for what messages carry.
#pragma once

#include <ostream>
#include <type_traits>

#include "model_relacy.hpp"

namespace sluice::inline v0::model {

/// Which planted bug is alive, from 1 on; 0: none (plants.ini).
extern int planted;

struct plain_event {
  const void* place;
  bool is_load;
  void output(std::ostream& out) const {
    out << "<" << place << "> plain " << (is_load ? "load" : "store");
  }
};

template <class T>
class plain {
 public:
  plain() noexcept : plain(T{}) {}
  plain(T value) noexcept : value_(value), seen_(rl::ctx().var_ctor()) {
    seen_->init(*rl::ctx().threadx_);
  }
  plain(const plain& other) noexcept : plain(other.load()) {}
  // Its end is a write: whoever still used it must have come before.
  ~plain() {
    note(seen_->store(*rl::ctx().threadx_), false);
    rl::ctx().var_dtor(seen_);
  }

  plain& operator=(T value) noexcept {
    note(seen_->store(*rl::ctx().threadx_), false);
    value_ = value;
    return *this;
  }
  plain& operator=(const plain& other) noexcept { return *this = other.load(); }
  plain& operator+=(T value) noexcept requires std::is_arithmetic_v<T> {
    return *this = load() + value;
  }
  operator T() const noexcept { return load(); }
  T operator->() const noexcept requires std::is_pointer_v<T> { return load(); }

  [[nodiscard]] T load() const noexcept {
    note(seen_->load(*rl::ctx().threadx_), true);
    return value_;
  }

 private:
  void note(bool is_ordered, bool is_load) const noexcept {
    rl::context& c = rl::ctx();
    if (c.collecting_history()) c.exec_log(RL_INFO, plain_event{this, is_load});
    if (!is_ordered) c.fail_test("data race detected", rl::test_result_data_race, RL_INFO);
  }

  T value_;
  rl::var_data* seen_;
};

/// In the place of std::mutex, which would stop all of Relacy's threads, since they are one.
class mutex {
 public:
  void lock() { own_.lock(RL_INFO); }
  void unlock() { own_.unlock(RL_INFO); }

 private:
  rl::mutex own_;
};

}  // namespace sluice::inline v0::model
