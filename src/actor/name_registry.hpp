// name_registry: name → owner. One name an owner at most is enforced by the caller.
//
// Striped by hash. Lookups take no lock and wait for nobody (name_table); adding and removing take
// the lock of one stripe after the other, never two. Any thread.
#pragma once

#include <array>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include <sluice/pid.hpp>

#include "actor/name_table.hpp"

namespace sluice::inline v0::core {

class name_registry {
 public:
  static constexpr std::size_t name_bytes_max = name_table::name_bytes_max;

  name_registry();

  /// False when the name is taken. The tag is the caller's. Throws bad_alloc: nothing has changed.
  [[nodiscard]] bool add(std::string_view name, pid who, std::uintptr_t tag = 0);
  /// Removes the name of `who`. False: it had none.
  bool remove(pid who) noexcept;
  /// Empty when it has none.
  [[nodiscard]] std::string name_of(pid who) const;
  /// The owner, or a pid that names nobody. Lock-free.
  [[nodiscard]] pid find(std::string_view name) const noexcept { return find_tagged(name).who; }
  /// The same with its tag.
  [[nodiscard]] named find_tagged(std::string_view name) const noexcept;

 private:
  struct owned {
    name_table::entry* entry;
    std::size_t stripe;
  };
  struct stripe {
    mutable std::mutex guard;
    name_table names;                       // by hash of the name
    std::unordered_map<pid, owned> owners;  // by hash of the pid
  };
  static constexpr std::size_t stripe_count = 16;

  [[nodiscard]] std::uint64_t hash_of(std::string_view name) const noexcept;
  void give_up(const owned& given) noexcept;
  [[nodiscard]] static std::size_t stripe_of(std::uint64_t hash) noexcept {
    return hash >> 60;  // The low bits choose the cell.
  }
  [[nodiscard]] static std::size_t stripe_of(pid who) noexcept {
    return (std::hash<pid>{}(who) >> 7) % stripe_count;
  }

  std::uint64_t seed_;  ///< names may come from peers
  std::array<stripe, stripe_count> stripes_;
};

}  // namespace sluice::inline v0::core
