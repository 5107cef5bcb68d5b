// The end in order that a worker has a say in: tcp::draining, and a client's last word.
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sluice/tcp_client.hpp>

#include "net_fixture.hpp"

namespace {

using namespace net_test;

/// Answers draining with last words instead of leaving it to the runtime.
struct last_words_worker : actor<last_words_worker> {
  explicit last_words_worker(journal& notes_) : notes(notes_) {}
  void on(tcp::connected there) { notes.write({kind::connected, there.id}); }
  void on(tcp::data message) {
    notes.write({kind::data, message.id, std::string{message.bytes.text()}});
  }
  void on(tcp::draining there) {
    send(there.id, tcp::data{there.id, bytes::copy_of("last words")});
    send(there.id, tcp::close{there.id});
  }
  void on(tcp::disconnected end) { notes.write({kind::disconnected, end.id, {}, end}); }
  journal& notes;
};

/// A listening socket whose queue is full: the next attempts stay unanswered.
struct silent_place {
  silent_place() : listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    ::sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::socklen_t size = sizeof own;
    REQUIRE(::bind(listening.get(), reinterpret_cast<::sockaddr*>(&own), size) == 0);
    REQUIRE(::listen(listening.get(), 0) == 0);
    REQUIRE(::getsockname(listening.get(), reinterpret_cast<::sockaddr*>(&own), &size) == 0);
    port = ntohs(own.sin_port);
    REQUIRE(first.connect(port));
    ++client_descriptors;
  }
  ~silent_place() { --client_descriptors; }
  silent_place(const silent_place&) = delete;
  silent_place& operator=(const silent_place&) = delete;
  base::unique_fd listening;
  std::uint16_t port = 0;
  client first;
};

struct begin {};

/// Begins to connect, and ends that before anything can have come of it.
struct impatient_worker : actor<impatient_worker, begin> {
  impatient_worker(latch& over_, tcp::connect_failed& last_word_, tcp::client_options options_)
      : over(over_), last_word(last_word_), options(std::move(options_)) {}
  void on(begin) {
    auto made = spawn_meta<tcp::client>(options);
    if (made) exit(made.value().id(), exit_reason::shutdown());
  }
  void on(tcp::connect_failed what) {
    last_word = what;
    over.open();
  }
  latch& over;
  tcp::connect_failed& last_word;
  tcp::client_options options;
};

}  // namespace

TEST_CASE("a worker with a handler for draining closes the connection when it is done") {
  net_node node;
  journal notes;
  auto made = node->spawn<last_words_worker>({}, notes);
  REQUIRE(made);
  service served{node, service::with_workers{{made.value()}}};
  client peer{served.port};
  peer.send("x");
  REQUIRE(notes.wait_for(kind::data, 1));
  served.server.exit();
  CHECK(peer.receive_to_end() == "last words");
  CHECK(peer.end_errno() == 0);
  CHECK(notes.only_end().reason == disconnect_reason::closed_here);
  node.end();
}

TEST_CASE("a client that is asked to end before it is connected says so as its last word") {
  net_node node;
  tcp::client_options options;
  SECTION("while it looks for the address") {
    options.host = "somewhere.invalid";
    options.resolve = [](const std::string&) -> result<std::vector<std::string>> {
      std::this_thread::sleep_for(50ms);
      return std::vector<std::string>{};
    };
  }
  options.port = 9;
  const silent_place silent;
  SECTION("while it connects") { options.port = silent.port; }
  latch over;
  tcp::connect_failed last_word;
  auto made = node->spawn<impatient_worker>({}, over, last_word, options);
  REQUIRE(made);
  made.value().send(begin{});
  over.wait();
  CHECK(last_word.error.code == error_code::cancelled);
  CHECK_FALSE(last_word.will_retry);
  node.end();
}
