#include <algorithm>
#include <set>

#include "io/datagram_fixture.hpp"

using namespace io_test;
using io::datagram_outcome;

namespace {

// Room for the largest datagram there is, and for merged ones.
const io::uring_options large_buffers{.common = {.buffer_count = 16, .buffer_bytes = 65536 + 128}};

// Where requests are interrupted, and succeed though cancelled, at random.
bool has_retries() { return this_environment() == environment::simulated; }

void close_and_check_one(loop& ring, peer_datagrams& peer) {
  peer.got.clear();
  peer.socket.abort();
  CHECK(ring.run_until([&] { return peer.is_closed(); }));
  CHECK(peer.closed_count == 1);
}

void close_and_check(loop& ring, peer_datagrams& peer) {
  close_and_check_one(ring, peer);
  CHECK(ring.driver->in_flight_count() == 0);
  CHECK(ring.driver->buffers().free_count() == ring.driver->buffers().count());
  CHECK(ring.driver->counters().late.load() == 0);
}

void echo_sizes(loop& ring, const std::string& host, const std::vector<std::size_t>& sizes) {
  const auto seed = fresh_seed();
  CAPTURE(seed, host);
  base::random_source random{seed};
  peer_datagrams peer{*ring.driver};
  peer.echo();
  peer.open(bound_socket({.local = endpoint::parse(host, 0).value()}));
  plain_socket client{host};
  for (const std::size_t size : sizes) {
    CAPTURE(size);
    const std::string text = random_text(random, size);
    REQUIRE(client.send(peer.where, text));
    std::optional<std::string> back;
    endpoint from;
    CHECK(ring.run_until([&] { return (back = client.take(&from)).has_value(); }));
    CHECK((back == text));
    CHECK(from == peer.where);
  }
  CHECK(peer.socket.received().datagrams == sizes.size());
  CHECK(peer.socket.received().truncated == 0);
  CHECK(ring.run_until([&] { return peer.socket.sent().datagrams == sizes.size(); }));
  CHECK(peer.failures.empty());
  close_and_check(ring, peer);
}

}  // namespace

TEST_CASE("datagrams of any size come back exactly, over IPv4 and IPv6") {
  loop ring;
  echo_sizes(ring, "127.0.0.1", {0, 1, 64, 0, 0, 1472, 1023, 1024, 16000});
  echo_sizes(ring, "::1", {0, 1, 64, 0, 0, 1472, 1023, 1024, 16000});
}

// A ring has places for 16 descriptors that it looks up once; others are looked up each time.
TEST_CASE("sockets beyond the places of a ring's table work as those in it, and places come back") {
  loop ring;
  constexpr int count = 20;
  std::vector<std::unique_ptr<peer_datagrams>> peers;
  for (int round = 0; round < 3; ++round) {
    for (int each = 0; each < count; ++each) {
      auto& peer = *peers.emplace_back(std::make_unique<peer_datagrams>(*ring.driver));
      peer.echo();
      peer.open(bound_socket());
    }
    for (const auto& peer : peers) {
      const std::string text = "to " + std::to_string(peer->where.port());
      plain_socket client;
      REQUIRE(client.send(peer->where, text));
      std::optional<std::string> back;
      CHECK(ring.run_until([&] { return (back = client.take()).has_value(); }));
      CHECK(back == text);
    }
    // Closed in another order than opened: a place is taken again by another descriptor.
    std::swap(peers.front(), peers.back());
    for (const auto& peer : peers) close_and_check_one(ring, *peer);
    peers.clear();
  }
}

TEST_CASE("the largest datagrams come back whole where buffers have room") {
  loop ring{large_buffers};
  echo_sizes(ring, "127.0.0.1", {65507, 0, 65506, 1});
  echo_sizes(ring, "::1", {65507, 0, 65506, 1});
}

