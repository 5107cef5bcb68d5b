// plant: a defect put into the flow of messages on purpose, to show that the checks find it.
//
// Every actor here sends by send_numbered. Unplanted, that costs one compare with a constant in
// memory. Planted, the first send whose number is `at` is spoiled, once in the whole run.
#pragma once

#include <cstdint>
#include <utility>

namespace actor_bench {

enum class defect : std::uint8_t { none, drop, duplicate, reorder, wrong_value };

class plant {
 public:
  /// Before any actor runs. `at` is the number of the message to spoil.
  void arm(defect kind, std::uint64_t at) noexcept;

  /// Numbers `at` and `at` + 1; none when nothing is planted.
  [[nodiscard]] bool concerns(std::uint64_t number) const noexcept { return number - at_ <= 1; }

  /// Changes `number` as planted and answers how often to send the message.
  [[nodiscard]] unsigned spoil(const void* sender, std::uint64_t& number) noexcept;

 private:
  static constexpr std::uint64_t nowhere = UINT64_MAX - 1;

  std::uint64_t at_ = nowhere;
  defect kind_ = defect::none;
};

/// Of the process; a run is a process's main business.
extern plant planted;

/// Sends a message that has a `number` from `self` to a handle or address.
template <class Actor, class To, class M>
void send_numbered(Actor& self, const To& to, M message) noexcept {
  unsigned copies = 1;
  if (planted.concerns(message.number)) [[unlikely]] {
    copies = planted.spoil(&self, message.number);
    if (copies == 2) self.send(to, M{message});
    if (copies == 0) return;
  }
  self.send(to, std::move(message));
}

}  // namespace actor_bench
