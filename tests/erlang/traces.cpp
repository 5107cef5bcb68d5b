// Runs the scenarios of a file in sluice and prints the trace of each process, as its twin
// scenarios.escript does in Erlang; compare.py compares the two.
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <sluice/sluice.hpp>

#include "base/atomic.hpp"

namespace {

using sluice::address;
using sluice::exit_code;
using sluice::exit_reason;
using sluice::pid;
using words = std::vector<std::string>;

std::vector<words> steps_of(const std::string& line) {
  std::vector<words> all;
  std::istringstream parts{line};
  for (std::string part; std::getline(parts, part, ';');) {
    std::istringstream text{part};
    words step;
    for (std::string word; text >> word;) step.push_back(word);
    all.push_back(step);
  }
  return all;
}

exit_reason reason_of(const std::string& word) {
  if (word == "normal") return exit_reason::normal();
  if (word == "shutdown") return exit_reason::shutdown();
  if (word == "kill") return exit_reason::killed();
  return exit_reason::error(word);
}
std::string text_of(const exit_reason& why) {
  return why.code == exit_code::error ? why.text : sluice::to_string(why.code);
}

// What one scenario knows: who is who, what was noted. Locked, since a holding process has a thread
// of its own.
struct scenario {
  std::mutex guard;
  std::map<std::string, pid> players;
  std::map<std::string, std::vector<std::string>> notes;
  bool is_over = false;
  sluice::base::atomic<bool> is_released{false};
  sluice::base::atomic<std::uint32_t> done{0};

  void adopt(const std::string& name, pid who) {
    const std::lock_guard lock{guard};
    players[name] = who;
    notes[name];
  }
  void note(const std::string& name, const std::string& text) {
    const std::lock_guard lock{guard};
    if (!is_over) notes[name].push_back(text);
  }
  pid pid_of(const std::string& name) {
    const std::lock_guard lock{guard};
    return players.at(name);
  }
  std::string name_of(address who) {
    const std::lock_guard lock{guard};
    for (const auto& [name, each] : players) {
      if (address{each} == who) return name;
    }
    return "nobody";
  }
};

struct text {
  std::string value;
};
struct ask {
  using reply = int;
};
struct perform {
  std::vector<words> steps;
};

class player : public sluice::actor<player, text, ask, perform> {
 public:
  player(scenario& in, std::string name) : in_(in), name_(std::move(name)) {}

  void on(const text& heard) { note("heard " + heard.value); }
  int on(ask) { return 0; }
  void on(const sluice::completion<ask>& over) { note(over.answer ? "answered" : "no answer"); }
  void on(const sluice::down& told) {
    note("down " + in_.name_of(told.who) + ' ' + text_of(told.reason));
  }
  void on(const sluice::exit_signal& told) {
    note("exit " + in_.name_of(told.from) + ' ' + text_of(told.reason));
  }
  void on(const perform& told) {
    for (const words& each : told.steps) {
      if (!is_ending_) step(each);
    }
    in_.done.fetch_add(1, sluice::base::relaxed);  // Relaxed: a count that is polled.
    if (crashes_) throw 1;
  }
  void terminate(const exit_reason& why) { note("ended " + text_of(why)); }

 private:
  void note(const std::string& what) { in_.note(name_, what); }

  void step(const words& by) {
    const std::string& what = by[0];
    if (what == "trap") trap_exit(true);
    if (what == "untrap") trap_exit(false);
    if (what == "link") link(in_.pid_of(by[1]));
    if (what == "unlink") unlink(in_.pid_of(by[1]));
    if (what == "monitor") refs_[by[1]] = monitor(in_.pid_of(by[1]));
    if (what == "demonitor") demonitor(refs_[by[1]], sluice::queued_down::keep);
    if (what == "demonitor_flush") demonitor(refs_[by[1]], sluice::queued_down::remove);
    if (what == "send") static_cast<void>(send(in_.pid_of(by[1]), text{by[2]}));
    if (what == "exit_to") exit(in_.pid_of(by[1]), reason_of(by[2]));
    if (what == "exit") leave(by[1]);
    if (what == "crash") is_ending_ = crashes_ = true;
    if (what == "register") static_cast<void>(register_name(by[1]));
    if (what == "unregister") unregister_name();
    if (what == "whereis") note(by[1] + " is " + in_.name_of(find(by[1])));
    if (what == "send_name" && send(by[1], text{by[2]}) == sluice::send_outcome::unknown) {
      note("nobody there");
    }
    if (what == "monitor_name") monitor(std::string_view{by[1]});
    if (what == "spawn_link") bear(by[1], {.link = true});
    if (what == "spawn_monitor") bear(by[1], {.monitor = true});
    if (what == "ask") static_cast<void>(request(in_.pid_of(by[1]), ask{}));
    if (what == "hold") hold();
    if (what == "say") note("says " + by[1]);
  }
  void leave(const std::string& why) {
    is_ending_ = true;
    exit(reason_of(why));
  }
  void bear(const std::string& name, const sluice::spawn_options& options) {
    const auto made = spawn<player>(options, in_, name);
    if (made) in_.adopt(name, made.value());
  }
  void hold() {
    in_.done.fetch_add(1, sluice::base::relaxed);  // Relaxed: as above.
    while (!in_.is_released.load(sluice::base::relaxed)) std::this_thread::yield();
    // Relaxed: only that it goes on.
  }

