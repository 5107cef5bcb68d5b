// scenario: what is done again and again under the machine, and judged after each round.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <sluice/sluice.hpp>

#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "base/park.hpp"
#include "machine.hpp"

namespace interleave {

/// One batch: made, run for some rounds, ended. Each judges by fail().
class scenario {
 public:
  scenario() = default;
  scenario(const scenario&) = delete;
  scenario& operator=(const scenario&) = delete;
  virtual ~scenario() = default;
  virtual void round() = 0;
  virtual void end() {}
};

struct kind {
  const char* name;
  std::unique_ptr<scenario> (*make)();
  unsigned rounds;  ///< of a batch
};
extern const kind kinds[];
extern const unsigned kind_count;

inline void expect(bool holds, const char* what) {
  if (!holds) [[unlikely]]
    fail(what);
}

/// Counts up from any fiber; wait_for() sleeps until enough came.
class tally {
 public:
  void add(std::uint32_t amount = 1) noexcept {
    count_.fetch_add(amount, sluice::base::release);
    sluice::base::futex_wake(count_, INT32_MAX);
  }
  [[nodiscard]] std::uint32_t value() const noexcept { return count_.load(sluice::base::acquire); }
  void wait_for(std::uint32_t wanted) const {
    for (std::uint32_t seen = value(); seen < wanted; seen = value()) {
      sluice::base::futex_wait(count_, seen, sluice::base::no_deadline);
    }
  }

 private:
  mutable sluice::base::atomic<std::uint32_t> count_{0};
};

/// Fails when two are inside at once.
class alone {
 public:
  explicit alone(bool& taken) : taken_(taken) {
    expect(!taken_, "two handlers of one process at once");
    taken_ = true;
    sluice::base::interleaved::step();
  }
  alone(const alone&) = delete;
  alone& operator=(const alone&) = delete;
  ~alone() {
    sluice::base::interleaved::step();
    taken_ = false;
  }

 private:
  bool& taken_;
};

/// A node that is judged at its end: the conservation law, nobody left, no wake that a time-out
/// found.
class judged_node {
 public:
  judged_node();
  ~judged_node() = default;
  sluice::node& operator*() noexcept { return *node_; }
  sluice::node* operator->() noexcept { return node_.get(); }
  /// Everything that was sent has been taken, and nobody lives but `alive`.
  void settle(std::uint64_t alive);
  void finish();

 private:
  std::int64_t blocks_before_;
  std::unique_ptr<sluice::node> node_;
};

/// Threads of the host for one round.
void on_threads(const std::vector<std::function<void()>>& bodies);

std::unique_ptr<scenario> make_mail();
std::unique_ptr<scenario> make_calls();
std::unique_ptr<scenario> make_timers();
std::unique_ptr<scenario> make_lives();
std::unique_ptr<scenario> make_metas();
std::unique_ptr<scenario> make_names();
std::unique_ptr<scenario> make_stop();

}  // namespace interleave
