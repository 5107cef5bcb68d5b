#include <atomic>
#include <optional>
#include <vector>

#include "io/loop.hpp"

using namespace io_test;

namespace {

// The bytes of `text` in one buffer: a driver may cut what it receives, then they are sent again.
bytes receive_in_one_piece(loop& ring, peer_stream& by, int from, std::string_view text) {
  std::optional<bytes> whole;
  std::size_t came = 0;
  by.react = [&](bytes data) {
    came += data.size();
    if (data.size() == text.size()) whole = std::move(data);
  };
  while (!whole) {
    came = 0;
    REQUIRE(send_all(from, text));
    REQUIRE(ring.run_until([&] { return came == text.size(); }));
  }
  by.react = {};
  return std::move(*whole);
}

}  // namespace

TEST_CASE("received bytes lie in the ring's buffer, which comes home with the last slice") {
  loop ring;
  auto ends = make_socketpair();
  peer_stream peer{*ring.driver};
  peer.stream.open(std::move(ends.ours));
  std::optional<bytes> kept = receive_in_one_piece(ring, peer, ends.theirs.get(), "kept");
  auto& buffers = ring.driver->buffers();
  CHECK(buffers.free_count() == buffers.count() - 1);
  const bytes part = kept->slice(1, 2);
  const bytes copy = io::detach_copy(*kept);
  kept.reset();
  CHECK(buffers.free_count() == buffers.count() - 1);
  CHECK(part.text() == "ep");
  { const bytes last = std::move(const_cast<bytes&>(part)); }
  CHECK(buffers.free_count() == buffers.count());
  CHECK(copy.text() == "kept");
  peer.stream.abort();
  CHECK(ring.run_until([&] { return peer.is_closed(); }));
}

TEST_CASE("an end of input without a buffer recycles nothing") {
  // Buffer 0 is held by a slice while other streams end. Taking "buffer 0" from their
  // completions would give it out twice.
  loop ring{{.common = {.buffer_count = 4}}};
  auto holder_ends = make_socketpair();
  peer_stream holder{*ring.driver};
  holder.stream.open(std::move(holder_ends.ours));
  std::optional<bytes> kept =
      receive_in_one_piece(ring, holder, holder_ends.theirs.get(), "A's bytes");
  for (int round = 0; round < 8; ++round) {
    auto ends = make_socketpair();
    peer_stream other{*ring.driver};
    other.echo();
    other.stream.open(std::move(ends.ours));
    REQUIRE(send_all(ends.theirs.get(), "B's bytes"));
    ::shutdown(ends.theirs.get(), SHUT_WR);
    REQUIRE(ring.run_until([&] { return other.is_closed(); }));
    CHECK(receive_all(ends.theirs.get()) == "B's bytes");
    CHECK(ring.driver->buffers().free_count() == 3);
  }
  CHECK(kept->text() == "A's bytes");
  kept.reset();
  CHECK(ring.driver->buffers().free_count() == 4);
  holder.stream.abort();
  CHECK(ring.run_until([&] { return holder.is_closed(); }));
}

TEST_CASE("slices outlive their driver, on this thread and on others") {
  std::vector<bytes> kept;
  {
    loop ring;
    auto ends = make_socketpair();
    peer_stream peer{*ring.driver};
    peer.react = [&](bytes data) { kept.push_back(std::move(data)); };
    peer.stream.open(std::move(ends.ours), {.receive = {.lent_count_max = 2}});
    for (std::size_t count = 1; count <= 4; ++count) {
      REQUIRE(send_all(ends.theirs.get(), "slice"));
      REQUIRE(ring.run_until([&] { return kept.size() >= count; }));
    }
    peer.stream.abort();
    REQUIRE(ring.run_until([&] { return peer.is_closed(); }));
  }
  CHECK("sliceslice"s.find(kept.front().text()) == 0);  // perhaps cut short
  std::thread([&] { kept.resize(2); }).join();
  CHECK("sliceslice"s.find(kept.back().text()) != std::string::npos);
  kept.clear();
}