TEST_CASE("datagrams come back with a 4-entry ring and 2 buffers") {
  loop ring{
      {.sq_entries = 4, .cq_entries = 4, .common = {.buffer_count = 2, .buffer_bytes = 1024}}};
  echo_sizes(ring, "127.0.0.1", {0, 1, 900, 64, 0, 500, 0});
  peer_datagrams peer{*ring.driver};
  peer.echo();
  peer.open(bound_socket());
  plain_socket client;
  for (int round = 0; round < 20; ++round) {
    for (int each = 0; each < 30; ++each) REQUIRE(client.send(peer.where, std::to_string(each)));
    int back = 0;
    CHECK(ring.run_until([&] {
      while (client.take()) ++back;
      return back == 30;
    }));
  }
  close_and_check(ring, peer);
}

TEST_CASE("a datagram larger than a buffer is cut, and how much is told") {
  loop ring{{.common = {.buffer_count = 16, .buffer_bytes = 2048}}};
  peer_datagrams peer{*ring.driver};
  peer.open(bound_socket());
  plain_socket client;
  const std::uint32_t room = peer.socket.payload_bytes_max();
  CHECK(room == 2000);
  for (const std::size_t size : {std::size_t{room}, std::size_t{room} + 1, std::size_t{60'000}}) {
    REQUIRE(client.send(peer.where, std::string(size, 'c')));
  }
  REQUIRE(ring.run_until([&] { return peer.got.size() == 3; }));
  for (const auto& each : peer.got) CHECK(each.data.text() == std::string(room, 'c'));
  CHECK(peer.got[0].cut_bytes == 0);
  CHECK(peer.got[1].cut_bytes == 1);
  CHECK(peer.got[2].cut_bytes == 60'000 - room);
  CHECK(peer.socket.received().truncated == 2);
  CHECK(peer.socket.received().datagrams == 3);
  close_and_check(ring, peer);
}

TEST_CASE("datagrams of one size to one peer leave as one send that the kernel splits") {
  loop ring;
  peer_datagrams peer{*ring.driver};
  peer.open(bound_socket());
  REQUIRE(peer.socket.has_split_sends());
  plain_socket first;
  plain_socket second;
  std::multiset<std::string> expected;
  const auto queue = [&](plain_socket& to, const std::string& text) {
    expected.insert(text);
    CHECK(peer.socket.send(to.where(), bytes::copy_of(text)) == datagram_outcome::accepted);
  };
  for (int each = 0; each < 30; ++each)
    queue(first, std::string(100, static_cast<char>('a' + each)));
  queue(first, "shorter");  // may be the last of the run
  queue(first, "SHORTER");  // begins another one with what follows
  queue(first, "shorte2");
  queue(second, "shorte3");
  queue(second, "");
  queue(second, "");
  ring.driver->poll();
  std::multiset<std::string> got;
  CHECK(ring.run_until([&] {
    while (auto text = first.take()) got.insert(*text);
    while (auto text = second.take()) got.insert(*text);
    return got.size() == expected.size();
  }));
  CHECK((got == expected));
  CHECK(ring.run_until([&] { return peer.socket.sent().datagrams == 36; }));
  CHECK((peer.socket.sent().sends == 5 || has_retries()));
  CHECK(peer.socket.sent().failed == 0);
  close_and_check(ring, peer);
}

TEST_CASE("without split sends each datagram leaves by itself, all in one turn") {
  loop ring;
  peer_datagrams peer{*ring.driver};
  peer.open(bound_socket(), {.wants_split_sends = false});
  CHECK_FALSE(peer.socket.has_split_sends());
  plain_socket client;
  ring.driver->poll();
  const auto before = ring.driver->counters().submissions.load();
  for (int each = 0; each < 50; ++each) {
    CHECK(peer.socket.send(client.where(), bytes::copy_of("alike")) == datagram_outcome::accepted);
  }
  int got = 0;
  CHECK(ring.run_until([&] {
    while (client.take()) ++got;
    return got == 50;
  }));
  CHECK((peer.socket.sent().sends == 50 || has_retries()));
  CHECK(ring.driver->counters().submissions.load() - before >= 50);
  close_and_check(ring, peer);
}

TEST_CASE("a split send that the kernel refuses leaves in single ones") {
  loop ring;
  base::unique_fd fd = bound_socket();
  const int on = 1;  // the kernel does not split what it does not checksum
  REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on) == 0);
  peer_datagrams peer{*ring.driver};
  peer.open(std::move(fd));
  plain_socket client;
  for (int round = 0; round < 3; ++round) {
    std::vector<std::string> got;
    for (int each = 0; each < 20; ++each) {
      CHECK(peer.socket.send(client.where(), bytes::copy_of("part " + std::to_string(10 + each))) ==
            datagram_outcome::accepted);
    }
    CHECK(ring.run_until([&] {
      while (auto text = client.take()) got.push_back(*text);
      return got.size() == 20;
    }));
    if (has_retries()) std::sort(got.begin(), got.end());  // one that was interrupted comes last
    for (std::size_t each = 0; each < got.size(); ++each) {
      CHECK(got[each] == "part " + std::to_string(10 + each));
    }
  }
  CHECK(ring.run_until([&] { return peer.socket.sent().datagrams == 60; }));
  CHECK(peer.socket.sent().failed == 0);
  CHECK((peer.socket.sent().sends == 61 || has_retries()));  // it was tried once
  CHECK(peer.failures.empty());
  close_and_check(ring, peer);
}

TEST_CASE("a merged run arrives as the datagrams it was made of, in one buffer") {
  loop ring{large_buffers};
  peer_datagrams receiver{*ring.driver};
  receiver.open(bound_socket());
  peer_datagrams unmerged{*ring.driver};
  unmerged.open(bound_socket(), {.wants_merged_receives = false});
  REQUIRE(receiver.socket.has_merged_receives());
  CHECK_FALSE(unmerged.socket.has_merged_receives());
  peer_datagrams sender{*ring.driver};
  sender.open(bound_socket());
  for (peer_datagrams* to : {&receiver, &unmerged}) {
    std::vector<std::string> expected;
    for (int each = 0; each < 40; ++each) {
      expected.push_back(std::string(each == 39 ? 7 : 1200, static_cast<char>('A' + each)));
      CHECK(sender.socket.send(to->where, bytes::copy_of(expected.back())) ==
            datagram_outcome::accepted);
    }
    CHECK(ring.run_until([&] { return to->got.size() == 40; }));
    for (std::size_t each = 0; each < 40; ++each) {
      CHECK(to->got[each].data.text() == expected[each]);
      CHECK(to->got[each].peer == sender.where);
    }
    CHECK(to->socket.received().datagrams == 40);
    CHECK(to->socket.received().bytes == 39 * 1200 + 7);
  }
  // Merged ones are slices of one buffer.
  CHECK(receiver.got[1].data.data() == receiver.got[0].data.data() + 1200);
  receiver.got.clear();
  unmerged.got.clear();
  for (peer_datagrams* each : {&receiver, &unmerged, &sender}) each->socket.abort();
  CHECK(ring.run_until(
      [&] { return receiver.is_closed() && unmerged.is_closed() && sender.is_closed(); }));
  CHECK(ring.driver->buffers().free_count() == ring.driver->buffers().count());
}

TEST_CASE("small buffers take no merged runs: the kernel would cut them") {
  loop ring;
  peer_datagrams peer{*ring.driver};
  peer.open(bound_socket());
  CHECK_FALSE(peer.socket.has_merged_receives());
  close_and_check(ring, peer);
}

TEST_CASE("a refused datagram is told with its peer and hurts no other") {
  if (has_retries()) SKIP("a send that is retried among others meets more than one ICMP error");
  for (const char* host : {"127.0.0.1", "::1"}) {
    CAPTURE(host);
    loop ring;
    peer_datagrams peer{*ring.driver};
    peer.open(bound_socket({.local = endpoint::parse(host, 0).value()}));
    plain_socket client{host};
    plain_socket closed{host};
    const endpoint nobody = closed.where();
    closed.close();
    int got = 0;
    for (int round = 0; round < 20; ++round) {
      CHECK(peer.socket.send(nobody, bytes::copy_of("?")) == datagram_outcome::accepted);
      CHECK(peer.socket.send(client.where(), bytes::copy_of("!")) == datagram_outcome::accepted);
      ring.driver->poll();
    }
    CHECK(ring.run_until([&] {
      while (client.take()) ++got;
      return got == 20 && peer.failures.size() >= 20;
    }));
    CHECK(peer.failures.size() == 20);
    for (const auto& each : peer.failures) {
      CHECK(each.peer == nobody);
      CHECK(each.os_error == ECONNREFUSED);
      CHECK(each.count == 0);
    }
    CHECK(ring.run_until([&] { return peer.socket.sent().datagrams == 40; }));
    CHECK(peer.socket.sent().failed == 0);
    REQUIRE(client.send(peer.where, "still there"));
    CHECK(ring.run_until([&] { return peer.got.size() == 1; }));
    close_and_check(ring, peer);
  }
}

TEST_CASE("a refusal reaches a connected socket, with and without an error queue") {
  if (has_retries()) SKIP("a send that is retried among others meets more than one ICMP error");
  for (const bool takes_errors : {true, false}) {
    CAPTURE(takes_errors);
    loop ring;
    plain_socket target;
    const endpoint there = target.where();
    peer_datagrams peer{*ring.driver};
    peer.open(bound_socket({.local = endpoint::parse("127.0.0.1:0").value(),
                            .peer = there,
                            .tell_errors = takes_errors}),
              {.takes_errors = takes_errors});
    CHECK(peer.socket.send({}, bytes::copy_of("one")) == datagram_outcome::accepted);
    CHECK(ring.run_until([&] { return target.take() == "one"; }));
    REQUIRE(target.send(peer.where, "two"));
    CHECK(ring.run_until([&] { return peer.got.size() == 1; }));
    CHECK(peer.got[0].peer == there);
    target.close();
    for (int round = 0; round < 5; ++round) {
      CHECK(peer.socket.send({}, bytes::copy_of("gone")) == datagram_outcome::accepted);
      ring.driver->poll();
    }
    CHECK(ring.run_until([&] { return peer.failures.size() >= 5; }));
    for (const auto& each : peer.failures) {
      CHECK(each.peer == there);
      CHECK(each.os_error == ECONNREFUSED);
    }
    CHECK(peer.socket.is_open());
    close_and_check(ring, peer);
  }
}

TEST_CASE("what the kernel refuses to send is told and ends nothing") {
  loop ring;
  peer_datagrams peer{*ring.driver};
  peer.open(bound_socket());
  plain_socket client;
  const auto fails_with = [&](const endpoint& to, std::size_t size, int os_error) {
    CAPTURE(to.to_string(), size);
    peer.failures.clear();
    CHECK(peer.socket.send(to, bytes::copy_of(std::string(size, 'x'))) ==
          datagram_outcome::accepted);
    CHECK(ring.run_until([&] { return !peer.failures.empty(); }));
    CHECK(peer.failures.front().os_error == os_error);
    CHECK(peer.failures.front().peer == to);
    CHECK(peer.failures.front().count == 1);
    CHECK(peer.failures.size() == 1);
  };
  fails_with(client.where(), 65508, EMSGSIZE);
  fails_with(client.where().with_port(0), 1, EINVAL);
  fails_with(endpoint::parse("255.255.255.255:9").value(), 1, EACCES);
  fails_with(endpoint::parse("[::1]:9").value(), 1, EAFNOSUPPORT);
  fails_with({}, 1, EDESTADDRREQ);
  CHECK(peer.socket.sent().failed == 5);
  CHECK(peer.socket.send(client.where(), bytes::copy_of("fine")) == datagram_outcome::accepted);
  CHECK(ring.run_until([&] { return client.take() == "fine"; }));
  close_and_check(ring, peer);
}

TEST_CASE("a full queue drops the newest and says so") {
  loop ring;
  peer_datagrams by_count{*ring.driver};
  by_count.open(bound_socket(), {.send = {.queue_count_max = 3}});
  peer_datagrams by_bytes{*ring.driver};
  by_bytes.open(bound_socket(), {.send = {.queue_bytes_max = 30}});
  plain_socket client;
  for (peer_datagrams* each : {&by_count, &by_bytes}) {
    for (int number = 0; number < 3; ++number) {
      CHECK(
          each->socket.send(client.where(), bytes::copy_of("datagram " + std::to_string(number))) ==
          datagram_outcome::accepted);
    }
    CHECK(each->socket.send(client.where(), bytes::copy_of("datagram 3")) ==
          datagram_outcome::full);
    CHECK(each->socket.sent().dropped == 1);
    for (int number = 0; number < 3; ++number) {
      std::optional<std::string> text;
      CHECK(ring.run_until([&] { return (text = client.take()).has_value(); }));
      CHECK(text == "datagram " + std::to_string(number));
    }
    CHECK(each->socket.send(client.where(), bytes::copy_of("room")) == datagram_outcome::accepted);
    CHECK(ring.run_until([&] { return client.take() == "room"; }));
  }
  by_bytes.socket.abort();
  CHECK(ring.run_until([&] { return by_bytes.is_closed(); }));
  close_and_check(ring, by_count);
}

TEST_CASE("a taker out of credit stops the reading of its own socket until it lets go") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{200}, std::size_t{4000}}) {
    CAPTURE(size);
    loop ring;
    peer_datagrams slow{*ring.driver};
    slow.open(bound_socket(), {.receive = {.bytes_max = 64 * 1024, .lent_bytes_min = 1024}});
    peer_datagrams other{*ring.driver};
    other.echo();
    other.open(bound_socket());
    plain_socket client;
    for (int each = 0; each < 3000; ++each) client.send(slow.where, std::string(size, 's'));
    CHECK(ring.run_until([&] { return slow.got.size() > 3; }));
    ring.run_for(50);
    const std::size_t held = slow.got.size();
    // What was under way when it ran out still arrived: one window of buffers at most.
    CHECK(held > 3);
    CHECK(held * (size + 64) <= 64 * 1024 + 256 * (size + 64));
    REQUIRE(client.send(other.where, "quick"));
    CHECK(ring.run_until([&] { return client.take() == "quick"; }));
    ring.run_for(20);
    CHECK((slow.got.size() == held || has_retries()));
    std::size_t sum = slow.got.size();
    slow.got.clear();
    for (int idle = 0; idle < 100; ++idle) {
      ring.run_for(2);
      if (slow.got.empty()) continue;
      idle = 0;
      sum += slow.got.size();
      slow.got.clear();
    }
    // What came late, when reading had stopped, was thrown away.
    CHECK(sum + slow.socket.lost_by_kernel() + slow.socket.received().dropped == 3000);
    other.socket.abort();
    CHECK(ring.run_until([&] { return other.is_closed(); }));
    close_and_check(ring, slow);
  }
}

