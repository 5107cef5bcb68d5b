#include "net/frame_encoder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "codec_fixture.hpp"
#include "net_fixture.hpp"

using namespace sluice;
using namespace net_test;
using namespace std::string_literals;

namespace {

std::string wire_of(const framing& by, std::string_view payload) {
  const net::frame_encoder encoder{by};
  auto made = encoder.encode(bytes::copy_of(payload));
  if (!made) return "error: "s + made.error().place;
  return std::string{made->head.text()}.append(made->payload.text()).append(made->tail.text());
}

}  // namespace

TEST_CASE("frames: what a decoder gives, its encoder takes, and gives the bytes that came") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  base::random_source random{seed};
  std::size_t frame_count = 0;
  for (const framing& by : all_framings()) {
    INFO(describe(by));
    const auto* rule = std::get_if<frames::length_prefix>(&by.by);
    if (rule != nullptr && rule->strip_header && rule->offset > 0)
      continue;  // not told what it was
    // Small values, so that lengths are often valid.
    std::string wire(3000, '\0');
    for (char& octet : wire) octet = static_cast<char>(random.next_below(24));
    const decoded got = decode_whole(by, wire);
    std::string again;
    for (const std::string& frame : got.frames) again += wire_of(by, frame);
    REQUIRE(again == wire.substr(0, again.size()));
    frame_count += got.frames.size();
  }
  CHECK(frame_count > 1000);
}

TEST_CASE("frames: a payload is sent from where it lies") {
  const bytes payload = bytes::copy_of("payload");
  for (const framing& by :
       {framing{.by = frames::length_prefix{}}, framing{.by = frames::varint{}},
        framing{.by = frames::delimiter{}}, framing{.by = frames::fixed{7}}, framing{}}) {
    const net::frame_encoder encoder{by};
    auto made = encoder.encode(payload);
    REQUIRE(made);
    CHECK(made->payload.data() == payload.data());
    CHECK(made->payload.size() == payload.size());
  }
}

TEST_CASE("frames: headers say the length as the rule has it") {
  CHECK(wire_of({.by = frames::length_prefix{}}, "abc") == "\0\0\0\3abc"s);
  CHECK(wire_of({.by = frames::length_prefix{.width = 3, .order = frames::byte_order::little}},
                "abc") == "\3\0\0abc"s);
  CHECK(wire_of({.by = frames::length_prefix{.width = 8}}, "abc") == "\0\0\0\0\0\0\0\3abc"s);
  CHECK(wire_of({.by = frames::length_prefix{.width = 2, .length_counts_header = true}}, "abc") ==
        "\0\5abc"s);
  CHECK(wire_of({.by = frames::length_prefix{.width = 2, .offset = 2}}, "abc") == "\0\0\0\3abc"s);
  CHECK(wire_of({.by = frames::length_prefix{.width = 1, .adjustment = 2}}, "abc") == "\1abc"s);
  CHECK(wire_of({.by = frames::length_prefix{.width = 1, .adjustment = -2}}, "abc") == "\5abc"s);
  CHECK(wire_of({.by = frames::length_prefix{}}, "") == "\0\0\0\0"s);
  CHECK(wire_of({.by = frames::varint{}}, "") == "\0"s);
  CHECK(wire_of({.by = frames::varint{}}, std::string(127, 'x')) == "\177" + std::string(127, 'x'));
  CHECK(wire_of({.by = frames::varint{}}, std::string(300, 'x')) ==
        "\254\2" + std::string(300, 'x'));
  CHECK(wire_of({.by = frames::delimiter{.bytes = "\r\n"}}, "abc") == "abc\r\n");
  CHECK(wire_of({.by = frames::delimiter{.bytes = "\r\n", .keep = true}}, "abc\r\n") == "abc\r\n");
  CHECK(wire_of({}, "abc") == "abc");
}

TEST_CASE("frames: a payload that makes no frame is refused and told why") {
  struct bad {
    framing by;
    std::string payload;
    std::string_view why;
  };
  const std::string_view too_large = "error: frame: with this payload larger than frame_bytes_max";
  const std::string_view not_whole = "error: frame: the payload is not one whole frame";
  const std::string_view has_mark = "error: frame: the payload contains the delimiter";
  const bad table[] = {
      {{.by = frames::length_prefix{.width = 1}},
       std::string(256, 'x'),
       "error: frame: the payload's length does not fit length_prefix.width"},
      {{.by = frames::length_prefix{.width = 1, .adjustment = 2}},
       "x",
       "error: frame: with this payload its length would be negative"},
      {{.by = frames::length_prefix{}, .frame_bytes_max = 8}, "12345", too_large},
      {{.by = frames::varint{}, .frame_bytes_max = 8}, "12345678", too_large},
      {{.by = frames::delimiter{}, .frame_bytes_max = 8}, "12345678", too_large},
      {{.by = frames::delimiter{.keep = true}, .frame_bytes_max = 8}, "12345678\n", too_large},
      {{.by = frames::fixed{4}}, "123", not_whole},
      {{.by = frames::fixed{4}}, "12345", not_whole},
      {{.by = frames::fixed{4}}, "", not_whole},
      {{.by = frames::length_prefix{.width = 1, .strip_header = false}}, "\3ab", not_whole},
      {{.by = frames::length_prefix{.width = 1, .strip_header = false}}, "\1ab", not_whole},
      {{.by = frames::length_prefix{.width = 1, .strip_header = false}}, "", not_whole},
      {{.by = frames::varint{.strip_header = false}}, "\200\0"s, not_whole},
      {{.by = frames::delimiter{}}, "a\nb", has_mark},
      {{.by = frames::delimiter{.bytes = "\n\n"}}, "a\n", has_mark},
      {{.by = frames::delimiter{.bytes = "aba"}}, "xab", has_mark},
      {{.by = frames::delimiter{.keep = true}},
       "ab",
       "error: frame: the delimiter is missing at its end"},
      {{.by = frames::delimiter{.keep = true}},
       "a\nb\n",
       "error: frame: contains the delimiter before its end"},
      {{.by = frames::delimiter{.keep = true}},
       "",
       "error: frame: the delimiter is missing at its end"},
  };
  for (const bad& one : table) {
    INFO(describe(one.by) << " payload " << one.payload);
    CHECK(wire_of(one.by, one.payload) == one.why);
  }
}
