// Frames of every rule: as a naive decoder cuts them, in whatever pieces; what the encoder makes of
// them is the same frame again; no more memory than the limit says.
#include "fuzz_target.hpp"

#include <algorithm>
#include <vector>

#include "../net/codec_fixture.hpp"
#include "net/frame_encoder.hpp"

namespace {

using namespace net_test;

const std::vector<framing>& framings() {
  static const std::vector<framing> made = all_framings();
  return made;
}

// What lies there for a frame that has begun: at most twice what came, or a block of the pool, and
// never more than the limit and such a block.
void require_bounded(const net::frame_decoder& decoder, std::size_t fed_bytes, std::size_t limit) {
  constexpr std::size_t block_bytes_max = 1024;
  const std::size_t held = decoder.held_bytes();
  fuzz::require(held <= std::max(2 * fed_bytes, block_bytes_max), "memory is for what has arrived");
  fuzz::require(held <= limit + block_bytes_max, "memory is bounded");
}

template <class F>
decoded decode_bounded(const framing& by, std::string_view input, F&& next_size) {
  net::frame_decoder decoder{by};
  decoded made;
  std::size_t fed_bytes = 0;
  while (fed_bytes < input.size()) {
    const std::size_t size = std::min<std::size_t>(next_size(), input.size() - fed_bytes);
    const bool goes_on = feed_piece(decoder, input.substr(fed_bytes, size), made);
    fed_bytes += size;
    require_bounded(decoder, fed_bytes, by.frame_bytes_max);
    if (!goes_on) break;
  }
  made.reason = decoder.reason();
  made.is_malformed = !made.reason.empty();
  made.incomplete_bytes = decoder.incomplete_bytes();
  return made;
}

void require_round_trip(const framing& by, const decoded& seen) {
  const net::frame_encoder encoder{by};
  for (const std::string& frame : seen.frames) {
    const auto made = encoder.encode(bytes::copy_of(frame));
    fuzz::require(made.has_value(), "what was received can be sent");
    const std::string wire =
        std::string{made->head.text()}.append(made->payload.text()).append(made->tail.text());
    const decoded again = decode_whole(by, wire);
    fuzz::require(again.frames.size() == 1 && again.frames.front() == frame,
                  "what was sent is received as it was");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::choices from{fuzz::text_of(data, size)};
  const framing& by = framings()[from.next_word() % framings().size()];
  const std::uint64_t seed = from.next();
  const std::string_view input = from.rest();
  fuzz::require_split_invariance(
      input, seed, [&](auto&& next_size) { return decode_bounded(by, input, next_size); });
  const decoded seen = decode_whole(by, input);
  decoded expected = decode_naively(by, input);
  expected.reason = seen.reason;
  fuzz::require(seen == expected, "it is cut as a naive decoder cuts it");
  require_round_trip(by, seen);
  return 0;
}
