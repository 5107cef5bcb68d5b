// What every driver promises (io/driver.hpp), whichever stands behind it.
#include <fcntl.h>
#include <poll.h>

#include <atomic>
#include <cerrno>
#include <deque>
#include <vector>

#include "io/epoll_driver.hpp"
#include "io/probe.hpp"
#include "io/simulated_driver.hpp"

using namespace io_test;
using sched::park_outcome;

namespace {

std::uint64_t wake_write_count(const loop& ring) {
  if (const auto* epoll = dynamic_cast<const io::epoll_driver*>(ring.driver.get())) {
    return epoll->wake_write_count();
  }
  if (const auto* simulated = dynamic_cast<const io::simulated_driver*>(ring.driver.get())) {
    return simulated->wake_write_count();
  }
  return dynamic_cast<const io::uring_driver&>(*ring.driver).wake_write_count();
}

}  // namespace

TEST_CASE("a wake before the park makes the park return at once") {
  loop ring;
  ring.driver->poll();
  std::thread([&] { ring.driver->wake(); }).join();
  CHECK(ring.driver->park(base::no_deadline) == park_outcome::woken);
  CHECK(wake_write_count(ring) == 0);
}

TEST_CASE("wakes are never lost, whenever they come") {
  loop ring;
  std::atomic<unsigned> published{0};
  std::atomic<unsigned> seen{0};
  constexpr unsigned rounds = 20'000;
  std::thread other([&] {
    for (unsigned round = 1; round <= rounds; ++round) {
      published.store(round, std::memory_order_relaxed);
      ring.driver->wake();
      while (seen.load(std::memory_order_acquire) < round) base::spin_pause();
    }
  });
  unsigned lost = 0;
  unsigned last = 0;
  while (last < rounds) {
    const unsigned now = published.load(std::memory_order_relaxed);
    if (now != last) {
      last = now;
      seen.store(now, std::memory_order_release);
      continue;
    }
    if (ring.driver->park(base::now_ns() + 500'000'000) == park_outcome::timed_out) {
      ++lost;
      if (lost > 3) break;
    }
    ring.driver->poll();
  }
  seen.store(rounds);
  other.join();
  CHECK(lost == 0);
}

TEST_CASE("who is woken sees what the waker did before") {
  loop ring;
  ring.driver->poll();
  unsigned told = 0;  // plain: the wake itself must order it (shown under TSan)
  for (unsigned round = 1; round <= 50; ++round) {
    std::thread other([&] {
      told = round;
      ring.driver->wake();
    });
    while (ring.driver->park(base::no_deadline) != park_outcome::woken) ring.driver->poll();
    CHECK(told == round);
    other.join();
  }
}

TEST_CASE("a sleep costs its wakers one write, however many they are") {
  loop ring;
  ring.driver->poll();
  std::atomic<bool> stop{false};
  std::vector<std::thread> wakers;
  for (int count = 0; count < 2; ++count) {
    wakers.emplace_back([&] {
      while (!stop.load()) ring.driver->wake();
    });
  }
  constexpr unsigned sleeps = 200;
  for (unsigned sleep = 0; sleep < sleeps; ++sleep) {
    static_cast<void>(ring.driver->park(base::no_deadline));
    ring.driver->poll();
  }
  stop = true;
  for (auto& waker : wakers) waker.join();
  CHECK(wake_write_count(ring) <= sleeps);
}

