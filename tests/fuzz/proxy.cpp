// The PROXY protocol's header: the same answer in whatever pieces, never a byte behind it, and what
// is read is written so that it is read again.
#include "fuzz_target.hpp"

#include <string>

#include "../net/proxy_fixture.hpp"

namespace {

using namespace sluice;
using namespace net_test;

template <class F>
proxied parse(std::string_view stream, std::size_t header_bytes_max, F&& next_size) {
  net::proxy_parser parser{header_bytes_max};
  net::proxy_step step = net::proxy_step::need_more;
  while (!stream.empty() && step == net::proxy_step::need_more) {
    const std::string piece{stream.substr(0, next_size())};
    const auto progress = parser.feed(octets(piece));
    step = progress.step;
    fuzz::require(progress.taken_bytes <= piece.size(), "it takes what it was fed");
    fuzz::require(step != net::proxy_step::need_more || progress.taken_bytes == piece.size(),
                  "who wants more has taken all");
    stream.remove_prefix(progress.taken_bytes);
    fuzz::require(step == net::proxy_step::malformed || parser.header_bytes() <= header_bytes_max,
                  "a header is bounded");
  }
  if (step == net::proxy_step::malformed)
    return {std::string{"malformed "} + parser.reason(), 0, {}};
  if (step == net::proxy_step::need_more) return {"need more", parser.header_bytes(), {}};
  return {describe(parser.header()), parser.header_bytes(), std::string{stream}};
}

// Version 1 says less: no transport but streams, no unix addresses.
bool can_be_said(const net::proxy_header& header) {
  if (header.version == net::proxy_version::two) return header.command == net::proxy_command::proxy;
  return header.transport == net::proxy_transport::stream || !header.has_addresses();
}

void require_round_trip(std::string_view stream, std::size_t header_bytes_max) {
  net::proxy_parser parser{header_bytes_max};
  if (parser.feed(octets(stream)).step != net::proxy_step::header) return;
  const net::proxy_header& seen = parser.header();
  if (!can_be_said(seen)) return;
  for (const auto checksum : {net::proxy_checksum::none, net::proxy_checksum::crc32c}) {
    const bytes written = net::write_proxy_header(seen, checksum);
    net::proxy_parser again;
    const auto progress = again.feed(written.span());
    fuzz::require(progress.step == net::proxy_step::header, "what is written is a header");
    fuzz::require(progress.taken_bytes == written.size(), "and nothing else");
    fuzz::require(describe(again.header()) == describe(seen), "and says the same");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::choices from{fuzz::text_of(data, size)};
  const std::size_t header_bytes_max = 107 + from.next_word() % 4096;
  const std::uint64_t seed = from.next();
  const std::string_view stream = from.rest();
  fuzz::require_split_invariance(
      stream, seed, [&](auto&& next_size) { return parse(stream, header_bytes_max, next_size); });
  require_round_trip(stream, header_bytes_max);
  return 0;
}
