// operation: one request under way, embedded in whoever asked for it, and the table that turns a
// completion's number back into it.
//
// When: anything that a driver is asked for. Not for messages or timers of actors (sched).
// Who: the driver's owner thread alone; no atomics here.
// Rules
//   O1  An operation is in flight from start() until its final completion (no F_MORE) has been
//       handed to its callback; it must not be destroyed or moved before that.
//   O2  A cancel only asks. The memory the kernel was given belongs to the operation until O1's
//       end.
//   O3  user_data is slot + generation + kind. A number whose generation is not the slot's is a
//       late completion: counted and ignored (its buffer, if any, goes back to the ring).
//   O4  The slot is free before the final callback runs, so the callback may start again or destroy
//       the operation.
// A slot is never free while a completion for it is due, so a generation that wraps after 2^32
// starts of one slot meets no old number: kernel defects aside, nothing is retired.
#pragma once

#include <cstdint>
#include <vector>

#include "base/assert.hpp"

namespace sluice::inline v0::io {

/// What the kernel said about an operation: its result (or -errno) and the flags of the entry.
struct completion {
  static constexpr unsigned flag_buffer = 1U << 0;  // IORING_CQE_F_BUFFER
  static constexpr unsigned flag_more = 1U << 1;    // IORING_CQE_F_MORE

  int result = 0;
  unsigned flags = 0;

  /// No further completion comes for this start. Decided by the flag alone, whatever the result.
  [[nodiscard]] bool is_final() const noexcept { return (flags & flag_more) == 0; }
  /// A provided buffer was taken. Without it buffer_index() means nothing, least of all buffer 0.
  [[nodiscard]] bool has_buffer() const noexcept { return (flags & flag_buffer) != 0; }
  [[nodiscard]] unsigned buffer_index() const noexcept { return flags >> 16; }
};

/// The part every request has. Derive through bound_operation.
class operation {
 public:
  using callback = void (*)(operation&, completion) noexcept;

  explicit operation(callback on_completion) noexcept : on_completion_(on_completion) {}
  operation(const operation&) = delete;
  operation& operator=(const operation&) = delete;
  ~operation() { SLUICE_ASSERT(!in_flight(), "O1: an operation was destroyed in flight"); }

  [[nodiscard]] bool in_flight() const noexcept { return user_data_ != 0; }

 private:
  friend class operation_table;
  friend class driver;

  callback on_completion_;
  std::uint64_t user_data_ = 0;  // 0 = not in flight; no number is 0 (kinds start at 1)
  bool cancel_asked_ = false;
};

/// An operation whose completions go to a member function of its owner (which embeds it).
template <class Owner, void (Owner::*Handler)(completion) noexcept>
class bound_operation final : public operation {
 public:
  explicit bound_operation(Owner& owner) noexcept : operation(&deliver), owner_(owner) {}

 private:
  static void deliver(operation& self, completion what) noexcept {
    (static_cast<bound_operation&>(self).owner_.*Handler)(what);
  }
  Owner& owner_;
};

/// What a completion is about.
enum class entry_kind : std::uint8_t {
  operation = 1,
  ignored = 2,  ///< the driver's own: a cancel, the watch of its wake signal
};

/// Slots with generations. Grows with the operations in flight, never shrinks.
class operation_table {
 public:
  /// Numbers `op` and marks it in flight. Asserts O1 (it is not already).
  [[nodiscard]] std::uint64_t enter(operation& op);

  /// The operation `user_data` stands for, or null for a late or foreign number.
  [[nodiscard]] operation* find(std::uint64_t user_data) const noexcept {
    const std::uint32_t slot = slot_of(user_data);
    if (slot >= slots_.size()) return nullptr;
    const entry& there = slots_[slot];
    if (there.generation != static_cast<std::uint32_t>(user_data >> 32)) return nullptr;
    return there.op;
  }

  /// Ends `op`'s flight and frees its slot (O4).
  void leave(operation& op) noexcept;

  [[nodiscard]] std::uint32_t in_flight_count() const noexcept { return in_flight_count_; }

  /// Small numbers, re-used: for tables that a driver keeps beside this one.
  [[nodiscard]] static std::uint32_t slot_of(std::uint64_t user_data) noexcept {
    return static_cast<std::uint32_t>(user_data & (slot_count_max - 1));
  }
  [[nodiscard]] static entry_kind kind_of(std::uint64_t user_data) noexcept {
    return static_cast<entry_kind>((user_data >> 24) & 0xff);
  }
  [[nodiscard]] static constexpr std::uint64_t number(std::uint32_t slot, std::uint32_t generation,
                                                      entry_kind kind) noexcept {
    return (std::uint64_t{generation} << 32) |
           (std::uint64_t{static_cast<std::uint8_t>(kind)} << 24) | slot;
  }

 private:
  static constexpr std::uint32_t slot_count_max = 1U << 24;
  static constexpr std::uint32_t no_slot = UINT32_MAX;

  struct entry {
    operation* op = nullptr;
    std::uint32_t generation = 0;
    std::uint32_t next_free = no_slot;
  };

  std::vector<entry> slots_;
  std::uint32_t first_free_ = no_slot;
  std::uint32_t in_flight_count_ = 0;
};

}  // namespace sluice::inline v0::io
