// model: what the model tests are written with.
//
// A scenario is made, run by three threads and asked at the end whether all is well; model.cpp has
// Relacy do that for many interleavings. Everything a scenario does must follow from Relacy's
// choices alone, so that an execution can be run again: no clock, no addresses, no statics.
#pragma once

#include <source_location>
#include <utility>

#include "base/atomic.hpp"
#include "prepared.hpp"

namespace sluice::inline v0::model {

inline constexpr unsigned thread_count = 3;

/// Made before the threads run, by one of them; what its constructor does all of them see.
class scenario {
 public:
  scenario() noexcept = default;
  scenario(const scenario&) = delete;
  scenario& operator=(const scenario&) = delete;
  virtual ~scenario() = default;
  virtual void run(unsigned thread) = 0;
  /// When all threads have ended; sees what they did.
  virtual void verify() {}
};

/// A static object of this type makes a scenario known as "structure:what".
class registration {
 public:
  using maker = scenario* (*)();
  registration(const char* structure, const char* what, maker make) noexcept;

  const char* structure;
  const char* what;
  maker make;
  const registration* next;
};
template <class Scenario>
[[nodiscard]] scenario* make() {
  return new Scenario;
}

/// Ends the execution as failed unless `holds`.
void expect(bool holds, const char* sentence,
            std::source_location at = std::source_location::current()) noexcept;

/// Lets the others go on; for loops that wait for them.
inline void yield() noexcept { rl::yield(1, RL_INFO); }
[[nodiscard]] inline unsigned this_thread() noexcept {
  return static_cast<unsigned>(rl::ctx().current_thread());
}

/// In the place of a thread_local pointer: one for each of Relacy's threads.
template <class T>
class per_thread {
 public:
  per_thread& operator=(T* value) noexcept {
    values_[this_thread()] = value;
    return *this;
  }
  operator T*() const noexcept { return values_[this_thread()]; }
  T* operator->() const noexcept { return *this; }
  template <class Visit>
  void for_each(Visit&& visit) {
    for (T*& each : values_) visit(std::exchange(each, nullptr));
  }

 private:
  T* values_[thread_count] = {};
};

/// In the place of an atomic with the life of the program: a scenario renews it and ends it.
template <class T>
class of_program {
 public:
  void renew(T value) { now_ = new base::atomic<T>{value}; }
  void end() { delete now_; }
  [[nodiscard]] T load(rl::memory_order order) const noexcept { return now_->load(order); }
  T fetch_add(T amount, rl::memory_order order) noexcept { return now_->fetch_add(amount, order); }
  bool compare_exchange_weak(T& expected, T value, rl::memory_order order,
                             rl::memory_order on_failure) noexcept {
    return now_->compare_exchange_weak(expected, value, order, on_failure);
  }

 private:
  base::atomic<T>* now_ = nullptr;
};

/// Whether base::has_asymmetric_barrier() says yes in this execution; a scenario's constructor sets
/// it.
inline bool has_barrier = true;

}  // namespace sluice::inline v0::model
