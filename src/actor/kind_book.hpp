// kind_book: how many of which kind (behaviour) one thread has spawned and has seen end.
//
// What: counters of one writer, in a line of their own for each kind, found by the kind that was
//   counted last or else in a small table. So it costs a spawn and an end some plain instructions,
//   no line that others write, and messages nothing.
// Who: the execution it belongs to counts; anybody who holds the node's list of executions reads.
// Rules: KB1 entries are only added, in front of their list, and stay until the execution goes.
#pragma once

#include <cstdint>
#include <vector>

#include <sluice/exit_reason.hpp>

#include "actor/slot.hpp"
#include "base/atomic.hpp"

namespace sluice::inline v0::core {

inline constexpr unsigned exit_code_count = static_cast<unsigned>(exit_code::no_process) + 1;

/// Of one kind; sums.
struct kind_totals {
  const behaviour* what = nullptr;
  std::uint64_t spawned = 0;
  std::uint64_t ended[exit_code_count] = {};
};

class kind_book {
 public:
  kind_book() noexcept = default;
  kind_book(const kind_book&) = delete;
  kind_book& operator=(const kind_book&) = delete;
  ~kind_book();

  /// Owner.
  void count_spawned(const behaviour& what) noexcept {
    base::add_single_writer(of(what).spawned, std::uint64_t{1});
  }
  void count_ended(const behaviour& what, exit_code why) noexcept {
    base::add_single_writer(of(what).ended[static_cast<unsigned>(why)], std::uint64_t{1});
  }

  /// Any thread: adds the ends, or what was spawned, to `sums`.
  void add_ended(std::vector<kind_totals>& sums) const;
  void add_spawned(std::vector<kind_totals>& sums) const;

 private:
  struct entry {
    const behaviour* what = nullptr;
    entry* next = nullptr;
    base::atomic<std::uint64_t> spawned{0};
    base::atomic<std::uint64_t> ended[exit_code_count] = {};
  };
  struct alignas(base::cache_line_bytes) own_lines : entry {};
  static constexpr unsigned list_count = 16;

  entry& of(const behaviour& what) noexcept {
    if (last_->what != &what) [[unlikely]]
      last_ = &find(what);
    return *last_;
  }
  [[gnu::noinline]] entry& find(const behaviour& what) noexcept;
  template <class Use>
  void for_each(Use&& use) const;

  entry* last_ = &nobody_;
  base::atomic<entry*> lists_[list_count] = {};
  entry nobody_;  // of kinds for which memory was out
};

}  // namespace sluice::inline v0::core
