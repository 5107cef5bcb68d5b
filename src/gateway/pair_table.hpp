// pair_table: which connection of a forwarding worker belongs to which other one.
//
// Each side is found by its alias: open addressing, linear probing, removal by shifting back, so
// that a lookup touches one or two cache lines and no table decays with use. One owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <sluice/pid.hpp>

namespace gateway {

struct pair_side {
  sluice::alias own;
  sluice::alias other;       ///< stays when the other side has gone
  bool is_accepted = false;  ///< the client's side; else the target's
  bool is_drained = false;   ///< everything that was read from it has been handed on
  bool is_alone = false;     ///< the other side has ended
};

class pair_table {
 public:
  pair_table() : places_(first_capacity) {}

  /// Both sides are new.
  void add(sluice::alias accepted, sluice::alias outgoing);
  /// Null when there is none; valid until the next add or take.
  [[nodiscard]] pair_side* find(sluice::alias own) noexcept {
    for (std::size_t at = home_of(own);; at = next(at)) {
      pair_side& place = places_[at];
      if (place.own == own) return &place;
      if (!place.own.is_valid()) return nullptr;
    }
  }
  /// Removes one side; the other one, if it is still there, is alone from now on.
  [[nodiscard]] std::optional<pair_side> take(sluice::alias own) noexcept;
  /// In no order; adds and takes nothing meanwhile.
  template <class Each>
  void for_each(Each&& each) const {
    for (const pair_side& place : places_) {
      if (place.own.is_valid()) each(place);
    }
  }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  static constexpr std::size_t first_capacity = 64;

  [[nodiscard]] std::size_t home_of(sluice::alias own) const noexcept {
    return (own.slot * std::uint64_t{0x9e3779b97f4a7c15} >> 32) & (places_.size() - 1);
  }
  [[nodiscard]] std::size_t next(std::size_t at) const noexcept {
    return (at + 1) & (places_.size() - 1);
  }
  void insert(const pair_side& side) noexcept;
  void grow();

  std::vector<pair_side> places_;  // a power of two, at most half full; no valid own = free
  std::size_t count_ = 0;
};

}  // namespace gateway
