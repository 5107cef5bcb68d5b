// fiber: a thread of the program under test as the seeded scheduler sees it, and the switch between
// two.
//
// One host thread runs them all, one at a time. What a thread has for itself (thread_locals of the
// program, keys of the thread library, the exceptions it handles) is exchanged with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace interleave {

inline constexpr unsigned keys_max = 16;
inline constexpr std::size_t stack_bytes = 256 * 1024;

enum class fiber_state : unsigned char { runnable, blocked, finished };

struct fiber {
  unsigned number = 0;
  fiber_state state = fiber_state::runnable;
  bool is_detached = false;
  bool has_timed_out = false;
  const void* awaited = nullptr;  ///< while it is blocked
  std::int64_t deadline_ns = INT64_MAX;
  std::int64_t priority = 0;  ///< of PCT; the highest runs

  void* (*body)(void*) = nullptr;
  void* argument = nullptr;
  void* answer = nullptr;

  void* stack_pointer = nullptr;
  std::byte* stack = nullptr;
  std::unique_ptr<std::byte[]> locals;  ///< of the program's thread_locals, while it does not run
  void* exceptions[2] = {nullptr, nullptr};
  void* keys[keys_max] = {};
};

/// The calling thread as the first fiber. Once.
void adopt_this_thread(fiber& first);
/// Gives it a stack on which it begins with `entry`, which never returns.
void prepare(fiber& fresh, void (*entry)());
/// Takes the stack of one that has finished and does not run.
void retire(fiber& finished) noexcept;
/// Goes on with `to`; returns when somebody switches back.
void exchange(fiber& from, fiber& to) noexcept;

}  // namespace interleave
