// A state machine of handlers: become, unbecome, and what goes to whom.
#include <catch2/catch_test_macros.hpp>

#include <mutex>
#include <string>
#include <vector>

#include "actor/test_node.hpp"

using sluice::any_message;
using sluice::completion;
using sluice::error_code;
using sluice::exit_reason;
using namespace std::chrono_literals;

namespace {

struct go {};
struct push {};
struct pull {};
struct lock_it {
  int code = 0;
};
struct unlisted {};
struct nobodys {};
struct question {
  using reply = std::string;
};
struct own_question {
  using reply = std::string;
};

struct notes {
  std::mutex guard;  // several end at once
  std::vector<std::string> lines;
  test_counter count;
  test_counter entered;
  test_counter gate;
  void add(std::string line) {
    const std::lock_guard held{guard};
    lines.push_back(std::move(line));
    count.add();
  }
};

struct closed;
struct opened;
struct locked;

struct door : sluice::actor<door, push, pull, go, question, own_question> {
  door(notes& out_, bool starts_closed_) : out(out_), starts_closed(starts_closed_) {}
  void on_start();
  void on(push) { out.add("door push"); }
  void on(pull) { out.add("door pull"); }
  void on(unlisted) { out.add("door unlisted"); }
  void on(go) {
    out.entered.add();
    static_cast<void>(out.gate.reaches(1));
  }
  std::string on(question) { return "door"; }
  std::string on(own_question) { return "door"; }
  void on_inspect(sluice::inspect_items& items) { items.add("is door", true); }
  void terminate(const exit_reason&) { out.add("door terminates"); }
  notes& out;
  bool starts_closed;
};

struct closed : sluice::state<closed, door, pull> {
  int visits = 0;
  void enter() { actor().out.add("enter closed " + std::to_string(++visits)); }
  void on(pull);
  std::string on(question) { return "closed"; }
  ~closed() { actor().out.add("closed goes"); }
};

struct opened : sluice::state<opened, door, lock_it> {
  void on(push) {
    actor().out.add("opened push");
    become<closed>();
  }
  void on(lock_it with) { become<locked>(with.code); }
};

struct locked : sluice::state<locked, door> {
  int code = 0;
  void enter(int with) { code = with; }
  void on(any_message& any) {
    actor().out.add("locked " + std::to_string(code));
    if (any.is<pull>()) unbecome();
  }
};

void door::on_start() {
  if (starts_closed) become<closed>();
}
void closed::on(pull) { become<opened>(); }

}  // namespace

TEST_CASE("become: messages go to the state, what it has no handler for to the actor") {
  notes out;
  {
    test_node node;
    auto to = node->spawn<door>({}, out, true).value();
    to.send(push{});
    to.send(pull{});
    to.send(push{});
    to.send(unlisted{});
    to.send(pull{});
    to.send(pull{});
    to.send(push{});
    out.count.wait_for(8);
  }
  REQUIRE(out.lines == std::vector<std::string>{"enter closed 1", "door push", "opened push",
                                                "enter closed 2", "door unlisted", "door pull",
                                                "opened push", "enter closed 3", "door terminates",
                                                "closed goes"});
}

TEST_CASE("become: what is queued goes to the new state, by pid as by handle") {
  notes out;
  test_node node;
  auto to = node->spawn<door>({}, out, true).value();
  to.send(go{});
  out.entered.wait_for(1);
  node->send(to.id(), pull{});
  node->send(to.id(), push{});
  to.send(pull{});
  node->send(to.id(), lock_it{5});
  to.send(unlisted{});
  node->send(to.id(), pull{});
  to.send(push{});
  out.gate.add();
  out.count.wait_for(6);
  REQUIRE(out.lines == std::vector<std::string>{"enter closed 1", "opened push", "enter closed 2",
                                                "locked 5", "locked 5", "door push"});
}

TEST_CASE("become: requests are answered by the state or by the actor, inspecting names both") {
  notes out;
  test_node node;
  auto to = node->spawn<door>({}, out, true).value();
  REQUIRE(node->call(to, question{}, {.timeout = 30s}).value() == "closed");
  REQUIRE(node->call(to, own_question{}, {.timeout = 30s}).value() == "door");
  const auto seen = node->inspect(to, 30s).value();
  REQUIRE(seen.behaviour.find("door") != seen.behaviour.npos);
  REQUIRE(seen.state.find("closed") != seen.state.npos);
  REQUIRE(seen.items.size() == 1);
  to.send(pull{});
  REQUIRE(node->call(to, question{}, {.timeout = 30s}).value() == "door");
  auto plain = node->spawn<door>({}, out, false).value();
  REQUIRE(node->inspect(plain, 30s).value().state.empty());
}

TEST_CASE("become: what nobody handles is unhandled, and the counts stay exact") {
  notes out;
  test_node node;
  auto to = node->spawn<door>({}, out, true).value();
  node->send(to, nobodys{});
  node.settle();
  REQUIRE(node->messages().unhandled == 1);
  struct strange {
    using reply = int;
  };
  REQUIRE(node->call(sluice::address{to}, strange{}, {.timeout = 30s}).error().code ==
          error_code::unhandled);
}

namespace {

struct asks : sluice::actor<asks, go> {
  asks(sluice::handle<door> to_, std::string& heard_, test_counter& done_)
      : to(to_), heard(heard_), done(done_) {}
  void on(go);
  void on(completion<question> ended) {
    heard = ended.answer.value();
    done.add();
  }
  sluice::handle<door> to;
  std::string& heard;
  test_counter& done;
};
struct waits : sluice::state<waits, asks> {};
void asks::on(go) {
  static_cast<void>(request(to, question{}, {.timeout = 30s}));
  become<waits>();
}

}  // namespace

TEST_CASE("become: a completion that the actor does not list finds it in whatever state") {
  notes out;
  std::string heard;
  test_counter done;
  test_node node;
  auto to = node->spawn<door>({}, out, true).value();
  auto from = node->spawn<asks>({}, to, heard, done).value();
  from.send(go{});
  done.wait_for(1);
  REQUIRE(heard == "closed");
}
