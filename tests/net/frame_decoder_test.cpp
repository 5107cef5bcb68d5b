#include "net/frame_decoder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "codec_fixture.hpp"
#include "net/frame_encoder.hpp"
#include "net_fixture.hpp"

using namespace sluice;
using namespace net_test;
using namespace std::string_literals;

namespace {

bool lies_in(const bytes& slice, const bytes& piece) {
  return slice.data() >= piece.data() && slice.data() + slice.size() <= piece.data() + piece.size();
}

std::string on_the_wire(const net::encoded_frame& made) {
  return std::string{made.head.text()}.append(made.payload.text()).append(made.tail.text());
}

/// What `by` takes as a payload of about `size` bytes.
std::string random_payload(const framing& by, std::size_t size, base::random_source& random) {
  if (const auto* fixed = std::get_if<frames::fixed>(&by.by)) {
    return random_text(random, fixed->bytes);
  }
  if (const auto* mark = std::get_if<frames::delimiter>(&by.by)) {
    // Letters of the delimiter, so that it nearly comes about; taken back when it does.
    const std::string end{mark->bytes.text()};
    std::string text;
    while (text.size() < size) {
      text.push_back(random.next_below(3) == 0
                         ? 'x'
                         : end[random.next_below(static_cast<std::uint32_t>(end.size()))]);
      if ((text + end).find(end) != text.size()) text.back() = 'x';
    }
    return mark->keep ? text + end : text;
  }
  return random_text(random, size);
}

/// A stream of valid frames, and what must be given for it.
decoded random_stream(const framing& by, std::string& wire, base::random_source& random) {
  // A frame kept whole is what the stripping twin of its rule would send.
  framing sender = by;
  if (auto* rule = std::get_if<frames::length_prefix>(&sender.by)) rule->strip_header = true;
  if (auto* rule = std::get_if<frames::varint>(&sender.by)) rule->strip_header = true;
  const bool gives_payload = [&] {
    if (const auto* rule = std::get_if<frames::length_prefix>(&by.by)) return rule->strip_header;
    if (const auto* rule = std::get_if<frames::varint>(&by.by)) return rule->strip_header;
    return true;
  }();
  const net::frame_encoder encoder{sender};
  decoded expected;
  for (int i = 0; i < 40; ++i) {
    const std::string payload = random_payload(by, random.next_below(180), random);
    auto made = encoder.encode(bytes::copy_of(payload));
    if (!made) continue;  // a size that this rule cannot say
    wire += on_the_wire(*made);
    expected.frames.push_back(gives_payload ? payload : on_the_wire(*made));
  }
  return expected;
}

}  // namespace

TEST_CASE("frames: any way of cutting the input gives the same frames, for every rule") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  base::random_source random{seed};
  for (const framing& by : all_framings()) {
    INFO(describe(by));
    REQUIRE(check(by));
    std::string wire;
    const decoded expected = random_stream(by, wire, random);
    REQUIRE(expected.frames.size() > 3);
    REQUIRE(decode_whole(by, wire) == expected);
    REQUIRE(decode_in_pieces(by, wire, [] { return 1; }) == expected);
    for (int round = 0; round < 4; ++round) {
      REQUIRE(decode_at_random(by, wire, random) == expected);
    }
  }
}

TEST_CASE("frames: hostile input is cut as a naive decoder cuts it, in whatever pieces") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  base::random_source random{seed};
  std::size_t malformed_count = 0;
  for (const framing& by : all_framings()) {
    for (int round = 0; round < 6; ++round) {
      std::string wire;
      static_cast<void>(random_stream(by, wire, random));
      if (round % 2 == 0) wire = random_text(random, 600);
      for (std::uint32_t i = random.next_below(6); i > 0; --i) {
        const std::uint32_t at = random.next_below(static_cast<std::uint32_t>(wire.size()));
        const char values[] = {'\0', '\1', '\x7f', '\x80', '\xff', 'a', '\n'};
        wire[at] = values[random.next_below(sizeof values)];
      }
      INFO(describe(by));
      decoded expected = decode_naively(by, wire);
      const decoded whole = decode_whole(by, wire);
      expected.reason = whole.reason;  // the same words, whatever the pieces
      REQUIRE(whole.reason.empty() != expected.is_malformed);
      REQUIRE(whole == expected);
      REQUIRE(decode_in_pieces(by, wire, [] { return 1; }) == expected);
      REQUIRE(decode_at_random(by, wire, random) == expected);
      malformed_count += expected.is_malformed ? 1 : 0;
    }
  }
  CHECK(malformed_count > 100);
}

