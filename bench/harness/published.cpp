#include "published.hpp"

#include <algorithm>
#include <charconv>

namespace sluice::bench {

const published_set* find_published(
    std::string_view program, const std::map<std::string, std::uint64_t, std::less<>>& parameters) {
  const auto is_met = [&](const published_value& wanted) {
    const auto given = parameters.find(wanted.key);
    return given != parameters.end() && std::to_string(given->second) == wanted.text;
  };
  for (const published_set& each : published_sets()) {
    if (each.program == program && std::ranges::all_of(each.parameters, is_met)) return &each;
  }
  return nullptr;
}

}  // namespace sluice::bench
