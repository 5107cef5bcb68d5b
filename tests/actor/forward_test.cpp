// Passing messages on in the name of who sent them, and requests with the duty to answer.
#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <string>
#include <vector>

#include "actor/test_node.hpp"

using sluice::address;
using sluice::any_message;
using sluice::completion;
using sluice::error_code;
using sluice::priority;
using sluice::reply_to;
using sluice::send_outcome;
using namespace std::chrono_literals;

namespace {

struct go {};
struct text {
  std::string value;
};
struct box {
  std::unique_ptr<int> value;
};
struct question {
  using reply = int;
  int value = 0;
};

struct seen_by_last {
  std::vector<std::string> texts;
  std::vector<int> boxes;
  std::vector<address> senders;
  test_counter count;
};

struct last : sluice::actor<last, text, box, question> {
  explicit last(seen_by_last& seen_) : seen(seen_) {}
  void on(text one) {
    seen.texts.push_back(std::move(one.value));
    note();
  }
  void on(box one) {
    seen.boxes.push_back(*one.value);
    note();
  }
  int on(question asked) {
    note();
    return 10 * asked.value;
  }
  void note() {
    seen.senders.push_back(sender());
    seen.count.add();
  }
  seen_by_last& seen;
};

// Passes on whatever comes.
struct relay : sluice::actor<relay> {
  explicit relay(address to_) : to(to_) {}
  void on(any_message& any) { outcome = forward(to, any); }
  address to;
  send_outcome outcome = send_outcome::accepted;
};

// Passes on what it knows.
struct typed_relay : sluice::actor<typed_relay, text, question> {
  explicit typed_relay(sluice::handle<last> to_) : to(to_) {}
  void on(text one) {
    one.value += "!";
    forward(to, std::move(one));
  }
  void on(question asked, reply_to<question> answer) {
    asked.value += 1;
    forward(to, asked, std::move(answer));
  }
  sluice::handle<last> to;
};

struct meta_relay : sluice::meta<meta_relay> {
  explicit meta_relay(address to_) : to(to_) {}
  void start(std::stop_token stop) { static_cast<void>(wait_for_stop(stop)); }
  void on(any_message& any) { forward(to, any); }
  address to;
};

struct asker : sluice::actor<asker, go> {
  asker(address to_, std::vector<std::string>& heard_, test_counter& done_)
      : to(to_), heard(heard_), done(done_) {}
  void on(go) {
    send(to, text{"from asker"});
    static_cast<void>(request(to, question{4}, {.timeout = 30s}));
  }
  void on(completion<question> ended) {
    heard.push_back(ended.answer ? std::to_string(ended.answer.value())
                                 : std::string{to_string(ended.answer.error().code)});
    done.add();
  }
  address to;
  std::vector<std::string>& heard;
  test_counter& done;
};

}  // namespace

TEST_CASE("forward: keeps the sender, the lane and the content, moved and not copied") {
  seen_by_last seen;
  std::vector<std::string> heard;
  test_counter done;
  test_node node;
  auto end = node->spawn<last>({}, seen).value();
  auto second = node->spawn<relay>({}, end).value();
  auto first = node->spawn<relay>({}, second).value();
  auto from = node->spawn<asker>({}, first, heard, done).value();
  from.send(go{});
  done.wait_for(1);
  REQUIRE(seen.texts == std::vector<std::string>{"from asker"});
  REQUIRE(heard == std::vector<std::string>{"40"});
  REQUIRE(seen.senders == std::vector<address>{from, from});
  first.send(box{std::make_unique<int>(7)});
  seen.count.wait_for(3);
  REQUIRE(seen.boxes == std::vector<int>{7});
  REQUIRE_FALSE(seen.senders[2].is_valid());
}

TEST_CASE("forward: typed, changed on the way, and a request with its answer") {
  seen_by_last seen;
  std::vector<std::string> heard;
  test_counter done;
  test_node node;
  auto end = node->spawn<last>({}, seen).value();
  auto between = node->spawn<typed_relay>({}, end).value();
  auto from = node->spawn<asker>({}, between, heard, done).value();
  from.send(go{});
  done.wait_for(1);
  REQUIRE(seen.texts == std::vector<std::string>{"from asker!"});
  REQUIRE(heard == std::vector<std::string>{"50"});
  REQUIRE(seen.senders == std::vector<address>{from, from});
}

TEST_CASE("forward: through a meta, and from a thread outside that waits") {
  seen_by_last seen;
  test_node node;
  auto end = node->spawn<last>({}, seen).value();
  auto between = node->spawn_meta<meta_relay>({.is_pinned = false}, end).value();
  REQUIRE(node->call(address{between}, question{3}, {.timeout = 30s}).value() == 30);
}

TEST_CASE("forward: to somebody who has ended answers the request with the error") {
  seen_by_last seen;
  std::vector<std::string> heard;
  test_counter done;
  test_node node;
  auto end = node->spawn<last>({}, seen).value();
  auto between = node->spawn<relay>({}, end).value();
  end.exit();
  eventually([&] { return node->messages().alive == 1; });
  auto from = node->spawn<asker>({}, between, heard, done).value();
  from.send(go{});
  done.wait_for(1);
  REQUIRE(heard == std::vector<std::string>{to_string(error_code::unknown_address)});
}

TEST_CASE("forward: in the lane of the message, by name, with what was sent before in order") {
  struct order_of_lanes : sluice::actor<order_of_lanes> {
    order_of_lanes(test_counter& entered_, test_counter& gate_) : entered(entered_), gate(gate_) {}
    void on(any_message& any) {
      if (any.is<go>()) {
        entered.add();
        static_cast<void>(gate.reaches(1));
        return;
      }
      forward("the end", any);
    }
    test_counter& entered;
    test_counter& gate;
  };
  seen_by_last seen;
  test_counter entered;
  test_counter gate;
  test_node node{plain_options(1)};
  REQUIRE(node->spawn<last>({.name = "the end"}, seen));
  auto between = node->spawn<order_of_lanes>({}, entered, gate).value();
  between.send(go{});
  entered.wait_for(1);
  between.send(text{"main 1"});
  between.send(text{"main 2"});
  between.send(text{"system"}, priority::system);
  gate.add();
  seen.count.wait_for(3);
  REQUIRE(seen.texts == std::vector<std::string>{"system", "main 1", "main 2"});
}
