// name_registry: name → pid. One name a process at most is enforced by the caller.
//
// Striped by hash; a lookup takes a shared lock of one stripe. Any thread.
#pragma once

#include <array>
#include <functional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include <sluice/pid.hpp>

namespace sluice::inline v0::core {

class name_registry {
 public:
  static constexpr std::size_t name_bytes_max = 255;

  /// False when the name is taken.
  [[nodiscard]] bool add(std::string_view name, pid who);
  /// Removes the name of `who`, if it has one.
  void remove(pid who) noexcept;
  /// Empty when it has none.
  [[nodiscard]] std::string name_of(pid who) const;
  /// The owner, or a pid that names nobody.
  [[nodiscard]] pid find(std::string_view name) const;

 private:
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  struct stripe {
    mutable std::shared_mutex guard;
    std::unordered_map<std::string, pid, text_hash, std::equal_to<>> names;  // by hash of the name
    std::unordered_map<pid, std::string> owners;                             // by hash of the pid
  };
  static constexpr std::size_t stripe_count = 16;

  [[nodiscard]] static std::size_t stripe_of(std::string_view name) noexcept {
    return (text_hash{}(name) >> 7) % stripe_count;
  }
  [[nodiscard]] static std::size_t stripe_of(pid who) noexcept {
    return (std::hash<pid>{}(who) >> 7) % stripe_count;
  }
  std::array<stripe, stripe_count> stripes_;
};

}  // namespace sluice::inline v0::core
