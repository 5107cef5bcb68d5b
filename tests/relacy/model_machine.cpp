// Compiled instead of base/park.cpp, base/asymmetric_barrier.cpp and base/assert.cpp.
//
// A futex compares with the newest value of the word and orders nothing: Relacy's own futex would
// give who wakes up what the waker did, which is the business of the code under test. A sleep may
// end for no reason, and by time if it has a deadline. What never ends is a deadlock to Relacy: a
// lost wake.
#include "model_machine.hpp"

#include <cstdlib>

#include "base/assert.hpp"
#include "base/asymmetric_barrier.hpp"
#include "base/clock.hpp"
#include "base/park.hpp"
#include "model.hpp"

namespace sluice::inline v0 {
namespace model {
namespace {

constexpr unsigned words_max = 4;

struct sleepers {
  const void* word = nullptr;
  rl::waitset<thread_count> waiting;
};
sleepers places[words_max];

// A search of everything would else wake for no reason again and again, without an end.
unsigned baseless_wakes_left = 0;

sleepers& place_for(const void* word) {
  for (auto& place : places) {
    if (place.word == nullptr) place.word = word;
    if (place.word == word) return place;
  }
  rl::ctx().fail_test("too many words to sleep on", rl::test_result_inconsistent_test_suite,
                      RL_INFO);
  std::abort();
}

}  // namespace

void forget_sleepers() noexcept {
  for (auto& place : places) {
    place.word = nullptr;
    place.waiting = {};
  }
  baseless_wakes_left = rl::ctx().is_random_sched() ? 1000 : 1;
}

}  // namespace model

namespace base {

wait_outcome futex_wait(const atomic<std::uint32_t>& word, std::uint32_t expected,
                        nanoseconds_t deadline_ns) noexcept {
  rl::context& c = rl::ctx();
  if (const_cast<atomic<std::uint32_t>&>(word).newest() != expected)
    return wait_outcome::woken_or_changed;
  const bool is_timed = deadline_ns != no_deadline;
  const bool may_be_baseless = model::baseless_wakes_left != 0;
  const rl::unpark_reason why =
      model::place_for(&word).waiting.park_current(c, is_timed, may_be_baseless, false, RL_INFO);
  if (why == rl::unpark_reason_spurious) --model::baseless_wakes_left;
  return why == rl::unpark_reason_timeout ? wait_outcome::timed_out
                                          : wait_outcome::woken_or_changed;
}

void futex_wake(const atomic<std::uint32_t>& word, int count) noexcept {
  rl::context& c = rl::ctx();
  c.sched();
  for (int i = 0; i < count; ++i) {
    if (!model::place_for(&word).waiting.unpark_one(c, RL_INFO)) return;
  }
}

bool has_asymmetric_barrier() noexcept { return model::has_barrier; }

// What membarrier(2) promises: each thread is brought up to date, and shows what it did, at a point
// between two of its accesses.
void heavy_barrier() noexcept {
  rl::ctx().sched();
  rl::systemwide_fence(RL_INFO);
}

void assertion_failed(const char*, const char* sentence, const char* file, int line,
                      unsigned long long) noexcept {
  rl::ctx().fail_test(sentence, rl::test_result_user_assert_failed,
                      {"assertion", file, static_cast<unsigned>(line)});
  std::abort();
}

}  // namespace base
}  // namespace sluice::inline v0
