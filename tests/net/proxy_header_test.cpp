#include "net/proxy_header.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>

#include "proxy_fixture.hpp"

using namespace sluice;
using namespace net_test;
using namespace std::string_literals;
using net::proxy_command;
using net::proxy_transport;
using net::proxy_version;

namespace {

net::proxy_header make(proxy_version version, std::string_view source, std::string_view destination,
                       proxy_transport transport = proxy_transport::stream) {
  return {.version = version,
          .command = proxy_command::proxy,
          .transport = transport,
          .source = address(source, 56324),
          .destination = address(destination, 443)};
}

std::string written(const net::proxy_header& header,
                    net::proxy_checksum checksum = net::proxy_checksum::none) {
  return std::string{net::write_proxy_header(header, checksum).text()};
}

}  // namespace

TEST_CASE("proxy: headers are written as the protocol has them") {
  CHECK(written(make(proxy_version::one, "192.168.0.1", "192.168.0.11")) ==
        "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n");
  CHECK(written(make(proxy_version::one, "2001:db8::1", "::1")) ==
        "PROXY TCP6 2001:db8::1 ::1 56324 443\r\n");
  CHECK(written(make(proxy_version::two, "192.168.0.1", "192.168.0.11")) ==
        block_signature + from_hex("2111 000c c0a80001 c0a8000b dc04 01bb"));
  CHECK(written(make(proxy_version::two, "192.168.0.1", "192.168.0.11"),
                net::proxy_checksum::crc32c) ==
        block_signature + from_hex("2111 0013 c0a80001 c0a8000b dc04 01bb 030004 1c1ae9c6"));
  CHECK(written(make(proxy_version::two, "::1", "::2", proxy_transport::datagram)) ==
        block_signature + from_hex("2122 0024 00000000000000000000000000000001"
                                   "00000000000000000000000000000002 dc04 01bb"));
  CHECK(written({.command = proxy_command::local}) == block_signature + from_hex("2000 0000"));
  CHECK(written({}) == block_signature + from_hex("2100 0000"));
  CHECK(written({.version = proxy_version::one}) == "PROXY UNKNOWN\r\n");
}

TEST_CASE("proxy: what a version cannot say is said as unknown") {
  const std::string unknown = "PROXY UNKNOWN\r\n";
  CHECK(written(make(proxy_version::one, "unix:/a", "unix:/b")) == unknown);
  CHECK(written(make(proxy_version::one, "::1", "127.0.0.1")) == unknown);
  CHECK(written(make(proxy_version::one, "::1", "::1", proxy_transport::datagram)) == unknown);
  CHECK(written(make(proxy_version::two, "::1", "127.0.0.1")) ==
        block_signature + from_hex("2100 0000"));
}

TEST_CASE("proxy: what is written is read as it was meant") {
  for (const proxy_version version : {proxy_version::one, proxy_version::two}) {
    for (const auto checksum : {net::proxy_checksum::none, net::proxy_checksum::crc32c}) {
      for (const auto transport : {proxy_transport::stream, proxy_transport::datagram}) {
        for (const char* host :
             {"10.1.2.3", "2001:db8::5", "::ffff:10.1.2.3", "unix:/run/a.sock"}) {
          const auto header = make(version, host, host, transport);
          const std::string wire = written(header, checksum);
          const proxied got = parse_in_pieces(wire + "rest", SIZE_MAX);
          INFO(describe(header));
          const bool is_unknown = version == proxy_version::one &&
                                  (transport == proxy_transport::datagram || host[0] == 'u');
          CHECK(got.header == (is_unknown ? "v1 proxy" : describe(header)));
          CHECK(got.header_bytes == wire.size());
          CHECK(got.rest == "rest");
        }
      }
    }
  }
}

TEST_CASE("proxy: unix names of every kind keep their bytes") {
  // Abstract, unnamed, and a path without room for a zero, as the kernel gives them.
  const std::string names[] = {"\0abstract"s, "", std::string(108, 'p'), "/run/x"s + '\0'};
  for (const std::string& name : names) {
    const ::sa_family_t family = AF_UNIX;
    const std::string raw = std::string(reinterpret_cast<const char*>(&family), 2) + name;
    net::proxy_header header{.transport = proxy_transport::stream};
    header.source = header.destination = io::socket_address::from_bytes(octets(raw));
    REQUIRE(header.has_addresses());
    net::proxy_header got;
    const bytes wire = net::write_proxy_header(header);
    REQUIRE(wire.size() == 16 + 216);
    REQUIRE(net::parse_proxy_block(wire.span(), got) == nullptr);
    const auto back = got.source.span();
    CHECK(std::string(reinterpret_cast<const char*>(back.data()), back.size()) == raw);
  }
}