TEST_CASE("frames: every cut in two of a short conversation gives the same frames") {
  const framing rules[] = {
      {.by = frames::length_prefix{.width = 2}},
      {.by = frames::length_prefix{.width = 2, .strip_header = false}},
      {.by = frames::varint{}},
      {.by = frames::delimiter{.bytes = "\r\n\r\n"}},
      {.by = frames::fixed{5}},
  };
  const std::string wires[] = {
      "\0\5hello\0\0\0\1x"s, "\0\5hello\0\0\0\1x"s,
      "\5hello\0\1x"s,       "hello\r\n\r\n\r\n\r\n\r\r\n\r\n\n\r\n\r\n"s,
      "helloworld"s,
  };
  for (std::size_t i = 0; i < std::size(rules); ++i) {
    INFO(describe(rules[i]));
    const decoded whole = decode_whole(rules[i], wires[i]);
    REQUIRE(whole.frames.size() >= 2);
    REQUIRE(whole.incomplete_bytes == 0);
    for (std::size_t cut = 1; cut < wires[i].size(); ++cut) {
      bool is_first = true;
      const auto next = [&] { return std::exchange(is_first, false) ? cut : wires[i].size(); };
      REQUIRE(decode_in_pieces(rules[i], wires[i], next) == whole);
      // The end of the input may come at any byte: what had come of a frame is told.
      const std::string part = wires[i].substr(0, cut);
      REQUIRE(decode_whole(rules[i], part) == decode_naively(rules[i], part));
    }
  }
}

TEST_CASE("frames: the end of the input tells how many bytes of a frame had come") {
  const framing by{.by = frames::length_prefix{.width = 4}};
  CHECK(decode_whole(by, "").incomplete_bytes == 0);
  CHECK(decode_whole(by, "\0"s).incomplete_bytes == 1);
  CHECK(decode_whole(by, "\0\0\0\5hell"s).incomplete_bytes == 8);
  CHECK(decode_whole(by, "\0\0\0\5hello"s).incomplete_bytes == 0);
  CHECK(decode_whole(by, "\0\0\0\5hello\0\0"s).incomplete_bytes == 2);
  CHECK(decode_whole({.by = frames::delimiter{}}, "one\ntwo").incomplete_bytes == 3);
}

TEST_CASE("frames: a frame that lies in one piece is a slice of it") {
  const framing rules[] = {
      {.by = frames::length_prefix{.width = 1}},
      {.by = frames::length_prefix{.width = 1, .strip_header = false}},
      {.by = frames::varint{}},
      {.by = frames::delimiter{.bytes = "\3"}},
      {.by = frames::fixed{4}},
      {.by = frames::none{}},
  };
  for (const framing& by : rules) {
    INFO(describe(by));
    const bool is_delimited = std::holds_alternative<frames::delimiter>(by.by);
    const bytes piece = bytes::copy_of(is_delimited ? "one\3two\3six\3"s : "\3one\3two\3six"s);
    net::frame_decoder decoder{by};
    decoder.feed(piece);
    bytes frame;
    int count = 0;
    while (decoder.next(frame) == net::frame_step::frame) {
      ++count;
      REQUIRE((frame.empty() || lies_in(frame, piece)));
    }
    CHECK(count == (std::holds_alternative<frames::none>(by.by) ? 1 : 3));
    CHECK(decoder.held_bytes() == 0);
  }
}

TEST_CASE("frames: a payload whose header ended the piece before is a slice too") {
  const framing rules[] = {{.by = frames::length_prefix{.width = 2, .offset = 1}},
                           {.by = frames::varint{}}};
  const std::string headers[] = {"x\1\54"s, "\254\2"s};
  const bytes payload = bytes::copy_of(std::string(300, 'p') + "next");
  for (std::size_t i = 0; i < std::size(rules); ++i) {
    for (std::size_t cut = 0; cut < headers[i].size(); ++cut) {
      net::frame_decoder decoder{rules[i]};
      bytes frame;
      decoded ignored;
      // The header in two pieces, or in one, and then the payload.
      REQUIRE(feed_piece(decoder, headers[i].substr(0, cut), ignored));
      REQUIRE(feed_piece(decoder, headers[i].substr(cut), ignored));
      decoder.feed(payload.slice(0, 300));
      REQUIRE(decoder.next(frame) == net::frame_step::frame);
      REQUIRE(frame.data() == payload.data());
      REQUIRE(frame.size() == 300);
      REQUIRE(decoder.incomplete_bytes() == 0);
    }
  }
}

