// machine: who runs next, in virtual time, as a seed draws it.
//
// What: fibers in the place of threads. At each access of an atomic, lock, wait and look at the
// clock
//   another one may go on. Strategies:
//     random       after a number of steps that a seed draws, anybody
//     pct          the one with the highest priority; at a few steps the running one gets the
//     lowest
//                  (Burckhardt et al., A Randomized Scheduler with Probabilistic Guarantees, 2010)
//     preemptions  nobody is interrupted but at a few steps
// Time: moves by looks at the clock and by spinning; when nobody can run, to the earliest deadline.
// Failures: nobody can run and nobody waits for a time; a round takes more than its steps. Both,
// and
//   fail(), end this process with what it was doing.
// Who: one process, whose main thread calls start() once. Deterministic: equal seeds give equal
//   trace hashes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace interleave {

enum class strategy : unsigned char { random, pct, preemptions };
inline constexpr const char* strategy_names[] = {"random", "pct", "preemptions"};

struct counts {
  std::uint64_t rounds = 0;
  std::uint64_t steps = 0;
  std::uint64_t switches = 0;
  std::uint64_t messages = 0;  ///< whose order was checked
  std::uint64_t hash = 0xcbf29ce484222325u;
};

/// From here pthread_create makes fibers. Nobody is interrupted before the first begin_round().
void start();
/// A batch: all that follows is drawn from `seed`.
void seed_with(std::uint64_t seed, strategy how);
/// One interleaving: draws its priorities, its steps of change, its lengths.
void begin_round();
[[nodiscard]] counts& counted() noexcept;
/// From the batch's seed; for what scenarios draw.
[[nodiscard]] std::uint64_t draw(std::uint64_t below) noexcept;

/// Says what went wrong and ends the process.
[[noreturn]] void fail(std::string_view why) noexcept;
/// Called by fail() to say where.
extern std::string what_runs;

// For the calls of the host (host_calls.cpp).
[[nodiscard]] bool is_active() noexcept;
[[nodiscard]] std::int64_t look_at_clock() noexcept;
/// Until wake(awaited) or the deadline; false: the deadline has passed.
bool block(const void* awaited, std::int64_t deadline_ns) noexcept;
/// Those that wait there, at most `count`, in an order that the seed draws.
unsigned wake(const void* awaited, unsigned count) noexcept;
struct fiber;
[[nodiscard]] fiber& running() noexcept;
fiber* create(void* (*body)(void*), void* argument);
[[noreturn]] void finish_running(void* answer) noexcept;
/// Waits for its end, and forgets it.
void* join(fiber& other) noexcept;
void detach(fiber& other) noexcept;
[[nodiscard]] bool is_unlikely() noexcept;  ///< now and then: for what a kernel may do unasked

/// Plants one defect at accesses in `file` within `function`, or notes sites.
struct plant {
  std::string file;
  std::string function;
  std::string operation;
  bool is_dropped = false;
};
void plant_defect(plant what);
void list_sites(bool on) noexcept;
void print_sites();

}  // namespace interleave
