// plant: a defect put into the flow of messages on purpose, to show that the checks find it.
//
// Every message of a program, also the driver's, passes send_planted. Unplanted that costs a load
// of a constant. Planted, sends are counted, and the one whose number comes is dropped, sent twice
// or spoiled: `void spoil(M&)` beside the message type changes what it says. Messages that cannot
// be spoiled or copied are not counted for that defect. A call's question is not sent twice; its
// answer, which always comes, is not met.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <utility>

namespace sluice::bench {

enum class defect : std::uint8_t { none, drop, duplicate, spoil };

class plant {
 public:
  /// Before the first iteration. The defect meets the send with the number `at`, counted from 0 in
  /// each iteration.
  void arm(defect kind, std::uint64_t at) noexcept;
  void begin_iteration() noexcept { next_.store(0, std::memory_order_relaxed); }

  [[nodiscard]] defect kind() const noexcept { return kind_; }
  /// Counts a send that the defect could meet; true for the one that it meets. Relaxed: each number
  /// is given once, nothing else hangs on it.
  [[nodiscard]] bool takes_this() noexcept {
    return next_.fetch_add(1, std::memory_order_relaxed) == at_;
  }
  /// After an iteration: what is planted has met a message.
  [[nodiscard]] bool has_met() const noexcept {
    return next_.load(std::memory_order_relaxed) > at_;
  }

 private:
  defect kind_ = defect::none;
  std::uint64_t at_ = 0;
  std::atomic<std::uint64_t> next_{0};
};

/// Of the process; a run is a process's main business.
extern plant planted;

template <class M>
concept spoilable = requires(M& message) {
  spoil(message);
};

template <class M, class Send>
[[gnu::cold]] [[gnu::noinline]] void send_with_defect(M& message, Send& each) {
  switch (planted.kind()) {
    case defect::none: break;
    case defect::drop:
      if (planted.takes_this()) return;
      break;
    case defect::duplicate:
      if constexpr (std::copy_constructible<M>) {
        if (planted.takes_this()) each(M{message});
      }
      break;
    case defect::spoil:
      if constexpr (spoilable<M>) {
        if (planted.takes_this()) spoil(message);
      }
      break;
  }
  each(std::move(message));
}

/// A message that is awaited: true, it is dropped. `again` sends a second one; a call's question
/// has none.
template <class M, class Again>
[[gnu::cold]] [[gnu::noinline]] bool takes_waiting(M& message, Again&& again) {
  switch (planted.kind()) {
    case defect::none: break;
    case defect::drop: return planted.takes_this();
    case defect::duplicate:
      if constexpr (std::invocable<Again&, M&&> && std::copy_constructible<M>) {
        if (planted.takes_this()) again(M{message});
      }
      break;
    case defect::spoil:
      if constexpr (spoilable<M>) {
        if (planted.takes_this()) spoil(message);
      }
      break;
  }
  return false;
}
template <class M>
bool takes_waiting(M& question) {
  return takes_waiting(question, nullptr);
}

/// Hands `message` to `each`, but for what is planted.
template <class M, class Send>
void send_planted(M& message, Send&& each) {
  if (planted.kind() != defect::none) [[unlikely]] {
    send_with_defect(message, each);
  } else {
    each(std::move(message));
  }
}

}  // namespace sluice::bench
