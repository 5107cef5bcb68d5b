#include <map>

#include "net/net_fixture.hpp"

using namespace net_test;

namespace {

// C1 for every connection of the journal.
void check_lives(journal& notes, bool all_have_ended = true) {
  struct life {
    int connected = 0;
    int disconnected = 0;
    bool in_order = true;
  };
  std::map<alias, life> lives;
  for (const auto& line : notes.entries()) {
    life& each = lives[line.id];
    if (line.what == kind::connected) {
      each.in_order = each.in_order && ++each.connected == 1 && each.disconnected == 0;
    } else {
      each.in_order = each.in_order && each.connected == 1 && each.disconnected == 0;
      if (line.what == kind::disconnected) ++each.disconnected;
    }
  }
  for (const auto& [id, each] : lives) {
    CHECK(each.in_order);
    CHECK(each.connected == 1);
    if (all_have_ended) CHECK(each.disconnected == 1);
  }
}

void pump(std::uint16_t port, std::uint64_t seed, std::size_t total, std::string& verdict) {
  base::random_source random{seed};
  const std::string sent = random_text(random, total);
  client peer{port};
  std::thread writer{[&] {
    base::random_source pieces{seed + 1};
    for (std::size_t at = 0; at < sent.size();) {
      const std::size_t size = 1 + pieces.next_below(20'000);
      if (!peer.send(std::string_view{sent}.substr(at, size))) return;
      at += size;
    }
    peer.shutdown_write();
  }};
  const std::string got = peer.receive_to_end();
  writer.join();
  if (got != sent) verdict = "got " + std::to_string(got.size()) + " of " + std::to_string(total);
}

}  // namespace

TEST_CASE("every byte of several connections comes back through the workers and over half-closes") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  for (const std::uint32_t io_threads : {0u, 1u}) {
    net_node on{{.io_threads = io_threads}};
    service echo{on, {}, 3};
    constexpr std::size_t count = 8;
    std::vector<std::string> verdicts(count);
    std::vector<std::thread> peers;
    for (std::size_t i = 0; i < count; ++i) {
      peers.emplace_back([&, i] { pump(echo.port, seed + 2 * i, 300'000 + 777 * i, verdicts[i]); });
    }
    for (auto& each : peers) each.join();
    for (const std::string& verdict : verdicts) CHECK(verdict == "");
    REQUIRE(echo.notes.wait_for(kind::disconnected, count));
    check_lives(echo.notes);
    for (const auto& line : echo.notes.entries()) {
      if (line.what != kind::disconnected) continue;
      CHECK(line.end.reason == disconnect_reason::closed_by_peer);
      CHECK(line.end.bytes_in == line.end.bytes_out);
    }
    on.end();
  }
}

TEST_CASE("few small receive buffers slow connections down and lose nothing") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  net_node on{
      {.ring_entries = 4, .ring_completions = 8, .ring_buffers = 2, .ring_buffer_bytes = 256}};
  service echo{on, {}, 2};
  std::vector<std::string> verdicts(6);
  std::vector<std::thread> peers;
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    peers.emplace_back([&, i] { pump(echo.port, seed + 2 * i, 100'000, verdicts[i]); });
  }
  for (auto& each : peers) each.join();
  for (const std::string& verdict : verdicts) CHECK(verdict == "");
  on.end();
}

TEST_CASE("all that is read in one turn reaches a worker that answers nothing") {
  net_node on{{.io_threads = 1, .ring_buffer_bytes = 256}};
  service silent{on, {}, 1, [](worker&, tcp::data&&) {}};
  client peer{silent.port};
  for (int round = 1; round <= 20; ++round) {
    peer.send(std::string(5000, 't'));
    CHECK(silent.notes.wait([&](const std::vector<journal::entry>& all) {
      std::size_t sum = 0;
      for (const auto& line : all) sum += line.text.size() * (line.what == kind::data ? 1 : 0);
      return sum == 5000u * static_cast<unsigned>(round);
    }));
  }
  peer.close();
  on.end();
}

TEST_CASE("a half-close that the worker handles leaves the other direction open") {
  net_node on;
  journal notes;
  const pid who = on->spawn<half_closing_worker>({}, notes, std::string(100'000, 'w')).value();
  service echo{on, service::with_workers{{who}}};
  client peer{echo.port};
  peer.send("question");
  peer.shutdown_write();
  CHECK(peer.receive_to_end() == std::string(100'000, 'w'));
  CHECK(notes.only_end().reason == disconnect_reason::closed_by_peer);
  CHECK(notes.only_end().bytes_in == 8);
  CHECK(notes.only_end().bytes_out == 100'000);
  check_lives(notes);
  on.end();
}

TEST_CASE("close sends what was written before it and then ends the connection") {
  net_node on;
  const std::string answer(500'000, 'a');
  service echo{on, {}, 1, [&](worker& self, tcp::data&& message) {
                 self.send(message.id, tcp::data{message.id, bytes::copy_of(answer)});
                 self.send(message.id, tcp::close{message.id});
                 self.send(message.id, tcp::data{message.id, bytes::copy_of("too late")});
               }};
  client peer{echo.port};
  peer.send("?");
  CHECK(peer.receive_to_end() == answer);
  CHECK(peer.end_errno() == 0);
  peer.close();
  CHECK(echo.notes.only_end().reason == disconnect_reason::closed_here);
  on.end();
}

TEST_CASE("a peer may reset at any byte: one disconnected each, and nothing left") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  base::random_source random{seed};
  net_node on;
  service echo{on, {}, 2};
  constexpr std::size_t count = 60;
  for (std::size_t i = 0; i < count; ++i) {
    client peer{echo.port};
    peer.send(std::string(i * i * 3, 'r'));
    if (random.next_below(2) == 0) static_cast<void>(peer.receive(random.next_below(1 + i)));
    if (random.next_below(4) == 0) peer.shutdown_write();
    peer.reset();
  }
  client after{echo.port};
  after.send("fine");
  CHECK(after.receive(4) == "fine");
  after.close();
  REQUIRE(echo.notes.wait_for(kind::disconnected, count + 1));
  check_lives(echo.notes);
  on.end();
}

TEST_CASE(
    "hundreds of connections reset at once are told once each, and the next ones are served") {
  net_node on;
  service echo{on, {}, 2};
  constexpr std::size_t count = 500;
  std::vector<std::unique_ptr<client>> peers;
  for (std::size_t i = 0; i < count; ++i) {
    peers.push_back(std::make_unique<client>(echo.port));
    peers.back()->send("unanswered, perhaps");
  }
  REQUIRE(echo.notes.wait_for(kind::connected, count));
  for (auto& peer : peers) peer->reset();
  REQUIRE(echo.notes.wait_for(kind::disconnected, count));
  check_lives(echo.notes);
  client after{echo.port};
  after.send("fine");
  CHECK(after.receive(4) == "fine");
  on.end();
}

TEST_CASE("a reset is told as such") {
  net_node on;
  service echo{on};
  client peer{echo.port};
  peer.send("x");
  REQUIRE(echo.notes.wait_for(kind::data, 1));
  peer.reset();
  CHECK(echo.notes.only_end().reason == disconnect_reason::peer_reset);
  on.end();
}

TEST_CASE("a worker that dies takes its connections along and no others") {
  net_node on;
  service echo{on, {}, 2, [](worker& self, tcp::data&& message) {
                 if (message.bytes.text() == "die") throw std::runtime_error("as asked");
                 const alias peer = message.id;
                 self.send(peer, std::move(message));
               }};
  std::vector<std::unique_ptr<client>> peers;
  for (std::size_t i = 0; i < 6; ++i) {
    peers.push_back(std::make_unique<client>(echo.port));
    REQUIRE(echo.notes.wait_for(kind::connected, i + 1));
  }
  peers[0]->send("die");
  for (const std::size_t mine : {0, 2, 4}) {
    CHECK(peers[mine]->receive_to_end().empty());
    CHECK(peers[mine]->end_errno() == 0);
    peers[mine]->close();
  }
  for (const std::size_t others : {1, 3, 5}) {
    peers[others]->send("alive");
    CHECK(peers[others]->receive(5) == "alive");
  }
  // The one that is left takes all turns.
  for (int i = 0; i < 4; ++i) {
    client late{echo.port};
    late.send("late");
    CHECK(late.receive(4) == "late");
  }
  echo.workers[1].exit();
  for (const std::size_t others : {1, 3, 5}) {
    CHECK(peers[others]->receive_to_end().empty());
    CHECK(peers[others]->end_errno() == 0);
    peers[others]->close();
  }
  client alone{echo.port};
  CHECK(alone.receive_to_end().empty());
  CHECK(alone.end_errno() == 0);
  on.end();
}

TEST_CASE("a worker whose mailbox is full loses the connection and is told so") {
  net_node on{{.io_threads = 1}};  // The worker blocks its scheduler; the ring goes on.
  latch gate;
  service echo{on, {}, 1, [&](worker&, tcp::data&&) { gate.wait(); }, 4};
  client peer{echo.port};
  std::string verdict = "open";
  std::thread sender{[&] {
    while (peer.send("one more message")) std::this_thread::yield();
    verdict = "ended";
  }};
  sender.join();
  gate.open();
  CHECK(verdict == "ended");
  CHECK(echo.notes.only_end().reason == disconnect_reason::aborted);
  on.end();
}

TEST_CASE("a worker that was too full to hear of a connection does not hear of its end") {
  net_node on{{.io_threads = 1}};
  latch gate;
  service echo{on, {}, 1, [&](worker&, tcp::data&&) { gate.wait(); }, 4};
  client first{echo.port};
  while (first.send("one more message")) std::this_thread::yield();
  client late{echo.port};
  CHECK(late.receive_to_end().empty());
  gate.open();
  CHECK(echo.notes.only_end().reason == disconnect_reason::aborted);
  CHECK(echo.notes.count(kind::connected) == 1);
  first.close();
  late.close();
  on.end();
  CHECK(echo.notes.count(kind::disconnected) == 1);
}

TEST_CASE("asked to end a connection answers first what it had read") {
  net_node on{{.io_threads = 1}};  // The worker blocks its scheduler; the ring goes on.
  latch gate;
  bool first = true;
  service echo{on, {}, 1, [&](worker& self, tcp::data&& message) {
                 if (std::exchange(first, false)) gate.wait();
                 const alias peer = message.id;
                 self.send(peer, std::move(message));
               }};
  client peer{echo.port};
  peer.send("first");
  REQUIRE(echo.notes.wait_for(kind::data, 1));
  peer.send("second");
  // The worker sits in its handler: two messages are queued when `second` has been read.
  REQUIRE(eventually([&] { return on->messages().queued >= 2; }));
  on->exit(echo.notes.entries().front().id);
  REQUIRE(eventually([&] { return on->messages().queued >= 3; }));
  gate.open();
  CHECK(peer.receive_to_end() == "firstsecond");
  CHECK(peer.end_errno() == 0);
  peer.close();
  CHECK(echo.notes.only_end().reason == disconnect_reason::closed_here);
  on.end();
}

TEST_CASE("a connection whose worker never answers drains no longer than its flush time") {
  net_node on{{.io_threads = 1}};  // The worker blocks its scheduler; the ring goes on.
  latch gate;
  service echo{
      on, {.connection = {.flush_time_max = 50ms}}, 1, [&](worker&, tcp::data&&) { gate.wait(); }};
  client peer{echo.port};
  peer.send("?");
  REQUIRE(echo.notes.wait_for(kind::data, 1));
  on->exit(echo.notes.entries().front().id);
  CHECK(peer.receive_to_end().empty());
  CHECK(peer.end_errno() == 0);
  gate.open();
  on.end();
}

TEST_CASE("a killed connection is reset at once") {
  net_node on;
  service echo{on};
  client peer{echo.port};
  REQUIRE(echo.notes.wait_for(kind::connected, 1));
  on->exit(echo.notes.entries().front().id, exit_reason::killed());
  CHECK(peer.receive_to_end().empty());
  CHECK(peer.end_errno() == ECONNRESET);
  CHECK(echo.notes.only_end().reason == disconnect_reason::aborted);
  on.end();
}

TEST_CASE("a stale alias takes no bytes: its slot's next connection is somebody else") {
  net_node on;
  service echo{on};
  {
    client first{echo.port};
    REQUIRE(echo.notes.wait_for(kind::connected, 1));
  }
  REQUIRE(echo.notes.wait_for(kind::disconnected, 1));
  const alias stale = echo.notes.entries().front().id;
  for (int i = 0; i < 200; ++i) {  // More than it takes for dead children's slots to come again.
    client next{echo.port};
    on->send(stale, tcp::data{stale, bytes::copy_of("not for you")});
    next.send("mine");
    CHECK(next.receive(4) == "mine");
  }
  CHECK(on->send(stale, tcp::data{stale, {}}) == send_outcome::unknown);
  on.end();
}

TEST_CASE("above the high mark reading pauses; below the low one it goes on and writable is told") {
  net_node on;
  constexpr std::size_t total = 8 << 20;
  service echo{on, {.connection = {.write_bytes_high = 64 * 1024, .write_bytes_low = 16 * 1024}}};
  client peer;
  peer.set_receive_buffer(4096);
  REQUIRE(peer.connect(echo.port));
  std::string sent(total, 'm');
  std::thread writer{[&] {
    peer.send(sent);
    peer.shutdown_write();
  }};
  // Nobody reads yet: the writer comes to a standstill, held back by the pause.
  std::size_t seen = 0;
  const auto bytes_seen = [&] {
    std::size_t sum = 0;
    for (const auto& line : echo.notes.entries()) sum += line.text.size();
    return sum;
  };
  REQUIRE(echo.notes.wait_for(kind::data, 10));
  seen = bytes_seen();
  CHECK(seen < total);
  const std::string got = peer.receive_to_end();
  writer.join();
  CHECK(got.size() == total);
  CHECK(echo.notes.count(kind::writable) >= 1);
  on.end();
}

TEST_CASE("policy close ends a connection whose peer does not read; policy drop bounds its queue") {
  for (const auto policy : {tcp::write_policy::close, tcp::write_policy::drop}) {
    net_node on;
    service echo{
        on,
        {.connection = {.write_bytes_high = 64 * 1024,
                        .write_bytes_low = 16 * 1024,
                        .policy = policy}},
        1,
        [](worker& self, tcp::data&& message) {
          for (int i = 0; i < 2000; ++i) {
            self.send(message.id, tcp::data{message.id, bytes::copy_of(std::string(16'000, 'f'))});
          }
        }};
    client peer;
    peer.set_receive_buffer(4096);
    REQUIRE(peer.connect(echo.port));
    peer.send("flood me");
    if (policy == tcp::write_policy::close) {
      CHECK(echo.notes.only_end().reason == disconnect_reason::write_overflow);
    } else {
      REQUIRE(echo.notes.wait_for(kind::data, 1));
      on->exit(echo.notes.entries().front().id);  // In turn after the flood.
      const std::size_t got = peer.receive_to_end().size();
      CHECK(got > 64 * 1024);
      CHECK(got < 2000 * 16'000);
      CHECK(got % 16'000 == 0);
    }
    on.end();
  }
}

TEST_CASE("a peer that reads nothing holds up an end no longer than the flush time") {
  net_node on;
  service echo{
      on, {.connection = {.flush_time_max = 50ms}}, 1, [](worker& self, tcp::data&& message) {
        self.send(message.id, tcp::data{message.id, bytes::copy_of(std::string(32 << 20, 'f'))});
        self.send(message.id, tcp::close{message.id});
      }};
  client peer;
  peer.set_receive_buffer(4096);
  REQUIRE(peer.connect(echo.port));
  peer.send("?");
  const tcp::disconnected end = echo.notes.only_end();
  CHECK(end.reason == disconnect_reason::flush_timed_out);
  CHECK(end.bytes_out < (32u << 20));
  on.end();
}

TEST_CASE("slices that a worker keeps stop their own connection and no other") {
  // What the kernel had delivered by then still comes: at most the ring's buffers, a turn or two.
  net_node on{{.ring_buffers = 16, .ring_buffer_bytes = 4096}};
  std::vector<bytes> kept;  // The worker's until the test lets it go, in an errand.
  bool keeps = true;
  service echo{
      on, {.connection = {.read_bytes_max = 32 * 1024}}, 1, [&](worker& self, tcp::data&& message) {
        if (keeps && message.bytes.text()[0] == 'k') kept.push_back(message.bytes);
        const alias peer = message.id;
        self.send(peer, std::move(message));
      }};
  client keeper{echo.port};
  client other{echo.port};
  constexpr std::size_t total = 16 << 20;
  std::string got;
  std::thread writer{[&] { keeper.send(std::string(total, 'k')); }};
  std::thread reader{[&] { got = keeper.receive(total); }};
  const std::string message(1000, 'o');
  for (int i = 0; i < 100; ++i) {
    other.send(message);
    CHECK(other.receive(1000) == message);
  }
  std::size_t seen = 0;
  for (const auto& line : echo.notes.entries()) seen += line.text[0] == 'k' ? line.text.size() : 0;
  CHECK(seen <= 32 * 1024 + 2 * 16 * 4096);
  on->send(echo.workers[0], errand{[&](worker&) {
             keeps = false;
             kept.clear();
           }});
  writer.join();
  reader.join();
  CHECK(got.size() == total);
  on.end();
}

TEST_CASE("stop while a thousand connections are mid-message ends in time and leaves nothing") {
  for (const std::uint32_t io_threads : {0u, 1u}) {
    net_node on{{.io_threads = io_threads}};
    journal notes;
    std::vector<pid> workers;
    for (int i = 0; i < 2; ++i) workers.push_back(on->spawn<worker>({}, notes, i).value());
    service echo{on, service::with_workers{workers}};
    std::vector<std::unique_ptr<client>> peers;
    for (int i = 0; i < 1000; ++i) {
      peers.push_back(std::make_unique<client>(echo.port));
      peers.back()->send(std::string(1 + static_cast<std::size_t>(i) * 7, 's'));
    }
    REQUIRE(notes.wait_for(kind::connected, 1000));
    // The peers learn of the end and close; else each would hold its connection for the linger
    // time.
    std::thread closing{[&] {
      for (auto& peer : peers) {
        static_cast<void>(peer->receive_to_end());
        peer->close();
      }
    }};
    const auto begin = std::chrono::steady_clock::now();
    const stop_report left = on->stop(patience);
    closing.join();
    CHECK(left.is_clean());
    CHECK(std::chrono::steady_clock::now() - begin < patience);
    check_lives(notes, false);
    on.end();
  }
}
