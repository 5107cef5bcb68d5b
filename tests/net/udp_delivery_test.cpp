// Who gets which datagram, and what becomes of those that nobody can take.
#include "net/udp_fixture.hpp"

using namespace net_test;

namespace {

const udp_worker::datagram_function silence = [](udp_worker&, udp::datagram&&) {};

[[nodiscard]] std::uint64_t accounted_in(const udp::statistics& sums) {
  return sums.datagrams_in + sums.lost_by_kernel + sums.dropped_in;
}

}  // namespace

TEST_CASE("by turns, datagram i goes to worker i mod n") {
  net_node on;
  udp_service pool{on, {}, 3, silence};
  udp_client peer;
  for (int each = 0; each < 90; ++each) REQUIRE(peer.send(pool.where, std::to_string(each)));
  REQUIRE(pool.notes.wait_for(told::datagram, 90));
  std::map<int, std::vector<int>> by_worker;
  for (const auto& line : pool.notes.all(told::datagram)) {
    by_worker[line.worker].push_back(std::stoi(line.text));
  }
  for (int worker = 0; worker < 3; ++worker) {
    REQUIRE(by_worker[worker].size() == 30);
    for (int each = 0; each < 30; ++each) {  // and in the order they came
      CHECK(by_worker[worker][static_cast<std::size_t>(each)] == 3 * each + worker);
    }
  }
  on.end();
}

TEST_CASE("by peer, a peer's datagrams go to one worker in order, and peers spread") {
  for (const std::uint32_t sockets : {1u, 3u}) {
    net_node on;
    udp_service pool{
        on, {.sockets = sockets, .delivery = udp::delivery_policy::by_peer}, 4, silence};
    std::vector<std::unique_ptr<udp_client>> peers;
    for (int each = 0; each < 40; ++each) peers.push_back(std::make_unique<udp_client>());
    for (std::size_t round = 0; round < 10; ++round) {
      for (auto& peer : peers) REQUIRE(peer->send(pool.where, std::to_string(round)));
      REQUIRE(
          pool.notes.wait_for(told::datagram, 40 * (round + 1)));  // the kernel's queue is short
    }
    std::map<endpoint, std::pair<int, int>> homes;  // worker, datagrams so far
    std::set<int> used;
    for (const auto& line : pool.notes.all(told::datagram)) {
      const auto known = homes.try_emplace(line.peer, line.worker, 0).first;
      CHECK(known->second.first == line.worker);
      CHECK(std::to_string(known->second.second++) == line.text);
      used.insert(line.worker);
    }
    CHECK(homes.size() == 40);
    CHECK(used.size() == 4);
    // A worker's end moves its own peers and nobody else's.
    const int dead = homes.begin()->second.first;
    pool.workers[static_cast<std::size_t>(dead)].exit();
    REQUIRE(eventually([&] { return on->messages().alive == 4 - 1 + sockets; }));
    for (auto& peer : peers) REQUIRE(peer->send(pool.where, "after"));
    REQUIRE(pool.notes.wait_for(told::datagram, 440));
    for (const auto& line : pool.notes.all(told::datagram)) {
      if (line.text != "after") continue;
      const int home = homes[line.peer].first;
      CHECK((home == dead ? line.worker != dead : line.worker == home));
    }
    on.end();
  }
}

TEST_CASE("several sockets share a port: each peer is heard, by more than one of them") {
  for (const std::uint32_t io_threads : {0u, 2u}) {
    net_node on{{.io_threads = io_threads}};
    udp_service pool{on, {.sockets = 4}, 4};
    std::vector<std::unique_ptr<udp_client>> peers;
    for (int each = 0; each < 64; ++each) peers.push_back(std::make_unique<udp_client>());
    for (auto& peer : peers) {
      REQUIRE(peer->send(pool.where, "hello"));
      endpoint from;
      CHECK(peer->receive(&from) == "hello");
      CHECK(from == pool.where);
    }
    std::set<alias> sockets;
    std::map<alias, std::set<int>> workers;
    for (const auto& line : pool.notes.all(told::datagram)) {
      sockets.insert(line.id);
      workers[line.id].insert(line.worker);
    }
    CHECK(sockets.size() == 4);
    for (const auto& each : workers) CHECK(each.second.size() == 1);  // a worker of its own
    // The others end with the first one, each told to its worker once.
    pool.socket.exit();
    REQUIRE(pool.notes.wait_for(told::closed, 4));
    std::set<alias> closed;
    for (const auto& line : pool.notes.all(told::closed)) closed.insert(line.id);
    CHECK(closed == sockets);
    on.end();
    CHECK(pool.notes.count(told::closed) == 4);
  }
}

