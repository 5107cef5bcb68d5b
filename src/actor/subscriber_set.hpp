// subscriber_set: who hears an event: a list to walk, and an index to find one in it.
//
// What: members stand in no order; a removal puts the last one into the gap, so who walks and
//   removes where it stands looks at the same position again. The index is open addressing over
//   positions, at most half full.
// Who: the event. Memory: 24 to 32 bytes a member.
#pragma once

#include <cstdint>
#include <vector>

namespace sluice::inline v0::core {

struct event_kind;

struct subscriber {
  std::uint32_t slot;
  std::uint32_t generation;
  const event_kind* how;
};

class subscriber_set {
 public:
  static constexpr std::uint32_t nowhere = UINT32_MAX;

  /// False: it is a member already; from here on it hears as `how` says.
  bool add(const subscriber& who);
  [[nodiscard]] std::uint32_t find(std::uint32_t slot, std::uint32_t generation) const noexcept;
  void remove_at(std::uint32_t position) noexcept;

  [[nodiscard]] std::uint32_t size() const noexcept {
    return static_cast<std::uint32_t>(members_.size());
  }
  [[nodiscard]] const subscriber& operator[](std::uint32_t position) const noexcept {
    return members_[position];
  }

 private:
  [[nodiscard]] static std::uint32_t home_of(std::uint32_t slot) noexcept {
    return slot * 0x9e3779b1u;  // The high bits are taken.
  }
  [[nodiscard]] std::uint32_t first_cell(std::uint32_t slot) const noexcept {
    return home_of(slot) >> shift_;
  }
  [[nodiscard]] std::uint32_t cell_of(std::uint32_t position) const noexcept;
  void place(std::uint32_t position) noexcept;
  void grow();

  std::vector<subscriber> members_;
  std::vector<std::uint32_t> cells_;  // positions, or nowhere
  std::uint32_t shift_ = 32;
};

}  // namespace sluice::inline v0::core
