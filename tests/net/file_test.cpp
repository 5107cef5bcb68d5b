#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <deque>

#include "base/temporary_folder.hpp"
#include "net/net_fixture.hpp"

using namespace net_test;

namespace {

struct notes {
  std::mutex guard;
  std::condition_variable changed;
  std::string text;
  std::uint64_t next_offset = 0;
  bool is_in_order = true;
  std::vector<file::ended> ends;
  std::vector<file::written> writes;
  std::vector<file::synced> syncs;

  template <class Change>
  void change(Change&& how) {
    const std::lock_guard lock{guard};
    how();
    changed.notify_all();
  }
  template <class Holds>
  [[nodiscard]] bool wait(Holds&& holds) {
    std::unique_lock lock{guard};
    return changed.wait_for(lock, patience, holds);
  }
};

struct file_worker;
struct file_errand {
  std::function<void(file_worker&)> run;
};
struct file_worker : actor<file_worker, file_errand> {
  explicit file_worker(notes& told_) : told(told_) {}
  void on(file_errand order) { order.run(*this); }
  void on(file::data part) {
    told.change([&] {
      told.is_in_order = told.is_in_order && told.ends.empty() &&
                         (told.text.empty() || part.offset == told.next_offset);
      told.next_offset = part.offset + part.bytes.size();
      told.text.append(part.bytes.text());
    });
    if (keeps) kept.push_back(std::move(part.bytes));
  }
  void on(file::ended last) {
    told.change([&] { told.ends.push_back(last); });
  }
  void on(file::written one) {
    told.change([&] { told.writes.push_back(one); });
  }
  void on(file::synced one) {
    told.change([&] { told.syncs.push_back(one); });
  }
  notes& told;
  bool keeps = false;
  std::deque<bytes> kept;
};

struct file_host {
  explicit file_host(node_options options = {}, std::uint32_t mailbox_max = 0)
      : on(std::move(options)) {
    auto made = on->spawn<file_worker>({.mailbox_max = mailbox_max}, told);
    REQUIRE(made);
    worker = made.value();
  }
  meta_handle<file::reader> read(file::reader_options options) {
    options.worker = worker.id();
    auto made = on->spawn_meta<file::reader>(std::move(options));
    INFO(made.error().message());
    REQUIRE(made);
    return made.value();
  }
  meta_handle<file::appender> append(file::appender_options options) {
    auto made = on->spawn_meta<file::appender>(std::move(options));
    INFO(made.error().message());
    REQUIRE(made);
    return made.value();
  }
  [[nodiscard]] file::ended end_of_reading() {
    REQUIRE(told.wait([&] { return !told.ends.empty(); }));
    CHECK(told.ends.size() == 1);
    CHECK(told.is_in_order);
    return told.ends[0];
  }
  notes told;
  net_node on;
  handle<file_worker> worker;
};

}  // namespace

