#include "finish_line.hpp"

#include <utility>

#include "crossings.hpp"

namespace actor_bench {

void finish_line::arm(std::uint64_t parties) {
  const std::lock_guard lock{guard_};
  missing_ = parties;
}

void finish_line::arrive() {
  const auto now = bench_clock::now();
  const std::lock_guard lock{guard_};
  if (missing_ == 0) {
    if (failure_.empty()) failure_ = "more actors came to an end than there are";
    return;
  }
  ended_at_ = now;
  if (--missing_ == 0) changed_.notify_all();
}

void finish_line::fail(std::string why) {
  const std::lock_guard lock{guard_};
  if (failure_.empty()) failure_ = std::move(why);
  changed_.notify_all();
}

bool finish_line::wait_until(bench_clock::time_point deadline) {
  std::unique_lock lock{guard_};
  return changed_.wait_until(lock, deadline, [this] { return missing_ == 0 || !failure_.empty(); });
}

bench_clock::time_point finish_line::ended_at() const {
  const std::lock_guard lock{guard_};
  return ended_at_;
}

std::string finish_line::failure() const {
  const std::lock_guard lock{guard_};
  return failure_;
}

void finish_line::look_closer(std::uint64_t got, std::uint64_t wanted, const char* who) {
  if (crossed.is_counting()) got = crossed.receive(got);
  if (got == wanted) return;
  fail(std::string{who} + " got number " + std::to_string(got) + " instead of " +
       std::to_string(wanted));
}

}  // namespace actor_bench
