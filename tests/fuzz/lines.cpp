// Lines of a program's output: as a naive splitter splits them, in whatever pieces.
#include "fuzz_target.hpp"

#include <string>
#include <utility>
#include <vector>

#include "net/line_splitter.hpp"

namespace {

using namespace sluice;
using ending = net::text_line::ending;
using lines = std::vector<std::pair<std::string, ending>>;

template <class F>
lines split(std::uint32_t line_bytes_max, std::string_view output, F&& next_size) {
  net::line_splitter splitter{line_bytes_max};
  lines made;
  net::text_line one;
  const auto note = [&] {
    fuzz::require(one.text.size() <= line_bytes_max, "no part is longer than asked");
    made.emplace_back(one.text.text(), one.by);
  };
  while (!output.empty()) {
    const std::size_t size = std::min<std::size_t>(next_size(), output.size());
    splitter.feed(bytes::copy_of(output.substr(0, size)));
    while (splitter.next(one)) note();
    fuzz::require(splitter.held_bytes() <= 2 * std::size_t{line_bytes_max} + 512,
                  "memory is bounded");
    output.remove_prefix(size);
  }
  if (splitter.finish(one)) note();
  fuzz::require(!splitter.finish(one) && splitter.held_bytes() == 0, "it ends once");
  fuzz::require(splitter.lost_bytes() == 0, "no byte is lost");
  return made;
}

// By the book: each line in parts of line_bytes_max, the last of which ends it.
lines split_naively(std::uint32_t line_bytes_max, std::string_view output) {
  lines made;
  while (!output.empty()) {
    const std::size_t feed = output.find('\n');
    const bool is_ended = feed != output.npos;
    std::string_view line = output.substr(0, feed);
    output.remove_prefix(is_ended ? feed + 1 : output.size());
    while (line.size() > line_bytes_max) {
      made.emplace_back(line.substr(0, line_bytes_max), ending::cut);
      line.remove_prefix(line_bytes_max);
    }
    if (is_ended && line.ends_with('\r')) line.remove_suffix(1);
    made.emplace_back(line, is_ended ? ending::line_feed : ending::end_of_input);
  }
  return made;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::choices from{fuzz::text_of(data, size)};
  const std::uint32_t line_bytes_max = 1 + from.next_word() % 400;
  const std::uint64_t seed = from.next();
  const std::string_view output = from.rest();
  fuzz::require_split_invariance(
      output, seed, [&](auto&& next_size) { return split(line_bytes_max, output, next_size); });
  fuzz::require(split(line_bytes_max, output, [] { return std::size_t{64}; }) ==
                    split_naively(line_bytes_max, output),
                "it is split as a naive splitter splits it");
  return 0;
}