TEST_CASE("frames: a frame that spans pieces keeps none of them") {
  const framing by{.by = frames::length_prefix{.width = 2}};
  net::frame_decoder decoder{by};
  bytes frame;
  const bytes first = bytes::copy_of("\0\6abc"s);
  const bytes second = bytes::copy_of("def\0"s);
  decoder.feed(first);
  REQUIRE(decoder.next(frame) == net::frame_step::need_more);
  decoder.feed(second);
  REQUIRE(decoder.next(frame) == net::frame_step::frame);
  CHECK(frame.text() == "abcdef");
  CHECK(!lies_in(frame, first));
  CHECK(!lies_in(frame, second));
}

TEST_CASE("frames: a length is checked before memory is taken for it") {
  const framing by{.by = frames::length_prefix{.width = 4}, .frame_bytes_max = 1024 * 1024};
  net::frame_decoder decoder{by};
  decoded got;
  // It claims a mebibyte less its header.
  REQUIRE(feed_piece(decoder, "\0\017\377\374"s, got));
  CHECK(decoder.held_bytes() <= 1024);
  std::size_t arrived = 4;
  const std::string piece(1000, 'x');
  while (got.frames.empty()) {
    const std::size_t size = std::min(piece.size(), 1024 * 1024 - arrived);
    REQUIRE(feed_piece(decoder, std::string_view{piece}.substr(0, size), got));
    arrived += size;
    REQUIRE(decoder.held_bytes() <= std::max<std::size_t>(1024, 2 * arrived));
    REQUIRE(decoder.held_bytes() <= 1024 * 1024);
  }
  CHECK(got.frames.front().size() == 1024 * 1024 - 4);
  CHECK(decoder.held_bytes() == 0);
}

TEST_CASE("frames: a frame of just frame_bytes_max passes, a byte more is malformed at once") {
  const framing prefix{.by = frames::length_prefix{.width = 2}, .frame_bytes_max = 300};
  const framing varint{.by = frames::varint{}, .frame_bytes_max = 300};
  const framing line{.by = frames::delimiter{.bytes = "\r\n"}, .frame_bytes_max = 300};
  CHECK(decode_whole(prefix, "\1\52"s + std::string(298, 'x')).frames.size() == 1);
  CHECK(decode_whole(prefix, "\1\53"s).is_malformed);
  CHECK(decode_whole(varint, "\252\2"s + std::string(298, 'x')).frames.size() == 1);
  CHECK(decode_whole(varint, "\253\2"s).is_malformed);
  CHECK(decode_whole(line, std::string(298, 'x') + "\r\n").frames.size() == 1);
  CHECK(decode_whole(line, std::string(299, 'x')).incomplete_bytes == 299);
  CHECK(decode_whole(line, std::string(300, 'x')).is_malformed);
  CHECK(decode_whole(line, std::string(299, 'x') + "\r\n").is_malformed);
  CHECK(decode_whole(line, "ok\r\n" + std::string(299, 'x') + "\r\n").frames.size() == 1);
}

