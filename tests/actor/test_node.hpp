// A node under test that is judged at its end: what the tests of actor and node share.
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <climits>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include <sluice/sluice.hpp>

#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "base/park.hpp"
#include "mem/block_pool.hpp"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool has_sanitizer = true;
#else
inline constexpr bool has_sanitizer = false;
#endif

/// Counts up from any thread; wait_for() ends when enough came, or fails the test after a minute.
class test_counter {
 public:
  void add(std::uint32_t amount = 1) noexcept {
    // [TN1] release: what the adder did before; pairs TN2 (wait_for).
    count_.fetch_add(amount, sluice::base::release);
    sluice::base::futex_wake(count_, INT32_MAX);
  }
  [[nodiscard]] std::uint32_t value() const noexcept {
    return count_.load(sluice::base::acquire);  // [TN2] acquire, as in reaches.
  }
  /// For handlers, which may not use the test's macros off the main thread.
  [[nodiscard]] bool reaches(std::uint32_t wanted) const noexcept {
    const auto deadline_ns = sluice::base::now_ns() + 60'000'000'000;
    // [TN2] acquire: sees what the adder did; pairs TN1 (add).
    for (auto seen = count_.load(sluice::base::acquire); seen < wanted;
         seen = count_.load(sluice::base::acquire)) {  // [TN2]
      if (sluice::base::now_ns() >= deadline_ns) return false;
      sluice::base::futex_wait(count_, seen, deadline_ns);
    }
    return true;
  }
  void wait_for(std::uint32_t wanted) const { REQUIRE(reaches(wanted)); }

 private:
  mutable sluice::base::atomic<std::uint32_t> count_{0};
};

/// For the start of a meta: until it is asked to stop; false after a minute.
inline bool wait_for_stop(const std::stop_token& stop) {
  test_counter stopped;
  const std::stop_callback on_stop{stop, [&] { stopped.add(); }};
  return stopped.reaches(1);
}

/// Looks at `condition` until it holds; fails the test after a minute.
template <class Condition>
void eventually(Condition&& condition) {
  const auto deadline_ns = sluice::base::now_ns() + 60'000'000'000;
  while (!condition()) {
    REQUIRE(sluice::base::now_ns() < deadline_ns);
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
}

/// Two schedulers without rings, unless the test says otherwise.
[[nodiscard]] inline sluice::node_options plain_options(std::uint32_t schedulers = 2) {
  sluice::node_options options;
  options.schedulers = schedulers;
  options.io = false;
  return options;
}

/// Starts a node; its end checks the conservation law, that nobody and nothing is left, and that no
/// lost wake was rescued.
class test_node {
 public:
  enum company : bool { alone, beside_another };

  explicit test_node(sluice::node_options options = plain_options(), company with = alone)
      : is_alone_(with == alone),
        blocks_before_(sluice::mem::pool().statistics().outstanding_blocks()) {
    options.log = [this](sluice::log_severity, std::string_view text) {
      {
        const std::lock_guard lock{guard_};
        log_ += std::string{text} + "\n";
      }
      log_lines_.add();
    };
    node_.emplace("under test", std::move(options));
    const auto started = node_->start();
    INFO(node_->start_text());
    REQUIRE(started);
  }
  test_node(const test_node&) = delete;
  test_node& operator=(const test_node&) = delete;
  ~test_node() {
    if (node_) finish();
  }

  sluice::node& operator*() noexcept { return *node_; }
  sluice::node* operator->() noexcept { return &*node_; }
  [[nodiscard]] std::string log() const {
    const std::lock_guard lock{guard_};
    return log_;
  }
  [[nodiscard]] const test_counter& log_lines() const noexcept { return log_lines_; }

  /// Until every message has been handled, dropped or rejected.
  void settle() {
    eventually([this] {
      const auto sums = node_->messages();
      return sums.queued == 0 && sums.sent == sums.handled + sums.dropped + sums.rejected;
    });
  }

  /// Stops the node and judges; the destructor does it else. What it counted is the answer.
  sluice::message_statistics finish(std::chrono::nanoseconds patience = std::chrono::seconds{30}) {
    const auto report = node_->stop(patience);
    for (const auto& name : report.not_stopped) UNSCOPED_INFO("did not stop: " << name);
    CHECK(report.is_clean());
    return judge();
  }

  /// After stop(): the conservation law and the rest.
  sluice::message_statistics judge() {
    const auto sums = node_->messages();
    CHECK(sums.sent == sums.handled + sums.dropped + sums.rejected + sums.queued);
    CHECK(sums.queued == 0);
    CHECK(sums.alive == 0);
    for (const auto& each : node_->schedulers()) CHECK(each.rescued_by_timeout == 0);
    node_.reset();
    if (is_alone_) CHECK(sluice::mem::pool().statistics().outstanding_blocks() == blocks_before_);
    return sums;
  }

 private:
  bool is_alone_;
  std::int64_t blocks_before_;
  mutable std::mutex guard_;
  std::string log_;
  test_counter log_lines_;
  std::optional<sluice::node> node_;
};
