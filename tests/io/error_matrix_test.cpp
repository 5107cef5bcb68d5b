// What becomes of every operation when it fails in every way it can: a row a place that starts
// operations (op_site), a cell a fault, in virtual time. Each cell is asserted; in each the object
// ends exactly once and nothing is left in flight, lent or open. The table is printed. The places
// above the io layer are in net/error_matrix_test.cpp.
//
// A new place: a function that lives one object's life and says what became of it, and its rows.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/host_entries.hpp"
#include "io/connector.hpp"
#include "io/datagram_fixture.hpp"
#include "io/fault_rows.hpp"
#include "io/pipe_reader.hpp"
#include "io/pipe_writer.hpp"
#include "io/simulated_loop.hpp"

using namespace io_test;
namespace {

/// Lives a life in virtual time under the planned faults, and checks that nothing is left.
template <std::string (*Life)(simulated_loop&, bool)>
std::string on_a_loop(const std::vector<fault>& planned, bool is_late) {
  const std::size_t descriptors = open_descriptors();
  std::string became;
  {
    simulated_loop on{exact_simulation(), {.buffer_count = 8, .buffer_bytes = 4096}};
    for (const fault& each : planned) on.plan.inject(each);
    became = Life(on, is_late);
    CHECK(on.plan.fired_count() == planned.size());
    CHECK(on.driver->in_flight_count() == 0);
    CHECK(on.driver->buffers().free_count() == on.driver->buffers().count());
    CHECK(on.driver->counters().late.load() == 0);
    on.detach();
    CHECK(on.driver->counters().abandoned.load() == 0);
  }
  CHECK(open_descriptors() == descriptors);
  return became;
}

// ---- the lives

std::string how_it_ended(const peer_stream& peer) {
  CHECK(peer.closed_count == 1);
  std::string text = std::string{"ends: "} + io::to_string(peer.reason);
  if (peer.reason == io::close_reason::failed)
    text += " (" + errno_name(peer.stream.os_error()) + ")";
  return text;
}

std::string live_by_receiving(simulated_loop& on, bool is_late) {
  auto ends = make_socketpair();
  peer_stream peer{*on.driver};
  peer.react_to_end = [&] { peer.stream.close_after_flush(); };
  peer.stream.open(std::move(ends.ours));
  for (const std::string text : {"one", "onetwo", "onetwothree"}) {
    const std::string part = text.substr(peer.received.size());
    static_cast<void>(send_all(ends.theirs.get(), part));
    if (is_late && text == "onetwo") peer.stream.pause_read();
    CHECK(on.run_until([&] { return peer.is_closed() || peer.received == text; }));
    peer.stream.resume_read();
  }
  ::shutdown(ends.theirs.get(), SHUT_WR);
  CHECK(on.run_until([&] { return peer.is_closed(); }));
  if (peer.reason == io::close_reason::closed_by_peer) {
    CHECK(peer.received == "onetwothree");
    return "goes on";
  }
  return how_it_ended(peer);
}

std::string live_by_being_held(simulated_loop& on, bool is_late) {
  auto ends = make_tcp_pair();
  peer_stream peer{*on.driver};
  peer.stream.open(std::move(ends.ours));
  peer.stream.pause_read();
  on.run_for(1);
  if (is_late) {
    peer.stream.abort();
    CHECK(on.run_until([&] { return peer.is_closed(); }));
    return "closed";
  }
  const ::linger at_once{1, 0};
  ::setsockopt(ends.theirs.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ends.theirs.reset();
  on.run_for(1);
  peer.stream.resume_read();
  CHECK(on.run_until([&] { return peer.is_closed(); }));
  return how_it_ended(peer);
}

std::string live_by_sending(simulated_loop& on, bool is_late) {
  auto ends = make_socketpair();
  peer_stream peer{*on.driver};
  peer.stream.open(std::move(ends.ours));
  for (const auto* text : {"one", "two", "three"}) {
    static_cast<void>(peer.stream.write(bytes::copy_of(std::string{text})));
    if (is_late && text == std::string{"two"}) {
      while (on.driver->in_flight_count() < 2) on.driver->poll();
      peer.stream.abort();
    }
    CHECK(on.run_until([&] { return peer.is_closed() || peer.stream.queued_bytes() == 0; }));
  }
  peer.stream.close_after_flush();
  ::shutdown(ends.theirs.get(), SHUT_WR);
  CHECK(on.run_until([&] { return peer.is_closed(); }));
  if (peer.reason == io::close_reason::closed_here ||
      peer.reason == io::close_reason::closed_by_peer) {
    CHECK(receive_all(ends.theirs.get()) == "onetwothree");
    return "goes on";
  }
  return how_it_ended(peer);
}

struct recording_acceptor final : io::listener_handler {
  explicit recording_acceptor(io::driver& on) : listener(on, *this) {}
  void on_accept(base::unique_fd connection, const io::socket_address&) noexcept override {
    connections.push_back(std::move(connection));
  }
  void on_accept_error(const error& why) noexcept override { told = why; }
  void on_listener_closed() noexcept override { ++closed_count; }
  std::vector<base::unique_fd> connections;
  error told{};
  unsigned closed_count = 0;
  io::listener listener;
};

std::string live_by_accepting(simulated_loop& on, bool is_late) {
  recording_acceptor server{*on.driver};
  REQUIRE(server.listener.open(*io::listen_on(*io::socket_address::parse("127.0.0.1", 0))));
  const auto where = server.listener.local_address();
  std::vector<base::unique_fd> clients;
  const auto call = [&] {
    clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ::connect(clients.back().get(), where.data(), where.length());
  };
  const auto served = [&] { return server.connections.size() + server.listener.shed_count(); };
  bool backed_off = false;
  if (is_late) {
    call();
    on.driver->poll();
    server.listener.close();
  }
  for (unsigned count = 1; count <= 3 && !is_late; ++count) {
    if (server.closed_count != 0) break;
    call();
    CHECK(on.run_until([&] {
      backed_off |= server.listener.is_backing_off();
      return server.closed_count != 0 || served() >= count;
    }));
  }
  std::string became = server.closed_count != 0 ? "ends" : is_late ? "closed" : "goes on";
  if (server.closed_count == 0) server.listener.close();
  CHECK(on.run_until([&] { return server.closed_count != 0; }));
  CHECK(server.closed_count == 1);
  if (is_late) CHECK(server.connections.empty());
  if (server.told.code != error_code::none) became = "told, " + became;
  if (backed_off) became += " after a pause";
  if (server.listener.shed_count() != 0) became += ", turns those away who wait";
  return became;
}

struct recording_connector final : io::connect_handler {
  explicit recording_connector(io::driver& on) : connector(on, *this) {}
  void on_connect_done(result<base::unique_fd> outcome) noexcept override {
    ++done_count;
    if (outcome) {
      socket = std::move(*outcome);
    } else {
      why = outcome.error();
    }
  }
  unsigned done_count = 0;
  base::unique_fd socket;
  error why{};
  io::connector connector;
};

std::string live_by_connecting(simulated_loop& on, bool is_late) {
  auto listening = io::listen_on(*io::socket_address::parse("127.0.0.1", 0));
  REQUIRE(listening);
  recording_connector client{*on.driver};
  client.connector.open({.to = io::socket_address::local_of(listening->get())});
  if (is_late) {
    on.driver->poll();
    client.connector.cancel();
  }
  CHECK(on.run_until([&] { return client.done_count != 0; }));
  on.run_for(1);
  CHECK(client.done_count == 1);
  if (client.socket.is_open()) {
    on.driver->forget(client.socket.get());
    return "connected";
  }
  return "ends: " + std::string{to_string(client.why.code)};
}

struct recording_pipe_reader final : io::pipe_read_handler {
  explicit recording_pipe_reader(io::driver& on) : reader(on, *this) {}
  void on_pipe_bytes(io::pipe_reader&, bytes data) noexcept override { text += data.text(); }
  void on_pipe_end(io::pipe_reader&, int os_error_) noexcept override {
    ++end_count;
    os_error = os_error_;
  }
  std::string text;
  unsigned end_count = 0;
  int os_error = 0;
  io::pipe_reader reader;
};

struct pipe_ends {
  base::unique_fd reading;
  base::unique_fd writing;
};
pipe_ends make_pipe() {
  int fds[2];
  REQUIRE(::pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
  return {base::unique_fd{fds[0]}, base::unique_fd{fds[1]}};
}

std::string live_by_reading_a_pipe(simulated_loop& on, bool is_late) {
  auto ends = make_pipe();
  recording_pipe_reader pipe{*on.driver};
  pipe.reader.open(std::move(ends.reading), 64 * 1024);
  for (const auto* text : {"one", "two", "three"}) {
    const std::string all = pipe.text + text;
    static_cast<void>(!::write(ends.writing.get(), text, std::strlen(text)));
    if (is_late) pipe.reader.close();
    CHECK(on.run_until([&] { return pipe.end_count != 0 || pipe.text == all; }));
    if (pipe.end_count != 0) break;
  }
  ends.writing.reset();
  CHECK(on.run_until([&] { return pipe.end_count != 0; }));
  CHECK(pipe.end_count == 1);
  if (is_late) return pipe.text.empty() ? "closed" : "bytes after the end";
  if (pipe.os_error != 0) return "ends: " + errno_name(pipe.os_error);
  CHECK(pipe.text == "onetwothree");
  return "goes on";
}

struct recording_pipe_writer final : io::pipe_write_handler {
  explicit recording_pipe_writer(io::driver& on) : writer(on, *this) {}
  void on_pipe_writable() noexcept override {}
  void on_pipe_end(int os_error_, std::uint64_t) noexcept override {
    ++end_count;
    os_error = os_error_;
  }
  unsigned end_count = 0;
  int os_error = 0;
  io::pipe_writer writer;
};

std::string live_by_writing_a_pipe(simulated_loop& on, bool is_late) {
  auto ends = make_pipe();
  recording_pipe_writer pipe{*on.driver};
  pipe.writer.open(std::move(ends.writing), {});
  for (const auto* text : {"one", "two", "three"}) {
    static_cast<void>(pipe.writer.write({bytes::copy_of(std::string{text}), {}, {}}));
    if (is_late) {
      while (on.driver->in_flight_count() == 0) on.driver->poll();
      pipe.writer.close();
      break;
    }
    on.run_for(1);
  }
  pipe.writer.close_after_flush();
  CHECK(on.run_until([&] { return pipe.end_count != 0; }));
  CHECK(pipe.end_count == 1);
  if (pipe.os_error != 0) return "ends: " + errno_name(pipe.os_error);
  char got[64];
  const auto size = ::read(ends.reading.get(), got, sizeof got);
  const std::string text{got, static_cast<std::size_t>(std::max<::ssize_t>(size, 0))};
  if (is_late) return "closed";
  CHECK(text == "onetwothree");
  return "goes on";
}

std::string how_it_went_on(const peer_datagrams& peer) {
  if (peer.closed_count != 0) return "ends: " + errno_name(peer.end_error);
  return peer.failures.empty() ? "goes on" : "told, goes on";
}

void close(simulated_loop& on, peer_datagrams& peer) {
  peer.got.clear();
  peer.socket.abort();
  CHECK(on.run_until([&] { return peer.is_closed(); }));
  CHECK(peer.closed_count == 1);
}

std::string live_by_receiving_datagrams(simulated_loop& on, bool is_late) {
  peer_datagrams peer{*on.driver};
  peer.open(bound_socket());
  plain_socket other;
  for (std::size_t count = 1; count <= 3 && !peer.is_closed(); ++count) {
    REQUIRE(other.send(peer.where, "x"));
    if (is_late && count == 1) {
      on.driver->poll();
      peer.socket.pause_read();
    }
    CHECK(on.run_until([&] { return peer.is_closed() || peer.got.size() == count; }));
    peer.socket.resume_read();
  }
  const std::string became = how_it_went_on(peer);
  close(on, peer);
  return became;
}

std::string live_by_sending_datagrams(simulated_loop& on, bool is_late) {
  peer_datagrams peer{*on.driver};
  peer.open(bound_socket());
  plain_socket other;
  std::size_t got = 0;
  for (std::size_t count = 1; count <= 3 && !peer.is_closed(); ++count) {
    static_cast<void>(peer.socket.send(other.where(), bytes::copy_of("x"s)));
    if (is_late) {
      while (on.driver->in_flight_count() < 2) on.driver->poll();
      peer.socket.abort();
      CHECK(on.run_until([&] { return peer.is_closed(); }));
      CHECK(peer.closed_count == 1);
      return "closed";
    }
    CHECK(on.run_until([&] {
      while (other.take()) ++got;
      return peer.is_closed() || got + peer.failures.size() >= count;
    }));
  }
  const std::string became = (got == 3 ? "" : "loses it, ") + how_it_went_on(peer);
  close(on, peer);
  return became;
}

// ---- the table

std::vector<fault_row> rows() {
  return {
      {.name = "stream_receive (first)",
       .site = op_site::stream_receive,
       .kind = request_kind::receive,
       .nth = 1,
       .live = on_a_loop<live_by_receiving>,
       .otherwise = "ends: failed (%)",
       .errors = {{"goes on", {EINTR, EAGAIN, EINVAL}},
                  {"ends: peer_reset", {EPIPE, ECONNABORTED, ECONNRESET, ENOTCONN}},
                  {"ends: timed_out", {ENETUNREACH, ETIMEDOUT, EHOSTUNREACH}}},
       .cut_short = "goes on",
       .no_buffer = "goes on",
       .lost_more = "goes on",
       .late = "goes on"},
      {.name = "stream_receive (later)",
       .site = op_site::stream_receive,
       .kind = request_kind::receive,
       .nth = 2,
       .live = on_a_loop<live_by_receiving>,
       .otherwise = "ends: failed (%)",
       .errors = {{"goes on", {EINTR, EAGAIN}},
                  {"ends: peer_reset", {EPIPE, ECONNABORTED, ECONNRESET, ENOTCONN}},
                  {"ends: timed_out", {ENETUNREACH, ETIMEDOUT, EHOSTUNREACH}}},
       .cut_short = "goes on",
       .no_buffer = "goes on",
       .lost_more = "goes on",
       .late = "goes on"},
      {.name = "stream_watch",
       .site = op_site::stream_watch,
       .kind = request_kind::poll,
       .nth = 1,
       .live = on_a_loop<live_by_being_held>,
       .otherwise = "ends: peer_reset",
       .errors = {},
       .cut_short = not_asked,
       .no_buffer = not_asked,
       .lost_more = not_asked,
       .late = "closed"},
      {.name = "stream_send",
       .site = op_site::stream_send,
       .kind = request_kind::send,
       .nth = 2,
       .live = on_a_loop<live_by_sending>,
       .otherwise = "ends: failed (%)",
       .errors = {{"goes on", {EINTR, EAGAIN}},
                  {"ends: peer_reset", {EPIPE, ECONNABORTED, ECONNRESET, ENOTCONN}},
                  {"ends: timed_out", {ENETUNREACH, ETIMEDOUT, EHOSTUNREACH}}},
       .cut_short = "goes on",
       .no_buffer = not_asked,
       .lost_more = not_asked,
       .late = "ends: aborted"},
      {.name = "listener_accept (first)",
       .site = op_site::listener_accept,
       .kind = request_kind::accept,
       .nth = 1,
       .live = on_a_loop<live_by_accepting>,
       .otherwise = "goes on",
       .errors = {{"told, ends", {EBADF, EFAULT, ENOTSOCK}},
                  {"told, goes on after a pause", {ENOMEM, ENOBUFS}},
                  {"told, goes on after a pause, turns those away who wait", {ENFILE, EMFILE}}},
       .cut_short = not_asked,
       .no_buffer = not_asked,
       .lost_more = "goes on",
       .late = "closed"},
      {.name = "listener_accept (later)",
       .site = op_site::listener_accept,
       .kind = request_kind::accept,
       .nth = 2,
       .live = on_a_loop<live_by_accepting>,
       .otherwise = "goes on",
       .errors = {{"told, ends", {EBADF, EFAULT, ENOTSOCK}},
                  {"told, goes on after a pause", {ENOMEM, ENOBUFS}},
                  {"told, goes on after a pause, turns those away who wait", {ENFILE, EMFILE}}},
       .cut_short = not_asked,
       .no_buffer = not_asked,
       .lost_more = "goes on",
       .late = "closed"},
      {.name = "connector_connect",
       .site = op_site::connector_connect,
       .kind = request_kind::connect,
       .nth = 1,
       .live = on_a_loop<live_by_connecting>,
       .otherwise = "ends: system",
       .errors = {{"ends: address_in_use", {EADDRINUSE}},
                  {"ends: bad_address", {EAFNOSUPPORT, EADDRNOTAVAIL}},
                  {"ends: connection_refused", {ECONNREFUSED}},
                  {"ends: connection_reset", {ECONNRESET}},
                  {"ends: limit_reached", {EAGAIN}},
                  {"ends: out_of_memory", {ENOMEM, ENOBUFS}},
                  {"ends: permission_denied", {EPERM, EACCES}},
                  {"ends: timed_out", {ETIMEDOUT}}},
       .cut_short = not_asked,
       .no_buffer = not_asked,
       .lost_more = not_asked,
       .late = "ends: cancelled"},
      {.name = "pipe_read (wait)",
       .site = op_site::pipe_read,
       .kind = request_kind::poll,
       .nth = 1,
       .live = on_a_loop<live_by_reading_a_pipe>,
       .otherwise = "ends: %",
       .errors = {{"goes on", {EINTR}}},
       .cut_short = not_asked,
       .no_buffer = not_asked,
       .lost_more = not_asked,
       .late = "closed"},
      {.name = "pipe_read (read)",
       .site = op_site::pipe_read,
       .kind = request_kind::read,
       .nth = 2,
       .live = on_a_loop<live_by_reading_a_pipe>,
       .otherwise = "ends: %",
       .errors = {{"goes on", {EINTR, EAGAIN}}},
       .cut_short = "goes on",
       .no_buffer = not_asked,
       .lost_more = not_asked,
       .late = "closed"},
      {.name = "pipe_write (write)",
       .site = op_site::pipe_write,
       .kind = request_kind::write,
       .nth = 1,
       .live = on_a_loop<live_by_writing_a_pipe>,
       .otherwise = "ends: %",
       .errors = {{"goes on", {EINTR, EAGAIN}}},
       .cut_short = "goes on",
       .no_buffer = not_asked,
       .lost_more = not_asked,
       .late = "closed"},
      {.name = "pipe_write (wait)",
       .site = op_site::pipe_write,
       .kind = request_kind::poll,
       .nth = 2,
       .live = on_a_loop<live_by_writing_a_pipe>,
       .otherwise = "ends: %",
       .errors = {{"goes on", {EINTR}}},
       .cut_short = not_asked,
       .no_buffer = not_asked,
       .lost_more = not_asked,
       .late = not_asked,
       .before = {{op_site::pipe_write, fault_kind::error, EAGAIN, 1}}},
      {.name = "datagram_receive",
       .site = op_site::datagram_receive,
       .kind = request_kind::receive_datagram,
       .nth = 1,
       .live = on_a_loop<live_by_receiving_datagrams>,
       .otherwise = "goes on",
       .errors = {{"ends: %", {EBADF, EINVAL}}},
       .cut_short = not_asked,
       .no_buffer = "goes on",
       .lost_more = "goes on",
       .late = "goes on"},
      {.name = "datagram_send",
       .site = op_site::datagram_send,
       .kind = request_kind::send,
       .nth = 1,
       .live = on_a_loop<live_by_sending_datagrams>,
       .otherwise = "loses it, told, goes on",
       .errors = {{"goes on",
                   {EINTR, EAGAIN, EACCES, EMSGSIZE, ENETUNREACH, ECONNREFUSED, EHOSTUNREACH}},
                  {"loses it, ends: %", {EBADF}}},
       .cut_short = not_asked,
       .no_buffer = not_asked,
       .lost_more = not_asked,
       .late = "closed"},
  };
}

}  // namespace

TEST_CASE("error matrix: whatever an operation answers, its object goes on or ends once, as said",
          "[simulation]") {
  for (const fault_row& each : rows()) check_row(each);
}
