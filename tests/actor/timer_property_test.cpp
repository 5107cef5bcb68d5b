// Random timers over several schedulers, cancelled at random from wherever somebody runs: each
// fires once and never early, or was cancelled and never fires.
#include <catch2/catch_test_macros.hpp>

#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "actor/test_node.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "sched/timer_wheel.hpp"

using namespace std::chrono_literals;
using sluice::base::now_ns;
using sluice::base::random_source;

namespace {

constexpr std::uint32_t clocks = 6;
constexpr std::uint32_t steps = has_sanitizer ? 40 : 200;
constexpr std::uint32_t timers_a_step = 20;
constexpr std::uint32_t timers_max = clocks * steps * timers_a_step;

/// What is known of one timer; who writes a field is its only writer.
struct fate {
  std::int64_t due_ns = 0;                            // who arms it, before
  sluice::base::atomic<std::uint32_t> deliveries{0};  // its receiver
  sluice::base::atomic<std::uint32_t> deliveries_early{0};
  bool was_cancelled = false;  // who holds its handle
  bool was_too_late = false;
};

struct due {
  std::uint32_t id = 0;
};
struct meet {
  std::vector<sluice::pid> everybody;
};
struct step {
  std::uint32_t number = 0;
};
struct held_timer {
  std::uint32_t id = 0;
  sluice::timer handle;
};

class all_fates {
 public:
  all_fates() : fates(timers_max) {}

  /// Its handle goes after this.
  void cancel(held_timer& one) {
    fate& known = fates[one.id];
    if (one.handle.cancel()) {
      known.was_cancelled = true;
      if (one.handle.cancel()) twice.add();
    } else {
      known.was_too_late = true;
    }
  }
  void note_delivery(std::uint32_t id) {
    // Relaxed: counts, read when nothing runs any more.
    if (now_ns() < fates[id].due_ns) {
      fates[id].deliveries_early.fetch_add(1, sluice::base::relaxed);
    }
    fates[id].deliveries.fetch_add(1, sluice::base::relaxed);
  }
  /// For a thread that is nobody's to cancel.
  void hand_out(held_timer one) {
    const std::lock_guard lock{guard_};
    outside_.push_back(std::move(one));
  }
  [[nodiscard]] std::vector<held_timer> take_outside() {
    const std::lock_guard lock{guard_};
    return std::exchange(outside_, {});
  }

  std::vector<fate> fates;
  test_counter twice;
  test_counter over;

 private:
  std::mutex guard_;
  std::vector<held_timer> outside_;
};

struct clockwork : sluice::actor<clockwork, meet, step, due, held_timer> {
  clockwork(all_fates& to, std::uint64_t seed, std::uint32_t first)
      : out(to), random(seed), next_id(first) {}

  void on(const meet& told) { peers = told.everybody; }
  void on(step now) {
    for (std::uint32_t i = 0; i < timers_a_step; ++i) arm();
    while (!own.empty() && random.next_below(3) != 0) {
      std::swap(own[random.next_below(own.size())], own.back());
      part_with(std::move(own.back()));
      own.pop_back();
    }
    if (now.number + 1 < steps) {
      // At once or later, so that handles meet timers of all ages.
      const std::chrono::microseconds pause{random.next_below(2) == 0 ? 0
                                                                      : random.next_below(1'000)};
      send_after(pause, self(), step{now.number + 1});
      return;
    }
    own.clear();  // Let go of: these fire.
    out.over.add();
  }
  void on(due one) { out.note_delivery(one.id); }
  void on(held_timer& one) { out.cancel(one); }

  void arm() {
    static constexpr std::uint32_t longest_us[] = {1, 50, 200, 1'000, 20'000, 150'000};
    const std::chrono::microseconds delay{random.next_below(longest_us[random.next_below(6)])};
    const std::uint32_t id = next_id++;
    out.fates[id].due_ns = now_ns() + std::chrono::nanoseconds{delay}.count();
    own.push_back({id, send_after(delay, peers[random.next_below(clocks)], due{id})});
  }
  void part_with(held_timer one) {
    switch (random.next_below(5)) {
      case 0:
      case 1: return out.cancel(one);
      case 2: send(peers[random.next_below(clocks)], std::move(one)); return;
      case 3: return out.hand_out(std::move(one));
      default: return;  // Let go of: it fires.
    }
  }

  all_fates& out;
  random_source random;
  std::uint32_t next_id;
  std::vector<sluice::pid> peers{};
  std::vector<held_timer> own{};
};

// About the moment in which it does, if that is soon: a cancel from here travels then.
void wait_until_it_fires(std::int64_t due_ns, random_source& random) {
  constexpr std::int64_t tick_ns = sluice::sched::timer_wheel::tick_ns;
  const std::int64_t fires_ns = (due_ns + tick_ns - 1) / tick_ns * tick_ns;
  if (fires_ns - now_ns() > 1'000'000) return;
  const auto before_ns = static_cast<std::int64_t>(random.next_below(8'000));
  while (now_ns() < fires_ns - before_ns) {
  }
}

}  // namespace

TEST_CASE("timers: random ones on several schedulers fire once, not early, unless cancelled") {
  const std::uint64_t seed = static_cast<std::uint64_t>(now_ns());
  INFO("seed " << seed);
  random_source random{seed};
  all_fates out;
  test_node node{plain_options(3)};
  std::vector<sluice::pid> everybody;
  for (std::uint32_t i = 0; i < clocks; ++i) {
    everybody.push_back(
        node->spawn<clockwork>({}, std::ref(out), seed + i, i * steps * timers_a_step)
            .value()
            .id());
  }
  for (const sluice::pid each : everybody) node->send(each, meet{everybody});
  for (const sluice::pid each : everybody) node->send(each, step{});
  bool are_over = false;
  while (!are_over) {
    are_over = out.over.value() == clocks;
    for (held_timer& each : out.take_outside()) {
      wait_until_it_fires(out.fates[each.id].due_ns, random);
      out.cancel(each);
    }
  }
  node.settle();  // The last are due, and what was cancelled elsewhere is back home.
  const auto sums = node.finish();
  std::uint32_t cancelled = 0;
  std::uint32_t too_late = 0;
  std::uint32_t wrong = 0;
  for (const fate& each : out.fates) {
    cancelled += each.was_cancelled ? 1 : 0;
    too_late += each.was_too_late ? 1 : 0;
    const std::uint32_t expected = each.was_cancelled ? 0 : 1;
    if (each.deliveries.load(sluice::base::relaxed) != expected) ++wrong;
    if (each.deliveries_early.load(sluice::base::relaxed) != 0) ++wrong;
  }
  CHECK(wrong == 0);
  CHECK(out.twice.value() == 0);
  CHECK(cancelled == sums.cancelled);
  CHECK(cancelled != 0);
  CHECK(too_late != 0);
}
