// The error matrix of the places above the io layer: what a meta's start awaits, programs, files,
// signals. A node of one scheduler on a simulated driver lives each life; see io/fault_rows.hpp.
#include <fcntl.h>
#include <signal.h>

#include <cerrno>
#include <cstring>

#include "base/temporary_folder.hpp"
#include "io/fault_rows.hpp"
#include "io/simulation.hpp"
#include "net/port_fixture.hpp"

using namespace port_test;
using io_test::errno_name;
using io_test::fault_row;
using io_test::not_asked;
using sluice::io::fault;
using sluice::io::fault_kind;
using sluice::io::op_site;
using sluice::io::request_kind;

namespace {

/// A simulation with the planned faults and nothing else, and a node on it.
struct faulty_host {
  explicit faulty_host(const std::vector<fault>& planned) : plan(make_options()) {
    for (const fault& each : planned) plan.inject(each);
    node_options options;
    options.schedulers = 1;
    options.driver = driver_choice::simulated;
    options.simulation = &plan;
    on.emplace(options);
  }
  static io::simulation_options make_options() {
    io::simulation_options options;
    options.has_real_peers = true;
    options.odds = {0, 0, 0, 0, 0, 0};
    return options;
  }
  io::simulation plan;
  std::optional<net_node> on;
};

/// What metas told, one word each.
struct words {
  std::mutex guard;
  std::condition_variable changed;
  std::vector<std::string> all;
  void say(std::string word) {
    const std::lock_guard lock{guard};
    all.push_back(std::move(word));
    changed.notify_all();
  }
  [[nodiscard]] bool wait_for(std::size_t count) {
    std::unique_lock lock{guard};
    return changed.wait_for(lock, patience, [&] { return all.size() >= count; });
  }
  [[nodiscard]] std::string joined() {
    const std::lock_guard lock{guard};
    std::string text;
    for (const auto& each : all) text += (text.empty() ? "" : ", ") + each;
    return text;
  }
};

struct pipe_fds {
  pipe_fds() {
    int fds[2];
    REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
    reading.reset(fds[0]);
    writing.reset(fds[1]);
  }
  base::unique_fd reading, writing;
};

struct awaiting_meta : meta<awaiting_meta> {
  awaiting_meta(op_site site_, int fd_, words& said_) : site(site_), fd(fd_), said(said_) {}
  io::task<> start(io::context& context) {
    if (site == op_site::flow_poll) {
      const auto answer = co_await context.readable(fd);
      said.say(answer ? "answers" : "answers " + errno_name(answer.error().os_error));
    } else if (site == op_site::flow_read) {
      const auto answer = co_await context.read_some(fd, memory);
      said.say(answer ? "answers " + std::to_string(*answer)
                      : "answers " + errno_name(answer.error().os_error));
    } else {
      const auto answer = co_await context.write_some(fd, memory);
      said.say(answer ? "answers " + std::to_string(*answer)
                      : "answers " + errno_name(answer.error().os_error));
    }
  }
  void terminate(const exit_reason&) { said.say("ends"); }
  op_site site;
  int fd;
  words& said;
  std::byte memory[3]{};
};

template <op_site Site>
std::string live_by_awaiting(const std::vector<fault>& planned, bool is_late) {
  const pipe_fds pipe;
  words said;
  faulty_host host{planned};
  const int fd = Site == op_site::flow_write ? pipe.writing.get() : pipe.reading.get();
  auto made = (*host.on)->spawn_meta<awaiting_meta>({}, Site, fd, said);
  REQUIRE(made);
  if (is_late) static_cast<void>(made.value().exit());
  REQUIRE(::write(pipe.writing.get(), "abc", 3) == 3);
  REQUIRE(said.wait_for(2));
  CHECK((is_late || host.plan.fired_count() == planned.size()));
  host.on->end();
  return is_late ? "ends" : said.joined();
}

std::string live_by_running(const std::vector<fault>& planned, bool is_late) {
  port_journal notes;
  faulty_host host{planned};
  auto worker = (*host.on)->spawn<port_worker>({}, notes);
  REQUIRE(worker);
  auto made = (*host.on)->spawn_meta<port::program>(
      {.argv = {"/bin/sh", "-c", is_late ? "read line" : "exit 7"}, .worker = worker.value().id()});
  REQUIRE(made);
  if (is_late) static_cast<void>(made.value().exit());
  const story told = notes.of(made.value().id());
  CHECK((is_late || host.plan.fired_count() == planned.size()));
  host.on->end();
  CHECK(child_processes().empty());
  if (is_late) return "ends";
  return told.end.code == 7 ? "goes on" : "ends: another end is told";
}

struct file_teller : actor<file_teller> {
  explicit file_teller(words& said_) : said(said_) {}
  void on(file::data) {}
  void on(file::ended last) {
    const std::string bytes = std::to_string(last.bytes_read) + " bytes";
    said.say(last.os_error == 0 ? bytes : "ends: " + errno_name(last.os_error));
  }
  words& said;
};

std::string live_by_reading_a_file(const std::vector<fault>& planned, bool is_late) {
  const temporary_folder folder;
  const std::string path = folder.file("ten", "0123456789");
  words said;
  faulty_host host{planned};
  auto worker = (*host.on)->spawn<file_teller>({}, said);
  REQUIRE(worker);
  auto made = (*host.on)->spawn_meta<file::reader>(
      {.path = path, .chunk_bytes = 4, .worker = worker.value().id()});
  REQUIRE(made);
  if (is_late) static_cast<void>(made.value().exit());
  REQUIRE(said.wait_for(1));
  CHECK((is_late || host.plan.fired_count() == planned.size()));
  host.on->end();
  if (is_late) return "ends";
  return said.joined() == "10 bytes" ? "goes on" : said.joined();
}

struct start_appending {
  alias to;
};
struct appending : actor<appending, start_appending> {
  explicit appending(words& said_) : said(said_) {}
  void on(start_appending order) {
    send(order.to, file::write{order.to, 1, bytes::copy_of("abc")});
    send(order.to, file::sync{order.to, 2});
    send(order.to, file::write{order.to, 3, bytes::copy_of("def")});
  }
  void on(file::written one) { say("write", one.os_error); }
  void on(file::synced one) { say("sync", one.os_error); }
  void say(const char* what, int os_error) {
    said.say(std::string{what} + (os_error == 0 ? "" : " " + errno_name(os_error)));
  }
  words& said;
};

std::string live_by_appending(const std::vector<fault>& planned, bool is_late) {
  const temporary_folder folder;
  const std::string path = folder.file("ten", "0123456789");
  words said;
  faulty_host host{planned};
  auto worker = (*host.on)->spawn<appending>({}, said);
  REQUIRE(worker);
  auto made = (*host.on)->spawn_meta<file::appender>({.path = path});
  REQUIRE(made);
  REQUIRE((*host.on)->send(worker.value().id(), start_appending{made.value().id()}) ==
          send_outcome::accepted);
  if (is_late) static_cast<void>(made.value().exit());
  if (!is_late) REQUIRE(said.wait_for(3));
  CHECK((is_late || host.plan.fired_count() == planned.size()));
  host.on->end();
  if (is_late) return "ends";
  return said.joined() == "write, sync, write" ? "goes on" : said.joined();
}

struct signal_teller : actor<signal_teller> {
  explicit signal_teller(words& said_) : said(said_) {}
  void on(signals::caught) { said.say("caught"); }
  words& said;
};

std::string live_by_signals(const std::vector<fault>& planned, bool is_late) {
  ::sigset_t set, before;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &set, &before);
  std::string became;
  {
    words said;
    faulty_host host{planned};
    auto worker = (*host.on)->spawn<signal_teller>({}, said);
    REQUIRE(worker);
    auto made = (*host.on)->spawn_meta<signals::watcher>(
        {.numbers = {SIGUSR1}, .worker = worker.value().id()});
    REQUIRE(made);
    if (is_late) static_cast<void>(made.value().exit());
    const auto has_ended = [&] { return (*host.on)->messages().alive == 1; };
    for (std::size_t count = 1; count <= 2; ++count) {
      ::kill(::getpid(), SIGUSR1);
      CHECK(eventually([&] {
        const std::lock_guard lock{said.guard};
        return said.all.size() >= count || has_ended();
      }));
    }
    became = is_late ? "ends" : has_ended() ? "ends" : "goes on";
    CHECK((is_late || host.plan.fired_count() == planned.size()));
    host.on->end();
  }
  const ::timespec none{};
  while (::sigtimedwait(&set, nullptr, &none) > 0) {
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return became;
}

fault_row plain_row(const char* name, op_site site, request_kind kind, std::uint64_t nth,
                    io_test::fault_life live, std::string otherwise,
                    std::map<std::string, std::vector<int>> errors, std::string cut_short) {
  return {.name = name,
          .site = site,
          .kind = kind,
          .nth = nth,
          .live = live,
          .otherwise = std::move(otherwise),
          .errors = std::move(errors),
          .cut_short = std::move(cut_short),
          .no_buffer = not_asked,
          .lost_more = not_asked,
          .late = "ends"};
}

}  // namespace

