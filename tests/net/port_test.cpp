#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <map>

#include "base/temporary_folder.hpp"
#include "net/port_fixture.hpp"

using namespace port_test;

namespace {

bytes text(std::string_view words) { return bytes::copy_of(words); }

void write(const temporary_folder& in, const std::string& name, std::string_view content,
           int mode) {
  ::chmod(in.file(name, content).c_str(), static_cast<::mode_t>(mode));
}

}  // namespace

TEST_CASE("a port gives its program's output, both channels apart, and says how it ended") {
  for (const std::uint32_t io_threads : {0u, 1u}) {
    port_host host{nullptr, 0, {.io_threads = io_threads}};
    const auto made = host.shell("echo out; echo err >&2; exit 7");
    const story told = host.notes.of(made.id());
    CHECK(told.output == "out\n");
    CHECK(told.error == "err\n");
    CHECK(told.end.code == 7);
    CHECK(told.end.signal == 0);
    CHECK(told.end.is_known);
    CHECK(told.end.is_output_complete);
    CHECK(told.end.output_bytes == 8);
    CHECK(told.os_pid > 0);
    host.end();
  }
}

TEST_CASE("what a port is sent its program reads, to the end that close_input makes") {
  port_host host;
  const auto made = host.run({.argv = {"cat"}});
  for (int i = 0; i < 1000; ++i)
    made.send(port::input{{}, text("line " + std::to_string(i) + "\n")});
  made.send(port::close_input{});
  const story told = host.notes.of(made.id());
  std::string expected;
  for (int i = 0; i < 1000; ++i) expected += "line " + std::to_string(i) + "\n";
  CHECK(told.output == expected);
  CHECK(told.end.code == 0);
  CHECK(told.end.input_bytes == expected.size());
  CHECK(told.end.input_bytes_lost == 0);
  host.end();
}

TEST_CASE("a port's standard error can be merged, thrown away, or left where the host's goes") {
  port_host host;
  const std::string script = "echo a; echo b >&2; echo c";
  auto made = host.shell(script, {.error = port::error_route::merged});
  story told = host.notes.of(made.id());
  CHECK(told.output == "a\nb\nc\n");
  CHECK(told.error.empty());
  made = host.shell(script, {.error = port::error_route::discard});
  told = host.notes.of(made.id());
  CHECK(told.output == "a\nc\n");
  CHECK(told.error.empty());
  made = host.shell("readlink /proc/self/fd/2", {.error = port::error_route::inherit});
  told = host.notes.of(made.id());
  CHECK(told.output == std::filesystem::read_symlink("/proc/self/fd/2").string() + "\n");
  made = host.shell("cat; now=$(readlink /proc/$$/fd/0 /proc/$$/fd/1); echo \"$now\" >&2",
                    {.has_output = false, .has_input = false});
  told = host.notes.of(made.id());
  CHECK(told.output.empty());
  CHECK(told.error == "/dev/null\n/dev/null\n");
  made = host.shell("echo nothing >&2", {.error = port::error_route::merged, .has_output = false});
  told = host.notes.of(made.id());
  CHECK(told.parts.empty());
  host.end();
}

TEST_CASE("a port gives whole lines; one that is too long comes in pieces, and is told") {
  port_host host;
  auto made = host.shell("printf 'one\\ntwo\\r\\n\\nthree'", {.deliver = port::lines{}});
  story told = host.notes.of(made.id());
  CHECK(told.parts == std::vector<std::string>{"one", "two", "", "three"});
  CHECK(told.cuts == std::vector<bool>{false, false, false, true});
  made = host.shell("printf abcdefghij; printf 'kl\\nm\\n'",
                    {.deliver = port::lines{.line_bytes_max = 5}});
  told = host.notes.of(made.id());
  CHECK(told.parts == std::vector<std::string>{"abcde", "fghij", "kl", "m"});
  CHECK(told.cuts == std::vector<bool>{true, true, false, false});
  host.end();
}

