// What the kernel is said to have written into a buffer: whatever sizes stand in there, nothing
// outside of it is given, and the datagrams of one buffer are its payload.
#include "fuzz_target.hpp"

#include <memory>

#include "io/datagram_header.hpp"

namespace {

using namespace sluice;
using octets = std::span<const std::byte>;

bool lies_in(octets part, octets whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void require_datagrams(const io::received_datagram& seen) {
  const std::size_t count = seen.count();
  fuzz::require(count > 0 && count <= seen.payload.size() + 1,
                "there is one, and a bounded number");
  std::size_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const octets one = seen.datagram(i);
    fuzz::require(lies_in(one, seen.payload), "a datagram is of the payload");
    fuzz::require(seen.segment_bytes == 0 || one.size() <= seen.segment_bytes,
                  "no segment is larger than said");
    sum += one.size();
  }
  fuzz::require(sum == seen.payload.size(), "all of the payload is given");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::choices from{fuzz::text_of(data, size)};
  const io::datagram_layout layout{from.next(), from.next_word()};
  // A block of its own, aligned as buffers are, so that a sanitizer sees its end.
  const std::string_view rest = from.rest();
  const auto copy = std::make_unique<std::byte[]>(rest.size());
  std::transform(rest.begin(), rest.end(), copy.get(),
                 [](char letter) { return static_cast<std::byte>(letter); });
  const octets written{copy.get(), rest.size()};
  io::received_datagram seen;
  if (io::read_datagram(written, layout, seen) == io::datagram_step::malformed) return 0;
  fuzz::require(lies_in(seen.peer, written), "the peer's address is of the buffer");
  fuzz::require(lies_in(seen.local, written), "the own address is of the buffer");
  fuzz::require(lies_in(seen.payload, written), "the payload is of the buffer");
  fuzz::require(seen.peer.size() <= layout.name_bytes, "the address lies in its room");
  require_datagrams(seen);
  return 0;
}
