// plant: a defect put into the flow of messages on purpose, to show that the checks find it.
//
// Every actor here sends by send_numbered. Unplanted, that costs one compare with constants in
// memory. Planted, the first send whose number is `at` is spoiled, once in the whole run. When
// crossings are counted (crossings.hpp), every number is of concern.
#pragma once

#include <cstdint>
#include <utility>

#include "crossings.hpp"

namespace actor_bench {

enum class defect : std::uint8_t { none, drop, duplicate, reorder, wrong_value, wrong_content };

class plant {
 public:
  /// Before any actor runs. `at` is the number of the message to spoil.
  void arm(defect kind, std::uint64_t at) noexcept;

  /// The same, nothing planted: all numbers are of concern, for they are marked.
  void concern_all() noexcept { at_ = 0, span_ = UINT64_MAX; }

  /// Numbers `at` and `at` + 1; none when nothing is planted.
  [[nodiscard]] bool concerns(std::uint64_t number) const noexcept { return number - at_ <= span_; }

  /// Changes `number` as planted and answers how often to send the message.
  [[nodiscard]] unsigned spoil(const void* sender, std::uint64_t& number) noexcept;
  /// Of a message that has a content beside its number: it is to be spoiled instead.
  [[nodiscard]] bool is_content_spoiled(std::uint64_t number) const noexcept {
    return kind_ == defect::wrong_content && number == at_;
  }

 private:
  static constexpr std::uint64_t nowhere = UINT64_MAX - 1;

  std::uint64_t at_ = nowhere;
  std::uint64_t span_ = 1;
  defect kind_ = defect::none;
};

/// Of the process; a run is a process's main business.
extern plant planted;

/// Sends a message that has a `number` from `self` to a handle or address.
template <class Actor, class To, class M>
void send_numbered(Actor& self, const To& to, M message) noexcept {
  unsigned copies = 1;
  if (planted.concerns(message.number)) [[unlikely]] {
    if constexpr (requires { message.spoil_content(); }) {
      if (planted.is_content_spoiled(message.number)) message.spoil_content();
    }
    copies = planted.spoil(&self, message.number);
    if (copies == 2) self.send(to, M{message});
    if (copies == 0) return;
  }
  self.send(to, std::move(message));
}

}  // namespace actor_bench
