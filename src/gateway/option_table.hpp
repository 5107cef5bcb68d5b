// Every option of the gateway: its name, the modes that have it, how its value is taken, its help.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>

#include "arguments.hpp"

namespace gateway {

/// A set of modes.
class mode_set {
 public:
  constexpr mode_set(std::initializer_list<mode_name> names) noexcept {
    for (const mode_name each : names) bits_ |= bit_of(each);
  }
  [[nodiscard]] constexpr bool contains(mode_name mode) const noexcept {
    return (bits_ & bit_of(mode)) != 0;
  }

 private:
  [[nodiscard]] static constexpr unsigned bit_of(mode_name mode) noexcept {
    return 1u << static_cast<unsigned>(mode);
  }
  unsigned bits_ = 0;
};

struct option {
  std::string_view name;
  std::string_view value;  ///< what the help calls it
  mode_set modes;
  bool is_required;
  bool (*take)(std::string_view value, arguments& into);  ///< false: not understood
  std::string_view help;                                  ///< lines, without the last line's end
};

struct mode_entry {
  mode_name mode;
  std::string_view name;
  std::string_view usage;  ///< what follows the name
  std::string_view help;
};

[[nodiscard]] std::span<const option> all_options() noexcept;
[[nodiscard]] std::span<const mode_entry> all_modes() noexcept;
/// Null when no mode has such an option.
[[nodiscard]] const option* find_option(std::string_view name) noexcept;

}  // namespace gateway