TEST_CASE("frames: each malformed beginning is refused, with its reason, and for ever") {
  struct bad {
    framing by;
    std::string wire;
    std::string_view reason;
  };
  const std::string too_large = "the frame is larger than frame_bytes_max";
  const std::string too_small = "the length is smaller than the frame's header";
  const bad table[] = {
      // Zero, and less than the header, where the length counts it.
      {{.by = frames::length_prefix{.width = 4, .length_counts_header = true}},
       "\0\0\0\0"s,
       too_small},
      {{.by = frames::length_prefix{.width = 4, .length_counts_header = true}},
       "\0\0\0\3"s,
       too_small},
      {{.by = frames::length_prefix{.width = 1, .offset = 2, .length_counts_header = true}},
       "ab\2"s,
       too_small},
      // An adjustment that takes the header away.
      {{.by = frames::length_prefix{.width = 2, .adjustment = -5}}, "\0\4"s, too_small},
      {{.by = frames::length_prefix{.width = 8, .adjustment = INT32_MIN}},
       "\0\0\0\0\0\0\0\0"s,
       too_small},
      // Lengths near every edge of the arithmetic.
      {{.by = frames::length_prefix{.width = 8}}, std::string(8, '\377'), too_large},
      {{.by = frames::length_prefix{.width = 8}}, "\177"s + std::string(7, '\377'), too_large},
      {{.by = frames::length_prefix{.width = 8}}, "\200"s + std::string(7, '\0'), too_large},
      {{.by = frames::length_prefix{.width = 8, .adjustment = 100}},
       std::string(7, '\377') + "\240",
       too_large},
      {{.by = frames::length_prefix{.width = 8, .adjustment = INT32_MAX - 8},
        .frame_bytes_max = UINT32_MAX},
       "\0\0\0\0\200\0\0\11"s,
       too_large},
      {{.by = frames::length_prefix{.width = 4, .order = frames::byte_order::little}},
       "\0\0\0\200"s,
       too_large},
      // Varints.
      {{.by = frames::varint{}}, "\200\0"s, "the varint is not in its shortest form"},
      {{.by = frames::varint{}}, "\377\200\0"s, "the varint is not in its shortest form"},
      {{.by = frames::varint{}}, std::string(9, '\377') + "\2", "the varint has more than 64 bits"},
      {{.by = frames::varint{}}, std::string(10, '\200'), "the varint has more than 64 bits"},
      {{.by = frames::varint{}}, std::string(9, '\377') + "\1", too_large},
      {{.by = frames::varint{}, .frame_bytes_max = 2}, "\200\200"s, too_large},
      {{.by = frames::delimiter{}, .frame_bytes_max = 3}, "abc"s, too_large},
  };
  for (const bad& one : table) {
    INFO(describe(one.by));
    REQUIRE(check(one.by));
    for (const bool bytewise : {false, true}) {
      net::frame_decoder decoder{one.by};
      decoded got;
      bool ok = true;
      if (bytewise) {
        for (const char octet : one.wire) ok = ok && feed_piece(decoder, {&octet, 1}, got);
      } else {
        ok = feed_piece(decoder, one.wire, got);
      }
      CHECK(!ok);
      CHECK(decoder.reason() == one.reason);
      CHECK(got.frames.empty());
      CHECK(decoder.incomplete_bytes() == 0);
      CHECK(decoder.held_bytes() == 0);
      CHECK(!feed_piece(decoder, "\0\0\0\1x\n"s, got));
      CHECK(!feed_piece(decoder, "\0\0\0\1x\n"s, got));
      CHECK(got.frames.empty());
    }
  }
}

TEST_CASE("frames: what stands before the malformed frame in the same piece is given first") {
  const framing by{.by = frames::length_prefix{.width = 1, .length_counts_header = true}};
  const decoded got = decode_whole(by, "\4abc\2x\0zzz"s);
  CHECK(got.frames == std::vector<std::string>{"abc", "x"});
  CHECK(got.is_malformed);
}

TEST_CASE("frames: empty ones are frames, and a flood of them ends with the input") {
  const std::string zeros(5000, '\0');
  for (const framing& by :
       {framing{.by = frames::length_prefix{.width = 1}}, framing{.by = frames::varint{}},
        framing{.by = frames::delimiter{.bytes = "\0"s}}}) {
    const decoded got = decode_whole(by, zeros);
    CHECK(got.frames == std::vector<std::string>(5000));
    CHECK(!got.is_malformed);
  }
}

// A decoder that searched or copied again from the frame's beginning for each byte would need
// years.
TEST_CASE("frames: large frames that come byte by byte cost work in proportion") {
  constexpr std::size_t size = 4 * 1024 * 1024;
  const framing rules[] = {
      {.by = frames::delimiter{.bytes = "\n"}, .frame_bytes_max = 2 * size},
      {.by = frames::delimiter{.bytes = std::string(63, 'a') + "b"}, .frame_bytes_max = 2 * size},
      {.by = frames::length_prefix{}, .frame_bytes_max = 2 * size},
  };
  const std::string heads[] = {"", "", "\0\100\0\0"s};
  const std::string tails[] = {"\n", "b", ""};
  const std::string payload(size, 'a');
  for (std::size_t i = 0; i < std::size(rules); ++i) {
    const std::string wire = heads[i] + payload + tails[i];
    const bytes whole = bytes::copy_of(wire);
    net::frame_decoder decoder{rules[i]};
    bytes frame;
    std::size_t count = 0;
    for (std::size_t at = 0; at < wire.size(); ++at) {
      decoder.feed(whole.slice(at, 1));
      if (decoder.next(frame) == net::frame_step::frame) ++count;
    }
    REQUIRE(count == 1);
    REQUIRE(frame.text() == std::string_view{payload}.substr(i == 1 ? 63 : 0));
  }
}

// In one piece, a search that began anew at each partial match would need them all.
TEST_CASE("frames: a delimiter that nearly comes about again and again costs work in proportion") {
  const framing by{.by = frames::delimiter{.bytes = std::string(63, 'a') + "b"},
                   .frame_bytes_max = 64 * 1024 * 1024};
  const std::string wire = std::string(32 * 1024 * 1024, 'a') + "b";
  CHECK(decode_whole(by, wire).frames.size() == 1);
}
