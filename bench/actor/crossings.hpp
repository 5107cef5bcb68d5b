// crossings: which messages were sent on one thread and handled on another, counted on request.
//
// Counting, a message's number carries the thread that sent it in its upper bits, and its receiver
// takes them out. Otherwise that costs nothing: sending is the plant's one compare, receiving the
// finish line's. Only workloads whose receivers check every number by them can be counted; any
// other finds numbers that it does not expect, and fails.
// Who: any thread that sends or handles; the driver reads the sums.
#pragma once

#include <atomic>
#include <cstdint>

namespace actor_bench {

class crossings {
 public:
  struct sums {
    std::uint64_t received = 0;
    std::uint64_t crossed = 0;  ///< of received: on another thread than they were sent on
    std::uint64_t moved = 0;  ///< of received, by an actor on another thread than it ran on before
  };

  /// Before any actor runs.
  void begin_counting() noexcept { is_counting_ = true; }
  [[nodiscard]] bool is_counting() const noexcept { return is_counting_; }

  /// The number with the mark of the calling thread instead of any other.
  [[nodiscard]] std::uint64_t mark(std::uint64_t number) noexcept;
  /// The number without its mark, counted if it had one.
  std::uint64_t receive(std::uint64_t number) noexcept;
  /// The same where the number itself is not looked at.
  void note(std::uint64_t number) noexcept {
    if (number >= first_mark) [[unlikely]]
      receive(number);
  }

  /// Of an actor whose moves are counted, which keeps `last`, 0 at first: a message is handled
  /// here.
  void note_place(std::uint64_t& last) noexcept {
    if (is_counting_) [[unlikely]]
      receive_at(last);
  }

  /// Driver, nothing under way. Throws std::runtime_error when there were too many threads to
  /// count.
  [[nodiscard]] sums total() const;

 private:
  static constexpr unsigned number_bits = 48;
  static constexpr std::uint64_t first_mark = std::uint64_t{1} << number_bits;
  static constexpr std::uint64_t threads_max = 4096;

  // Written by its thread.
  struct alignas(64) cell {
    std::atomic<std::uint64_t> received{0};
    std::atomic<std::uint64_t> crossed{0};
    std::atomic<std::uint64_t> moved{0};
  };

  [[nodiscard]] std::uint64_t this_thread() noexcept;
  void receive_at(std::uint64_t& last) noexcept;

  bool is_counting_ = false;
  std::atomic<std::uint64_t> threads_{0};
  cell cells_[threads_max] = {};  // of thread number - 1
};

/// Of the process, as the plant.
extern crossings crossed;

}  // namespace actor_bench
