#include "mem/bytes_builder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <thread>
#include <utility>

#include "mem_fixture.hpp"

namespace {

std::span<const std::byte> octets(std::string_view text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}

}  // namespace

TEST_CASE("bytes_builder: gives what was added, at every size around the pool's classes") {
  const leak_check check;
  for (const std::size_t size : {1u, 48u, 49u, 240u, 241u, 1008u, 1009u, 70'000u}) {
    for (const std::size_t step : {1u, 13u, 1000u, 100'000u}) {
      std::string text(size, 'x');
      for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 26);
      sluice::mem::bytes_builder builder;
      for (std::size_t at = 0; at < size; at += step) {
        const std::string_view part = std::string_view{text}.substr(at, step);
        REQUIRE(builder.append(octets(part), size));
        REQUIRE(builder.capacity() >= builder.size());
        // Twice, or the first block; rounded up to a class of the pool.
        REQUIRE(builder.capacity() <= std::max<std::size_t>(1008, 2 * builder.size()));
      }
      REQUIRE(builder.size() == size);
      const std::byte* const gathered = builder.span().data();
      const sluice::bytes made = builder.finish();
      REQUIRE(made.data() == gathered);
      REQUIRE(made.text() == text);
      REQUIRE(builder.is_empty());
      REQUIRE(builder.capacity() == 0);
    }
  }
}

TEST_CASE("bytes_builder: takes no more than the limit, but for a pool class") {
  sluice::mem::bytes_builder builder;
  const std::string text(5000, 'x');
  REQUIRE(builder.append(octets(text).first(10), 20));
  CHECK(builder.capacity() <= 48);
  REQUIRE(builder.append(octets(text).first(10), 20));
  CHECK(builder.finish().size() == 20);
  REQUIRE(builder.append(octets(text), 5001));
  CHECK(builder.capacity() == 5001);
}

TEST_CASE("bytes_builder: what it holds goes with it, and what it gave stays") {
  const leak_check check;
  sluice::bytes small;
  sluice::bytes large;
  {
    sluice::mem::bytes_builder builder;
    const std::string text(3000, 'x');
    REQUIRE(builder.append(octets("abc"), 100));
    small = builder.finish();
    REQUIRE(builder.append(octets(text), 4000));
    large = builder.finish();
    REQUIRE(builder.finish().empty());
    REQUIRE(builder.append(octets("thrown away"), 100));
    builder.clear();
    REQUIRE(builder.append(octets(text), 4000));
  }
  CHECK(small.text() == "abc");
  CHECK(large.size() == 3000);
  std::thread other([moved = std::move(large)] { static_cast<void>(moved.size()); });
  other.join();
}
