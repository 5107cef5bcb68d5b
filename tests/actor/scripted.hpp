// A process that does what the test tells it and notes what it hears: for tests whose actors are
// all alike.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "actor/test_node.hpp"

/// What the processes of one test have noted, in order.
class trace {
 public:
  void note(std::string line) {
    {
      const std::lock_guard lock{guard_};
      lines_.push_back(std::move(line));
    }
    count_.add();
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    const std::lock_guard lock{guard_};
    return lines_;
  }
  /// As soon as so many lines are there.
  [[nodiscard]] std::vector<std::string> wait_for(std::uint32_t count) const {
    count_.wait_for(count);
    return lines();
  }

 private:
  mutable std::mutex guard_;
  std::vector<std::string> lines_;
  test_counter count_;
};

struct say {
  std::string text;
};
class scripted;
/// Runs in the process it is sent to.
struct act {
  std::function<void(scripted&)> what;
};

class scripted : public sluice::actor<scripted, say, act> {
 public:
  scripted(trace& to, std::string name) : out(to), own_name(std::move(name)) {}

  void on(const say& heard) { note("heard " + heard.text); }
  void on(act& told) { told.what(*this); }
  void on(const sluice::down& told) {
    note("down " + told.reason.message());
    last_down = told;
  }
  void on(const sluice::exit_signal& told) {
    note((told.link.number != 0 ? "link " : "exit ") + told.reason.message());
    last_exit = told;
  }
  void terminate(const sluice::exit_reason& why) {
    note("ended " + why.message());
    if (at_end) at_end(*this);
  }

  void note(const std::string& what) { out.note(own_name + ": " + what); }

  trace& out;
  std::string own_name;
  std::function<void(scripted&)> at_end;
  sluice::ref monitored;
  sluice::down last_down;
  sluice::exit_signal last_exit;
};

/// Processes of one scheduler, told what to do one after the other: each step is over before the
/// next one begins.
class stage {
 public:
  using player = sluice::handle<scripted>;
  using script = std::function<void(scripted&)>;

  explicit stage(sluice::node_options options = plain_options(1)) : node(std::move(options)) {}

  [[nodiscard]] player play(const std::string& name) {
    auto made = node->spawn<scripted>({}, std::ref(notes), name);
    REQUIRE(made);
    return made.value();
  }
  /// In `who`, and waits until nothing is under way.
  void tell(const player& who, script what) {
    REQUIRE(who.send(act{std::move(what)}) == sluice::send_outcome::accepted);
    node.settle();
  }
  [[nodiscard]] std::vector<std::string> lines() const { return notes.lines(); }

  trace notes;
  test_node node;
};