TEST_CASE("a park ends at its deadline and not before") {
  loop ring;
  ring.driver->poll();
  for (const std::int64_t span_ns : {0LL, 100'000LL, 3'000'000LL}) {
    const auto deadline_ns = base::now_ns() + span_ns;
    // The kernel may interrupt a wait without any signal of ours: who is stopped and goes on, or
    // is frozen and thawed, hears EINTR, which parks tell as an event.
    auto outcome = park_outcome::event;
    for (int tries = 0; tries < 3 && outcome == park_outcome::event; ++tries) {
      outcome = ring.driver->park(deadline_ns);
    }
    CHECK(outcome == park_outcome::timed_out);
    CHECK(base::now_ns() >= deadline_ns);
  }
}

TEST_CASE("no operation is lost, also where rings are four entries long") {
  loop ring{{.sq_entries = 4, .cq_entries = 4, .common = {.buffer_count = 2}}};
  std::deque<probe> probes(500);
  const base::unique_fd ready = make_readable();
  for (auto& each : probes) {
    ring.driver->start(each.op, io::request::poll(ready.get(), io::op_site::test, POLLIN));
  }
  CHECK(ring.run_until([&] {
    for (auto& each : probes) {
      if (each.final_count != 1) return false;
    }
    return true;
  }));
  CHECK(ring.driver->counters().late.load() == 0);
}

TEST_CASE("a callback may start its operation again") {
  loop ring;
  probe again;
  const base::unique_fd ready = make_readable();
  const auto start = [&] {
    ring.driver->start(again.op, io::request::poll(ready.get(), io::op_site::test, POLLIN));
  };
  again.then = [&] {
    if (again.final_count < 10) start();
  };
  start();
  CHECK(ring.run_until([&] { return again.final_count == 10; }));
  CHECK(!again.op.in_flight());
}

TEST_CASE("a number of a past generation finds no operation") {
  io::operation_table table;
  probe first;
  probe second;
  const auto old_number = table.enter(first.op);
  CHECK(table.find(old_number) == &first.op);
  table.leave(first.op);
  CHECK(table.find(old_number) == nullptr);
  const auto new_number = table.enter(second.op);
  CHECK(new_number != old_number);
  CHECK(table.find(old_number) == nullptr);
  CHECK(table.find(new_number) == &second.op);
  CHECK(table.find(io::operation_table::number(99, 0, io::entry_kind::operation)) == nullptr);
  table.leave(second.op);
  CHECK(table.in_flight_count() == 0);
}

TEST_CASE("a cancel asks, and the operation ends with its final completion") {
  loop ring;
  auto ends = make_socketpair();
  probe waiting;
  ring.driver->start(waiting.op, io::request::poll(ends.ours.get(), io::op_site::test, POLLIN));
  ring.driver->poll();
  ring.driver->cancel(waiting.op);
  ring.driver->cancel(waiting.op);
  CHECK(waiting.op.in_flight());
  CHECK(ring.run_until([&] { return waiting.final_count == 1; }));
  CHECK(waiting.results == std::vector<int>{-ECANCELED});
}

TEST_CASE("poll, write and read work on any descriptor") {
  loop ring;
  int fds[2];
  REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
  base::unique_fd reader{fds[0]};
  base::unique_fd writer{fds[1]};
  probe polled;
  probe written;
  probe read;
  const auto text = "through the ring"s;
  std::byte into[64];
  ring.driver->start(polled.op, io::request::poll(reader.get(), io::op_site::test, POLLIN));
  ring.driver->start(written.op, io::request::write(writer.get(), io::op_site::test,
                                                    std::as_bytes(std::span{text})));
  CHECK(ring.run_until([&] { return polled.final_count == 1 && written.final_count == 1; }));
  CHECK((polled.results.front() & POLLIN) != 0);
  ring.driver->start(read.op, io::request::read(reader.get(), io::op_site::test, into));
  CHECK(ring.run_until([&] { return read.final_count == 1; }));
  CHECK(std::string(reinterpret_cast<char*>(into), static_cast<std::size_t>(read.results[0])) ==
        text);
}

TEST_CASE("detach cancels what is in flight and reaps it all") {
  loop ring;
  std::deque<probe> probes(100);
  std::vector<socket_ends> pairs;
  std::byte into[8];
  for (std::size_t index = 0; index < probes.size(); ++index) {
    pairs.push_back(make_socketpair());
    if (index % 2 == 0) {
      ring.driver->start(probes[index].op,
                         io::request::poll(pairs.back().ours.get(), io::op_site::test, POLLIN));
    } else {
      ring.driver->start(probes[index].op,
                         io::request::read(pairs.back().ours.get(), io::op_site::test, into));
    }
    if (index == 50) ring.driver->poll();  // half of them have not been submitted
  }
  ring.detach();
  for (auto& each : probes) CHECK(each.final_count == 1);
  CHECK(ring.driver->in_flight_count() == 0);
  CHECK(ring.driver->counters().abandoned.load() == 0);
}

TEST_CASE("an operation started while detaching completes as cancelled") {
  loop ring;
  auto ends = make_socketpair();
  probe first;
  probe second;
  first.then = [&] {
    ring.driver->start(second.op, io::request::poll(ends.ours.get(), io::op_site::test, POLLIN));
  };
  ring.driver->start(first.op, io::request::poll(ends.ours.get(), io::op_site::test, POLLIN));
  ring.driver->poll();
  ring.detach();
  CHECK(second.results == std::vector<int>{-ECANCELED});
}

TEST_CASE("a timeout is never early, can be moved, and a cancelled one tells nobody") {
  loop ring;
  timeout_probe later{*ring.driver};
  timeout_probe earlier{*ring.driver};
  timeout_probe cancelled{*ring.driver};
  const auto now_ns = base::now_ns();
  later.timeout.start(now_ns + 1'000'000);
  ring.driver->poll();
  later.timeout.start(now_ns + 8'000'000);
  earlier.timeout.start(now_ns + 3'600'000'000'000);
  ring.driver->poll();
  earlier.timeout.start(now_ns + 4'000'000);
  cancelled.timeout.start(now_ns + 2'000'000'000);
  cancelled.timeout.cancel();
  CHECK(ring.run_until([&] { return later.expired_count == 1 && earlier.expired_count == 1; }));
  CHECK(later.expired_ns >= now_ns + 8'000'000);
  CHECK(earlier.expired_ns >= now_ns + 4'000'000);
  CHECK(cancelled.expired_count == 0);
  CHECK(!cancelled.timeout.is_running());
}
