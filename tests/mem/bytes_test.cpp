#include <sluice/bytes.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mem_fixture.hpp"

TEST_CASE("bytes: a copy holds what was given, at every size around the pool's classes") {
  const leak_check check;
  for (const std::size_t size : {0u, 1u, 48u, 49u, 112u, 113u, 1008u, 1009u, 100'000u}) {
    std::string text(size, 'x');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 26);
    const auto copy = sluice::bytes::copy_of(text);
    REQUIRE(copy.size() == size);
    REQUIRE(copy.text() == text);
    REQUIRE(copy.empty() == (size == 0));
  }
}

TEST_CASE(
    "bytes: slices keep the block alive after the original is gone, and are cut to what is there") {
  const leak_check check;
  sluice::bytes middle;
  {
    const auto whole = sluice::bytes::copy_of("hello, world");
    middle = whole.slice(7, 3);
    REQUIRE(whole.slice(7).text() == "world");
    REQUIRE(whole.slice(100).empty());
    REQUIRE(whole.slice(7, 100).text() == "world");
  }
  REQUIRE(middle.text() == "wor");
  sluice::bytes moved{std::move(middle)};
  REQUIRE(moved.text() == "wor");
}

TEST_CASE("bytes: the last holder may be any thread") {
  const leak_check check;
  for (int round = 0; round < 200; ++round) {
    auto shared = sluice::bytes::copy_of("0123456789");
    std::thread other([copy = shared] { static_cast<void>(copy.slice(2).text().size()); });
    shared = {};
    other.join();
  }
}

TEST_CASE("bytes: a slice that is given up is cut in place") {
  const leak_check check;
  auto whole = sluice::bytes::copy_of("hello, world");
  const std::byte* const start = whole.data();
  const auto part = std::move(whole).slice(7, 3);
  REQUIRE(part.text() == "wor");
  REQUIRE(part.data() == start + 7);
  REQUIRE(sluice::bytes::copy_of("abc").slice(1).text() == "bc");
  REQUIRE(sluice::bytes::copy_of("abc").slice(4).empty());
}
