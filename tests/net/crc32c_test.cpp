#include "net/crc32c.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace {

std::uint32_t sum_of(std::string_view text) {
  sluice::net::crc32c sum;
  for (const char octet : text) sum.add(std::as_bytes(std::span{&octet, 1}));
  return sum.value();
}

}  // namespace

TEST_CASE("crc32c: gives the published sums") {
  CHECK(sum_of("") == 0);
  CHECK(sum_of("123456789") == 0xe3069283);
  CHECK(sum_of(std::string(32, '\0')) == 0x8a9136aa);
  CHECK(sum_of(std::string(32, '\377')) == 0x62a8ab43);
}
