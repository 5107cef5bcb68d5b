// small_table: entries found by a number that is never 0. The first few lie in the table itself.
//
// Entry has a member `std::uint64_t key`, 0 = a free place, and is made by Entry{}. Open addressing
// on the heap beyond `Inline` entries, at most half full; a step() walks it while it empties.
// Who: its owner only. Out of memory: add() throws bad_alloc, and nothing has changed.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

namespace sluice::inline v0::core {

template <class Entry, std::uint32_t Inline>
class small_table {
 public:
  small_table() noexcept = default;
  small_table(const small_table&) = delete;
  small_table& operator=(const small_table&) = delete;

  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }

  /// Null when there is none; stays until the next add or remove.
  [[nodiscard]] Entry* find(std::uint64_t key) noexcept {
    if (count_ == 0) return nullptr;
    if (places_ == nullptr) {
      for (Entry& each : first_) {
        if (each.key == key) return &each;
      }
      return nullptr;
    }
    for (std::uint32_t at = home(key);; at = next(at)) {
      if (places_[at].key == key) return &places_[at];
      if (places_[at].key == 0) return nullptr;
    }
  }

  /// A key that is not there yet.
  Entry& add(Entry entry) {
    if (places_ == nullptr) {
      for (Entry& each : first_) {
        if (each.key != 0) continue;
        ++count_;
        return each = std::move(entry);
      }
      grow();
    } else if (2 * (count_ + 1) > mask_ + 1) {
      grow();
    }
    return place(std::move(entry));
  }

  void remove(Entry* known) noexcept {
    --count_;
    if (places_ == nullptr) {
      *known = Entry{};
      return;
    }
    // Moves back what the hole would hide.
    auto hole = static_cast<std::uint32_t>(known - places_.get());
    places_[hole] = Entry{};
    for (auto at = next(hole); places_[at].key != 0; at = next(at)) {
      if (((at - home(places_[at].key)) & mask_) < ((at - hole) & mask_)) continue;
      places_[hole] = std::exchange(places_[at], Entry{});
      hole = at;
    }
  }

  /// For a table that is told to go: visits entries from `cursor` on until `room` is used up. True:
  /// that was the last. Nothing is added or removed between two steps.
  template <class Visit>
  [[nodiscard]] bool step(std::uint32_t& cursor, std::uint32_t& room, Visit&& visit) noexcept {
    Entry* const all = places_ == nullptr ? first_ : places_.get();
    const std::uint32_t end = places_ == nullptr ? Inline : mask_ + 1;
    for (; count_ != 0 && cursor < end; ++cursor) {
      if (all[cursor].key == 0) continue;
      if (room == 0) return false;
      --room;
      visit(all[cursor]);
    }
    return true;
  }

 private:
  static constexpr std::uint32_t places_first = std::uint32_t{8};
  static_assert(Inline >= 1 && 2 * Inline < places_first);

  // Slot numbers and refs are dense: their low bits alone would do, but for pairs of them.
  [[nodiscard]] std::uint32_t home(std::uint64_t key) const noexcept {
    return static_cast<std::uint32_t>((key * 0x9e3779b97f4a7c15ull) >> 32) & mask_;
  }
  [[nodiscard]] std::uint32_t next(std::uint32_t at) const noexcept { return (at + 1) & mask_; }

  Entry& place(Entry&& entry) noexcept {
    std::uint32_t at = home(entry.key);
    while (places_[at].key != 0) at = next(at);
    ++count_;
    return places_[at] = std::move(entry);
  }

  void grow() {
    const std::uint32_t before = places_ == nullptr ? 0 : mask_ + 1;
    const std::uint32_t wanted = before == 0 ? places_first : 2 * before;
    auto old = std::make_unique<Entry[]>(wanted);
    old.swap(places_);
    mask_ = wanted - 1;
    count_ = 0;
    for (std::uint32_t i = 0; i < before; ++i) {
      if (old[i].key != 0) place(std::move(old[i]));
    }
    if (before != 0) return;
    for (Entry& each : first_) {
      if (each.key != 0) place(std::exchange(each, Entry{}));
    }
  }

  std::unique_ptr<Entry[]> places_;
  std::uint32_t mask_ = 0;
  std::uint32_t count_ = 0;
  Entry first_[Inline] = {};
};

}  // namespace sluice::inline v0::core