TEST_CASE("a file reader tells the file whole and in order, then its end") {
  const std::uint64_t seed = fresh_seed();
  INFO("SLUICE_TEST_SEED=" << seed);
  base::random_source random{seed};
  temporary_folder folder;
  for (const std::size_t size : {0, 1, 4096, 1'000'000}) {
    const std::string content = random_text(random, size);
    file_host host;
    static_cast<void>(host.read({.path = folder.file("content", content), .chunk_bytes = 10'000}));
    const file::ended end = host.end_of_reading();
    CHECK(end.os_error == 0);
    CHECK(end.bytes_read == size);
    CHECK(host.told.text == content);
    host.on.end();
  }
}

TEST_CASE("a file reader begins at an offset and ends where it is told to") {
  temporary_folder folder;
  const std::string path = folder.file("digits", "0123456789");
  struct expectation {
    std::uint64_t offset, bytes_max;
    std::string text;
  };
  for (const expectation& each : std::vector<expectation>{{0, 3, "012"},
                                                          {4, UINT64_MAX, "456789"},
                                                          {8, 100, "89"},
                                                          {10, 5, ""},
                                                          {1000, 5, ""},
                                                          {INT64_MAX, 5, ""},
                                                          {3, 0, ""}}) {
    file_host host;
    static_cast<void>(host.read(
        {.path = path, .offset = each.offset, .bytes_max = each.bytes_max, .chunk_bytes = 2}));
    const file::ended end = host.end_of_reading();
    CHECK(end.os_error == 0);
    CHECK(host.told.text == each.text);
    if (!each.text.empty()) CHECK(host.told.next_offset == each.offset + each.text.size());
    host.on.end();
  }
}

TEST_CASE("a worker that keeps what a file reader gives stops it, until it lets go") {
  temporary_folder folder;
  const std::string content(2'000'000, 'x');
  file_host host;
  host.worker.send(file_errand{[](file_worker& self) { self.keeps = true; }});
  static_cast<void>(host.read({.path = folder.file("large", content), .read_bytes_max = 200'000}));
  REQUIRE(host.told.wait([&] { return host.told.text.size() >= 200'000; }));
  std::this_thread::sleep_for(50ms);
  host.told.change([&] {
    CHECK(host.told.text.size() < 400'000);
    CHECK(host.told.ends.empty());
  });
  host.worker.send(file_errand{[](file_worker& self) {
    self.keeps = false;
    self.kept.clear();
  }});
  CHECK(host.end_of_reading().bytes_read == content.size());
  CHECK(host.told.text == content);
  host.on.end();
}

TEST_CASE("a file reader that is ended says so, and one without a worker ends") {
  temporary_folder folder;
  const std::string path = folder.file("large", std::string(2'000'000, 'x'));
  for (const exit_reason& reason : {exit_reason::shutdown(), exit_reason::killed()}) {
    file_host host;
    host.worker.send(file_errand{[](file_worker& self) { self.keeps = true; }});
    const auto made = host.read({.path = path});
    REQUIRE(host.told.wait([&] { return !host.told.text.empty(); }));
    host.on->exit(made.id(), reason);
    const file::ended end = host.end_of_reading();
    CHECK(end.os_error == ECANCELED);
    CHECK(end.bytes_read == host.told.text.size());
    host.on.end();
  }
  file_host host;
  host.worker.send(file_errand{[](file_worker& self) { self.keeps = true; }});
  static_cast<void>(host.read({.path = path}));
  REQUIRE(host.told.wait([&] { return !host.told.text.empty(); }));
  host.worker.exit();  // What it kept comes home, the next send is refused.
  CHECK(eventually([&] { return host.on->messages().alive == 0; }));
  host.on.end();
}

TEST_CASE("what is no regular file, or cannot be opened, is an error of the spawn") {
  temporary_folder folder;
  file_host host;
  REQUIRE(::mkfifo((folder.path + "/pipe").c_str(), 0600) == 0);
  const auto reading = [&](std::string path) {
    return host.on->spawn_meta<file::reader>({.path = std::move(path), .worker = host.worker.id()})
        .error();
  };
  const auto appending = [&](std::string path, bool create = true) {
    return host.on->spawn_meta<file::appender>({.path = std::move(path), .create = create}).error();
  };
  CHECK(reading(folder.path + "/none").os_error == ENOENT);
  CHECK(reading(folder.path).os_error == EISDIR);
  CHECK(reading(folder.path + "/pipe").code == error_code::not_supported);
  CHECK(reading("/dev/null").code == error_code::not_supported);
  CHECK(reading("").code == error_code::bad_argument);
  CHECK(appending(folder.path + "/none/none").os_error == ENOENT);
  CHECK(appending(folder.path + "/none", false).os_error == ENOENT);
  CHECK(appending(folder.path).os_error == EISDIR);
  CHECK(appending(folder.path + "/pipe").code != error_code::none);
  CHECK(appending("/dev/null").code == error_code::not_supported);
  CHECK(appending("").code == error_code::bad_argument);
  const std::string path = folder.file("one");
  CHECK(host.on->spawn_meta<file::reader>({.path = path}).error().place ==
        std::string_view{"file::reader: worker"});
  CHECK(host.on
            ->spawn_meta<file::reader>({.path = path, .chunk_bytes = 0, .worker = host.worker.id()})
            .error()
            .place == std::string_view{"file::reader: chunk_bytes"});
  CHECK(host.on
            ->spawn_meta<file::reader>(
                {.path = path, .read_bytes_max = 0, .worker = host.worker.id()})
            .error()
            .place == std::string_view{"file::reader: read_bytes_max"});
  CHECK(host.on
            ->spawn_meta<file::reader>(
                {.path = path, .offset = UINT64_MAX, .worker = host.worker.id()})
            .error()
            .place == std::string_view{"file::reader: offset"});
  host.on.end();
}

TEST_CASE("an appender adds to the end, answers each order in turn, and syncs what was before") {
  temporary_folder folder;
  const std::string path = folder.file("log", "begin\n");
  file_host host;
  const alias log = host.append({.path = path}).id();
  std::string expected = "begin\n";
  for (int i = 0; i < 100; ++i) expected += "line " + std::to_string(i) + "\n";
  host.worker.send(file_errand{[log](file_worker& self) {
    for (std::uint64_t i = 0; i < 100; ++i) {
      self.send(log, file::write{log, i, bytes::copy_of("line " + std::to_string(i) + "\n")});
    }
    self.send(log, file::write{log, 100, {}});
    self.send(log, file::sync{log, 101});
  }});
  REQUIRE(host.told.wait([&] { return !host.told.syncs.empty(); }));
  CHECK(host.told.syncs[0].ticket == 101);
  CHECK(host.told.syncs[0].os_error == 0);
  REQUIRE(host.told.writes.size() == 101);
  for (std::size_t i = 0; i < 101; ++i) {
    CHECK(host.told.writes[i].ticket == i);
    CHECK(host.told.writes[i].os_error == 0);
  }
  CHECK(host.told.writes[7].bytes_written == 7);
  CHECK(content_of(path) == expected);
  host.on.end();
}

TEST_CASE("an appender makes the file with its mode, or begins it anew") {
  temporary_folder folder;
  const ::mode_t before = ::umask(0);
  file_host host;
  const std::string made = folder.path + "/made";
  alias log = host.append({.path = made, .mode = 0600}).id();
  struct ::stat kind {};
  REQUIRE(::stat(made.c_str(), &kind) == 0);
  CHECK((kind.st_mode & 0777) == 0600);
  const std::string old = folder.file("old", "old content");
  log = host.append({.path = old, .truncate = true}).id();
  CHECK(content_of(old).empty());
  host.on.end();
  ::umask(before);
}

TEST_CASE("an appender that is asked to end writes what it was sent before") {
  temporary_folder folder;
  const std::string path = folder.file("log");
  file_host host;
  const alias log = host.append({.path = path}).id();
  const std::string piece(100'000, 'p');
  host.worker.send(file_errand{[log, piece](file_worker& self) {
    for (std::uint64_t i = 0; i < 30; ++i)
      self.send(log, file::write{log, i, bytes::copy_of(piece)});
    self.send(log, file::sync{log, 30});
  }});
  REQUIRE(host.told.wait([&] { return !host.told.writes.empty(); }));
  host.on->exit(log);
  // What came before is written, what came later is refused, and all is answered.
  REQUIRE(host.told.wait([&] { return !host.told.syncs.empty(); }));
  CHECK(host.on->send(log, file::write{}) != send_outcome::full);
  std::size_t written_bytes = 0;
  for (const file::written& each : host.told.writes) {
    written_bytes += each.bytes_written;
    CHECK(each.bytes_written == (each.os_error == 0 ? piece.size() : 0));
  }
  CHECK(host.told.writes.size() == 30);
  host.on.end();
  CHECK(content_of(path).size() == written_bytes);

  // The end of a node is such an end.
  const std::string other = folder.file("other");
  file_host ending;
  const alias last = ending.append({.path = other}).id();
  for (std::uint64_t i = 0; i < 30; ++i) {
    ending.on->send(last, file::write{last, i, bytes::copy_of(piece)});
  }
  ending.on.end();
  CHECK(content_of(other).size() == 3'000'000);
}

TEST_CASE("an appender's queue is bounded, what passes it is refused and told") {
  temporary_folder folder;
  const std::string path = folder.file("log");
  file_host host;
  const alias log = host.append({.path = path, .queue_bytes_max = 1100}).id();
  host.worker.send(file_errand{[log](file_worker& self) {
    self.send(log, file::write{log, 1, bytes::copy_of(std::string(1100, 'x'))});
    self.send(log, file::write{log, 2, bytes::copy_of(std::string(1000, 'y'))});
  }});
  REQUIRE(host.told.wait([&] { return host.told.writes.size() == 2; }));
  CHECK(host.told.writes[0].ticket == 1);
  CHECK(host.told.writes[0].os_error == ENOBUFS);
  CHECK(host.told.writes[0].bytes_written == 0);
  CHECK(host.told.writes[1].os_error == 0);
  CHECK(content_of(path) == std::string(1000, 'y'));
  host.on.end();
}

TEST_CASE("an appender's queue is bounded for orders to write nothing, too") {
  temporary_folder folder;
  file_host host{{.schedulers = 1}};  // It sends all before the appender sees one.
  const alias log = host.append({.path = folder.file("log"), .queue_bytes_max = 1000}).id();
  constexpr std::size_t count = 400;  // Less than an activation handles: none is done meanwhile.
  host.worker.send(file_errand{[log](file_worker& self) {
    self.send(log, file::write{log, 1, bytes::copy_of("x")});
    for (std::size_t i = 1; i < count; ++i) self.send(log, file::write{log, 1, {}});
  }});
  REQUIRE(host.told.wait([&] { return host.told.writes.size() == count; }));
  const auto refused = std::count_if(host.told.writes.begin(), host.told.writes.end(),
                                     [](const auto& each) { return each.os_error == ENOBUFS; });
  CHECK(refused > static_cast<std::ptrdiff_t>(count - 20));
  host.on.end();
}

TEST_CASE("an error of a write is told with how far it came, and the next is tried") {
  temporary_folder folder;
  const std::string path = folder.file("log");
  const auto handled = ::signal(SIGXFSZ, SIG_IGN);
  ::rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  file_host host;
  const alias log = host.append({.path = path}).id();
  const ::rlimit tight{1500, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
  const auto write = [&](std::uint64_t ticket) {
    host.worker.send(file_errand{[log, ticket](file_worker& self) {
      self.send(log, file::write{log, ticket, bytes::copy_of(std::string(1000, 'x'))});
    }});
    REQUIRE(host.told.wait([&] { return host.told.writes.size() == ticket; }));
  };
  write(1);
  write(2);
  write(3);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  write(4);
  CHECK(host.told.writes[0].os_error == 0);
  CHECK(host.told.writes[1].os_error == EFBIG);
  CHECK(host.told.writes[1].bytes_written == 500);
  CHECK(host.told.writes[2].os_error == EFBIG);
  CHECK(host.told.writes[2].bytes_written == 0);
  CHECK(host.told.writes[3].os_error == 0);
  CHECK(content_of(path).size() == 2500);
  host.on.end();
  ::signal(SIGXFSZ, handled);
}

TEST_CASE("every order to an appender that is killed is answered") {
  temporary_folder folder;
  for (int round = 0; round < 20; ++round) {
    file_host host;
    const alias log = host.append({.path = folder.file("log")}).id();
    host.worker.send(file_errand{[log](file_worker& self) {
      for (std::uint64_t i = 0; i < 50; ++i) {
        self.send(log, file::write{log, i, bytes::copy_of(std::string(10'000, 'x'))});
      }
      self.send(log, file::sync{log, 50});
    }});
    REQUIRE(host.told.wait([&] { return !host.told.writes.empty(); }));
    host.on->exit(log, exit_reason::killed());
    // Orders that it never saw went with its mailbox; those that it took are answered in turn.
    REQUIRE(eventually([&] { return host.on->messages().alive == 1; }));
    host.on.end();
    for (std::size_t i = 0; i < host.told.writes.size(); ++i) {
      CHECK(host.told.writes[i].ticket == i);
    }
    if (!host.told.syncs.empty()) CHECK(host.told.writes.size() == 50);
  }
}
