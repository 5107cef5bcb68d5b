#include "io/socket_address.hpp"

#include <catch2/catch_test_macros.hpp>

#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>
#include <string>
#include <vector>

using namespace sluice;

TEST_CASE("socket_address: an address comes back from its bytes") {
  for (const char* host : {"192.0.2.1", "2001:db8::1", "unix:/run/x.sock"}) {
    const io::socket_address made = io::socket_address::parse(host, 4711).value();
    const io::socket_address back = io::socket_address::from_bytes(made.span());
    CHECK(back.to_string() == made.to_string());
    CHECK(back.length() == made.length());
  }
}

TEST_CASE("socket_address: bytes that are none, or too short or too long, are empty") {
  for (const char* host : {"192.0.2.1", "2001:db8::1"}) {
    const io::socket_address made = io::socket_address::parse(host, 4711).value();
    for (std::size_t size = 0; size < made.span().size(); ++size) {
      REQUIRE(io::socket_address::from_bytes(made.span().first(size)).family() == AF_UNSPEC);
    }
  }
  std::vector<std::byte> raw(sizeof(::sockaddr_storage) + 1);
  for (const int family : {AF_UNSPEC, AF_UNIX, AF_NETLINK, AF_INET}) {
    const auto named = static_cast<::sa_family_t>(family);
    std::memcpy(raw.data(), &named, sizeof named);
    CHECK(io::socket_address::from_bytes(raw).family() == AF_UNSPEC);
  }
}