TEST_CASE("slices dropped by other threads while the driver detaches are all accounted") {
  for (int round = 0; round < 300; ++round) {
    std::vector<bytes> kept;
    std::atomic<bool> go{false};
    std::thread dropper;
    {
      auto ends = make_socketpair();
      std::unique_ptr<peer_stream> peer;
      loop ring{{.common = {.buffer_count = 16, .buffer_bytes = 4096}}};
      peer = std::make_unique<peer_stream>(*ring.driver);
      peer->react = [&](bytes data) { kept.push_back(std::move(data)); };
      // Out of credit with the fourth slice, so the first return wakes the driver.
      peer->stream.open(std::move(ends.ours), {.receive = {.bytes_max = 4 * 4096}});
      for (std::size_t count = 1; count <= 4; ++count) {
        REQUIRE(send_all(ends.theirs.get(), "x"));
        REQUIRE(ring.run_until([&] { return kept.size() == count; }));
      }
      ring.run_for(0);
      static_cast<void>(ring.driver->park(0));
      dropper = std::thread([&, mine = std::move(kept)]() mutable {
        while (!go.load()) {
        }
        while (!mine.empty()) mine.pop_back();
      });
      go = true;
      if (round % 3 == 0) base::spin_pause();
      ring.detach();
      CHECK(peer->closed_count == 1);
      CHECK(peer->reason == io::close_reason::stopping);
      ring.driver.reset();
    }
    dropper.join();
  }
}

TEST_CASE("a stream out of credit goes on when another thread lets go, by one wake") {
  loop ring{{.common = {.buffer_count = 4, .buffer_bytes = 1024}}};
  auto ends = make_socketpair();
  peer_stream peer{*ring.driver};
  std::vector<bytes> kept;
  std::string all;
  peer.react = [&](bytes data) {
    all.append(data.text());
    kept.push_back(std::move(data));
  };
  peer.stream.open(std::move(ends.ours), {.receive = {.bytes_max = 4096}});
  base::random_source random{fresh_seed()};
  const std::string text = random_text(random, 64 * 1024);
  REQUIRE(send_all(ends.theirs.get(), std::string_view{text}.substr(0, 32 * 1024)));
  std::string_view rest = std::string_view{text}.substr(32 * 1024);
  int rounds = 0;
  while (all.size() < text.size()) {
    REQUIRE(++rounds < 1000);
    // The park has no deadline to speak of: only the release's own wake can end it.
    REQUIRE(ring.run_until([&] { return !kept.empty(); }));
    ring.run_for(1);
    std::thread other([mine = std::exchange(kept, {})]() mutable { mine.clear(); });
    if (!rest.empty()) {
      REQUIRE(send_all(ends.theirs.get(), rest.substr(0, 4096)));
      rest.remove_prefix(4096);
    }
    const auto before = all.size();
    const auto limit_ns = base::now_ns() + 5'000'000'000;
    while (all.size() == before && all.size() < text.size() && base::now_ns() < limit_ns) {
      CHECK(ring.driver->park(limit_ns) != sched::park_outcome::timed_out);
      ring.driver->poll();
    }
    other.join();
  }
  CHECK((all == text));
  kept.clear();
  peer.stream.abort();
  CHECK(ring.run_until([&] { return peer.is_closed(); }));
  CHECK(ring.driver->buffers().free_count() == 4);
}

