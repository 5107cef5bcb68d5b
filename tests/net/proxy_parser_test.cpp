#include "net/proxy_parser.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "net_fixture.hpp"
#include "proxy_fixture.hpp"

using namespace sluice;
using namespace net_test;
using namespace std::string_literals;

namespace {

struct golden {
  std::string wire;
  std::string_view header;
};

const std::string inet_addresses = from_hex("c0a80001 c0a8000b dc04 01bb");
const std::string inet6_addresses =
    from_hex("20010db8 00000000 00000000 00000001 20010db8 00000000 00000000 000000ff 04d2 01bb");

std::string block(std::string_view start, std::string_view rest) {
  std::string made = block_signature + from_hex(start);
  made.push_back(static_cast<char>(rest.size() >> 8));
  made.push_back(static_cast<char>(rest.size() & 0xff));
  return made.append(rest);
}

std::string unix_addresses(std::string source, std::string destination) {
  source.resize(108);
  destination.resize(108);
  return source + destination;
}

const golden headers[] = {
    {"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n",
     "v1 proxy stream 192.168.0.1:56324 > 192.168.0.11:443"},
    {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
     "v1 proxy stream 255.255.255.255:65535 > 255.255.255.255:65535"},
    {"PROXY TCP4 0.0.0.0 10.0.0.9 0 1\r\n", "v1 proxy stream 0.0.0.0:0 > 10.0.0.9:1"},
    {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
     " 65535 65535\r\n",
     "v1 proxy stream [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535 > "
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
    {"PROXY TCP6 2001:DB8::1 ::ffff:192.0.2.9 1234 443\r\n",
     "v1 proxy stream [2001:db8::1]:1234 > [::ffff:192.0.2.9]:443"},
    {"PROXY UNKNOWN\r\n", "v1 proxy"},
    {"PROXY UNKNOWN \x01\x02 anything at all\0\xff TCP4\r\n"s, "v1 proxy"},
    {"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
     " 65535 65535\r\n",
     "v1 proxy"},
    {block("2111", inet_addresses), "v2 proxy stream 192.168.0.1:56324 > 192.168.0.11:443"},
    {block("2112", inet_addresses), "v2 proxy datagram 192.168.0.1:56324 > 192.168.0.11:443"},
    {block("2121", inet6_addresses), "v2 proxy stream [2001:db8::1]:1234 > [2001:db8::ff]:443"},
    {block("2122", inet6_addresses), "v2 proxy datagram [2001:db8::1]:1234 > [2001:db8::ff]:443"},
    {block("2131", unix_addresses("/run/client", "/run/server")),
     "v2 proxy stream unix:/run/client > unix:/run/server"},
    {block("2132", unix_addresses(std::string(108, 'p'), "")),
     "v2 proxy datagram "
     "unix:pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"
     "pppppppppppppppppppppppppppppppppppp > unix:"},
    // Nobody's connection: whatever is in the block is skipped, the family too.
    {block("2000", ""), "v2 local"},
    {block("2011", inet_addresses), "v2 local"},
    {block("20ff", "any bytes"), "v2 local"},
    {block("2100", ""), "v2 proxy"},
    {block("2100", "\3\0\4bad sum"s), "v2 proxy"},
    {block("2110", "no addresses without a transport"), "v2 proxy"},
    {block("2101", "nor without a family"), "v2 proxy"},
    // Values behind the addresses are skipped; a checksum is checked.
    {block("2111", inet_addresses + from_hex("040000")),
     "v2 proxy stream 192.168.0.1:56324 > 192.168.0.11:443"},
    {block("2111", inet_addresses + from_hex("020003 612e62 200001 00 ee0000")),
     "v2 proxy stream 192.168.0.1:56324 > 192.168.0.11:443"},
    {block("2111", inet_addresses + from_hex("030004 1c1ae9c6")),
     "v2 proxy stream 192.168.0.1:56324 > 192.168.0.11:443"},
    {block("2111", inet_addresses + from_hex("020003 612e62 040000 030004 025bcbd7 ee0001 7f")),
     "v2 proxy stream 192.168.0.1:56324 > 192.168.0.11:443"},
};

const std::string malformed_lines[] = {
    // Words that are missing, too many, or apart by something else than one space.
    "PROXY \r\n",
    "PROXY TCP4\r\n",
    "PROXY TCP4 1.2.3.4\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
    "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n",
    "PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1  2\r\n",
    "PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
    "PROXY TCP4\t1.2.3.4 1.2.3.4 1 2\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\0\r\n"s,
    "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
    "PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n",
    "PROXY UNKNOWNS\r\n",
    "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
    // Ports.
    "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 00 2\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 4294967297\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 0x1\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 2a\r\n",
    // Addresses, and those of the other family.
    "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
    "PROXY TCP4 1.2.3.4.5 1.2.3.4 1 2\r\n",
    "PROXY TCP4 1.2.3. 1.2.3.4 1 2\r\n",
    "PROXY TCP4 1..3.4 1.2.3.4 1 2\r\n",
    "PROXY TCP4 256.2.3.4 1.2.3.4 1 2\r\n",
    "PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.0x4 1 2\r\n",
    "PROXY TCP4 localhost 1.2.3.4 1 2\r\n",
    "PROXY TCP4 * 1.2.3.4 1 2\r\n",
    "PROXY TCP4 ::1 ::1 1 2\r\n",
    "PROXY TCP4 1.2.3.4 ::1 1 2\r\n",
    "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
    "PROXY TCP6 ::1 1.2.3.4 1 2\r\n",
    "PROXY TCP6 [::1] ::1 1 2\r\n",
    "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
    "PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2\r\n",
    "PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n",
    "PROXY TCP6 ::1::2 ::1 1 2\r\n",
    "PROXY TCP6 ::12345 ::1 1 2\r\n",
    "PROXY TCP6 ::ffff:01.2.3.4 ::1 1 2\r\n",
    "PROXY TCP6 : ::1 1 2\r\n",
    "PROXY TCP4 unix:/x 1.2.3.4 1 2\r\n",
    // Line ends.
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r\n",
    "PROXY TCP4 1.2.3.4\r1.2.3.4 1 2\r\n",
    "PROXY UNKNOWN\n\r\n",
    "PROXY UNKNOWN " + std::string(92, 'x') + "\r\n",
    "PROXY UNKNOWN " + std::string(4000, 'x'),
    // No header at all.
    "GET / HTTP/1.1\r\n\r\n",
    "PROXY\tTCP4",
    "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
    " PROXY UNKNOWN\r\n",
    "\r\n\r\n\0\r\nQUIT\r"s,
    "\r\nPROXY UNKNOWN\r\n",
};

const std::string malformed_blocks[] = {
    block("1111", inet_addresses),                   // version 1 in a block
    block("3111", inet_addresses),                   // version 3
    block("2211", inet_addresses),                   // an unknown command
    block("2f00", ""),                               //
    block("2141", inet_addresses),                   // an unknown family
    block("2113", inet_addresses),                   // an unknown transport
    block("2111", ""),                               // too short for its addresses
    block("2111", inet_addresses.substr(1)),         //
    block("2121", inet6_addresses.substr(1)),        //
    block("2131", std::string(215, 'x')),            //
    block("2111", inet_addresses + from_hex("04")),  // half a value's head
    block("2111", inet_addresses + from_hex("0400")),
    block("2111", inet_addresses + from_hex("040001")),     // a value that is not there
    block("2111", inet_addresses + from_hex("04ffff 00")),  //
    block("2111", inet_addresses + from_hex("040000 030004 1c1ae9c6")),  // a wrong checksum
    block("2111", inet_addresses + from_hex("030004 00000000")),         //
    block("2111", inet_addresses + from_hex("030003 1c1ae9")),           // one of another size
    block("2111", inet_addresses + from_hex("030000")),                  //
    block("2111", inet_addresses + from_hex("030005 1c1ae9c600")),       //
    block("2111", std::string(4096 - 15, 'x')),                          // beyond the limit
    block("2011", std::string(65535, 'x')),                              //
};

}  // namespace

TEST_CASE("proxy: every kind of header is understood, and what follows it is left alone") {
  for (const golden& each : headers) {
    const proxied expected{std::string{each.header}, each.wire.size(), "PROXY the rest\r\n"};
    INFO(each.header);
    REQUIRE(parse_in_pieces(each.wire + expected.rest, SIZE_MAX) == expected);
    for (const std::size_t piece_bytes : {1, 2, 3, 5, 16, 17, 28, 107}) {
      REQUIRE(parse_in_pieces(each.wire + expected.rest, piece_bytes) == expected);
    }
    REQUIRE(parse_in_pieces(each.wire, SIZE_MAX).rest.empty());
  }
}

TEST_CASE("proxy: a header cut in two anywhere is the same, and until then it wants more") {
  for (const golden& each : headers) {
    INFO(each.header);
    const std::string rest = "rest";
    const std::string stream = each.wire + rest;
    for (std::size_t cut = 1; cut < each.wire.size(); ++cut) {
      REQUIRE(parse_in_pieces(stream.substr(0, cut), SIZE_MAX) == proxied{"need more", cut, ""});
      net::proxy_parser parser;
      const auto first = parser.feed(octets(stream).first(cut));
      REQUIRE(first.step == net::proxy_step::need_more);
      REQUIRE(first.taken_bytes == cut);
      const auto second = parser.feed(octets(stream).subspan(cut));
      REQUIRE(second.step == net::proxy_step::header);
      REQUIRE(second.taken_bytes == each.wire.size() - cut);
      REQUIRE(describe(parser.header()) == each.header);
      REQUIRE(parser.header_bytes() == each.wire.size());
    }
  }
}

TEST_CASE("proxy: what is no header is malformed, for the same reason in whatever pieces") {
  const auto check_malformed = [](const std::string& wire) {
    INFO(wire.substr(0, 200));
    const proxied whole = parse_in_pieces(wire, SIZE_MAX);
    REQUIRE(whole.header.starts_with("malformed: "));
    for (const std::size_t piece_bytes : {1, 2, 7, 16, 100}) {
      REQUIRE(parse_in_pieces(wire, piece_bytes) == whole);
    }
  };
  for (const std::string& wire : malformed_lines) check_malformed(wire);
  for (const std::string& wire : malformed_blocks) check_malformed(wire);
}

TEST_CASE("proxy: malformed is for ever") {
  net::proxy_parser parser;
  REQUIRE(parser.feed(octets("Q")).step == net::proxy_step::malformed);
  const auto after = parser.feed(octets(headers[0].wire));
  CHECK(after.step == net::proxy_step::malformed);
  CHECK(after.taken_bytes == 0);
  CHECK(parser.reason() == "the stream begins with no PROXY header"s);
}

TEST_CASE("proxy: what cannot become a header is noticed when its byte comes") {
  CHECK(parse_in_pieces("G", 1).header.starts_with("malformed"));
  CHECK(parse_in_pieces("PROX ", 1).header.starts_with("malformed"));
  CHECK(parse_in_pieces("\r\n\r\n\0\r\nQUIT\r"s, 1).header.starts_with("malformed"));
  CHECK(parse_in_pieces(block_signature + "\x31\x11", 1).header.starts_with("malformed"));
  CHECK(parse_in_pieces(block_signature + "\x21\x11\xff\xff", 1).header.starts_with("malformed"));
  CHECK(parse_in_pieces(block_signature + "\x21\x11\x0f\xf0", 1).header == "need more");
  CHECK(parse_in_pieces(block_signature + "\x21\x11\x0f\xf1", 1).header.starts_with("malformed"));
  CHECK(parse_in_pieces("PROXY " + std::string(100, 'x'), 1).header == "need more");
  CHECK(parse_in_pieces("PROXY " + std::string(101, 'x'), 1).header.starts_with("malformed"));
}

TEST_CASE("proxy: the limit counts the whole block") {
  const std::string padding = from_hex("040064") + std::string(100, 'x');
  const std::string wire = block("2111", inet_addresses + padding);
  REQUIRE(wire.size() == 131);
  CHECK(parse_in_pieces(wire, 10, 131).header.starts_with("v2 proxy"));
  CHECK(parse_in_pieces(wire, 10, 130).header.starts_with("malformed"));
}

TEST_CASE("proxy: a changed bit of a block with a checksum never passes for another address") {
  const golden good{block("2111", inet_addresses + from_hex("030004 1c1ae9c6")), headers[0].header};
  const std::string_view expected = "v2 proxy stream 192.168.0.1:56324 > 192.168.0.11:443";
  REQUIRE(parse_in_pieces(good.wire, SIZE_MAX).header == expected);
  for (std::size_t bit = 0; bit < 8 * good.wire.size(); ++bit) {
    std::string wire = good.wire;
    wire[bit / 8] = static_cast<char>(wire[bit / 8] ^ 1 << bit % 8);
    const proxied got = parse_in_pieces(wire, SIZE_MAX);
    // A value of another type is no checksum; a block that names no addresses is not read.
    const bool has_checksum = bit / 8 != 28 && bit / 8 != 12 && bit / 8 != 13;
    INFO("bit " << bit << " " << got.header);
    if (has_checksum) REQUIRE((got.header == "need more" || got.header.starts_with("malformed")));
    REQUIRE(got == parse_in_pieces(wire, 1));
  }
}

TEST_CASE("proxy: headers with random damage end alike in whatever pieces") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  base::random_source random{seed};
  for (int round = 0; round < 20'000; ++round) {
    std::string wire = headers[random.next_below(std::size(headers))].wire + "tail";
    for (std::uint32_t i = 1 + random.next_below(3); i > 0; --i) {
      const std::uint32_t at = random.next_below(static_cast<std::uint32_t>(wire.size()));
      const char values[] = {'\0', ' ', '\r', '\n', '0', '9', ':', '.', '\xff', '\x20', '\x21'};
      wire[at] = values[random.next_below(sizeof values)];
    }
    const proxied whole = parse_in_pieces(wire, SIZE_MAX);
    INFO(wire);
    REQUIRE(parse_in_pieces(wire, 1) == whole);
    REQUIRE(parse_in_pieces(wire, 1 + random.next_below(40)) == whole);
  }
}
