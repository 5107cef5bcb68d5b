#include "machine.hpp"

#include <sys/single_threaded.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <tuple>
#include <vector>

#include "base/atomic.hpp"
#include "base/random.hpp"
#include "fiber.hpp"

namespace interleave {

namespace interleaved = sluice::base::interleaved;

std::string what_runs;

namespace {

constexpr std::int64_t steps_at_once_max = 20'000;  // Then the running one gives way.
constexpr std::uint64_t round_steps_max = 20'000'000;
constexpr std::int64_t spin_ns = 200;
constexpr unsigned changes_max = 4;

bool active = false;
bool interrupts = false;
bool lists_sites = false;
fiber* current = nullptr;
std::vector<fiber*> fibers;    // those that have not finished, by number
std::vector<fiber*> runnable;  // in no order
unsigned next_number = 0;

strategy how = strategy::random;
sluice::base::random_source random_source_{1};
counts count;
std::int64_t granted = 0;
std::uint64_t round_begin_steps = 0;
std::uint64_t round_length = 3000;  // of the rounds before
std::uint64_t mean_steps = 10;
std::int64_t lowest_priority = 0;
std::vector<std::uint64_t> changes;  // steps at which something is changed, the next one last

std::int64_t now = 1'000'000'000;
std::int64_t look_ns = 100;
std::int64_t next_deadline_ns = INT64_MAX;

plant planted;
std::map<std::tuple<std::string, unsigned, std::string, std::string>, std::uint64_t> sites;

void note_steps() noexcept {
  count.steps += static_cast<std::uint64_t>(granted - interleaved::countdown);
  granted = interleaved::countdown;
}

void grant(std::int64_t steps) noexcept {
  note_steps();
  interleaved::countdown = granted = std::min(steps, steps_at_once_max);
}

std::uint64_t steps_of_round() noexcept { return count.steps - round_begin_steps; }

void grant_as_drawn() noexcept {
  note_steps();
  if (!interrupts) return grant(steps_at_once_max);
  if (how == strategy::random) return grant(1 + static_cast<std::int64_t>(draw(2 * mean_steps)));
  if (changes.empty()) return grant(steps_at_once_max);
  const std::uint64_t done = steps_of_round();
  grant(changes.back() > done ? static_cast<std::int64_t>(changes.back() - done) : 1);
}

void go_on_with(fiber& next) noexcept {
  grant_as_drawn();
  if (&next == current) return;
  count.switches += 1;
  count.hash = (count.hash ^ (std::uint64_t{next.number} << 40) ^ count.steps) * 0x100000001b3u;
  fiber& before = *current;
  current = &next;
  exchange(before, next);
}

fiber& anybody() noexcept { return *runnable[draw(runnable.size())]; }

fiber& highest() noexcept {
  return **std::max_element(runnable.begin(), runnable.end(), [](const fiber* a, const fiber* b) {
    return a->priority < b->priority;
  });
}

fiber& somebody_else() noexcept {
  if (runnable.size() == 1) return *runnable.front();
  while (true) {
    fiber& found = anybody();
    if (&found != current) return found;
  }
}

void set_runnable(fiber& one, bool has_timed_out) noexcept {
  one.state = fiber_state::runnable;
  one.has_timed_out = has_timed_out;
  one.awaited = nullptr;
  one.deadline_ns = INT64_MAX;
  runnable.push_back(&one);
}

void wake_those_due() noexcept {
  next_deadline_ns = INT64_MAX;
  for (fiber* each : fibers) {
    if (each->state != fiber_state::blocked) continue;
    if (each->deadline_ns <= now) {
      set_runnable(*each, true);
    } else {
      next_deadline_ns = std::min(next_deadline_ns, each->deadline_ns);
    }
  }
}

void pass_time(std::int64_t by_ns) noexcept {
  now += by_ns;
  if (now >= next_deadline_ns) wake_those_due();
}

void wait_for_somebody() noexcept {
  while (runnable.empty()) {
    next_deadline_ns = INT64_MAX;
    for (const fiber* each : fibers) {
      next_deadline_ns = std::min(next_deadline_ns, each->deadline_ns);
    }
    if (next_deadline_ns == INT64_MAX) fail("deadlock: nobody can run and nobody waits for a time");
    now = std::max(now, next_deadline_ns);
    wake_those_due();
  }
}

void look_for_livelock() noexcept {
  if (steps_of_round() > round_steps_max && interrupts) {
    fail("livelock: the round takes more steps than any should");
  }
}

extern "C" char __executable_start;
extern "C" char etext;

// Words of its stack that point into the program's code: where it waits, roughly, for addr2line.
void print_frames(const fiber& waiting) {
  // The first fiber has the process's stack, which has the environment above it.
  const std::ptrdiff_t above = waiting.stack == nullptr
                                   ? 200
                                   : reinterpret_cast<void**>(waiting.stack + stack_bytes) -
                                         static_cast<void**>(waiting.stack_pointer);
  const std::ptrdiff_t words_max = std::min<std::ptrdiff_t>(above, 400);
  constexpr int found_max = 24;
  const auto* const words = static_cast<const std::uintptr_t*>(waiting.stack_pointer);
  const auto begin = reinterpret_cast<std::uintptr_t>(&__executable_start);
  const auto end = reinterpret_cast<std::uintptr_t>(&etext);
  std::printf("  fiber %u %s:", waiting.number,
              waiting.state == fiber_state::runnable ? "could run"
              : waiting.deadline_ns == INT64_MAX     ? "waits for ever"
                                                     : "waits for a time");
  int found = 0;
  for (std::ptrdiff_t i = 0; i < words_max && found < found_max; ++i) {
    if (words[i] <= begin || words[i] >= end) continue;
    std::printf(" %llx", static_cast<unsigned long long>(words[i] - begin));
    found += 1;
  }
  std::printf("\n");
}

void begin_fiber() {
  fiber& self = *current;
  finish_running(self.body(self.argument));
}

}  // namespace

bool is_active() noexcept { return active; }
fiber& running() noexcept { return *current; }
counts& counted() noexcept { return count; }

std::uint64_t draw(std::uint64_t below) noexcept { return random_source_.next_below(below); }
bool is_unlikely() noexcept { return interrupts && draw(64) == 0; }

void start() {
  current = new fiber;
  current->number = next_number++;
  adopt_this_thread(*current);
  fibers.push_back(current);
  runnable.push_back(current);
  active = true;
  __libc_single_threaded = 0;  // Or libstdc++ leaves out what only threads need.
  granted = interleaved::countdown = steps_at_once_max;
}

void seed_with(std::uint64_t seed, strategy chosen) {
  random_source_ = sluice::base::random_source{seed};
  how = chosen;
  look_ns = std::int64_t{20} << draw(8);
}

void begin_round() {
  note_steps();
  if (interrupts) round_length = std::max<std::uint64_t>(steps_of_round(), 100);
  interrupts = true;
  round_begin_steps = count.steps;
  count.rounds += 1;
  mean_steps = std::uint64_t{2} << draw(6);
  lowest_priority = 0;
  for (fiber* each : fibers) each->priority = 1 + static_cast<std::int64_t>(draw(1 << 20));
  changes.clear();
  if (how != strategy::random) {
    for (std::uint64_t i = 1 + draw(changes_max); i > 0; --i) {
      changes.push_back(1 + draw(round_length + round_length / 4));
    }
    std::sort(changes.begin(), changes.end(), std::greater<>{});
  }
  grant_as_drawn();
}

std::int64_t look_at_clock() noexcept {
  if (active) pass_time(look_ns);
  return now;
}

bool block(const void* awaited, std::int64_t deadline_ns) noexcept {
  note_steps();
  look_for_livelock();
  fiber& self = *current;
  if (deadline_ns <= now) return false;
  self.state = fiber_state::blocked;
  self.awaited = awaited;
  self.deadline_ns = deadline_ns;
  next_deadline_ns = std::min(next_deadline_ns, deadline_ns);
  std::erase(runnable, &self);
  wait_for_somebody();
  go_on_with(how == strategy::pct ? highest() : anybody());
  return !self.has_timed_out;
}

unsigned wake(const void* awaited, unsigned most) noexcept {
  unsigned woken = 0;
  while (woken < most) {
    fiber* found = nullptr;
    std::uint64_t seen = 0;
    for (fiber* each : fibers) {
      if (each->state != fiber_state::blocked || each->awaited != awaited) continue;
      if (draw(++seen) == 0) found = each;
    }
    if (found == nullptr) break;
    set_runnable(*found, false);
    ++woken;
  }
  // One with a higher priority goes on at the next step.
  if (woken != 0 && how == strategy::pct) grant(1);
  return woken;
}

fiber* create(void* (*body)(void*), void* argument) {
  auto* const fresh = new fiber;
  fresh->number = next_number++;
  fresh->body = body;
  fresh->argument = argument;
  fresh->priority = 1 + static_cast<std::int64_t>(draw(1 << 20));
  prepare(*fresh, &begin_fiber);
  fibers.push_back(fresh);
  runnable.push_back(fresh);
  if (interrupts) grant(1);
  return fresh;
}

void finish_running(void* answer) noexcept {
  fiber& self = *current;
  self.answer = answer;
  self.state = fiber_state::finished;
  std::erase(runnable, &self);
  std::erase(fibers, &self);
  wake(&self, UINT32_MAX);
  wait_for_somebody();
  // Nobody makes a fiber on this stack before it has been left: that takes another one to run.
  retire(self);
  fiber& next = how == strategy::pct ? highest() : anybody();
  // One that is detached is a few hundred bytes of a process that soon ends.
  go_on_with(next);
  __builtin_unreachable();
}

void* join(fiber& other) noexcept {
  while (other.state != fiber_state::finished) block(&other, INT64_MAX);
  void* const answer = other.answer;
  delete &other;
  return answer;
}

void detach(fiber& other) noexcept { other.is_detached = true; }

void fail(std::string_view why) noexcept {
  std::printf("failed: %s: round %llu: %.*s\n", what_runs.c_str(),
              static_cast<unsigned long long>(count.rounds), static_cast<int>(why.size()),
              why.data());
  for (const fiber* each : fibers) {
    if (each == current) continue;
    print_frames(*each);
  }
  std::fflush(stdout);
  ::_exit(3);
}

void plant_defect(plant what) {
  planted = std::move(what);
  interleaved::is_watched = 1;
}

void list_sites(bool on) noexcept {
  lists_sites = on;
  interleaved::is_watched = on;
}

void print_sites() {
  for (const auto& [site, times] : sites) {
    const auto& [file, line, function, operation] = site;
    std::printf("%s %u %s %s %llu\n", file.c_str(), line, operation.c_str(), function.c_str(),
                static_cast<unsigned long long>(times));
  }
}

}  // namespace interleave

