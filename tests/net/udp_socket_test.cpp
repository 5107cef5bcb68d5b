#include "net/udp_fixture.hpp"

using namespace net_test;

TEST_CASE("datagrams come back through a worker, over IPv4 and IPv6, on either kind of ring") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  base::random_source random{seed};
  for (const std::uint32_t io_threads : {0u, 1u}) {
    for (const char* host : {"127.0.0.1", "::1"}) {
      net_node on{{.io_threads = io_threads}};
      udp_service echo{on, {.host = host}};
      udp_client peer{host};
      for (const std::size_t size : {0, 1, 64, 1023, 1024, 0, 16'000}) {
        const std::string text = random_text(random, size);
        REQUIRE(peer.send(echo.where, text));
        endpoint from;
        CHECK((peer.receive(&from) == text));
        CHECK(from == echo.where);
      }
      CHECK(echo.notes.all(told::datagram).front().peer == peer.where());
      on.end();
      CHECK(echo.notes.count(told::closed) == 1);
      CHECK(echo.notes.entries().back().what == told::closed);
    }
  }
}