TEST_CASE(
    "error matrix: programs, files, signals and awaited operations go on or end once, as said") {
  const std::vector<fault_row> rows{
      plain_row("flow_poll", op_site::flow_poll, request_kind::poll, 1,
                live_by_awaiting<op_site::flow_poll>, "answers %, ends", {}, not_asked),
      plain_row("flow_read", op_site::flow_read, request_kind::read, 1,
                live_by_awaiting<op_site::flow_read>, "answers %, ends", {}, "answers 1, ends"),
      plain_row("flow_write", op_site::flow_write, request_kind::write, 1,
                live_by_awaiting<op_site::flow_write>, "answers %, ends", {}, "answers 1, ends"),
      plain_row("child_exit", op_site::child_exit, request_kind::poll, 1, live_by_running,
                "goes on", {}, not_asked),
      plain_row("file_read", op_site::file_read, request_kind::read, 2, live_by_reading_a_file,
                "ends: %", {{"goes on", {EINTR, EAGAIN}}}, "goes on"),
      plain_row("file_write (write)", op_site::file_write, request_kind::write, 1,
                live_by_appending, "write %, sync, write", {{"goes on", {EINTR, EAGAIN}}},
                "goes on"),
      plain_row("file_write (sync)", op_site::file_write, request_kind::sync, 2, live_by_appending,
                "write, sync %, write", {{"goes on", {EINTR}}}, not_asked),
      plain_row("signal_read (wait)", op_site::signal_read, request_kind::poll, 1, live_by_signals,
                "ends", {{"goes on", {EINTR}}}, not_asked),
      plain_row("signal_read (read)", op_site::signal_read, request_kind::read, 2, live_by_signals,
                "ends", {{"goes on", {EINTR, EAGAIN}}}, not_asked),
  };
  for (const fault_row& each : rows) check_row(each);
}