namespace sluice::inline v0::base::interleaved {

std::int64_t countdown = INT64_MAX;
unsigned is_watched = 0;

void reschedule() noexcept {
  using namespace interleave;
  if (!active) {
    countdown = INT64_MAX;
    return;
  }
  note_steps();
  look_for_livelock();
  const bool was_long = granted <= 0 && how != strategy::random;
  if (!interrupts) return go_on_with(somebody_else());
  if (how == strategy::random) return go_on_with(anybody());
  bool is_change = false;
  while (!changes.empty() && changes.back() <= steps_of_round()) {
    changes.pop_back();
    is_change = true;
  }
  if (how == strategy::pct) {
    if (is_change) current->priority = --lowest_priority;
    return go_on_with(highest());
  }
  static_cast<void>(was_long);
  go_on_with(is_change ? somebody_else() : *current);
}

void yield() noexcept {
  using namespace interleave;
  if (!active) return;
  note_steps();
  look_for_livelock();
  pass_time(spin_ns);
  // Who spins waits for the others.
  if (how == strategy::pct) {
    current->priority = --lowest_priority;
    return go_on_with(highest());
  }
  go_on_with(somebody_else());
}

defect defect_at(const std::source_location& place, const char* operation) noexcept {
  using namespace interleave;
  const std::string_view file{place.file_name()};
  if (lists_sites) {
    const std::size_t at = file.find("src/");
    sites[{std::string{file.substr(at == file.npos ? 0 : at)}, place.line(), place.function_name(),
           operation}] += 1;
    return defect::none;
  }
  if (planted.operation != operation || !file.ends_with(planted.file)) return defect::none;
  if (std::string_view{place.function_name()}.find(planted.function) == std::string_view::npos) {
    return defect::none;
  }
  return planted.is_dropped ? defect::dropped : defect::split;
}

}  // namespace sluice::inline v0::base::interleaved
