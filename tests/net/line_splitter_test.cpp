#include "net/line_splitter.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "net_fixture.hpp"

using namespace sluice;
using namespace net_test;
using namespace std::string_literals;

namespace {

using ending = net::text_line::ending;

struct line {
  std::string text;
  ending by;
  friend bool operator==(const line&, const line&) = default;
};

template <class F>
std::vector<line> split(std::uint32_t line_bytes_max, std::string_view output, F&& next_size) {
  net::line_splitter splitter{line_bytes_max};
  std::vector<line> made;
  net::text_line one;
  while (!output.empty()) {
    const std::size_t size = std::min<std::size_t>(next_size(), output.size());
    splitter.feed(bytes::copy_of(output.substr(0, size)));
    while (splitter.next(one)) made.push_back({std::string{one.text.text()}, one.by});
    output.remove_prefix(size);
  }
  if (splitter.finish(one)) made.push_back({std::string{one.text.text()}, one.by});
  REQUIRE(!splitter.finish(one));
  REQUIRE(splitter.held_bytes() == 0);
  REQUIRE(splitter.lost_bytes() == 0);
  return made;
}

std::vector<line> split(std::uint32_t line_bytes_max, std::string_view output) {
  return split(line_bytes_max, output, [&] { return output.size(); });
}

}  // namespace

TEST_CASE("lines: end with a line feed, or a carriage return and one, or the output") {
  CHECK(split(80, "") == std::vector<line>{});
  CHECK(split(80, "one\ntwo\r\n\nend") == std::vector<line>{{"one", ending::line_feed},
                                                            {"two", ending::line_feed},
                                                            {"", ending::line_feed},
                                                            {"end", ending::end_of_input}});
  CHECK(split(80, "a\rb\r\r\n\r") ==
        std::vector<line>{{"a\rb\r", ending::line_feed}, {"\r", ending::end_of_input}});
}

TEST_CASE("lines: too long ones come in parts, a full one does not") {
  CHECK(split(3, "abc\nabcd\nabcdef\n") == std::vector<line>{{"abc", ending::line_feed},
                                                             {"abc", ending::cut},
                                                             {"d", ending::line_feed},
                                                             {"abc", ending::cut},
                                                             {"def", ending::line_feed}});
  CHECK(split(3, "abc\r\nabcd") == std::vector<line>{{"abc", ending::cut},
                                                     {"", ending::line_feed},
                                                     {"abc", ending::cut},
                                                     {"d", ending::end_of_input}});
  CHECK(split(3, "abc") == std::vector<line>{{"abc", ending::end_of_input}});
}

TEST_CASE("lines: any way of cutting the output gives the same lines, of any bytes") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  base::random_source random{seed};
  for (int round = 0; round < 200; ++round) {
    const std::uint32_t line_bytes_max = 1 + random.next_below(12);
    std::string output = random_text(random, random.next_below(200));
    for (char& octet : output) {
      if (random.next_below(5) == 0) octet = '\n';
      if (random.next_below(6) == 0) octet = '\r';
    }
    const std::vector<line> whole = split(line_bytes_max, output);
    REQUIRE(split(line_bytes_max, output, [] { return 1; }) == whole);
    REQUIRE(split(line_bytes_max, output, [&] { return 1 + random.next_below(9); }) == whole);
    std::string again;
    for (const line& one : whole) {
      REQUIRE(one.text.size() <= line_bytes_max);
      again += one.text;
      if (one.by == ending::line_feed) again += '\n';
    }
    // But for carriage returns before line feeds, nothing is lost.
    std::string expected;
    for (std::size_t i = 0; i < output.size(); ++i) {
      const bool is_cut = output[i] == '\r' && i + 1 < output.size() && output[i + 1] == '\n';
      if (!is_cut) expected += output[i];
    }
    REQUIRE(again == expected);
  }
}

TEST_CASE("lines: one that lies in one piece is a slice of it") {
  const bytes piece = bytes::copy_of("first\r\nsecond, too long\n");
  net::line_splitter splitter{10};
  splitter.feed(piece);
  net::text_line one;
  while (splitter.next(one)) {
    REQUIRE(one.text.data() >= piece.data());
    REQUIRE(one.text.data() < piece.data() + piece.size());
  }
}

TEST_CASE("lines: a flood without a line feed holds no more than a line may have") {
  net::line_splitter splitter{4096};
  net::text_line one;
  std::size_t given = 0;
  const bytes flood = bytes::copy_of(std::string(1000, 'x'));
  for (int i = 0; i < 10'000; ++i) {
    splitter.feed(flood);
    while (splitter.next(one)) given += one.text.size();
    REQUIRE(splitter.held_bytes() <= 4096);
  }
  REQUIRE(splitter.finish(one));
  CHECK(given + one.text.size() == 10'000'000);
}

// A splitter that searched the line again for each byte would need years.
TEST_CASE("lines: a long one that comes byte by byte costs work in proportion") {
  constexpr std::uint32_t size = 4 * 1024 * 1024;
  net::line_splitter splitter{size};
  net::text_line one;
  const bytes letter = bytes::copy_of("x");
  std::uint32_t early_count = 0;
  for (std::uint32_t i = 0; i < size; ++i) {
    splitter.feed(letter);
    if (splitter.next(one)) ++early_count;
  }
  CHECK(early_count == 0);
  splitter.feed(bytes::copy_of("\n"));
  REQUIRE(splitter.next(one));
  CHECK(one.text.size() == size);
}