TEST_CASE("one of several takers that is out of credit loses its own and no other's") {
  loop ring;
  peer_datagrams peer{*ring.driver};
  plain_socket clients[2];
  peer.choose = [&](const endpoint& from) { return from == clients[0].where() ? 0U : 1U; };
  peer.open(bound_socket(),
            {.account_count = 2, .receive = {.bytes_max = 16 * 1024, .lent_bytes_min = 1024}});
  int quick = 0;
  for (int round = 0; round < 200; ++round) {
    for (int each = 0; each < 5; ++each) {
      REQUIRE(clients[0].send(peer.where, std::string(100, 'k')));
    }
    REQUIRE(clients[1].send(peer.where, "quick"));
    CHECK(ring.run_until([&] { return !peer.got.empty() && peer.got.back().account == 1; }));
    // The quick one lets go at once, the slow one keeps all.
    for (auto each = peer.got.begin(); each != peer.got.end();) {
      if (each->account == 1) {
        ++quick;
        each = peer.got.erase(each);
      } else {
        ++each;
      }
    }
  }
  CHECK(quick == 200);
  CHECK_FALSE(peer.socket.has_credit(0));
  CHECK(peer.socket.has_credit(1));
  CHECK(peer.got.size() + peer.socket.received().dropped == 1000);
  CHECK(peer.got.size() < 200);
  peer.got.clear();
  CHECK(peer.socket.has_credit(0));
  REQUIRE(clients[0].send(peer.where, "again"));
  CHECK(ring.run_until([&] { return peer.got.size() == 1; }));
  close_and_check(ring, peer);
}

