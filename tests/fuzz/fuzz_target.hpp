// What the fuzz targets share: a target is a function on bytes that returns, or aborts and says
// why.
//
// A codec is a target by three promises: the answer depends on the bytes and not on the pieces
// they came in (require_split_invariance), what is written is read again, and memory is bounded.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>
#include <utility>

#include "base/random.hpp"

/// The entry of each target, for libFuzzer and for replay.cpp.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

[[noreturn]] inline void fail(const char* broken) {
  std::fprintf(stderr, "fuzz: broken: %s\n", broken);
  std::abort();
}
inline void require(bool holds, const char* promise) {
  if (!holds) fail(promise);
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// The front of an input, as choices of the target: zeros when it is used up.
class choices {
 public:
  explicit choices(std::string_view input) noexcept : rest_(input) {}
  [[nodiscard]] std::uint8_t next() noexcept {
    if (rest_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  [[nodiscard]] std::uint16_t next_word() noexcept {
    const unsigned high = next();
    return static_cast<std::uint16_t>(high << 8 | next());
  }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

 private:
  std::string_view rest_;
};

/// `decode(next_size)` feeds the input in pieces of next_size() bytes and returns what became of
/// it: equal for every way of cutting.
template <class Decode>
void require_split_invariance(std::string_view input, std::uint64_t seed, Decode&& decode) {
  const auto whole = decode([&] { return std::max<std::size_t>(1, input.size()); });
  require(decode([] { return std::size_t{1}; }) == whole, "byte by byte it is the same");
  sluice::base::random_source random{seed};
  for (const std::uint32_t most : {3u, 17u, 250u}) {
    const auto some = [&] { return std::size_t{1 + random.next_below(most)}; };
    require(decode(some) == whole, "in pieces it is the same");
  }
}

}  // namespace fuzz
