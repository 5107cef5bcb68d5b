// How many entries a folder of /proc has: the threads or descriptors of the tests' own process.
#pragma once

#include <cstddef>
#include <filesystem>
#include <iterator>

[[nodiscard]] inline std::size_t entries_of(const char* folder) {
  const std::filesystem::directory_iterator all{folder};
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}
[[nodiscard]] inline std::size_t open_descriptors() { return entries_of("/proc/self/fd"); }