TEST_CASE("of ten thousand datagrams none is lost without being counted") {
  const auto seed = fresh_seed();
  CAPTURE(seed);
  base::random_source random{seed};
  loop ring;
  const int smallest = 1;  // the kernel rounds it up to a few thousand bytes
  base::unique_fd fd = bound_socket();
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &smallest, sizeof smallest);
  peer_datagrams peer{*ring.driver};
  peer.open(std::move(fd));
  plain_socket client;
  std::vector<bool> seen(10'000);
  std::uint64_t arrived = 0;
  const auto take_all = [&] {
    for (const auto& each : peer.got) {
      const auto number = std::stoul(std::string{each.data.text()});
      CHECK_FALSE(seen[number]);
      seen[number] = true;
      ++arrived;
    }
    peer.got.clear();
  };
  for (std::size_t number = 0; number < seen.size(); ++number) {
    REQUIRE(client.send(peer.where, std::to_string(number)));
    if (random.next_below(40) == 0) ring.driver->poll();
    take_all();
  }
  CHECK(ring.run_until([&] {
    take_all();
    return arrived + peer.socket.lost_by_kernel() == seen.size();
  }));
  CHECK(peer.socket.lost_by_kernel() > 0);
  CHECK(arrived > 100);
  CHECK(peer.socket.received().datagrams == arrived);
  const std::uint64_t lost = peer.socket.lost_by_kernel();
  close_and_check(ring, peer);
  CHECK(peer.socket.lost_by_kernel() == lost);
}