  scenario& in_;
  std::string name_;
  std::map<std::string, sluice::ref> refs_;
  bool is_ending_ = false;
  bool crashes_ = false;
};

class director {
 public:
  void begin(const std::string& title) {
    title_ = title;
    in_ = std::make_unique<scenario>();
    sluice::node_options options;
    options.schedulers = 3;
    options.io = false;
    options.log = [](sluice::log_severity, std::string_view) {};
    node_ = std::make_unique<sluice::node>("traces", std::move(options));
    if (!node_->start()) std::exit(2);
  }
  void spawn(const std::string& names) {
    std::istringstream each{names};
    for (std::string name; each >> name;) {
      const auto made = node_->spawn<player>({}, *in_, name);
      if (!made) std::exit(2);
      in_->adopt(name, made.value());
    }
  }
  void tell(const std::string& name, const std::string& line) {
    auto steps = steps_of(line);
    bool holds = false;
    bool ends = false;
    for (const words& each : steps) {
      holds = holds || each[0] == "hold";
      ends = ends || each[0] == "exit" || each[0] == "crash";
    }
    // Relaxed: as in the player.
    const std::uint32_t before = in_->done.load(sluice::base::relaxed);
    const std::uint64_t alive = node_->messages().alive;
    sluice::handle<player> who{nullptr, in_->pid_of(name)};
    if (!sender_) {
      const auto made = node_->spawn<forwarder>();
      if (!made) std::exit(2);
      sender_ = made.value();
    }
    sender_->send(forwarder::letter{who.id(), std::move(steps)});
    if (!holds && !is_held_) return settle();
    is_held_ = true;
    // Somebody stands still, so there is no quiet to wait for: only for this one.
    while (in_->done.load(sluice::base::relaxed) == before) std::this_thread::yield();  // As above.
    while (ends && node_->messages().alive >= alive) std::this_thread::yield();
  }
  void release() {
    is_held_ = false;
    in_->is_released.store(true, sluice::base::relaxed);  // Relaxed: only that they go on.
    settle();
  }
  void finish() {
    if (node_ == nullptr) return;
    settle();
    {
      const std::lock_guard lock{in_->guard};
      in_->is_over = true;
      for (auto& [name, lines] : in_->notes) {
        if (lines.empty() || lines.back().rfind("ended", 0) != 0) lines.push_back("alive");
      }
    }
    static_cast<void>(node_->stop());
    std::printf("%s\n", title_.c_str());
    for (const auto& [name, lines] : in_->notes) {
      std::printf("  %s:\n", name.c_str());
      for (const std::string& line : lines) std::printf("    %s\n", line.c_str());
    }
    node_.reset();
    sender_.reset();
    in_.reset();
  }

 private:
  // A thread outside of the node has no pids to send to, only handles.
  struct forwarder : sluice::actor<forwarder> {
    struct letter {
      pid to;
      std::vector<words> steps;
    };
    void on(letter& one) { send(one.to, perform{std::move(one.steps)}); }
  };

  // While somebody ends something is queued.
  void settle() {
    while (true) {
      const auto sums = node_->messages();
      if (sums.queued == 0 && sums.sent == sums.handled + sums.dropped + sums.rejected) return;
      std::this_thread::yield();
    }
  }

  std::string title_;
  std::unique_ptr<scenario> in_;
  std::unique_ptr<sluice::node> node_;
  std::optional<sluice::handle<forwarder>> sender_;
  bool is_held_ = false;
};

}  // namespace

int main(int count, char** arguments) {
  std::ifstream file{count == 2 ? arguments[1] : ""};
  if (!file) {
    std::fprintf(stderr, "usage: erlang-traces SCENARIOS\n");
    return 2;
  }
  director by;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (line.rfind("scenario ", 0) == 0) {
      by.finish();
      by.begin(line.substr(9));
    } else if (line.rfind("spawn ", 0) == 0) {
      by.spawn(line.substr(6));
    } else if (line == "release") {
      by.release();
    } else {
      const auto colon = line.find(": ");
      by.tell(line.substr(0, colon), line.substr(colon + 2));
    }
  }
  by.finish();
  return 0;
}
