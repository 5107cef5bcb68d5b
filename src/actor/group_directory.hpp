// group_directory: the process groups of a node. Striped by name; every call locks one stripe.
//
// Who: any thread. Who ends leaves by what its attachments say, so nothing is searched for it.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <sluice/pid.hpp>

namespace sluice::inline v0::core {

class group_directory {
 public:
  /// False: it is a member already.
  bool join(std::string_view name, pid who);
  /// False: it is none. The last one takes the group with it.
  bool leave(std::string_view name, pid who) noexcept;
  [[nodiscard]] std::vector<pid> members(std::string_view name) const;

 private:
  struct group {
    std::vector<pid> members;
    std::unordered_map<pid, std::uint32_t> places;  // in members
  };
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  struct stripe {
    mutable std::mutex guard;
    std::unordered_map<std::string, group, text_hash, std::equal_to<>> groups;
  };
  static constexpr std::size_t stripe_count = 16;

  [[nodiscard]] static std::size_t stripe_of(std::string_view name) noexcept {
    return (text_hash{}(name) >> 7) % stripe_count;
  }
  std::array<stripe, stripe_count> stripes_;
};

}  // namespace sluice::inline v0::core
