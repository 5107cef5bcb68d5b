// What a process hears of others' ends while one of its handlers waits.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "actor/test_node.hpp"

using namespace std::chrono_literals;
using sluice::task;

namespace {

struct question {
  using reply = int;
};
struct answer_now {};
struct begin {};
struct note {};

/// Answers when it is told to.
struct late_callee : sluice::actor<late_callee, question, answer_now> {
  void on(question, sluice::reply_to<question> answer) { asked = std::move(answer); }
  void on(answer_now) { asked.reply(1); }
  sluice::reply_to<question> asked;
};

struct victim : sluice::actor<victim> {};

/// Lets the callee answer when it has heard of both ends.
struct watcher : sluice::actor<watcher, begin, note> {
  watcher(std::vector<std::string>& into, test_counter& told, sluice::handle<late_callee> callee)
      : trace(into), done(told), other(callee) {}
  task<void> on(begin) {
    trap_exit(true);
    const auto watched = spawn<victim>({.monitor = true}).value();
    const auto linked = spawn<victim>({.link = true}).value();
    send(self(), note{});
    exit(watched.id(), sluice::exit_reason::shutdown());
    exit(linked.id(), sluice::exit_reason::shutdown());
    const auto answer = co_await call(other, question{}, 20s);
    trace.push_back(answer ? "answer" : "error");
  }
  void on(const sluice::down&) { hear("down"); }
  void on(const sluice::exit_signal&) { hear("exit"); }
  void on(note) {
    trace.push_back("note");
    done.add();
  }
  void hear(const char* what) {
    trace.push_back(what);
    if (trace.size() == 2) send(other, answer_now{});
  }
  std::vector<std::string>& trace;
  test_counter& done;
  sluice::handle<late_callee> other;
};

}  // namespace

TEST_CASE("call: downs and trapped exits are heard while it waits, also in front of user mail") {
  std::vector<std::string> trace;
  test_counter done;
  test_node node;
  const auto other = node->spawn<late_callee>().value();
  node->spawn<watcher>({}, trace, done, other).value().send(begin{});
  done.wait_for(1);
  REQUIRE(trace.size() == 4);
  std::sort(trace.begin(), trace.begin() + 2);
  CHECK(trace == std::vector<std::string>{"down", "exit", "answer", "note"});
}
