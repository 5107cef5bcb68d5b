// published: the values that a suite's programs must give, from its expected.json; the build turns
// that file into a table (published.py), so that a program carries what it is checked against.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace sluice::bench {

/// One value of one set. Lists are flat, their members divided by commas.
struct published_value {
  std::string_view key;
  std::string_view text;
};

/// What is known of one program at one set of parameters.
struct published_set {
  std::string_view program;
  std::string_view name;                          ///< ci, default, mid, ...
  std::span<const published_value> parameters{};  ///< whole numbers only
  std::span<const published_value> values{};
};

/// Defined by each executable, with the table that published.py makes of its files.
[[nodiscard]] std::span<const published_set> published_sets() noexcept;

/// The set of `program` whose parameters all have these values; null when nothing is published.
[[nodiscard]] const published_set* find_published(
    std::string_view program, const std::map<std::string, std::uint64_t, std::less<>>& parameters);

}  // namespace sluice::bench