TEST_CASE("closing sends what is queued first, an abort does not") {
  loop ring;
  plain_socket client;
  for (const bool flushes : {true, false}) {
    CAPTURE(flushes);
    peer_datagrams peer{*ring.driver};
    peer.open(bound_socket());
    ring.driver->poll();
    for (int each = 0; each < 200; ++each) {
      CHECK(peer.socket.send(client.where(), bytes::copy_of(std::to_string(each))) ==
            datagram_outcome::accepted);
    }
    if (flushes) {
      peer.socket.close_after_flush(base::now_ns() + 10'000'000'000);
    } else {
      peer.socket.abort();
    }
    CHECK(peer.socket.send(client.where(), bytes::copy_of("late")) == datagram_outcome::closed);
    REQUIRE(client.send(peer.where, "too late"));
    int got = 0;
    CHECK(ring.run_until([&] {
      while (client.take()) ++got;
      return peer.is_closed();
    }));
    while (client.take()) ++got;
    CHECK(peer.closed_count == 1);
    CHECK(peer.end_error == 0);
    CHECK(peer.got.empty());
    CHECK(got == (flushes ? 200 : 0));
    CHECK(peer.socket.sent().datagrams + peer.socket.sent().dropped == 201);
  }
}

TEST_CASE("a datagram socket may be destroyed in its last callback") {
  struct self_destroying final : io::datagram_handler {
    explicit self_destroying(io::driver& driver, bool& told) : gone(told), socket(driver, *this) {}
    std::uint32_t choose_account(const endpoint&) noexcept override { return 0; }
    void on_datagram(std::uint32_t, const endpoint&, bytes, std::uint32_t) noexcept override {
      socket.abort();
    }
    void on_datagram_error(const endpoint&, int, std::uint32_t) noexcept override {}
    void on_socket_closed(int) noexcept override {
      gone = true;
      delete this;
    }
    bool& gone;
    io::datagram_socket socket;
  };
  loop ring;
  bool gone = false;
  auto* peer = new self_destroying(*ring.driver, gone);
  base::unique_fd fd = bound_socket();
  const endpoint where = local_of(fd.get());
  peer->socket.open(std::move(fd));
  plain_socket client;
  REQUIRE(client.send(where, "end"));
  CHECK(ring.run_until([&] { return gone; }));
}

TEST_CASE("detach ends open datagram sockets, each told once") {
  loop ring;
  plain_socket client;
  std::deque<peer_datagrams> peers;
  for (int index = 0; index < 20; ++index) {
    peers.emplace_back(*ring.driver);
    peers.back().open(bound_socket());
    for (int each = 0; each < 3 * index; ++each) {
      static_cast<void>(peers.back().socket.send(client.where(), bytes::copy_of("z")));
    }
    if (index % 5 == 0) ring.driver->poll();
    if (index % 7 == 0) peers.back().socket.close_after_flush(base::now_ns() + 60'000'000'000);
  }
  ring.detach();
  for (auto& peer : peers) CHECK(peer.closed_count == 1);
  CHECK(ring.driver->counters().abandoned.load() == 0);
}
