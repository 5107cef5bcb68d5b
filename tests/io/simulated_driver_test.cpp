// The simulation itself: it repeats, its time jumps, its faults happen where they were planned.
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <set>
#include <vector>

#include "io/probe.hpp"
#include "io/simulated_loop.hpp"

using namespace io_test;
using io::close_reason;
using io::fault_kind;
using io::op_site;

namespace {

struct run_report {
  std::uint64_t trace_hash = 0;
  unsigned byte_exact = 0;
  unsigned closed = 0;
  std::uint64_t overflows = 0;
  bool all_home = false;
};

/// Some echoing streams and as many clients, all on one driver; a client half-closes when it has
/// sent its text and ends when the echo has.
run_report echo_run(const io::simulation_options& options, unsigned pair_count,
                    std::uint32_t buffer_count = 16) {
  simulated_loop on{options, {.buffer_count = buffer_count, .buffer_bytes = 4096}};
  base::random_source random{options.seed * 7919};
  std::deque<peer_stream> servers;
  std::deque<peer_stream> clients;
  std::vector<std::string> texts;
  for (unsigned index = 0; index < pair_count; ++index) {
    auto ends = make_socketpair();
    servers.emplace_back(*on.driver).echo();
    servers.back().stream.open(std::move(ends.ours));
    clients.emplace_back(*on.driver);
    clients.back().react_to_end = [&to = clients.back()] { to.stream.close_after_flush(); };
    clients.back().stream.open(std::move(ends.theirs));
    texts.push_back(random_text(random, 1 + random.next_below(60'000)));
    for (std::string_view rest = texts.back(); !rest.empty();) {
      const auto size = std::min<std::size_t>(rest.size(), 1 + random.next_below(9'000));
      static_cast<void>(
          clients.back().stream.write(bytes::copy_of(std::string{rest.substr(0, size)})));
      rest.remove_prefix(size);
    }
    clients.back().stream.shutdown_write();
  }
  const auto count_closed = [&] {
    const auto closed = [](const peer_stream& each) { return each.closed_count == 1; };
    return std::count_if(servers.begin(), servers.end(), closed) +
           std::count_if(clients.begin(), clients.end(), closed);
  };
  on.run_until([&] { return count_closed() == 2 * pair_count; }, 100'000);
  run_report report;
  report.trace_hash = on.trace_hash();
  report.closed = static_cast<unsigned>(count_closed());
  for (unsigned index = 0; index < pair_count; ++index) {
    report.byte_exact += clients[index].received == texts[index] ? 1 : 0;
    servers[index].stream.abort();
    clients[index].stream.abort();
  }
  on.run_until([&] { return count_closed() == 2 * pair_count; });
  const auto& buffers = on.driver->buffers();
  report.all_home = buffers.free_count() == buffers.count() && on.driver->in_flight_count() == 0;
  report.overflows = on.driver->counters().overflows.load();
  return report;
}

}  // namespace

TEST_CASE("simulation: equal seeds give equal runs, and others differ", "[simulation]") {
  std::set<std::uint64_t> hashes;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    io::simulation_options options;
    options.seed = seed;
    const run_report first = echo_run(options, 4);
    const run_report second = echo_run(options, 4);
    CHECK(first.trace_hash == second.trace_hash);
    CHECK(first.byte_exact == 4);
    CHECK(first.closed == 8);
    CHECK(first.all_home);
    hashes.insert(first.trace_hash);
  }
  CHECK(hashes.size() == 20);
}

TEST_CASE("simulation: streams are byte-exact under any order, cuts, full rings and lost F_MORE",
          "[simulation]") {
  const auto seed = fresh_seed();
  for (unsigned round = 0; round < 60; ++round) {
    CAPTURE(seed, round);
    io::simulation_options options;
    options.seed = seed + round;
    options.submit_count_max = 1 + round % 5;
    options.finish_count_max = 1 + round % 7;
    options.odds.cut_short = 500;
    options.odds.lost_more = 300;
    options.odds.no_buffer = 100;
    options.odds.retry = 100;
    const run_report report = echo_run(options, 1 + round % 6, round % 2 == 0 ? 2 : 16);
    CHECK(report.byte_exact == 1 + round % 6);
    CHECK(report.closed == 2 * (1 + round % 6));
    CHECK(report.all_home);
  }
}

TEST_CASE("simulation: whatever fails, each stream ends once and every buffer comes home",
          "[simulation]") {
  const auto seed = fresh_seed();
  for (unsigned round = 0; round < 100; ++round) {
    CAPTURE(seed, round);
    io::simulation_options options;
    options.seed = seed + round;
    options.odds.error = 30;
    const run_report report = echo_run(options, 5);
    CHECK(report.closed >= 1);
    CHECK(report.all_home);
  }
}

TEST_CASE("simulation: hours pass in no time when nothing can happen", "[simulation]") {
  simulated_loop on{exact_simulation()};
  timeout_probe hour{*on.driver};
  const auto begin_ns = base::now_ns();
  const auto at_ns = begin_ns + 3'600'000'000'000;
  hour.timeout.start(at_ns);
  while (hour.expired_count == 0) {
    static_cast<void>(on.driver->park(base::no_deadline));
    on.driver->poll();
    REQUIRE(base::now_ns() <= at_ns + 1'000'000'000);
  }
  CHECK(hour.expired_ns >= at_ns);
  CHECK(hour.expired_ns - at_ns <= 2 * sched::timer_wheel::tick_ns);
  on.detach();
  CHECK(base::now_ns() < begin_ns + 3'600'000'000'000);  // the system's time is back
}

TEST_CASE("simulation: a planned error comes at its place and nothing is carried out",
          "[simulation]") {
  for (const std::uint64_t nth : {1, 2, 3}) {
    simulated_loop on{exact_simulation(nth)};
    on.plan.inject({op_site::stream_send, fault_kind::error, ENETDOWN, nth});
    auto ends = make_socketpair();
    peer_stream peer{*on.driver};
    peer.stream.open(std::move(ends.ours));
    for (std::uint64_t count = 1; count <= nth; ++count) {
      CHECK(peer.stream.write(bytes::copy_of("message"s)) == io::write_outcome::accepted);
      REQUIRE(on.run_until([&] { return peer.stream.queued_bytes() == 0 || peer.is_closed(); }));
      CHECK(peer.is_closed() == (count == nth));
    }
    CHECK(on.plan.fired_count() == 1);
    CHECK(peer.reason == close_reason::failed);
    CHECK(peer.stream.os_error() == ENETDOWN);
    CHECK(peer.bytes_out == 7 * (nth - 1));
  }
}

TEST_CASE("simulation: requests wait to be taken and completions to be handed out",
          "[simulation]") {
  io::simulation_options options = exact_simulation();
  options.submit_count_max = 2;
  options.finish_count_max = 1;
  options.delay_max_ns = 0;
  simulated_loop on{options};
  std::deque<probe> probes(20);
  const base::unique_fd ready = make_readable();
  for (auto& each : probes) {
    on.driver->start(each.op, io::request::poll(ready.get(), op_site::test, POLLIN));
  }
  unsigned turns = 0;
  const auto finished = [&] {
    return std::count_if(probes.begin(), probes.end(),
                         [](const probe& each) { return each.final_count == 1; });
  };
  while (finished() < 20) {
    const auto before = finished();
    on.driver->poll();
    CHECK(finished() - before <= 1);
    REQUIRE(++turns < 1'000);
  }
  CHECK(turns >= 20);
  CHECK(on.driver->counters().overflows.load() > 0);
}

TEST_CASE("simulation: a cancelled request may succeed all the same, once", "[simulation]") {
  simulated_loop on{exact_simulation()};
  const base::unique_fd ready = make_readable();
  probe late;
  on.plan.inject({op_site::test, fault_kind::late, 0, 1});
  on.driver->start(late.op, io::request::poll(ready.get(), op_site::test, POLLIN));
  on.driver->cancel(late.op);
  REQUIRE(on.run_until([&] { return late.final_count == 1; }));
  CHECK(late.results == std::vector<int>{POLLIN});
  on.driver->start(late.op, io::request::poll(ready.get(), op_site::test, POLLIN));
  on.driver->cancel(late.op);
  REQUIRE(on.run_until([&] { return late.final_count == 2; }));
  CHECK(late.results.back() == -ECANCELED);
}

TEST_CASE("simulation: the plan cuts, withholds buffers and ends multishot requests",
          "[simulation]") {
  simulated_loop on{exact_simulation()};
  on.plan.inject({op_site::stream_receive, fault_kind::cut_short, 0, 1});
  on.plan.inject({op_site::stream_receive, fault_kind::no_buffer, 0, 2});
  on.plan.inject({op_site::stream_receive, fault_kind::lost_more, 0, 3});
  auto ends = make_socketpair();
  peer_stream peer{*on.driver};
  peer.stream.open(std::move(ends.ours));
  REQUIRE(send_all(ends.theirs.get(), "abc"));
  REQUIRE(on.run_until([&] { return peer.received == "abc"; }));
  CHECK(peer.slice_count == 2);
  CHECK(on.plan.fired_count() == 3);
  CHECK(on.driver->counters().enobufs.load() == 1);
  CHECK(on.driver->counters().rearms.load() == 2);
  REQUIRE(send_all(ends.theirs.get(), "d"));
  REQUIRE(on.run_until([&] { return peer.received == "abcd"; }));
  peer.stream.abort();
  CHECK(on.run_until([&] { return peer.is_closed(); }));
}
