#include <net/if.h>

#include "net/udp_fixture.hpp"

using namespace net_test;

namespace {

// Spawns a socket that must fail.
[[nodiscard]] error refusal(net_node& on, udp::socket_options options) {
  udp_journal notes;
  const auto who = on->spawn<udp_worker>({}, notes, 0);
  options.workers = std::vector<pid>{who.value().id()};
  const auto made = on->spawn_meta<udp::socket>(std::move(options));
  CHECK_FALSE(made);
  who.value().exit();
  return made.error();
}

/// Of workers that answer nothing.
const udp_worker::datagram_function silence = [](udp_worker&, udp::datagram&&) {};

/// An interface over which IPv6 groups can be sent to; the loopback has no route to them. Empty:
/// none.
std::string interface_for_groups() {
  std::string found;
  struct ::if_nameindex* const all = ::if_nameindex();
  for (const struct ::if_nameindex* each = all; each != nullptr && each->if_index != 0; ++each) {
    base::unique_fd probe{::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    const int index = static_cast<int>(each->if_index);
    const int nowhere = 0;
    ::setsockopt(probe.get(), IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index);
    ::setsockopt(probe.get(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &nowhere, sizeof nowhere);
    const endpoint group = endpoint::parse("[ff05::7:7]:9").value();
    if (::sendto(probe.get(), "", 0, 0, reinterpret_cast<const ::sockaddr*>(&group),
                 sizeof group) == 0) {
      found = each->if_name;
    }
  }
  if (all != nullptr) ::if_freenameindex(all);
  return found;
}

/// The TTL that a datagram came with.
int ttl_of_next(udp_client& peer) {
  char text[100];
  alignas(::cmsghdr) char control[100];
  ::iovec vector{text, sizeof text};
  ::msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  if (uninterrupted([&] { return ::recvmsg(peer.fd(), &header, 0); }) < 0) return -1;
  for (::cmsghdr* each = CMSG_FIRSTHDR(&header); each != nullptr;
       each = CMSG_NXTHDR(&header, each)) {
    int ttl = 0;
    if (each->cmsg_level != IPPROTO_IP || each->cmsg_type != IP_TTL) continue;
    std::memcpy(&ttl, CMSG_DATA(each), sizeof ttl);
    return ttl;
  }
  return -1;
}

}  // namespace

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

TEST_CASE("the largest datagrams come back whole through rings with large buffers") {
  for (const bool merged : {true, false}) {
    net_node on{{.ring_buffers = 16, .ring_buffer_bytes = 65536 + 128}};
    udp_service echo{on, {.gso = merged, .gro = merged}};
    udp_client peer;
    for (const std::size_t size : {65507, 0, 65506}) {
      const std::string text(size, 'L');
      REQUIRE(peer.send(echo.where, text));
      CHECK((peer.receive() == text));
    }
    on.end();
  }
}

TEST_CASE("a cut datagram is told with how much is missing") {
  net_node on{{.ring_buffer_bytes = 1024}};
  udp_service cut{on};
  udp_client peer;
  REQUIRE(peer.send(cut.where, std::string(5000, 'c')));
  REQUIRE(cut.notes.wait_for(told::datagram, 1));
  const auto line = cut.notes.all(told::datagram).front();
  CHECK(line.cut_bytes > 0);
  CHECK(line.text.size() + line.cut_bytes == 5000);
  CHECK(cut.ask().truncated == 1);
  on.end();
}

TEST_CASE("a socket that cannot be says why at its spawn") {
  net_node on;
  udp_service there{on};
  CHECK(refusal(on, {.host = "no.such.name"}).code == error_code::bad_address);
  CHECK(refusal(on, {.host = "unix:/tmp/x"}).code == error_code::bad_address);
  CHECK(refusal(on, {.host = "192.0.2.200"}).code == error_code::bad_address);
  CHECK(refusal(on, {.port = there.where.port()}).code == error_code::address_in_use);
  CHECK(refusal(on, {.sockets = 0}).code == error_code::bad_argument);
  CHECK(refusal(on, {.sockets = 5000}).code == error_code::bad_argument);
  CHECK(refusal(on, {.read_bytes_max = 0}).code == error_code::bad_argument);
  CHECK(refusal(on, {.queue_bytes_max = 0}).code == error_code::bad_argument);
  CHECK(refusal(on, {.queue_count_max = 0}).code == error_code::bad_argument);
  CHECK(refusal(on, {.multicast_ttl = 256}).code == error_code::bad_argument);
  CHECK(refusal(on, {.ttl = 0}).code == error_code::bad_argument);
  CHECK(refusal(on, {.ttl = 256}).code == error_code::bad_argument);
  CHECK(refusal(on, {.multicast_interface = "no-such0"}).code == error_code::bad_argument);
  CHECK(refusal(on, {.flush_time_max = -1ms}).code == error_code::bad_argument);
  const endpoint group = endpoint::parse("239.1.2.3:1").value();
  CHECK(refusal(on, {.groups = {{group, "no-such0"}}}).code == error_code::bad_argument);
  CHECK(refusal(on, {.groups = {{there.where, ""}}}).code == error_code::bad_argument);
  CHECK(refusal(on, {.sockets = 2, .groups = {{group, ""}}}).code == error_code::bad_argument);
  CHECK(refusal(on, {.peer = there.where, .sockets = 2}).code == error_code::bad_argument);
  // The node's root process is no worker, nor is somebody of another node.
  CHECK(on->spawn_meta<udp::socket>({}).error().code == error_code::bad_argument);
  CHECK(on->spawn_meta<udp::socket>({.workers = std::vector<pid>{{77, 1, 1}}}).error().code ==
        error_code::bad_argument);
  on.end();
}

TEST_CASE("without workers the process that spawned the socket is the worker") {
  struct owner : actor<owner> {
    explicit owner(std::uint16_t& port_) : port(port_) {}
    result<void> on_start() {
      const auto made = spawn_meta<udp::socket>({.port_bound = &port});
      return made ? result<void>{} : made.error();
    }
    void on(udp::datagram message) {
      const alias id = message.id;
      send(id, std::move(message));
    }
    void on(udp::closed) {}
    std::uint16_t& port;
  };
  net_node on;
  std::uint16_t port = 0;
  const auto who = on->spawn<owner>({}, port);
  REQUIRE(who);
  udp_client peer;
  const endpoint where = endpoint::ipv4(INADDR_LOOPBACK, port);
  REQUIRE(peer.send(where, "hello"));
  CHECK(peer.receive() == "hello");
  who.value().exit();  // takes the socket along
  for (;;) {
    udp_client next;
    if (!next.send(where, "?")) break;
    ::sockaddr_in raw{};
    std::memcpy(&raw, &where, sizeof raw);
    if (::connect(next.fd(), reinterpret_cast<::sockaddr*>(&raw), sizeof raw) != 0) break;
    if (::send(next.fd(), "?", 1, 0) < 0) break;
    char text[1];
    if (::recv(next.fd(), text, 1, MSG_DONTWAIT) < 0 && errno == ECONNREFUSED) break;
  }
  on.end();
}

TEST_CASE("a connected socket hears its peer only, and needs no address to answer") {
  net_node on;
  udp_client peer;
  udp_client stranger;
  udp_service talk{on, {.peer = peer.where()}};
  CHECK(stranger.send(talk.where, "let me in"));
  talk.workers[0].send(udp_errand{[to = talk.socket.id()](udp_worker& self) {
    self.send(to, udp::datagram{.bytes = bytes::copy_of("first words")});
  }});
  endpoint from;
  CHECK(peer.receive(&from) == "first words");
  CHECK(from == talk.where);
  REQUIRE(peer.send(talk.where, "answer"));
  CHECK(peer.receive() == "answer");
  const auto all = talk.notes.all(told::datagram);
  REQUIRE(all.size() == 1);
  CHECK(all[0].peer == peer.where());
  // It is gone: told, and the socket lives.
  const endpoint gone = peer.where();
  peer.close();
  talk.workers[0].send(udp_errand{[to = talk.socket.id()](udp_worker& self) {
    self.send(to, udp::datagram{.bytes = bytes::copy_of("are you there?")});
  }});
  REQUIRE(talk.notes.wait_for(told::failed, 1));
  const auto failed = talk.notes.all(told::failed).front();
  CHECK(failed.why.code == error_code::connection_refused);
  CHECK(failed.peer == gone);
  udp_client again{"127.0.0.1", gone.port()};
  REQUIRE(again.send(talk.where, "back"));
  CHECK(again.receive() == "back");
  on.end();
}

TEST_CASE("a refused datagram of an unconnected socket is told with its peer") {
  for (const char* host : {"127.0.0.1", "::1"}) {
    net_node on;
    udp_service talk{on, {.host = host}};
    udp_client closed{host};
    const endpoint nobody = closed.where();
    closed.close();
    talk.workers[0].send(udp_errand{[nobody, to = talk.socket.id()](udp_worker& self) {
      self.send(to, udp::datagram{.peer = nobody, .bytes = bytes::copy_of("?")});
    }});
    REQUIRE(talk.notes.wait_for(told::failed, 1));
    const auto failed = talk.notes.all(told::failed).front();
    CHECK(failed.why.code == error_code::connection_refused);
    CHECK(failed.peer == nobody);
    CHECK(failed.count == 1);
    CHECK(failed.id == talk.socket.id());
    udp_client peer{host};
    REQUIRE(peer.send(talk.where, "!"));
    CHECK(peer.receive() == "!");
    CHECK(talk.ask().errors == 1);
    on.end();
    CHECK(talk.notes.count(told::failed) == 1);
  }
}

TEST_CASE("what cannot be sent is told and counted, and what follows is sent") {
  net_node on;
  udp_service talk{on};
  udp_client peer;
  const auto say = [&](const endpoint& to, std::size_t size) {
    talk.workers[0].send(udp_errand{[to, size, socket = talk.socket.id()](udp_worker& self) {
      self.send(socket, udp::datagram{.peer = to, .bytes = bytes::copy_of(std::string(size, 'x'))});
    }});
  };
  const auto fails_with = [&](const endpoint& to, std::size_t size, int os_error) {
    const std::size_t before = talk.notes.count(told::failed);
    say(to, size);
    REQUIRE(talk.notes.wait_for(told::failed, before + 1));
    CHECK(talk.notes.all(told::failed).back().why.os_error == os_error);
    CHECK(talk.notes.all(told::failed).back().peer == to);
  };
  fails_with(peer.where(), 65508, EMSGSIZE);
  fails_with(endpoint::parse("255.255.255.255:9").value(), 5, EACCES);
  fails_with(endpoint::parse("[::1]:9").value(), 5, EAFNOSUPPORT);
  fails_with({}, 5, EDESTADDRREQ);
  say(peer.where(), 5);
  CHECK(peer.receive() == "xxxxx");
  const udp::statistics sums = talk.ask();
  CHECK(sums.failed_out == 4);
  CHECK(sums.datagrams_out == 1);
  CHECK(sums.bytes_out == 5);
  on.end();
}

TEST_CASE("no more failures are told a second than asked for, and none is forgotten") {
  net_node on;
  udp_service talk{on, {.errors_per_second_max = 3}};
  constexpr int count = 200;
  talk.workers[0].send(udp_errand{[socket = talk.socket.id()](udp_worker& self) {
    for (int each = 0; each < count; ++each) {
      self.send(socket, udp::datagram{.bytes = bytes::copy_of("to nobody")});
    }
  }});
  REQUIRE(eventually([&] { return talk.ask().failed_out >= count; }));
  const auto failed = talk.notes.all(told::failed);
  CHECK(failed.size() >= 3);
  CHECK(failed.size() <= 9);  // as many seconds as this may take on a slow machine
  std::uint64_t sum = 0;
  for (const auto& each : failed) sum += each.count;
  CHECK(sum <= count);
  on.end();
}

TEST_CASE("a full send queue drops the newest, tells it and counts it") {
  net_node on;
  udp_service talk{on, {.queue_count_max = 10, .gso = false, .errors_per_second_max = 1000}};
  udp_client peer;
  talk.workers[0].send(udp_errand{[&, socket = talk.socket.id()](udp_worker& self) {
    for (int each = 0; each < 500; ++each) {
      self.send(socket,
                udp::datagram{.peer = peer.where(), .bytes = bytes::copy_of(std::to_string(each))});
    }
  }});
  REQUIRE(talk.notes.wait_for(told::failed, 1));
  const auto failed = talk.notes.all(told::failed).front();
  CHECK(failed.why.code == error_code::limit_reached);
  CHECK(failed.peer == peer.where());
  CHECK(peer.receive() == "0");  // those in front stay
  udp::statistics sums;
  do {
    sums = talk.ask();
  } while (sums.datagrams_out + sums.dropped_out < 500);
  CHECK(sums.dropped_out > 0);
  CHECK(sums.datagrams_out >= 10);
  on.end();
}

TEST_CASE("broadcast is sent when allowed") {
  net_node on;
  udp_service talk{on, {.broadcast = true}};
  udp_client peer{"0.0.0.0"};
  const endpoint all = endpoint::ipv4(0x7fffffff, peer.where().port());
  talk.workers[0].send(udp_errand{[all, socket = talk.socket.id()](udp_worker& self) {
    self.send(socket, udp::datagram{.peer = all, .bytes = bytes::copy_of("to all")});
  }});
  CHECK(peer.receive() == "to all");
  on.end();
}

TEST_CASE("a group's datagrams come while the socket is a member") {
  for (const bool is_ipv6 : {false, true}) {
    const std::string interface = is_ipv6 ? interface_for_groups() : "lo";
    if (interface.empty()) continue;
    CAPTURE(interface);
    net_node on;
    udp_service there{on, {.host = is_ipv6 ? "::" : "0.0.0.0"}, 1, silence};
    const endpoint group = endpoint::parse(is_ipv6 ? "[ff05::7:7]:1" : "239.7.7.7:1")
                               .value()
                               .with_port(there.where.port());
    const auto order = [&](auto message) { there.socket.send(std::move(message)); };
    udp_service sender{on,
                       {.host = is_ipv6 ? "::" : "127.0.0.1",
                        .multicast_interface = interface,
                        .multicast_ttl = 0},
                       1,
                       silence};
    const auto say = [&](const char* text) {
      sender.workers[0].send(udp_errand{[=, socket = sender.socket.id()](udp_worker& self) {
        self.send(socket, udp::datagram{.peer = group, .bytes = bytes::copy_of(text)});
      }});
    };
    const auto wait_sent = [&](std::uint64_t count) {
      udp::statistics sums;
      do {
        sums = sender.ask();
        REQUIRE(sums.failed_out == 0);
      } while (sums.datagrams_out < count);
    };
    say("before");
    wait_sent(1);
    order(udp::join{group, interface});
    static_cast<void>(there.ask());  // it has joined when it answers
    say("during");
    REQUIRE(there.notes.wait_for(told::datagram, 1));
    order(udp::leave{group, std::to_string(::if_nametoindex(interface.c_str()))});
    static_cast<void>(there.ask());
    say("after");
    wait_sent(3);
    udp_client last{is_ipv6 ? "::1" : "127.0.0.1"};
    REQUIRE(last.send(there.where.is_ipv6() ? endpoint::parse("::1", there.where.port()).value()
                                            : endpoint::ipv4(INADDR_LOOPBACK, there.where.port()),
                      "last"));
    REQUIRE(there.notes.wait_for(told::datagram, 2));
    const auto all = there.notes.all(told::datagram);
    REQUIRE(all.size() == 2);
    CHECK(all[0].text == "during");
    CHECK(all[1].text == "last");
    // What cannot be is told.
    order(udp::leave{group, interface});
    REQUIRE(there.notes.wait_for(told::failed, 1));
    CHECK(there.notes.all(told::failed)[0].peer == group);
    order(udp::join{group, "no-such0"});
    REQUIRE(there.notes.wait_for(told::failed, 2));
    on.end();
  }
}

TEST_CASE("several sockets hear one group, and a sender that does not loop is not heard") {
  const std::string interface = interface_for_groups();  // The loopback always loops.
  if (interface.empty()) SKIP("no interface but the loopback takes groups");
  net_node on;
  const endpoint group = endpoint::parse("[ff05::7:8]:1").value();
  const udp::socket_options member{
      .host = "::", .reuse_address = true, .groups = {{group, interface}}};
  udp_service first{on, member, 1, silence};
  udp::socket_options same_port = member;
  same_port.port = first.where.port();
  udp_service second{on, same_port, 1, silence};
  const auto say = [&](bool loops, const char* text) {
    udp_service from{on,
                     {.host = "::",
                      .multicast_interface = interface,
                      .multicast_loop = loops,
                      .multicast_ttl = 0}};
    from.workers[0].send(udp_errand{[to = group.with_port(first.where.port()), text,
                                     socket = from.socket.id()](udp_worker& self) {
      self.send(socket, udp::datagram{.peer = to, .bytes = bytes::copy_of(text)});
    }});
    REQUIRE(eventually([&] { return from.ask().datagrams_out >= 1; }));
    from.socket.exit(exit_reason::killed());
    CHECK(from.notes.wait_for(told::closed, 1));
    from.workers[0].exit();
  };
  say(false, "unheard");
  say(true, "heard");
  REQUIRE(first.notes.wait_for(told::datagram, 1));
  REQUIRE(second.notes.wait_for(told::datagram, 1));
  CHECK(first.notes.all(told::datagram)[0].text == "heard");
  CHECK(second.notes.all(told::datagram)[0].text == "heard");
  on.end();
}

TEST_CASE("datagrams leave with the time to live asked for") {
  net_node on;
  udp_client peer{"0.0.0.0"};
  const int yes = 1;
  REQUIRE(::setsockopt(peer.fd(), IPPROTO_IP, IP_RECVTTL, &yes, sizeof yes) == 0);
  ::ip_mreqn member{};
  const endpoint group = endpoint::parse("239.7.7.9:1").value().with_port(peer.where().port());
  member.imr_multiaddr.s_addr = htonl(0xef070709);
  member.imr_ifindex = 1;
  REQUIRE(::setsockopt(peer.fd(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &member, sizeof member) == 0);
  udp_service talk{on, {.multicast_interface = "1", .multicast_ttl = 9, .ttl = 33}};
  const auto say = [&](const endpoint& to) {
    talk.workers[0].send(udp_errand{[to, socket = talk.socket.id()](udp_worker& self) {
      self.send(socket, udp::datagram{.peer = to, .bytes = bytes::copy_of("!")});
    }});
  };
  say(endpoint::ipv4(INADDR_LOOPBACK, peer.where().port()));
  CHECK(ttl_of_next(peer) == 33);
  say(group);
  CHECK(ttl_of_next(peer) == 9);
  on.end();
}

TEST_CASE("a dual-stack socket talks to both families, an IPv6-only one to one") {
  net_node on;
  udp_service both{on, {.host = "::", .ipv6_only = false}};
  udp_client four;
  udp_client six{"::1"};
  REQUIRE(four.send(endpoint::ipv4(INADDR_LOOPBACK, both.where.port()), "four"));
  CHECK(four.receive() == "four");
  REQUIRE(six.send(endpoint::parse("::1", both.where.port()).value(), "six"));
  CHECK(six.receive() == "six");
  // IPv4 peers have the port of their own beside an IPv6-only socket.
  udp_service only{on, {.host = "::"}};
  udp_client beside{"0.0.0.0", only.where.port()};
  on.end();
}

TEST_CASE("receive buffer sizes reach the kernel") {
  net_node on{{.io_threads = 1}};
  latch gate;
  const auto block = [&](udp_worker&, udp::datagram&&) { gate.wait(); };
  udp_service small{on, {.read_bytes_max = 1, .receive_buffer_bytes = 1}, 1, block};
  udp_client peer;
  for (int each = 0; each < 1000; ++each) peer.send(small.where, "a flood");
  gate.open();
  udp::statistics sums;
  do {
    sums = small.ask();
  } while (sums.datagrams_in + sums.lost_by_kernel + sums.dropped_in < 1000);
  CHECK(sums.lost_by_kernel > 500);
  on.end();
}

TEST_CASE("a socket says about itself what it has seen") {
  net_node on;
  udp_service echo{on};
  udp_client peer;
  REQUIRE(peer.send(echo.where, "hello"));
  CHECK(peer.receive() == "hello");
  REQUIRE(eventually([&] { return echo.ask().datagrams_out == 1; }));
  const auto seen = on->inspect(echo.socket.id(), patience);
  REQUIRE(seen);
  const auto value_of = [&](std::string_view name) {
    for (const inspect_item& each : seen.value().items) {
      if (each.name == name) return each.value;
    }
    return std::string{"nothing"};
  };
  CHECK(value_of("local") == echo.where.to_string());
  CHECK(value_of("peer") == "nobody");
  CHECK(value_of("datagrams_in") == "1");
  CHECK(value_of("datagrams_out") == "1");
  CHECK(value_of("workers") == "1");
  CHECK(value_of("is_draining") == "false");
  on.end();
}
