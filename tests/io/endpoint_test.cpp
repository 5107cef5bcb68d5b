#include <cstring>
#include <unordered_set>

#include <catch2/catch_test_macros.hpp>

#include "io/endpoint.hpp"

using namespace sluice;

TEST_CASE("an endpoint's text is what it was parsed from") {
  for (const char* text : {"192.0.2.1:4711", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:80",
                           "[2001:db8::1]:4711", "[fe80::1%3]:9", "[::ffff:192.0.2.1]:1"}) {
    const auto parsed = endpoint::parse(text);
    INFO(text);
    REQUIRE(parsed);
    CHECK(parsed.value().to_string() == text);
    CHECK(endpoint::parse(parsed.value().to_string()).value() == parsed.value());
  }
  CHECK(endpoint{}.to_string() == "nobody");
  CHECK(endpoint::parse("localhost:7").value() == endpoint::ipv4(0x7f000001, 7));
  CHECK(endpoint::parse("[fe80::1%lo]:9").value() == endpoint::parse("[fe80::1%1]:9").value());
  CHECK(endpoint::parse("::1", 5).value() == endpoint::parse("[::1]:5").value());
}

TEST_CASE("what is no address and port is refused") {
  for (const char* text : {"",
                           ":",
                           "1.2.3.4",
                           "1.2.3.4:",
                           "1.2.3.4:65536",
                           "1.2.3.4:-1",
                           "1.2.3.4:+1",
                           "1.2.3.4: 1",
                           "1.2.3.4:1x",
                           "1.2.3:1",
                           "::1",
                           "::1:80",
                           "[::1]",
                           "[::1]80",
                           "[::1:80",
                           "::1]:80",
                           "[1::2::3]:1",
                           "host:1",
                           "unix:/tmp/x:1",
                           "1.2.3.4%1:1",
                           "[::1%]:1",
                           "[::1%no-such]:1",
                           "[::1%0]:1",
                           "1.2.3.4:00000000001"}) {
    INFO(text);
    const auto parsed = endpoint::parse(text);
    CHECK_FALSE(parsed);
    CHECK(parsed.error().code == error_code::bad_address);
  }
  CHECK_FALSE(endpoint::parse(std::string_view{"127.0.0.1\0:80", 13}));
}

TEST_CASE("an endpoint survives the kernel's form of it") {
  for (const char* text : {"192.0.2.1:4711", "[2001:db8::1]:4711", "[fe80::1%3]:9"}) {
    const endpoint where = endpoint::parse(text).value();
    CHECK(io::sockaddr_length(where) ==
          (where.is_ipv4() ? sizeof(::sockaddr_in) : sizeof(::sockaddr_in6)));
    ::sockaddr_storage raw{};
    std::memset(&raw, 0xff, sizeof raw);  // what the kernel leaves in the padding means nothing
    std::memcpy(&raw, io::sockaddr_of(where), where.is_ipv4() ? 8 : 28);
    if (where.is_ipv6()) reinterpret_cast<::sockaddr_in6&>(raw).sin6_flowinfo = 77;
    const auto* bytes = reinterpret_cast<const std::byte*>(&raw);
    CHECK(io::endpoint_of({bytes, io::sockaddr_length(where)}) == where);
    for (std::size_t size = 0; size < io::sockaddr_length(where); ++size) {
      CHECK(io::endpoint_of({bytes, size}).is_empty());
    }
  }
  const std::byte other[28] = {std::byte{1}};
  CHECK(io::endpoint_of(other).is_empty());
}

TEST_CASE("endpoints are compared and hashed by what they are") {
  std::unordered_set<endpoint> all;
  for (std::uint32_t address = 0; address < 100; ++address) {
    for (std::uint16_t port = 0; port < 100; ++port) all.insert(endpoint::ipv4(address, port));
  }
  CHECK(all.size() == 10'000);
  CHECK(all.contains(endpoint::parse("0.0.0.7:9").value()));
  CHECK_FALSE(all.contains(endpoint::parse("[::7]:9").value()));
  // Neighbours spread: by peer a pool of 4 gets about a quarter each.
  unsigned places[4] = {};
  for (const endpoint& each : all) ++places[((each.hash() >> 32) * 4) >> 32];
  for (const unsigned count : places) CHECK((count > 2000 && count < 3000));
  CHECK(endpoint::ipv4(1, 2).with_port(3) == endpoint::ipv4(1, 3));
  CHECK(endpoint::ipv4(1, 2).port() == 2);
}

TEST_CASE("an endpoint knows a multicast group") {
  CHECK(endpoint::parse("224.0.0.1:1").value().is_multicast());
  CHECK(endpoint::parse("239.255.255.255:1").value().is_multicast());
  CHECK_FALSE(endpoint::parse("240.0.0.1:1").value().is_multicast());
  CHECK_FALSE(endpoint::parse("223.255.255.255:1").value().is_multicast());
  CHECK(endpoint::parse("[ff02::1]:1").value().is_multicast());
  CHECK_FALSE(endpoint::parse("[fe80::1]:1").value().is_multicast());
  CHECK_FALSE(endpoint{}.is_multicast());
}
