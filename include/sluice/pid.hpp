// Names of living things: pid (a process), alias (a meta process), address (either), ref.
//
// All are plain values. slot + generation never repeat in the life of a node, so a stale one is an
// error for ever and never somebody else. `node` tells nodes of one program, later of a cluster,
// apart.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace [[gnu::visibility("default")]] sluice {
inline namespace v0 {

/// A process. A default-made pid names nobody; sending to it answers `unknown`.
struct pid {
  std::uint32_t node = 0;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;

  [[nodiscard]] bool is_valid() const noexcept { return generation != 0; }
  friend auto operator<=>(const pid&, const pid&) = default;
};

/// A meta process, or a further address of a process.
struct alias {
  std::uint32_t node = 0;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;

  [[nodiscard]] bool is_valid() const noexcept { return generation != 0; }
  friend auto operator<=>(const alias&, const alias&) = default;
};

/// Either of the two: what a message comes from and may go to.
struct address {
  std::uint32_t node = 0;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  bool is_meta = false;

  address() noexcept = default;
  address(pid who) noexcept : node(who.node), slot(who.slot), generation(who.generation) {}
  address(alias who) noexcept
      : node(who.node), slot(who.slot), generation(who.generation), is_meta(true) {}

  [[nodiscard]] bool is_valid() const noexcept { return generation != 0; }
  /// The pid, or one that names nobody when this is a meta's alias.
  [[nodiscard]] pid as_pid() const noexcept {
    return is_meta ? pid{} : pid{node, slot, generation};
  }
  /// The alias, or one that names nobody when this is a process's pid.
  [[nodiscard]] alias as_alias() const noexcept {
    return is_meta ? alias{node, slot, generation} : alias{};
  }
  friend auto operator<=>(const address&, const address&) = default;
};

/// A number that does not repeat in the life of a node: names one request or timer.
struct ref {
  std::uint64_t number = 0;
  friend auto operator<=>(const ref&, const ref&) = default;
};

}  // namespace v0
}  // namespace sluice

template <>
struct std::hash<sluice::pid> {
  std::size_t operator()(const sluice::pid& who) const noexcept {
    return (std::uint64_t{who.generation} << 32 | who.slot) * 0x9e3779b97f4a7c15ull + who.node;
  }
};
template <>
struct std::hash<sluice::alias> {
  std::size_t operator()(const sluice::alias& who) const noexcept {
    return std::hash<sluice::pid>{}({who.node, who.slot, who.generation});
  }
};
