// Node stop and metas.
#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <mutex>
#include <string>

#include "actor/meta_fixture.hpp"

using namespace meta_tests;
using namespace std::chrono_literals;
using sluice::alias;
using sluice::error_code;
using sluice::exit_code;
using sluice::exit_reason;
using sluice::meta_handle;
using sluice::priority;
using sluice::result;
using sluice::send_outcome;

TEST_CASE(
    "meta rule 3: a start that will not return is named, left alone, and terminated on return") {
  const std::int64_t blocks_before = sluice::mem::pool().statistics().outstanding_blocks();
  auto out = std::make_unique<record>();
  {
    auto options = plain_options();
    std::string logged;
    std::mutex guard;
    options.log = [&](sluice::log_severity, std::string_view text) {
      const std::lock_guard lock{guard};
      logged += text;
    };
    sluice::node node{"deaf", options};
    REQUIRE(node.start());
    auto made =
        node.spawn_meta<device>({.thread_name = "deaf-one", .is_pinned = false}, way::deaf, *out);
    REQUIRE(made);
    auto well = node.spawn_meta<device>({.is_pinned = false}, way::waits, *out);
    REQUIRE(well);
    out->begun.wait_for(2);
    const auto report = node.stop(200ms);
    REQUIRE(report.not_stopped == std::vector<std::string>{"deaf-one"});
    REQUIRE(out->terminated.value() == 1);
    REQUIRE(out->destroyed.value() == 1);
    {
      const std::lock_guard lock{guard};
      REQUIRE(logged.find("deaf-one") != std::string::npos);
    }
    REQUIRE(made.value().send(ping{}) == send_outcome::stopping);
  }
  // The node is gone; the object lives on, and ends when start returns.
  REQUIRE(out->destroyed.value() == 1);
  out->release.add();
  out->destroyed.wait_for(2);
  REQUIRE(out->terminated.value() == 2);
  eventually([&] {  // Its thread gives back the rest.
    return sluice::mem::pool().statistics().outstanding_blocks() == blocks_before;
  });
  REQUIRE(out->wrong.load(sluice::base::relaxed) == 0);
}

TEST_CASE("meta rule 10: stop waits for a start that takes its time, and then is clean") {
  record out;
  {
    test_node node;
    for (int i = 0; i < 3; ++i) spawn_device(node, way::slow, out);
    out.begun.wait_for(3);
    node.finish();  // Clean, or the test fails.
    REQUIRE(out.terminated.value() == 3);
  }
  REQUIRE(out.destroyed.value() == 3);
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}

TEST_CASE("meta rule 10: what was sent to a meta before the stop is handled or accounted") {
  record out;
  test_node node;
  auto meta = spawn_device(node, way::waits, out);
  std::uint32_t sent = 0;
  for (; sent < 1000; ++sent) REQUIRE(meta.send(ping{sent}) == send_outcome::accepted);
  const auto sums = node.finish();
  REQUIRE(out.handled.value() + sums.receiver_ended >= sent);
}

namespace {

// Spawns metas of both kinds of parents for as long as it may.
struct restless : sluice::meta<restless> {
  explicit restless(record& to) : out(to) {}
  void start(std::stop_token) {
    for (bool is_tied = false;; is_tied = !is_tied) {
      if (!spawn_meta<device>({.tie_to_spawner = is_tied, .is_pinned = false}, way::waits, out)) {
        return;
      }
    }
  }
  record& out;
};

}  // namespace

TEST_CASE("meta rule 10: nodes stop cleanly while metas spawn metas") {
  for (int round = 0; round < (has_sanitizer ? 4 : 12); ++round) {
    record out;
    {
      test_node node;
      static_cast<void>(node->spawn_meta<restless>({.is_pinned = false}, out));
      static_cast<void>(node->spawn_meta<restless>({.is_pinned = false}, out));
      out.begun.wait_for(4);
      node.finish();
    }
    REQUIRE(out.built.value() == out.destroyed.value());
    REQUIRE(out.begun.value() == out.terminated.value());
    REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
  }
}
