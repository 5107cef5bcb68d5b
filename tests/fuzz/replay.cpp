// Runs a target on every file of the folders it is given, without a fuzzer: the corpus as a test.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz_target.hpp"

namespace {

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void run(const std::filesystem::path& path) {
  std::fprintf(stderr, "%s\r", path.c_str());  // Stands there if it aborts.
  const std::string input = content_of(path);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

}  // namespace

int main(int count, char** words) {
  std::size_t done = 0;
  for (int i = 1; i < count; ++i) {
    if (std::filesystem::is_regular_file(words[i])) {
      run(words[i]);
      ++done;
      continue;
    }
    for (const auto& each : std::filesystem::directory_iterator{words[i]}) {
      run(each.path());
      ++done;
    }
  }
  std::fprintf(stderr, "\n%zu inputs\n", done);
  return done == 0 ? 1 : 0;
}
