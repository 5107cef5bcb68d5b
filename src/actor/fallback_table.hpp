// fallback_table: who takes what the bounded mailboxes with overflow_policy::fallback hand over.
//
// What: slot → fallback, with the generation of the tenant whose fallback it is, so that a message
//   meant for the slot's last tenant is not handed to the next one's.
// When not: on the way of a message that has room; a look-up comes after the refused credit only.
// Who: set and remove by the tenant's owner, find by any sender. Striped; a look-up takes a shared
//   lock of one stripe. Memory: an entry a tenant that has a fallback.
#pragma once

#include <array>
#include <cstdint>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include <sluice/options.hpp>
#include <sluice/pid.hpp>

namespace sluice::inline v0::core {

class name_registry;

class fallback_table {
 public:
  void set(std::uint32_t slot, std::uint32_t generation, const fallback_receiver& fallback);
  void remove(std::uint32_t slot) noexcept;
  /// An address that names nobody when there is none, or none with its name now.
  [[nodiscard]] address find(std::uint32_t slot, std::uint32_t generation,
                             const name_registry& names) const noexcept;

 private:
  struct entry {
    std::uint32_t generation = 0;
    address who{};
    std::string name;
  };
  struct stripe {
    mutable std::shared_mutex guard;
    std::unordered_map<std::uint32_t, entry> entries;
  };
  static constexpr std::size_t stripe_count = 16;

  std::array<stripe, stripe_count> stripes_;
};

}  // namespace sluice::inline v0::core
