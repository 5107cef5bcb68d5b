#include <map>

#include "net/net_fixture.hpp"

using namespace net_test;

namespace {

std::string prefixed(std::string_view payload) {
  std::string frame;
  frame += static_cast<char>(payload.size() >> 8);
  frame += static_cast<char>(payload.size());
  return frame.append(payload);
}

const framing by_length{.by = frames::length_prefix{.width = 2}, .frame_bytes_max = 10'000};
const framing by_line{.by = frames::delimiter{.bytes = "\n"}, .frame_bytes_max = 10'000};

std::vector<std::string> texts(journal& notes) {
  std::vector<std::string> all;
  for (const auto& line : notes.entries()) {
    if (line.what == kind::data) all.push_back(line.text);
  }
  return all;
}

const worker::data_function no_answer = [](worker&, tcp::data&&) {};

/// Whether every byte of `sent` may be the last one before a reset.
void reset_after_every_byte(net_node& on, const framing& by, const std::string& sent) {
  journal notes;
  const pid who = on->spawn<worker>({}, notes, 0).value();
  service echo{on, service::with_workers{{who}}, {.connection = {.framing = by}}};
  for (std::size_t size = 0; size <= sent.size(); ++size) {
    client peer{echo.port};
    peer.send(std::string_view{sent}.substr(0, size));
    if (size % 3 == 0) REQUIRE(notes.wait_for(kind::connected, size + 1));
    peer.reset();
  }
  REQUIRE(notes.wait_for(kind::disconnected, sent.size() + 1));
  std::map<alias, int> ends;
  for (const auto& line : notes.entries()) {
    if (line.what == kind::disconnected) {
      CHECK(++ends[line.id] == 1);
    } else {
      CHECK(ends[line.id] == 0);
    }
  }
}

}  // namespace

TEST_CASE("with a framing each frame is one message, both ways, however the bytes come") {
  net_node on;
  service echo{on, {.connection = {.framing = by_length}}};
  client peer{echo.port};
  const std::string wire = prefixed("one") + prefixed("") + prefixed(std::string(9000, 'b')) +
                           prefixed("two") + prefixed("");
  for (const std::size_t piece : {wire.size(), std::size_t{1}, std::size_t{7}}) {
    const std::size_t step = piece == 1 ? 1 : piece;
    for (std::size_t at = 0; at < wire.size(); at += step) {
      REQUIRE(peer.send(std::string_view{wire}.substr(at, step)));
    }
    CHECK((peer.receive(wire.size()) == wire));
  }
  const auto got = texts(echo.notes);
  CHECK(got.size() == 15);
  for (std::size_t i = 0; i < got.size(); i += 5) {
    CHECK(got[i] == "one");
    CHECK(got[i + 1].empty());
    CHECK(got[i + 2] == std::string(9000, 'b'));
    CHECK(got[i + 3] == "two");
    CHECK(got[i + 4].empty());
  }
  peer.close();
  on.end();
}

TEST_CASE("a malformed frame ends the connection once the ones before it are answered") {
  net_node on;
  service echo{on, {.connection = {.framing = by_length}}};
  client peer{echo.port};
  const std::string good = prefixed("good") + prefixed("better");
  peer.send(good + "\xff\xff" + std::string(100, 'x'));  // 65535 is more than the maximum.
  CHECK(peer.receive_to_end() == good);
  peer.close();
  CHECK(echo.notes.only_end().reason == disconnect_reason::malformed);
  CHECK(texts(echo.notes).size() == 2);
  on.end();
}

TEST_CASE("input that ends within a frame is malformed, between two frames it is not") {
  for (const bool cut_off : {false, true}) {
    net_node on;
    service echo{on, {.connection = {.framing = by_line}}};
    client peer{echo.port};
    peer.send(cut_off ? "line\nand a hal" : "line\n");
    peer.shutdown_write();
    CHECK(peer.receive_to_end() == "line\n");
    peer.close();
    CHECK(echo.notes.only_end().reason ==
          (cut_off ? disconnect_reason::malformed : disconnect_reason::closed_by_peer));
    on.end();
  }
}

TEST_CASE("a message of which no frame can be made is told, and the others are sent") {
  net_node on;
  service liar{on, {.connection = {.framing = by_line}}, 1, [](worker& self, tcp::data&& message) {
                 for (const char* text : {"first", "two\nlines", "last"}) {
                   self.send(message.id, tcp::data{message.id, bytes::copy_of(text)});
                 }
               }};
  client peer{liar.port};
  peer.send("?\n");
  CHECK(peer.receive(11) == "first\nlast\n");
  REQUIRE(liar.notes.wait_for(kind::dropped, 1));
  for (const auto& line : liar.notes.entries()) {
    if (line.what == kind::dropped) CHECK(line.amount == 9);
  }
  peer.close();
  CHECK(liar.notes.only_end().bytes_dropped == 9);
  on.end();
}

TEST_CASE("policy drop never cuts a frame in two") {
  net_node on;
  service flood{
      on,
      {.connection = {.write_bytes_high = 16 * 1024,
                      .write_bytes_low = 4 * 1024,
                      .policy = tcp::write_policy::drop,
                      .framing = by_length}},
      1,
      [](worker& self, tcp::data&& message) {
        for (int i = 0; i < 4000; ++i) {
          self.send(message.id, tcp::data{message.id, bytes::copy_of(std::string(5000, 'f'))});
        }
      }};
  client peer;
  peer.set_receive_buffer(4096);
  REQUIRE(peer.connect(flood.port));
  peer.send(prefixed("?"));
  REQUIRE(flood.notes.wait_for(kind::dropped, 1));
  on->exit(flood.notes.entries().front().id);
  const std::string got = peer.receive_to_end();
  CHECK(got.size() % 5002 == 0);
  for (std::size_t at = 0; at < got.size(); at += 5002) {
    CHECK((got.substr(at, 5002) == prefixed(std::string(5000, 'f'))));
  }
  peer.close();
  on.end();
}

TEST_CASE("a framed peer may reset after any byte: one disconnected each, last") {
  net_node on;
  reset_after_every_byte(on, by_length, prefixed("abc") + prefixed("") + prefixed("a longer one"));
  reset_after_every_byte(on, by_line, "one\ntwo\n\nthree\n");
  on.end();
}

TEST_CASE("the handshake is over with the first frame, not with its first byte") {
  net_node on;
  service echo{on, {.connection = {.framing = by_line, .handshake_time_max = 40ms}}};
  client slow{echo.port};
  slow.send("half a li");
  CHECK(slow.receive_to_end().empty());
  CHECK(echo.notes.only_end().reason == disconnect_reason::handshake_timed_out);
  client good{echo.port};
  good.send("line\n");
  CHECK(good.receive(5) == "line\n");
  std::this_thread::sleep_for(60ms);
  good.send("more\n");
  CHECK(good.receive(5) == "more\n");
  on.end();
}

TEST_CASE("frames that a worker keeps stop their connection, in whatever pieces they come") {
  struct given {
    std::size_t payload;
    std::size_t count;
  };
  // Empty ones, tiny ones, and ones that are gathered from several buffers.
  for (const auto& each : {given{0, 400'000}, given{1, 400'000}, given{9000, 3000}}) {
    CAPTURE(each.payload);
    net_node on{{.ring_buffers = 16, .ring_buffer_bytes = 4096}};
    std::vector<bytes> kept;  // The worker's.
    std::atomic<bool> keeps{true};
    std::atomic<std::size_t> count{0};
    journal notes;
    auto keeper = on->spawn<worker>({}, notes, 0, [&](worker&, tcp::data&& message) {
      ++count;
      if (keeps) kept.push_back(std::move(message.bytes));
    });
    service greedy{on,
                   service::with_workers{{keeper.value()}},
                   {.connection = {.read_bytes_max = 32 * 1024, .framing = by_length}}};
    std::string wire;
    for (std::size_t i = 0; i < each.count; ++i) {
      wire += prefixed(std::string(each.payload, 'k'));
    }
    client peer{greedy.port};
    std::thread writer{[&] { peer.send(wire); }};
    // It comes to a standstill: nothing more for a while.
    std::size_t seen = 0;
    for (int quiet = 0; quiet < 20;) {
      std::this_thread::sleep_for(5ms);
      quiet = count == seen ? quiet + 1 : 0;
      seen = count;
    }
    CHECK(seen > 0);
    CHECK(seen * (each.payload + 2) <= 32 * 1024 + 10'000 + 2 * 16 * 4096);
    on->send(keeper.value(), errand{[&](worker&) {
               keeps = false;
               kept.clear();
             }});
    writer.join();
    REQUIRE(eventually([&] { return count >= each.count; }));
    CHECK(count == each.count);
    peer.close();
    on.end();
  }
}

TEST_CASE("one slow worker stops its own connections and none of another's") {
  net_node on{{.ring_buffers = 64, .ring_buffer_bytes = 4096}};
  constexpr std::size_t slow_count = 40;  // More than there are buffers to keep for all of them.
  constexpr std::uint32_t read_max = 16 * 1024;
  std::vector<bytes> kept;
  std::atomic<std::size_t> kept_bytes{0};
  bool keeps = true;
  journal slow_notes;
  auto slow = on->spawn<worker>({}, slow_notes, 0, [&](worker&, tcp::data&& message) {
    if (!keeps) return;
    kept_bytes += message.bytes.size();
    kept.push_back(std::move(message.bytes));
  });
  service keeping{
      on, service::with_workers{{slow.value()}}, {.connection = {.read_bytes_max = read_max}}};
  service echo{on};
  std::vector<std::unique_ptr<client>> floods;
  std::vector<std::thread> writers;
  floods.reserve(slow_count);  // A writer reads the list while it grows.
  for (std::size_t i = 0; i < slow_count; ++i) {
    floods.push_back(std::make_unique<client>(keeping.port));
    writers.emplace_back([&, i] { floods[i]->send(std::string(1 << 20, 'k')); });
  }
  client other{echo.port};
  const std::string message(1000, 'o');
  for (int i = 0; i < 300; ++i) {
    other.send(message);
    CHECK((other.receive(1000) == message));
  }
  // Each account's limit, and what one delivery of the kernel brings at most.
  CHECK(kept_bytes <= slow_count * (read_max + 32 * 4096));
  on->send(slow.value(), errand{[&](worker&) {
             keeps = false;
             kept.clear();
           }});
  for (auto& each : writers) each.join();
  floods.clear();
  on.end();
}
