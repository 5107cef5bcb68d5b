#include "net/address_block.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace sluice;
using net::address_block;

namespace {

bool contains(std::string_view block, std::string_view address) {
  const auto parsed = address_block::parse(block);
  REQUIRE(parsed);
  return parsed->contains(io::socket_address::parse(address, 7000).value());
}

}  // namespace

TEST_CASE("an address block contains what begins with its prefix") {
  CHECK(contains("10.0.0.0/8", "10.255.1.2"));
  CHECK_FALSE(contains("10.0.0.0/8", "11.0.0.1"));
  CHECK(contains("192.0.2.128/25", "192.0.2.129"));
  CHECK_FALSE(contains("192.0.2.128/25", "192.0.2.127"));
  CHECK(contains("192.0.2.1", "192.0.2.1"));
  CHECK_FALSE(contains("192.0.2.1", "192.0.2.2"));
  CHECK(contains("0.0.0.0/0", "203.0.113.9"));
  CHECK(contains("2001:db8::/32", "2001:db8:1::1"));
  CHECK_FALSE(contains("2001:db8::/32", "2001:db9::1"));
  CHECK(contains("::1", "::1"));
  CHECK(contains("::/0", "2001:db8::1"));
  CHECK_FALSE(contains("::/0", "127.0.0.1"));
  CHECK_FALSE(contains("0.0.0.0/0", "::1"));
  CHECK(contains("unix", "unix:/run/x"));
  CHECK_FALSE(contains("unix", "127.0.0.1"));
}

TEST_CASE("an IPv4 peer of an IPv6 socket counts as IPv4") {
  CHECK(contains("127.0.0.0/8", "::ffff:127.0.0.1"));
  CHECK_FALSE(contains("::/0", "::ffff:127.0.0.1"));
}

TEST_CASE("what is no address block is refused") {
  for (const char* bad :
       {"", "*", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "10/8", "10.0.0.0/-1",
        "10.0.0.0/8 ", "::/129", "[::1]", "unix:/x", "host", "10.0.0.0/8/8", "2001:db8::1/32"}) {
    CAPTURE(bad);
    CHECK_FALSE(address_block::parse(bad));
  }
}