TEST_CASE("a port with a framing cuts frames from the output and makes them of the input") {
  port_host host;
  const framing by{.by = frames::length_prefix{.width = 2}};
  auto made = host.run({.argv = {"cat"}, .deliver = by});
  const std::vector<std::string> sent{"a", "", std::string(5000, 'x'), "tail"};
  for (const std::string& each : sent) made.send(port::input{{}, text(each)});
  made.send(port::input{{}, text(std::string(70'000, 'y'))});  // No room in two bytes.
  made.send(port::close_input{});
  story told = host.notes.of(made.id());
  CHECK(told.parts == sent);
  REQUIRE(told.lost.size() == 1);
  CHECK(told.lost[0].os_error == EINVAL);
  CHECK(told.end.input_bytes_lost == 70'000);
  CHECK(told.end.is_output_complete);

  made = host.shell(
      "printf '\\0\\1a\\377\\377b'; exec sleep 1000",
      {.deliver = framing{.by = frames::length_prefix{.width = 2}, .frame_bytes_max = 100}});
  told = host.notes.of(made.id());
  CHECK(told.parts == std::vector<std::string>{"a"});
  CHECK(told.end.is_output_malformed);
  CHECK(!told.end.is_output_complete);
  CHECK(told.end.signal == SIGKILL);
  host.end();
}

TEST_CASE("a spawn of what cannot run says why, and leaves nothing") {
  temporary_folder folder;
  write(folder, "not-executable", "#!/bin/sh\n", 0600);
  write(folder, "no-program", "neither a script nor a program", 0700);
  port_host host;
  const auto check = [&](port::program_options options, int os_error, std::string_view place) {
    const error why = host.refused(std::move(options));
    CHECK(why.os_error == os_error);
    CHECK(std::string_view{why.place} == place);
  };
  check({.argv = {"/no/such/program"}}, ENOENT, "child process: exec");
  check({.argv = {"no-such-program-in-the-path"}}, ENOENT, "child process: exec");
  check({.argv = {folder.path + "/not-executable"}}, EACCES, "child process: exec");
  check({.argv = {folder.path}}, EACCES, "child process: exec");
  check({.argv = {folder.path + "/no-program"}}, ENOEXEC, "child process: exec");
  check({.argv = {"true"}, .directory = "/no/such/folder"}, ENOENT,
        "child process: working directory");
  check({.argv = {"true"}, .directory = "/etc/passwd"}, ENOTDIR,
        "child process: working directory");
  check({.argv = {"true", std::string(3 << 20, 'x')}}, E2BIG, "child process: exec");
  check({.argv = {}}, 0, "port: argv");
  check({.argv = {""}}, 0, "port: argv");
  check({.argv = {std::string("a\0b", 3)}}, 0, "port: argv");
  check({.argv = {"true"}, .env = {"NOTHING"}}, 0, "port: env");
  check({.argv = {"true"}, .deliver = port::lines{0}}, 0, "port: line_bytes_max");
  check({.argv = {"true"}, .output_bytes_max = 0}, 0, "port: output_bytes_max");
  check({.argv = {"true"}, .input_bytes_high = 10, .input_bytes_low = 11}, 0,
        "port: input_bytes_low");
  check({.argv = {"true"}, .input_bytes_max = 1000}, 0, "port: input_bytes_high");
  check({.argv = {"true"}, .worker = pid{99, 1, 1}}, 0, "port: worker");
  CHECK(host.on->spawn_meta<port::program>({.argv = {"true"}}).error().place ==
        std::string_view{"port: worker"});
  CHECK(child_processes().empty());
  host.end();
}

TEST_CASE("a spawn without free descriptors says so, and leaves nothing") {
  port_host host;
  ::rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const ::rlimit tight{256, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  std::vector<base::unique_fd> fill;
  while (true) {
    base::unique_fd next{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    if (!next.is_open()) break;
    fill.push_back(std::move(next));
  }
  int refusals = 0;
  for (; !fill.empty(); fill.pop_back()) {  // One more is free each time.
    auto made =
        host.on->spawn_meta<port::program>({.argv = {"/bin/true"}, .worker = host.worker.id()});
    if (made) break;
    ++refusals;
    CHECK(made.error().code == error_code::limit_reached);
    CHECK(made.error().os_error == EMFILE);
  }
  fill.clear();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(refusals == 7);  // Three pipes, and the pidfd.
  host.end();
}

TEST_CASE("a program gets the environment, the arguments and the folder it was given") {
  temporary_folder folder;
  ::setenv("PORT_TEST_OF_HOST", "host", 1);
  port_host host;
  auto made = host.run({.argv = {"env"}});
  CHECK(host.notes.of(made.id()).output.empty());
  made = host.run({.argv = {"env"}, .env = {"A=1", "B=two words"}});
  CHECK(host.notes.of(made.id()).output == "A=1\nB=two words\n");
  made = host.run({.argv = {"env"}, .env = {"PORT_TEST_OF_HOST=given"}, .inherit_env = true});
  std::string all = "\n" + host.notes.of(made.id()).output;
  CHECK(all.find("\nPORT_TEST_OF_HOST=given\n") != std::string::npos);
  CHECK(all.find("\nPORT_TEST_OF_HOST=host\n") == std::string::npos);
  CHECK(all.find("\nPATH=") != std::string::npos);
  made = host.run({.argv = {"printf", "[%s]", "a b", "$HOME;*", ""}, .directory = folder.path});
  CHECK(host.notes.of(made.id()).output == "[a b][$HOME;*][]");
  made = host.run({.argv = {"pwd"}, .directory = folder.path});
  CHECK(host.notes.of(made.id()).output == folder.path + "\n");
  write(folder, "script", "#!/bin/sh\necho script $1\n", 0700);
  made = host.run({.argv = {"./script", "here"}, .directory = folder.path});
  CHECK(host.notes.of(made.id()).output == "script here\n");
  ::unsetenv("PORT_TEST_OF_HOST");
  host.end();
}

TEST_CASE("a program sees three descriptors, whatever the host has open") {
  std::vector<base::unique_fd> others;
  for (int i = 0; i < 20; ++i) others.emplace_back(::open("/dev/null", O_RDONLY));  // No CLOEXEC.
  client_descriptors += others.size();
  port_host host;
  const auto made = host.shell(
      "i=0; while [ $i -lt 1024 ]; do [ -e /proc/$$/fd/$i ] && echo $i; i=$((i+1)); done");
  CHECK(host.notes.of(made.id()).output == "0\n1\n2\n");
  host.end();
  client_descriptors -= others.size();
}

TEST_CASE(
    "a program gets default signal dispositions and an empty mask, and the host keeps its own") {
  ::signal(SIGUSR1, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  ::sigset_t blocked, before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR2);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  port_host host;
  const auto made = host.run({.argv = {"cat", "/proc/self/status"}});
  const std::string status = host.notes.of(made.id()).output;
  for (const char* const each : {"SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"}) {
    CHECK(status.find(std::string{each} + ":\t0000000000000000\n") != std::string::npos);
  }
  ::sigset_t now;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
  CHECK(::sigismember(&now, SIGUSR2) == 1);
  CHECK(::sigismember(&now, SIGINT) == 0);
  struct ::sigaction action {};
  ::sigaction(SIGUSR1, nullptr, &action);
  CHECK(action.sa_handler == SIG_IGN);
  host.end();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::signal(SIGUSR1, SIG_DFL);
  ::signal(SIGHUP, SIG_DFL);
}

TEST_CASE("a port's program that is ended by a signal is told so, whoever sent it") {
  port_host host;
  auto made = host.shell("kill -9 $$");
  CHECK(host.notes.of(made.id()).end.signal == SIGKILL);
  made = host.run({.argv = {"sleep", "1000"}});
  made.send(port::send_signal{{}, SIGUSR1});
  const story told = host.notes.of(made.id());
  CHECK(told.end.signal == SIGUSR1);
  CHECK(told.end.code == -1);
  CHECK(told.end.is_output_complete);
  host.end();
}

TEST_CASE("a port asked to end closes the input, terminates, and tells the last words") {
  port_host host;
  const auto made = host.shell("trap 'echo bye; exit 3' TERM; echo ready; while :; do read x; done",
                               {.kill_after = 60s});
  REQUIRE(host.notes.wait_for_text(made.id(), "ready"));
  host.on->exit(made.id());
  const story told = host.notes.of(made.id());
  CHECK(told.output == "ready\nbye\n");
  CHECK(told.end.code == 3);
  CHECK(told.end.is_output_complete);
  host.end();
}

TEST_CASE("a program that ignores SIGTERM is killed after the time it was given") {
  port_host host;
  const auto made = host.shell("trap '' TERM; echo ready; exec sleep 1000", {.kill_after = 50ms});
  REQUIRE(host.notes.wait_for_text(made.id(), "ready"));
  const auto begin = std::chrono::steady_clock::now();
  host.on->exit(made.id());
  const story told = host.notes.of(made.id());
  CHECK(told.end.signal == SIGKILL);
  CHECK(std::chrono::steady_clock::now() - begin >= 50ms);
  host.end();
}

TEST_CASE("a port that is killed kills its program at once") {
  port_host host;
  const auto made = host.shell("trap '' TERM; echo ready; exec sleep 1000", {.kill_after = 60s});
  REQUIRE(host.notes.wait_for_text(made.id(), "ready"));
  host.on->exit(made.id(), exit_reason::killed());
  const story told = host.notes.of(made.id());
  CHECK(told.end.signal == SIGKILL);
  host.end();
}

TEST_CASE("the end of a node ends the programs of its ports, those that ignore SIGTERM too") {
  port_host host;
  std::vector<int> os_pids;
  for (int i = 0; i < 10; ++i) {
    const auto made = host.shell(
        i % 2 == 0 ? "echo ready; exec sleep 1000" : "trap '' TERM; echo ready; exec sleep 1000",
        {.kill_after = 100ms});
    REQUIRE(host.notes.wait_for_text(made.id(), "ready"));
    host.notes.change(made.id(), [&](story& told) { os_pids.push_back(told.os_pid); });
  }
  host.end();
  for (const int each : os_pids) CHECK(!is_running(each));
}

TEST_CASE("a node that has no patience leaves no program and no zombie either") {
  for (int round = 0; round < 3; ++round) {
    port_host host;
    const auto made = host.shell("trap '' TERM; echo ready; exec sleep 1000", {.kill_after = 60s});
    REQUIRE(host.notes.wait_for_text(made.id(), "ready"));
    host.on->stop(round == 0 ? 0ms : 20ms);
    CHECK(eventually([] { return child_processes().empty(); }));
  }
}

TEST_CASE("the end of the process that spawned a port ends the program") {
  port_host host;
  port_journal notes;
  auto parent = host.on->spawn<port_worker>({}, notes, static_cast<latch*>(nullptr));
  REQUIRE(parent);
  std::atomic<int> os_pid{0};
  parent.value().send(port_errand{[&](port_worker& self) {
    // Told to another process, which outlives it.
    auto made =
        self.spawn_meta<port::program>({.argv = {"sleep", "1000"}, .worker = host.worker.id()});
    if (!made) os_pid = -1;
  }});
  alias port;
  REQUIRE(host.notes.wait([&](auto& all) {
    for (auto& [id, told] : all) {
      if (told.started != 0) {
        port = id;
        return true;
      }
    }
    return false;
  }));
  parent.value().exit();
  CHECK(host.notes.of(port).end.signal == SIGTERM);
  host.end();
}

TEST_CASE("without a worker the process that spawned a port is told, and can inspect it") {
  port_host host;
  host.worker.send(port_errand{[](port_worker& self) {
    // From its first request on a process has more state than others.
    static_cast<void>(self.request_inspect(self.self()));
    auto made = self.spawn_meta<port::program>({.argv = {"cat"}});
    self.notes.change({}, [&](story& told) { told.started = made ? 1 : -1; });
  }});
  REQUIRE(host.notes.wait([](auto& all) { return all[alias{}].started != 0; }));
  alias port;
  REQUIRE(host.notes.wait([&](auto& all) {
    for (auto& [id, told] : all) {
      if (id.is_valid() && told.started == 1) port = id;
    }
    return port.is_valid() || all[alias{}].started == -1;
  }));
  REQUIRE(port.is_valid());
  host.on->send(port, port::input{port, text("12345")});
  REQUIRE(host.notes.wait_for_text(port, "12345"));
  const auto seen = host.on->inspect(port, 10s);
  REQUIRE(seen);
  CHECK(seen->bytes_in == 5);
  CHECK(seen->bytes_out == 5);
  CHECK(seen->items.front().name == "program");
  CHECK(seen->items.front().value == "cat");
  host.end();
}

TEST_CASE("a port whose worker has ended ends its program") {
  port_host host;
  const auto made = host.shell("echo $$; while :; do echo more; sleep 0.01; done");
  REQUIRE(host.notes.wait_for_text(made.id(), "more"));
  int os_pid = 0;
  host.notes.change(made.id(), [&](story& told) { os_pid = told.os_pid; });
  host.worker.exit();
  CHECK(eventually([&] { return !is_running(os_pid); }));
  CHECK(eventually([&] { return host.on->messages().alive == 0; }));
  host.end();
}

TEST_CASE("a program that closes its input is told once, and no SIGPIPE reaches the host") {
  static std::atomic<int> pipes_broken{0};
  const auto before = ::signal(SIGPIPE, [](int) { ++pipes_broken; });
  port_host host;
  const auto made = host.shell("exec 0<&-; echo closed; exec sleep 1000");
  REQUIRE(host.notes.wait_for_text(made.id(), "closed"));
  made.send(port::input{{}, text("nobody reads this")});
  REQUIRE(host.notes.wait([&](auto& all) { return !all[made.id()].lost.empty(); }));
  made.send(port::input{{}, text("nor this")});
  made.send(port::input{{}, text("nor that")});
  host.on->exit(made.id());
  const story told = host.notes.of(made.id());
  REQUIRE(told.lost.size() == 1);
  CHECK(told.lost[0].os_error == EPIPE);
  CHECK(told.lost[0].bytes == 17);
  CHECK(told.end.input_bytes_lost >= 17);
  CHECK(told.end.signal == SIGTERM);
  CHECK(pipes_broken == 0);
  host.end();
  ::signal(SIGPIPE, before);
}

TEST_CASE("input above the high mark is told writable when it was read, and above the limit lost") {
  temporary_folder folder;
  REQUIRE(::mkfifo((folder.path + "/gate").c_str(), 0600) == 0);
  port_host host;
  const auto made =
      host.run({.argv = {"/bin/sh", "-c", "echo ready; read x < gate; exec cat >/dev/null"},
                .directory = folder.path,
                .input_bytes_high = 200'000,
                .input_bytes_low = 100'000,
                .input_bytes_max = 400'000});
  REQUIRE(host.notes.wait_for_text(made.id(), "ready"));
  const std::string piece(10'000, 'x');
  for (int i = 0; i < 100; ++i) made.send(port::input{{}, text(piece)});
  REQUIRE(host.notes.wait([&](auto& all) { return !all[made.id()].lost.empty(); }));
  host.notes.change(made.id(), [](story& told) { CHECK(told.writable == 0); });
  std::ofstream{folder.path + "/gate"} << "go\n";
  REQUIRE(host.notes.wait([&](auto& all) { return all[made.id()].writable == 1; }));
  made.send(port::close_input{});
  const story told = host.notes.of(made.id());
  REQUIRE(told.lost.size() == 1);  // Once an episode.
  CHECK(told.lost[0].os_error == ENOBUFS);
  CHECK(told.end.input_bytes_lost > 0);
  CHECK(told.end.input_bytes + told.end.input_bytes_lost == 1'000'000);
  CHECK(told.writable == 1);
  host.end();
}

TEST_CASE("a flood without a line feed stays bounded while the worker is slow, and arrives whole") {
  latch go_on;
  port_host host{&go_on, 0, {.io_threads = 1}};
  constexpr std::size_t total = 4'000'000;
  const auto made = host.run({.argv = {"head", "-c", std::to_string(total), "/dev/zero"},
                              .deliver = port::lines{.line_bytes_max = 100'000},
                              .output_bytes_max = 150'000});
  REQUIRE(host.notes.wait([&](auto& all) { return all[made.id()].started == 1; }));
  int os_pid = 0;
  host.notes.change(made.id(), [&](story& told) { os_pid = told.os_pid; });
  // The program is stopped by its full pipe: it cannot end while nobody takes its output.
  for (int i = 0; i < 30; ++i) {
    std::this_thread::sleep_for(10ms);
    CHECK(is_running(os_pid));
  }
  go_on.open();
  const story told = host.notes.of(made.id());
  CHECK(told.output == std::string(total, '\0'));
  CHECK(told.parts.size() == total / 100'000);
  CHECK(told.end.code == 0);
  CHECK(told.end.is_output_complete);
  host.end();
}

TEST_CASE(
    "output that was written before the end is told before the end, however slow the worker") {
  latch go_on;
  port_host host{&go_on, 0, {.io_threads = 1}};
  // More than is charged at once; all of it is in the pipe when the program ends.
  const auto made = host.run({.argv = {"head", "-c", "60000", "/dev/zero"},
                              .output_bytes_max = 1000,
                              .leftover_time_max = 20ms});
  std::this_thread::sleep_for(200ms);  // Long after the program's end and the bound.
  CHECK(host.notes.ended_count() == 0);
  go_on.open();
  const story told = host.notes.of(made.id());
  CHECK(told.output.size() == 60'000);
  CHECK(told.end.is_output_complete);
  host.end();
}

TEST_CASE("a worker that keeps what it is given stops the program, until it lets go") {
  port_host host;
  host.worker.send(port_errand{[](port_worker& self) { self.keeps = true; }});
  const auto made =
      host.run({.argv = {"head", "-c", "1000000", "/dev/zero"}, .output_bytes_max = 100'000});
  // Each piece is charged with what holds it, too: in small ones the bound is met before.
  REQUIRE(host.notes.wait([&](auto& all) { return all[made.id()].output.size() >= 50'000; }));
  std::this_thread::sleep_for(50ms);
  host.notes.change(made.id(), [](story& told) {
    CHECK(told.exited == 0);
    CHECK(told.output.size() < 200'000);
  });
  host.worker.send(port_errand{[](port_worker& self) {
    self.keeps = false;
    self.kept.clear();
  }});
  const story told = host.notes.of(made.id());
  CHECK(told.output.size() == 1'000'000);
  host.end();
}

TEST_CASE("output that the worker's mailbox refuses ends the program and is told") {
  latch go_on;
  port_host host{&go_on, 4, {.io_threads = 1}};
  const auto made = host.shell(
      "i=0; while [ $i -lt 100 ]; do echo $i; sleep 0.001; i=$((i+1)); done;"
      "exec sleep 1000");
  REQUIRE(host.notes.wait([&](auto& all) { return all[made.id()].started == 1; }));
  int os_pid = 0;
  host.notes.change(made.id(), [&](story& told) { os_pid = told.os_pid; });
  CHECK(eventually([&] { return !is_running(os_pid); }));
  go_on.open();
  // The end overtakes what a full mailbox holds.
  const story told = host.notes.of(made.id(), false);
  CHECK(told.end.signal == SIGKILL);
  CHECK(!told.end.is_output_complete);
  host.end();
}

TEST_CASE("descendants that hold the output open delay the end by the time that is allowed") {
  port_host host;
  const auto begin = std::chrono::steady_clock::now();
  const auto made = host.shell("sleep 30 & echo $!; exit 0", {.leftover_time_max = 100ms});
  const story told = host.notes.of(made.id());
  CHECK(std::chrono::steady_clock::now() - begin < 10s);
  CHECK(told.end.code == 0);
  CHECK(!told.end.is_output_complete);
  const int descendant = std::stoi(told.output);
  CHECK(is_running(descendant));  // Its own affair…
  ::kill(descendant, SIGKILL);
  host.end();
}

TEST_CASE("a last line without its end, read late, is told, and the port ends all the same") {
  latch go_on;
  port_host host{&go_on, 0, {.io_threads = 1}};
  const auto made =
      host.shell("sleep 30 & echo $!; sleep 0.1; printf partial; exit 0",
                 {.deliver = port::lines{}, .output_bytes_max = 1, .leftover_time_max = 20ms});
  std::this_thread::sleep_for(400ms);  // Long after the program's end and the bound.
  CHECK(host.notes.ended_count() == 0);
  go_on.open();
  const story told = host.notes.of(made.id());
  REQUIRE(told.parts.size() == 2);
  CHECK(told.parts[1] == "partial");
  CHECK(told.cuts[1]);
  ::kill(std::stoi(told.parts[0]), SIGKILL);
  host.end();
}

TEST_CASE("with a group of its own the descendants end with the program") {
  port_host host;
  const auto made = host.shell("(trap '' TERM; exec sleep 1000) & echo $!; wait",
                               {.own_group = true, .kill_after = 60s});
  REQUIRE(host.notes.wait_for_text(made.id(), "\n"));
  int descendant = 0;
  host.notes.change(made.id(), [&](story& told) { descendant = std::stoi(told.output); });
  host.on->exit(made.id());
  const story told = host.notes.of(made.id());
  CHECK(told.end.signal == SIGTERM);
  CHECK(eventually([&] { return !is_running(descendant); }));
  host.end();
}

TEST_CASE("a program can be made to end with the thread that spawned it") {
  port_host host;
  alias port;
  std::thread spawner{[&] {
    auto made = host.on->spawn_meta<port::program>(
        {.argv = {"sleep", "1000"}, .worker = host.worker.id(), .parent_death_signal = SIGUSR1});
    if (made) port = made.value().id();
  }};
  spawner.join();
  CHECK(host.notes.of(port).end.signal == SIGUSR1);
  host.end();
}

TEST_CASE("a host that ignores SIGCHLD learns of the end, but not how it was") {
  const auto before = ::signal(SIGCHLD, SIG_IGN);
  port_host host;
  const auto made = host.shell("echo here; exit 3");
  const story told = host.notes.of(made.id());
  CHECK(told.output == "here\n");
  CHECK(!told.end.is_known);
  CHECK(told.end.code == -1);
  host.end();
  ::signal(SIGCHLD, before);
}

TEST_CASE("a hundred programs at once are each told whole, by name, and none is left") {
  port_host host;
  std::vector<meta_handle<port::program>> all;
  for (int i = 0; i < 100; ++i) {
    all.push_back(
        host.shell("echo " + std::to_string(i) + "; cat; exit " + std::to_string(i % 50)));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].send(port::input{{}, text("input " + std::to_string(i))});
    all[i].send(port::close_input{});
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    const story told = host.notes.of(all[i].id());
    CHECK(told.output == std::to_string(i) + "\ninput " + std::to_string(i));
    CHECK(told.end.code == static_cast<int>(i % 50));
  }
  CHECK(child_processes().empty());
  host.end();
}

TEST_CASE("programs that end at once while they are asked to are told once each") {
  port_host host;
  for (int i = 0; i < 100; ++i) {
    const auto made = host.run({.argv = {"/bin/true"}});
    if (i % 3 != 0) made.send(port::input{{}, text("x")});
    if (i % 2 == 0)
      host.on->exit(made.id(), i % 4 == 0 ? exit_reason::killed() : exit_reason::shutdown());
    static_cast<void>(host.notes.of(made.id()));
  }
  host.end();
}