TEST_CASE("those who keep their slices leave buffers to those who give them back") {
  loop ring{{.common = {.buffer_count = 64, .buffer_bytes = 1024}}};
  auto& buffers = ring.driver->buffers();
  constexpr unsigned keeper_count = 30;
  std::vector<bytes> hoard;
  std::size_t hoarded_bytes = 0;
  std::vector<std::unique_ptr<peer_stream>> keepers;
  std::vector<socket_ends> ends;
  for (unsigned index = 0; index < keeper_count; ++index) {
    ends.push_back(make_socketpair());
    keepers.push_back(std::make_unique<peer_stream>(*ring.driver));
    keepers.back()->react = [&](bytes data) {
      hoarded_bytes += data.size();
      hoard.push_back(std::move(data));
    };
    keepers.back()->stream.open(std::move(ends.back().ours));
  }
  for (unsigned round = 1; round <= 8; ++round) {
    for (auto& each : ends) REQUIRE(send_all(each.theirs.get(), "kept"));
    REQUIRE(ring.run_until([&] { return hoarded_bytes == round * keeper_count * 4; }));
  }
  CHECK(buffers.free_count() >= buffers.count() / 4);
  // One who lets go is lent a buffer still, not given a copy.
  auto fresh_ends = make_socketpair();
  peer_stream fresh{*ring.driver};
  fresh.echo();
  fresh.stream.open(std::move(fresh_ends.ours));
  const auto copied_before = buffers.copied_count();
  for (int round = 0; round < 20; ++round) {
    REQUIRE(send_all(fresh_ends.theirs.get(), "x"));
    REQUIRE(ring.run_until([&] {
      // Sent too: what is being sent is held.
      return fresh.stream.bytes_in() == static_cast<std::uint64_t>(round + 1) &&
             fresh.stream.queued_bytes() == 0;
    }));
  }
  // Simulated sends take their time, and hold what they send meanwhile.
  if (this_environment() != environment::simulated) {
    CHECK(buffers.copied_count() == copied_before);
  }
  hoard.clear();
  for (auto& each : keepers) each->stream.abort();
  fresh.stream.abort();
  CHECK(ring.run_until([&] {
    for (auto& each : keepers) {
      if (!each->is_closed()) return false;
    }
    return fresh.is_closed();
  }));
  CHECK(buffers.free_count() == buffers.count());
}

TEST_CASE("a slow consumer stops its own socket and no other") {
  loop ring{{.common = {.buffer_count = 8, .buffer_bytes = 1024}}};
  auto slow_ends = make_tcp_pair();
  auto quick_ends = make_tcp_pair();
  std::vector<bytes> hoard;
  std::string hoarded;
  peer_stream slow{*ring.driver};
  peer_stream quick{*ring.driver};
  slow.react = [&](bytes data) {
    hoarded.append(data.text());
    hoard.push_back(std::move(data));
  };
  quick.echo();
  constexpr std::uint32_t limit_bytes = 16 * 1024;
  slow.stream.open(std::move(slow_ends.ours), {.receive = {.bytes_max = limit_bytes}});
  quick.stream.open(std::move(quick_ends.ours));
  base::random_source random{fresh_seed()};
  const std::string flood = random_text(random, 4 << 20);
  std::thread flooder([&] { send_all(slow_ends.theirs.get(), flood); });
  std::thread client([&] {
    for (int round = 0; round < 200; ++round) {
      const std::string text = "round " + std::to_string(round);
      if (!send_all(quick_ends.theirs.get(), text)) return;
      std::string back(text.size(), '\0');
      if (::recv(quick_ends.theirs.get(), back.data(), back.size(), MSG_WAITALL) <= 0) return;
    }
    ::shutdown(quick_ends.theirs.get(), SHUT_WR);
  });
  CHECK(ring.run_until([&] { return quick.is_closed(); }));
  client.join();
  CHECK(quick.bytes_in == quick.bytes_out);
  // What the kernel had delivered before the cancel arrived is over the limit, but bounded.
  CHECK(hoarded.size() <= limit_bytes + 1024 * 1024);
  const bool all_came = ring.run_until([&] {
    hoard.clear();
    return hoarded.size() == flood.size();
  });
  CHECK(all_came);
  CHECK((hoarded == flood));
  flooder.join();
  slow.stream.abort();
  CHECK(ring.run_until([&] { return slow.is_closed(); }));
  CHECK(ring.driver->buffers().free_count() == 8);
}
