// Addresses as text: what is understood is written so that it is understood alike.
#include "fuzz_target.hpp"

#include <string>

#include <sluice/endpoint.hpp>

#include "gateway/location.hpp"
#include "io/socket_address.hpp"

namespace {

using namespace sluice;

void require_endpoints(std::string_view text) {
  const auto seen = endpoint::parse(text);
  if (!seen) return;
  const auto again = endpoint::parse(seen->to_string());
  fuzz::require(again.has_value() && *again == *seen, "an endpoint is read as it is written");
}

void require_locations(std::string_view text) {
  const auto seen = gateway::parse_location(text);
  if (!seen) return;
  const auto again = gateway::parse_location(seen->text());
  fuzz::require(
      again && again->over == seen->over && again->host == seen->host && again->port == seen->port,
      "a location is read as it is written");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::choices from{fuzz::text_of(data, size)};
  const std::uint16_t port = from.next_word();
  const std::string_view text = from.rest();
  require_endpoints(text);
  require_locations(text);
  if (const auto host = endpoint::parse(text, port)) {
    fuzz::require(host->port() == port, "the port is the one given");
  }
  static_cast<void>(io::socket_address::parse(text, port));
  return 0;
}
