#include <sluice/framing.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <string>
#include <string_view>

using namespace sluice;

namespace {

std::string_view refusal(const framing& asked) {
  const auto checked = check(asked);
  return checked ? "" : checked.error().place;
}

}  // namespace

TEST_CASE("framing: none is the default, frames are limited by default, and every kind passes") {
  CHECK(std::holds_alternative<frames::none>(framing{}.by));
  CHECK(framing{}.frame_bytes_max == 1024 * 1024);
  CHECK(check({}));
  CHECK(check({.by = frames::fixed{.bytes = 16}}));
  CHECK(check({.by = frames::length_prefix{}}));
  CHECK(check({.by = frames::varint{}}));
  CHECK(check({.by = frames::delimiter{}}));
  CHECK(check({.by = frames::length_prefix{.width = 1, .adjustment = -256}}).error().code ==
        error_code::bad_argument);
}

TEST_CASE("framing: what cannot work is refused, and the field is named") {
  CHECK(refusal({.by = frames::varint{}, .frame_bytes_max = 0}) == "framing: frame_bytes_max is 0");
  CHECK(refusal({.by = frames::fixed{}}) == "framing: fixed.bytes is 0");
  CHECK(refusal({.by = frames::fixed{11}, .frame_bytes_max = 10}) ==
        "framing: fixed.bytes is above frame_bytes_max");
  for (const std::uint8_t width : {0, 5, 6, 7, 9, 255}) {
    CHECK(refusal({.by = frames::length_prefix{.width = width}}) ==
          "framing: length_prefix.width is not 1, 2, 3, 4 or 8");
  }
  CHECK(refusal({.by = frames::length_prefix{.order = static_cast<frames::byte_order>(2)}}) ==
        "framing: length_prefix.order is neither big nor little");
  CHECK(refusal({.by = frames::length_prefix{.offset = frames::offset_bytes_max + 1}}) ==
        "framing: length_prefix.offset is above offset_bytes_max");
  CHECK(refusal({.by = frames::delimiter{.bytes = ""}}) == "framing: delimiter.bytes is empty");
  CHECK(refusal({.by = frames::delimiter{.bytes = std::string(65, 'x')}}) ==
        "framing: delimiter.bytes is longer than delimiter_bytes_max");
  CHECK(refusal({.by = frames::delimiter{.bytes = "xyz"}, .frame_bytes_max = 2}) ==
        "framing: delimiter.bytes is longer than frame_bytes_max");
}

TEST_CASE(
    "framing: an adjustment that leaves no frame is refused, the last one that leaves one passes") {
  const std::string_view no_frame =
      "framing: with this length_prefix.adjustment no frame fits frame_bytes_max";
  const auto with = [](std::int32_t adjustment, bool counts_header) {
    return framing{.by = frames::length_prefix{.width = 1,
                                               .length_counts_header = counts_header,
                                               .adjustment = adjustment},
                   .frame_bytes_max = 100};
  };
  CHECK(refusal(with(-255, false)) == "");  // length 255, an empty payload
  CHECK(refusal(with(-256, false)) == no_frame);
  CHECK(refusal(with(-254, true)) == "");
  CHECK(refusal(with(-255, true)) == no_frame);
  CHECK(refusal(with(99, false)) == "");  // length 0
  CHECK(refusal(with(100, false)) == no_frame);
  CHECK(refusal(with(INT32_MIN, false)) == no_frame);
  CHECK(refusal(with(INT32_MAX, true)) == no_frame);
  CHECK(refusal({.by = frames::length_prefix{.width = 4}, .frame_bytes_max = 3}) == no_frame);
  CHECK(refusal({.by = frames::length_prefix{.width = 8, .adjustment = INT32_MIN}}) == "");
}
