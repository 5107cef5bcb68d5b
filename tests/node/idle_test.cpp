// A node with nothing to do does nothing.
#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <thread>

#include "actor/test_node.hpp"

using namespace std::chrono_literals;

namespace {

struct poke {};
struct sleeper : sluice::actor<sleeper, poke> {
  explicit sleeper(test_counter& to) : out(to) {}
  void on(poke) { out.add(); }
  test_counter& out;
};

std::uint64_t wake_ups(sluice::node& node) {
  std::uint64_t sum = 0;
  for (const auto& each : node.schedulers())
    sum += each.parks + each.sentinel_ticks + each.activations;
  return sum;
}

std::size_t sleeper_count() {
  const char* const wanted = std::getenv("SLUICE_TEST_SLEEPERS");
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 100'000;
}

}  // namespace

TEST_CASE("idle: a node with a hundred thousand sleeping processes does not wake up") {
  using sluice::driver_choice;
  // Without I/O, and with each driver.
  for (const int kind : {-1, int{static_cast<int>(driver_choice::io_uring)},
                         int{static_cast<int>(driver_choice::epoll)}}) {
    test_counter out;
    auto options = plain_options();
    options.io = kind >= 0;
    if (options.io) options.driver = static_cast<driver_choice>(kind);
    options.pin = sluice::pinning::never;
    test_node node{options};
    auto made = node->spawn_many<sleeper>(sleeper_count(), std::ref(out));
    REQUIRE(made);
    made.value().front().send(poke{});
    made.value().back().send(poke{});
    out.wait_for(2);
    // Housekeeping and the sentinel's last rounds come to an end.
    std::uint64_t before = wake_ups(*node);
    for (int calm = 0; calm < 2;) {
      std::this_thread::sleep_for(250ms);
      const std::uint64_t now = wake_ups(*node);
      calm = now == before ? calm + 1 : 0;
      before = now;
    }
    std::this_thread::sleep_for(2s);  // The figure itself: wake-ups in two seconds.
    REQUIRE(wake_ups(*node) == before);
  }
}