TEST_CASE("sockets of one's own share a port when both say so") {
  net_node on;
  udp_service first{on, {.reuseport = true}};
  udp_service second{on, {.port = first.where.port(), .reuseport = true}};
  std::vector<std::unique_ptr<udp_client>> peers;
  for (int each = 0; each < 64; ++each) {
    peers.push_back(std::make_unique<udp_client>());
    REQUIRE(peers.back()->send(first.where, "hello"));
    CHECK(peers.back()->receive() == "hello");
  }
  CHECK(first.notes.count(told::datagram) > 0);
  CHECK(second.notes.count(told::datagram) > 0);
  on.end();
}

TEST_CASE("of ten thousand numbered datagrams none is lost without being counted") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  for (const std::size_t worker_count : {1, 3}) {
    net_node on;
    std::mutex guard;
    std::vector<int> seen(10'000);
    udp_service pool{on,
                     {.read_bytes_max = 20'000, .receive_buffer_bytes = 30'000},
                     worker_count,
                     [&](udp_worker&, udp::datagram&& message) {
                       const std::lock_guard lock{guard};
                       ++seen[std::stoul(std::string{message.bytes.text()})];
                     }};
    udp_client peer;
    for (int each = 0; each < 10'000; ++each) REQUIRE(peer.send(pool.where, std::to_string(each)));
    udp::statistics sums;
    do {
      sums = pool.ask();
    } while (accounted_in(sums) < 10'000);
    CHECK(accounted_in(sums) == 10'000);
    on.end();
    const auto closed = pool.notes.all(told::closed);
    REQUIRE(closed.size() == worker_count);
    for (const auto& each : closed) CHECK(accounted_in(each.sums) == 10'000);
    const auto arrived = std::count(seen.begin(), seen.end(), 1);
    CHECK(static_cast<std::uint64_t>(arrived) == closed[0].sums.datagrams_in);
    CHECK(std::count(seen.begin(), seen.end(), 0) + arrived == 10'000);  // nothing came twice
  }
}

TEST_CASE("a slow worker loses its own datagrams and nobody else's") {
  for (const auto policy : {udp::delivery_policy::by_peer, udp::delivery_policy::round_robin}) {
    net_node on{{.io_threads = 1}};
    latch gate;
    std::atomic<int> slow_worker{-1};
    std::atomic<int> quick_count{0};
    udp_service pool{on,
                     {.delivery = policy, .read_bytes_max = 4096},
                     2,
                     [&](udp_worker& self, udp::datagram&&) {
                       int nobody = -1;
                       if (slow_worker.compare_exchange_strong(nobody, self.number)) gate.wait();
                       if (self.number != slow_worker) ++quick_count;
                     }};
    udp_client stopper;
    REQUIRE(stopper.send(pool.where, "stop"));
    REQUIRE(eventually([&] { return slow_worker >= 0; }));
    std::vector<std::unique_ptr<udp_client>> peers;
    for (int each = 0; each < 20; ++each) peers.push_back(std::make_unique<udp_client>());
    std::uint64_t sent = 1;
    for (int round = 0; round < 50; ++round) {
      for (auto& peer : peers) {
        REQUIRE(peer->send(pool.where, "x"));
        ++sent;
      }
      // By way of the quick worker: all of it was read before the next round.
      const auto quick = static_cast<std::size_t>(1 - slow_worker);
      do {
        const std::size_t before = pool.notes.count(told::statistics);
        pool.workers[quick].send(udp_errand{
            [to = pool.socket.id()](udp_worker& self) { self.send(to, udp::ask_statistics{}); }});
        REQUIRE(pool.notes.wait_for(told::statistics, before + 1));
      } while (accounted_in(pool.notes.all(told::statistics).back().sums) < sent);
    }
    if (policy == udp::delivery_policy::round_robin) {
      // All but the slow one's few go to the other.
      CHECK(quick_count > 900);
    } else {
      CHECK(quick_count > 100);
      CHECK(pool.notes.all(told::statistics).back().sums.dropped_in > 100);
    }
    gate.open();
    udp::statistics sums;
    do {
      sums = pool.ask();
    } while (accounted_in(sums) < sent);
    CHECK(sums.lost_by_kernel == 0);
    on.end();
  }
}

TEST_CASE("a lone slow worker has its socket read no further, and goes on where it stopped") {
  net_node on{{.io_threads = 1}};
  latch gate;
  std::atomic<bool> has_begun{false};
  std::atomic<int> count{0};
  const udp::socket_options narrow{.read_bytes_max = 4096, .receive_buffer_bytes = 64 * 1024};
  udp_service slow{on, narrow, 1, [&](udp_worker&, udp::datagram&&) {
                     has_begun = true;
                     gate.wait();
                     ++count;
                   }};
  udp_service other{on};
  udp_client peer;
  REQUIRE(peer.send(slow.where, "stop"));
  REQUIRE(eventually([&] { return bool{has_begun}; }));
  for (int each = 0; each < 5000; ++each) REQUIRE(peer.send(slow.where, "x"));
  udp_client second;
  REQUIRE(second.send(other.where, "quick"));
  CHECK(second.receive() == "quick");
  CHECK(on->messages().queued < 1000);
  gate.open();
  udp::statistics sums;
  do {
    sums = slow.ask();
  } while (accounted_in(sums) < 5001);
  CHECK(sums.lost_by_kernel > 0);
  CHECK(sums.dropped_in == 0);
  on.end();
  CHECK(static_cast<std::uint64_t>(count) == sums.datagrams_in);
}

TEST_CASE("a worker with a full mailbox loses datagrams, which are counted") {
  net_node on{{.io_threads = 1}};
  latch gate;
  std::atomic<bool> has_begun{false};
  udp_service pool{on,
                   {},
                   1,
                   [&](udp_worker&, udp::datagram&&) {
                     has_begun = true;
                     gate.wait();
                   },
                   10};
  udp_client peer;
  REQUIRE(peer.send(pool.where, "stop"));
  REQUIRE(eventually([&] { return bool{has_begun}; }));
  for (int each = 0; each < 100; ++each) REQUIRE(peer.send(pool.where, "x"));
  REQUIRE(eventually([&] { return on->messages().full >= 90 - 1; }));
  gate.open();
  REQUIRE(
      eventually([&] { return pool.notes.count(told::datagram) + on->messages().full >= 101; }));
  pool.socket.send(udp::close{});
  REQUIRE(pool.notes.wait_for(told::closed, 1));
  const udp::statistics sums = pool.notes.all(told::closed).front().sums;
  CHECK(sums.dropped_in >= 89);
  CHECK(pool.notes.count(told::datagram) + sums.dropped_in == 101);
  on.end();
}

TEST_CASE("workers by name: whoever has it now, and datagrams to nobody are counted") {
  net_node on;
  udp_journal notes;
  std::uint16_t port = 0;
  const auto socket = on->spawn_meta<udp::socket>(
      {.port_bound = &port, .workers = std::vector<std::string>{"the worker"}});
  REQUIRE(socket);
  const endpoint where = endpoint::ipv4(INADDR_LOOPBACK, port);
  udp_client peer;
  REQUIRE(peer.send(where, "too early"));
  REQUIRE(eventually([&] { return on->messages().rejected != 0; }));
  for (int life = 0; life < 3; ++life) {
    const auto who = on->spawn<udp_worker>({.name = "the worker"}, notes, life);
    REQUIRE(who);
    REQUIRE(peer.send(where, "hello"));
    CHECK(peer.receive() == "hello");
    who.value().exit();
    REQUIRE(eventually([&] { return !on->find("the worker").is_valid(); }));
  }
  on.end();
}
