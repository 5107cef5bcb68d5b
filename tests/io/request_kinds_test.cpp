// What each kind of request answers, whichever driver carries it out.
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <vector>

#include "io/probe.hpp"
#include "io/uring_compat.hpp"

using namespace io_test;

namespace {

/// Completions with their buffers, which are copied and given back.
struct buffer_probe {
  explicit buffer_probe(io::driver& on) : driver(on) {}
  struct answer {
    int result;
    bool is_final;
    bool has_buffer;
    std::string bytes;
  };
  void on_completion(io::completion what) noexcept {
    answers.push_back({what.result, what.is_final(), what.has_buffer(), {}});
    if (!what.has_buffer()) return;
    const auto memory = driver.buffers().memory_of(what.buffer_index());
    answers.back().bytes.assign(reinterpret_cast<const char*>(memory.data()),
                                static_cast<std::size_t>(std::max(what.result, 0)));
    if (keeps) return kept.push_back(what.buffer_index());
    driver.buffers().recycle(what.buffer_index());
  }
  void give_back() {
    for (const unsigned index : kept) driver.buffers().recycle(index);
    kept.clear();
  }
  bool keeps = false;
  std::vector<unsigned> kept{};
  io::driver& driver;
  std::vector<answer> answers;
  io::bound_operation<buffer_probe, &buffer_probe::on_completion> op{*this};
};

struct udp_pair {
  base::unique_fd receiver{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  base::unique_fd sender{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  udp_pair() {
    const auto any = *io::socket_address::parse("127.0.0.1", 0);
    REQUIRE(::bind(receiver.get(), any.data(), any.length()) == 0);
    REQUIRE(::bind(sender.get(), any.data(), any.length()) == 0);
    const auto there = io::socket_address::local_of(receiver.get());
    REQUIRE(::connect(sender.get(), there.data(), there.length()) == 0);
  }
  void send(std::string_view text) const {
    REQUIRE(::send(sender.get(), text.data(), text.size(), 0) ==
            static_cast<::ssize_t>(text.size()));
  }
};

void end(loop& on, io::operation& op) {
  on.driver->cancel(op);
  REQUIRE(on.run_until([&] { return !op.in_flight(); }));
}

}  // namespace

TEST_CASE("connect: a listening peer answers 0, nobody there ECONNREFUSED") {
  loop on;
  auto listening = io::listen_on(*io::socket_address::parse("127.0.0.1", 0));
  REQUIRE(listening);
  const auto where = io::socket_address::local_of(listening->get());
  base::unique_fd first{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  probe reached;
  on.driver->start(reached.op, io::request::connect(first.get(), io::op_site::test, where.data(),
                                                    where.length()));
  REQUIRE(on.run_until([&] { return reached.final_count == 1; }));
  CHECK(reached.results == std::vector<int>{0});
  CHECK(io::socket_address::peer_of(first.get()).port() == where.port());

  listening->reset();
  base::unique_fd second{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  probe refused;
  // The port of a closed ring's listener stays taken for a moment, so ask until it is free.
  REQUIRE(on.run_until([&] {
    if (refused.op.in_flight()) return false;
    if (!refused.results.empty() && refused.results.back() == -ECONNREFUSED) return true;
    on.driver->forget(second.get());
    second.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    on.driver->start(refused.op, io::request::connect(second.get(), io::op_site::test, where.data(),
                                                      where.length()));
    return false;
  }));
  on.driver->forget(first.get());
  on.driver->forget(second.get());
}

TEST_CASE("connect: one that hangs is ended by a cancel") {
  loop on;
  // A listener whose queue is full answers nobody.
  auto listening = io::listen_on(*io::socket_address::parse("127.0.0.1", 0), {.backlog = 1});
  REQUIRE(listening);
  const auto where = io::socket_address::local_of(listening->get());
  std::deque<probe> probes(6);
  std::vector<base::unique_fd> sockets;
  for (auto& each : probes) {
    sockets.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    on.driver->start(each.op, io::request::connect(sockets.back().get(), io::op_site::test,
                                                   where.data(), where.length()));
  }
  on.run_for(20);
  unsigned hanging = 0;
  for (auto& each : probes) {
    if (!each.op.in_flight()) continue;
    ++hanging;
    end(on, each.op);
    CHECK(each.results == std::vector<int>{-ECANCELED});
  }
  CHECK(hanging > 0);
  for (const auto& each : sockets) on.driver->forget(each.get());
}

TEST_CASE("accept: one request accepts many, and says that more will come") {
  loop on;
  auto listening = io::listen_on(*io::socket_address::parse("127.0.0.1", 0));
  REQUIRE(listening);
  const auto where = io::socket_address::local_of(listening->get());
  std::vector<base::unique_fd> accepted;
  struct acceptor {
    std::vector<base::unique_fd>& to;
    unsigned final_count = 0;
    void on_completion(io::completion what) noexcept {
      if (what.result >= 0) to.emplace_back(what.result);
      final_count += what.is_final() ? 1 : 0;
    }
    io::bound_operation<acceptor, &acceptor::on_completion> op{*this};
  } acceptor{accepted};
  const auto arm = [&] {
    if (!acceptor.op.in_flight()) {
      on.driver->start(acceptor.op, io::request::accept(listening->get(), io::op_site::test, true));
    }
  };
  arm();
  std::vector<base::unique_fd> clients;
  for (unsigned round = 0; round < 3; ++round) {
    for (int count = 0; count < 30; ++count) {
      clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      REQUIRE(::connect(clients.back().get(), where.data(), where.length()) == 0);
    }
    REQUIRE(on.run_until([&] {
      arm();
      return accepted.size() == clients.size();
    }));
  }
  for (const auto& each : accepted) {
    CHECK((::fcntl(each.get(), F_GETFD) & FD_CLOEXEC) != 0);
  }
  if (acceptor.op.in_flight()) end(on, acceptor.op);
  on.driver->forget(listening->get());
}

TEST_CASE("receive: bytes come in the driver's buffers, the end of input as 0 without one") {
  loop on;
  auto ends = make_socketpair();
  buffer_probe reader{*on.driver};
  std::string all;
  std::size_t taken = 0;
  const std::string text(100'000, 'r');
  std::thread peer([&] {
    send_all(ends.theirs.get(), text);
    ::shutdown(ends.theirs.get(), SHUT_WR);
  });
  bool has_ended = false;
  REQUIRE(on.run_until([&] {
    for (; taken < reader.answers.size(); ++taken) {
      const auto& each = reader.answers[taken];
      all += each.bytes;
      has_ended |= each.result == 0;
      CHECK(each.has_buffer == (each.result > 0));
    }
    if (!has_ended && !reader.op.in_flight()) {
      on.driver->start(reader.op, io::request::receive(ends.ours.get(), io::op_site::test, true));
    }
    return has_ended;
  }));
  peer.join();
  CHECK(reader.answers.back().is_final);
  CHECK((all == text));
  CHECK(on.driver->buffers().free_count() == on.driver->buffers().count());
  on.driver->forget(ends.ours.get());
}

TEST_CASE("receive: one that is not multishot answers once") {
  loop on;
  auto ends = make_socketpair();
  buffer_probe reader{*on.driver};
  on.driver->start(reader.op, io::request::receive(ends.ours.get(), io::op_site::test, false));
  REQUIRE(send_all(ends.theirs.get(), "once"));
  REQUIRE(on.run_until([&] { return !reader.answers.empty(); }));
  CHECK(reader.answers.front().is_final);
  CHECK(!reader.answers.front().bytes.empty());
  on.driver->forget(ends.ours.get());
}

TEST_CASE("receive: without a free buffer it ends with ENOBUFS") {
  loop on{{.common = {.buffer_count = 1, .buffer_bytes = 64}}};
  auto first = make_socketpair();
  auto second = make_socketpair();
  buffer_probe holder{*on.driver};
  holder.keeps = true;
  on.driver->start(holder.op, io::request::receive(first.ours.get(), io::op_site::test, false));
  REQUIRE(send_all(first.theirs.get(), "kept"));
  REQUIRE(on.run_until([&] { return !holder.kept.empty(); }));
  buffer_probe reader{*on.driver};
  REQUIRE(send_all(second.theirs.get(), "no room"));
  on.driver->start(reader.op, io::request::receive(second.ours.get(), io::op_site::test, true));
  REQUIRE(on.run_until([&] { return !reader.answers.empty(); }));
  CHECK(reader.answers.front().result == -ENOBUFS);
  CHECK(reader.answers.front().is_final);
  CHECK(!reader.answers.front().has_buffer);
  holder.give_back();
  on.driver->poll();  // shows the ring the buffer
  on.driver->start(reader.op, io::request::receive(second.ours.get(), io::op_site::test, false));
  REQUIRE(on.run_until([&] { return reader.answers.size() == 2; }));
  CHECK(reader.answers.back().bytes == "no room");
  on.driver->forget(first.ours.get());
  on.driver->forget(second.ours.get());
}

TEST_CASE("receive_datagram: each buffer holds head, name and payload where io_uring puts them") {
  loop on;
  const udp_pair pair;
  buffer_probe reader{*on.driver};
  ::msghdr shape{};
  shape.msg_namelen = sizeof(::sockaddr_in6);
  shape.msg_controllen = 64;
  const std::vector<std::string> texts = {"first", std::string(3000, 'd'), "",
                                          "after the empty one"};
  for (const auto& text : texts) pair.send(text);
  REQUIRE(on.run_until([&] {
    std::erase_if(reader.answers, [](const auto& each) { return each.result == -ENOBUFS; });
    if (!reader.op.in_flight() && reader.answers.size() < texts.size()) {
      on.driver->start(reader.op, io::request::receive_datagram(pair.receiver.get(),
                                                                io::op_site::test, &shape, 0));
    }
    return reader.answers.size() >= texts.size();
  }));
  const auto from = io::socket_address::local_of(pair.sender.get());
  for (std::size_t index = 0; index < texts.size(); ++index) {
    const std::string& held = reader.answers[index].bytes;
    ::io_uring_recvmsg_out head{};
    REQUIRE(held.size() >= sizeof head + shape.msg_namelen + shape.msg_controllen);
    std::memcpy(&head, held.data(), sizeof head);
    CHECK(head.namelen == sizeof(::sockaddr_in));
    CHECK(head.controllen == 0);
    CHECK(head.payloadlen == texts[index].size());
    CHECK((head.flags & MSG_TRUNC) == 0);
    ::sockaddr_in name{};
    std::memcpy(&name, held.data() + sizeof head, sizeof name);
    CHECK(ntohs(name.sin_port) == from.port());
    CHECK((held.substr(sizeof head + shape.msg_namelen + shape.msg_controllen) == texts[index]));
  }
  if (reader.op.in_flight()) end(on, reader.op);
  on.driver->forget(pair.receiver.get());
}

TEST_CASE("receive_datagram: one that is longer than the buffer is cut and says so") {
  loop on{{.common = {.buffer_count = 4, .buffer_bytes = 256}}};
  const udp_pair pair;
  buffer_probe reader{*on.driver};
  ::msghdr shape{};
  shape.msg_namelen = sizeof(::sockaddr_in);
  pair.send(std::string(1000, 'l'));
  on.driver->start(
      reader.op, io::request::receive_datagram(pair.receiver.get(), io::op_site::test, &shape, 0));
  REQUIRE(on.run_until([&] { return !reader.answers.empty(); }));
  CHECK(reader.answers.front().result == 256);
  ::io_uring_recvmsg_out head{};
  std::memcpy(&head, reader.answers.front().bytes.data(), sizeof head);
  CHECK((head.flags & MSG_TRUNC) != 0);
  if (reader.op.in_flight()) end(on, reader.op);
  on.driver->forget(pair.receiver.get());
}

TEST_CASE("send_message: gathered bytes and addressed datagrams leave whole") {
  loop on;
  const udp_pair pair;
  base::unique_fd other{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  const auto where = io::socket_address::local_of(pair.receiver.get());
  std::string one = "gathered ";
  std::string two = "datagram";
  ::iovec parts[2] = {{one.data(), one.size()}, {two.data(), two.size()}};
  ::msghdr message{};
  message.msg_name = const_cast<::sockaddr*>(where.data());
  message.msg_namelen = where.length();
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  probe sender;
  on.driver->start(sender.op,
                   io::request::send_message(other.get(), io::op_site::test, &message, 0));
  REQUIRE(on.run_until([&] { return sender.final_count == 1; }));
  CHECK(sender.results == std::vector<int>{17});
  char got[64];
  CHECK(::recv(pair.receiver.get(), got, sizeof got, 0) == 17);
  on.driver->forget(other.get());
}

TEST_CASE("write: a pipe that blocks and is full makes the request wait, not the driver") {
  loop on;
  int fds[2];
  REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);  // blocking, as a host's may be
  const base::unique_fd reader{fds[0]};
  const base::unique_fd writer{fds[1]};
  const std::string text(300'000, 'p');
  std::size_t written = 0;
  probe each;
  each.then = [&] { written += static_cast<std::size_t>(std::max(each.results.back(), 0)); };
  std::string got;
  std::vector<char> part(65536);
  REQUIRE(on.run_until([&] {
    if (!each.op.in_flight() && written < text.size()) {
      on.driver->start(each.op,
                       io::request::write(writer.get(), io::op_site::test,
                                          std::as_bytes(std::span{text}).subspan(written)));
      return false;
    }
    ::pollfd look{reader.get(), POLLIN, 0};
    if (::poll(&look, 1, 0) == 1) {
      const auto size = ::read(reader.get(), part.data(), part.size());
      REQUIRE(size > 0);
      got.append(part.data(), static_cast<std::size_t>(size));
    }
    return got.size() == text.size();
  }));
  CHECK((got == text));
  CHECK(!each.op.in_flight());
}

TEST_CASE("read: an empty pipe, an eventfd, a file at an offset, and the end of a file") {
  loop on;
  std::array<std::byte, 64> into{};
  SECTION("an empty pipe that blocks is waited for, its end is 0") {
    int fds[2];
    REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
    const base::unique_fd reader{fds[0]};
    base::unique_fd writer{fds[1]};
    probe each;
    on.driver->start(each.op, io::request::read(reader.get(), io::op_site::test, into));
    on.run_for(5);
    CHECK(each.final_count == 0);
    REQUIRE(::write(writer.get(), "late", 4) == 4);
    REQUIRE(on.run_until([&] { return each.final_count == 1; }));
    CHECK(each.results.back() > 0);
    writer.reset();
    REQUIRE(on.run_until([&] {
      if (!each.op.in_flight()) {
        if (each.results.back() == 0) return true;
        on.driver->start(each.op, io::request::read(reader.get(), io::op_site::test, into));
      }
      return false;
    }));
  }
  SECTION("an eventfd that blocks") {
    const base::unique_fd event{::eventfd(0, EFD_CLOEXEC)};
    probe each;
    on.driver->start(each.op,
                     io::request::read(event.get(), io::op_site::test, std::span{into}.first(8)));
    on.run_for(5);
    CHECK(each.final_count == 0);
    const std::uint64_t three = 3;
    REQUIRE(::write(event.get(), &three, sizeof three) == 8);
    REQUIRE(on.run_until([&] { return each.final_count == 1; }));
    CHECK(each.results == std::vector<int>{8});
  }
  SECTION("a file") {
    const base::unique_fd file{::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
    if (!file.is_open()) SKIP("no O_TMPFILE in /tmp");
    probe each;
    const std::string text = "0123456789";
    const auto run = [&](const io::request& what) {
      on.driver->start(each.op, what);
      REQUIRE(on.run_until([&] { return !each.op.in_flight(); }));
      return each.results.back();
    };
    CHECK(run(io::request::write(file.get(), io::op_site::test,
                                 std::as_bytes(std::span{text}).first(1), 0)) == 1);
    CHECK(run(io::request::write(file.get(), io::op_site::test,
                                 std::as_bytes(std::span{text}).first(1), 4)) == 1);
    CHECK(run(io::request::read(file.get(), io::op_site::test, std::span{into}.first(1), 4)) == 1);
    CHECK(into[0] == std::byte{'0'});
    CHECK(run(io::request::read(file.get(), io::op_site::test, into, 5)) == 0);
  }
}

TEST_CASE("write: a pipe that nobody reads is EPIPE") {
  loop on;
  int fds[2];
  REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
  base::unique_fd{fds[0]}.reset();
  const base::unique_fd writer{fds[1]};
  // A ring raises the signal where the request is carried out; threads of a node block it.
  ::sigset_t all;
  ::sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  probe each;
  on.driver->start(each.op, io::request::write(writer.get(), io::op_site::test,
                                               std::as_bytes(std::span{"x", 1})));
  CHECK(on.run_until([&] { return each.final_count == 1; }));
  CHECK(each.results == std::vector<int>{-EPIPE});
  ::sigset_t pipe;
  ::sigemptyset(&pipe);
  ::sigaddset(&pipe, SIGPIPE);
  const ::timespec none{};
  static_cast<void>(::sigtimedwait(&pipe, nullptr, &none));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("a descriptor that does not exist is EBADF, whatever is asked of it") {
  loop on;
  const int fd = 999'999;
  std::array<std::byte, 8> memory{};
  const auto where = *io::socket_address::parse("127.0.0.1", 1);
  ::msghdr message{};
  for (const io::request& what : {
           io::request::accept(fd, io::op_site::test, true),
           io::request::connect(fd, io::op_site::test, where.data(), where.length()),
           io::request::receive(fd, io::op_site::test, true),
           io::request::send(fd, io::op_site::test, memory.data(), 8, MSG_NOSIGNAL),
           io::request::send_message(fd, io::op_site::test, &message, MSG_NOSIGNAL),
           io::request::receive_datagram(fd, io::op_site::test, &message, 0),
           io::request::poll(fd, io::op_site::test, POLLIN),
           io::request::read(fd, io::op_site::test, memory),
           io::request::write(fd, io::op_site::test, memory),
       }) {
    INFO(io::to_string(what.kind));
    probe each;
    on.driver->start(each.op, what);
    REQUIRE(on.run_until([&] { return each.final_count == 1; }));
    CHECK(each.results == std::vector<int>{-EBADF});
  }
}

TEST_CASE("a number that is used again for another descriptor is waited for anew") {
  loop on;
  for (int round = 0; round < 20; ++round) {
    auto ends = make_socketpair();
    buffer_probe reader{*on.driver};
    on.driver->start(reader.op, io::request::receive(ends.ours.get(), io::op_site::test, true));
    on.driver->poll();
    REQUIRE(send_all(ends.theirs.get(), "round"));
    REQUIRE(on.run_until([&] { return !reader.answers.empty(); }));
    if (reader.op.in_flight()) end(on, reader.op);
    on.driver->forget(ends.ours.get());
  }
}

TEST_CASE("a user's descriptor may be closed without a word and its number used again") {
  loop on;
  std::array<std::byte, 8> into{};
  for (int round = 0; round < 40; ++round) {
    int fds[2];
    REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
    const base::unique_fd reader{fds[0]};
    const base::unique_fd writer{fds[1]};
    probe waiting;
    on.driver->start(waiting.op, round < 20
                                     ? io::request::read(reader.get(), io::op_site::test, into)
                                     : io::request::poll(reader.get(), io::op_site::test, POLLIN));
    on.driver->poll();
    REQUIRE(::write(writer.get(), "x", 1) == 1);
    REQUIRE(on.run_until([&] { return waiting.final_count == 1; }));
  }
}

TEST_CASE("poll: two waits for one descriptor are answered apart") {
  loop on;
  auto ends = make_socketpair();
  const int small = 4096;
  ::setsockopt(ends.ours.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  const std::string block(1000, 'b');
  while (::send(ends.ours.get(), block.data(), block.size(), MSG_DONTWAIT) > 0) {
  }
  probe readable;
  probe writable;
  on.driver->start(readable.op, io::request::poll(ends.ours.get(), io::op_site::test, POLLIN));
  on.driver->start(writable.op, io::request::poll(ends.ours.get(), io::op_site::test, POLLOUT));
  on.run_for(5);
  CHECK(readable.final_count + writable.final_count == 0);
  REQUIRE(send_all(ends.theirs.get(), "x"));
  REQUIRE(on.run_until([&] { return readable.final_count == 1; }));
  CHECK(writable.final_count == 0);
  std::vector<char> drain(1 << 20);
  while (::recv(ends.theirs.get(), drain.data(), drain.size(), MSG_DONTWAIT) > 0) {
  }
  CHECK(on.run_until([&] { return writable.final_count == 1; }));
}
