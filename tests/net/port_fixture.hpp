// What the tests of ports stand on: a worker that writes down what ports tell it, and looks at the
// processes of this machine.
#pragma once

#include <signal.h>

#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "net/net_fixture.hpp"

namespace port_test {

using namespace net_test;

/// All that one port told.
struct story {
  int started = 0;
  int os_pid = 0;
  std::string output;
  std::string error;
  std::vector<std::string> parts;  // messages of both channels
  std::vector<bool> cuts;          // the same
  int writable = 0;
  std::vector<port::input_lost> lost;
  int exited = 0;
  port::exited end;
  bool is_in_order = true;
};

class port_journal {
 public:
  template <class Change>
  void change(alias of, Change&& how) {
    const std::lock_guard lock{guard_};
    how(stories_[of]);
    changed_.notify_all();
  }
  template <class Holds>
  [[nodiscard]] bool wait(Holds&& holds) {
    std::unique_lock lock{guard_};
    return changed_.wait_for(lock, patience, [&] { return holds(stories_); });
  }
  [[nodiscard]] bool wait_for_text(alias of, std::string_view text) {
    return wait([&](auto& all) { return all[of].output.find(text) != std::string::npos; });
  }
  /// Waits for the end of it.
  [[nodiscard]] story of(alias port, bool end_is_last = true) {
    REQUIRE(wait([&](auto& all) { return all[port].exited != 0; }));
    const std::lock_guard lock{guard_};
    const story& told = stories_[port];
    CHECK(told.started == 1);
    CHECK(told.exited == 1);
    CHECK((told.is_in_order || !end_is_last));
    return told;
  }
  [[nodiscard]] std::size_t ended_count() {
    const std::lock_guard lock{guard_};
    std::size_t count = 0;
    for (const auto& [id, each] : stories_) count += each.exited != 0 ? 1 : 0;
    return count;
  }

 private:
  std::mutex guard_;
  std::condition_variable changed_;
  std::map<alias, story> stories_;
};

struct port_worker;
struct port_errand {
  std::function<void(port_worker&)> run;
};

struct port_worker : actor<port_worker, port_errand> {
  explicit port_worker(port_journal& notes_, latch* hold_ = nullptr) : notes(notes_), hold(hold_) {}

  void on(port_errand order) { order.run(*this); }
  void on(const completion<inspect>&) {}
  void on(port::started there) {
    notes.change(there.id, [&](story& told) {
      told.is_in_order = told.is_in_order && told.started++ == 0 && told.parts.empty();
      told.os_pid = there.os_pid;
    });
  }
  void on(port::output part) {
    if (hold != nullptr) hold->wait();
    notes.change(part.id, [&](story& told) {
      told.is_in_order = told.is_in_order && told.started == 1 && told.exited == 0;
      (part.which == port::channel::output ? told.output : told.error).append(part.bytes.text());
      told.parts.emplace_back(part.bytes.text());
      told.cuts.push_back(part.is_cut);
    });
    if (keeps) kept.push_back(std::move(part.bytes));
  }
  void on(port::writable there) {
    notes.change(there.id, [](story& told) { ++told.writable; });
  }
  void on(port::input_lost what) {
    notes.change(what.id, [&](story& told) { told.lost.push_back(what); });
  }
  void on(port::exited last) {
    notes.change(last.id, [&](story& told) {
      told.is_in_order = told.is_in_order && told.started == 1;
      ++told.exited;
      told.end = last;
    });
  }

  port_journal& notes;
  latch* hold;
  bool keeps = false;
  std::deque<bytes> kept;
};

/// A node with one worker.
struct port_host {
  explicit port_host(latch* hold = nullptr, std::uint32_t mailbox_max = 0,
                     node_options options = {})
      : on(std::move(options)) {
    auto made = on->spawn<port_worker>({.mailbox_max = mailbox_max}, notes, hold);
    REQUIRE(made);
    worker = made.value();
  }
  [[nodiscard]] meta_handle<port::program> run(port::program_options options) {
    options.worker = worker.id();
    auto made = on->spawn_meta<port::program>(std::move(options));
    INFO(made.error().message());
    REQUIRE(made);
    return made.value();
  }
  /// Runs a script by the shell.
  [[nodiscard]] meta_handle<port::program> shell(std::string script,
                                                 port::program_options options = {}) {
    options.argv = {"/bin/sh", "-c", std::move(script)};
    return run(std::move(options));
  }
  [[nodiscard]] error refused(port::program_options options) {
    if (!options.worker.is_valid()) options.worker = worker.id();
    auto made = on->spawn_meta<port::program>(std::move(options));
    REQUIRE(!made);
    return made.error();
  }
  void end();

  port_journal notes;
  net_node on;
  handle<port_worker> worker;
};

/// The state letter of a process, or 0 when there is none.
inline char state_of_process(int os_pid) {
  std::ifstream file{"/proc/" + std::to_string(os_pid) + "/stat"};
  std::string text;
  std::getline(file, text);
  const auto at = text.rfind(')');
  return at == std::string::npos || at + 2 >= text.size() ? '\0' : text[at + 2];
}
inline bool is_running(int os_pid) {
  const char state = state_of_process(os_pid);
  return state != '\0' && state != 'Z' && state != 'X';
}

/// Children of this process, zombies included.
inline std::vector<int> child_processes() {
  std::vector<int> found;
  const std::string own = std::to_string(::getpid());
  for (const auto& each : std::filesystem::directory_iterator{"/proc"}) {
    const std::string name = each.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file{each.path() / "stat"};
    std::string text;
    std::getline(file, text);
    const auto at = text.rfind(')');
    if (at == std::string::npos) continue;
    std::istringstream rest{text.substr(at + 1)};
    std::string state, parent;
    rest >> state >> parent;
    if (parent == own) found.push_back(std::stoi(name));
  }
  return found;
}

inline void port_host::end() {
  on.end();
  CHECK(child_processes().empty());
}

}  // namespace port_test
