// One process alone: what it is given, what it sends, spawns, asks, logs, and when it ends.
#include <catch2/catch_test_macros.hpp>

#include <stdexcept>
#include <string>
#include <vector>

#include <sluice/sluice.hpp>
#include <sluice/testing.hpp>

using sluice::address;
using sluice::completion;
using sluice::error_code;
using sluice::exit_code;
using sluice::exit_reason;
using sluice::log_severity;
using sluice::pid;
using sluice::priority;
using sluice::ref;
using sluice::task;
using sluice::testing::process;
using sluice::testing::process_options;
using namespace std::chrono_literals;

namespace {

struct order {
  std::uint32_t number = 0;
};
struct shipped {
  std::uint32_t number = 0;
};
struct audit {
  std::string text;
};
struct price {
  using reply = std::uint32_t;
  std::uint32_t number = 0;
};
struct stock {
  using reply = std::uint32_t;
};
struct hire {};
struct watch {
  pid who;
};
struct fail {};
struct wait_for_it {};
struct reminder {};

struct helper : sluice::actor<helper, order> {
  void on(order) {}
};

struct shop : sluice::actor<shop, order, price, stock, hire, watch, fail, wait_for_it, reminder> {
  shop() = default;
  explicit shop(bool fails_) : fails(fails_) {}
  sluice::result<void> on_start() {
    if (fails) return sluice::error{error_code::bad_argument, 0, "shop"};
    return {};
  }
  void on(order one) {
    ++count;
    send(sender(), shipped{one.number});
    send("books", audit{"order " + std::to_string(one.number)}, priority::system);
    log(log_severity::info, "shipped");
  }
  std::uint32_t on(stock) { return count; }
  task<std::uint32_t> on(price asked) {
    const auto found = co_await call("prices", price{asked.number}, 50ms);
    co_return found ? found.value() : 0;
  }
  void on(hire) {
    auto made = spawn<helper>({.name = "first helper"});
    send(made.value(), order{1});
    static_cast<void>(request(find("prices"), price{7}, {.timeout = 1s, .label = 3}));
  }
  void on(completion<price> done) {
    answers.push_back(done.answer ? std::to_string(done.answer.value())
                                  : std::string{to_string(done.answer.error().code)});
  }
  void on(watch asked) {
    watched = monitor(asked.who);
    link(asked.who);
    trap_exit(true);
  }
  void on(sluice::down told) { answers.push_back("down " + told.reason.message()); }
  void on(sluice::exit_signal told) { answers.push_back("exit " + told.reason.message()); }
  void on(fail) { throw std::runtime_error{"out of stock"}; }
  void on(wait_for_it) {
    again = send_every(10s, self(), reminder{});
    static_cast<void>(send_after(1s, sender(), audit{"later"}));
    exit(sender(), exit_reason::error("enough"));
  }
  void on(reminder) { ++reminders; }

  bool fails = false;
  std::uint32_t count = 0;
  std::uint32_t reminders = 0;
  ref watched;
  sluice::timer again;
  std::vector<std::string> answers;
};

}  // namespace

TEST_CASE("testing::process: a message is handled at once, and what was sent is there in order") {
  process<shop> p;
  const pid buyer = p.peer();
  const pid books = p.peer("books");
  p.deliver(order{5}, buyer);
  REQUIRE(p->count == 1);
  REQUIRE(p.all_sent().size() == 2);
  REQUIRE(p.all_sent()[0].to == address{buyer});
  REQUIRE(p.all_sent()[0].from == address{p.id()});
  REQUIRE(p.all_sent()[1].type.find("audit") != std::string_view::npos);
  const auto shippings = p.sent<shipped>();
  REQUIRE(shippings.size() == 1);
  REQUIRE(shippings[0].message.number == 5);
  const auto audits = p.sent<audit>();
  REQUIRE(audits.size() == 1);
  REQUIRE(audits[0].to == address{books});
  REQUIRE(audits[0].lane == priority::system);
  REQUIRE(audits[0].message.text == "order 5");
  REQUIRE(p.logged().size() == 1);
  REQUIRE(p.logged()[0].level == log_severity::info);
  REQUIRE(p.logged()[0].text.find("shipped") != std::string::npos);
  p.clear();
  REQUIRE(p.all_sent().empty());
  p.deliver_by_pid(order{6}, p.meta_peer());
  REQUIRE(p.sent<shipped>()[0].to.is_meta);
}

TEST_CASE("testing::process: questions to it, and requests of it answered by hand") {
  process<shop> p;
  const pid prices = p.peer("prices");
  p.deliver(order{1}, p.peer());
  REQUIRE(p.ask(stock{}).value() == 1);
  // A handler that calls waits until the test answers.
  auto asked = p.ask(price{4});
  REQUIRE_FALSE(asked.is_answered());
  auto open = p.asked<price>();
  REQUIRE(open.size() == 1);
  REQUIRE(open[0].to == address{prices});
  REQUIRE(open[0].message.number == 4);
  open[0].answer.reply(99u);
  p.run();
  REQUIRE(asked.value() == 99);
  p.clear();
  // One that nobody answers times out.
  auto hopeless = p.ask(price{4});
  p.advance(49ms);
  REQUIRE_FALSE(hopeless.is_answered());
  p.advance(2ms);
  REQUIRE(hopeless.value() == 0);
}

TEST_CASE("testing::process: spawns are noted and not made; requests have their completion") {
  process<shop> p;
  const pid prices = p.peer("prices");
  p.deliver(hire{});
  REQUIRE(p.spawned().size() == 1);
  REQUIRE(p.spawned()[0].behaviour.find("helper") != std::string::npos);
  REQUIRE(p.spawned()[0].name == "first helper");
  const auto orders = p.sent<order>();
  REQUIRE(orders.size() == 1);
  REQUIRE(orders[0].to == p.spawned()[0].who);
  auto open = p.asked<price>();
  REQUIRE(open.size() == 1);
  REQUIRE(open[0].to == address{prices});
  REQUIRE(p.timer_count() == 1);
  p.advance(2s);
  REQUIRE(p->answers == std::vector<std::string>{to_string(error_code::timed_out)});
  open[0].answer.reply(1u);
  p.run();
  REQUIRE(p->answers.size() == 1);
}

TEST_CASE("testing::process: links and monitors, and the end of a peer") {
  process<shop> p;
  const pid other = p.peer();
  p.deliver(watch{other});
  REQUIRE(p.links() == std::vector<address>{other});
  REQUIRE(p.monitors().size() == 1);
  REQUIRE(p.monitors()[0].id == p->watched);
  REQUIRE(p.monitors()[0].who == address{other});
  p.end_peer(other, exit_reason::error("gone"));
  REQUIRE(p->answers.size() == 2);
  REQUIRE(p.links().empty());
  REQUIRE(p.monitors().empty());
  REQUIRE(p.is_alive());
}

TEST_CASE("testing::process: a peer that has ended takes nothing, answers nothing, has no name") {
  process<shop> p;
  const pid prices = p.peer("prices");
  const auto question = p.ask(price{3}, 1h);
  REQUIRE(p.asked<price>().size() == 1);
  p.end_peer(prices);
  REQUIRE(question.is_answered());
  REQUIRE(question.value() == 0);
  p.clear();
  p.deliver(order{1}, prices);
  REQUIRE(p.sent<shipped>().empty());
  REQUIRE(p.peer("prices") != prices);
}

TEST_CASE("testing::process: a spawned child is linked as it was asked for, and its name taken") {
  process<sluice::supervisor> p{
      process_options{}, sluice::children{sluice::child<helper>({.id = "h", .name = "helper"})}};
  REQUIRE(p.spawned().size() == 1);
  REQUIRE(p.links() == std::vector<address>{p.spawned()[0].who});
  p.end_peer(p.spawned()[0].who, exit_reason::error("crash"));
  REQUIRE(p.spawned().size() == 2);
  REQUIRE(p.spawned()[1].name == "helper");
  process<sluice::supervisor> twice{
      process_options{}, sluice::children{sluice::child<helper>({.id = "a", .name = "helper"}),
                                          sluice::child<helper>({.id = "b", .name = "helper"})}};
  REQUIRE(twice.started().error().code == error_code::name_taken);
}

TEST_CASE("testing::process: timers fire when the test lets time pass") {
  process<shop> p;
  const pid other = p.peer();
  p.deliver(wait_for_it{}, other);
  REQUIRE(p.exits().size() == 1);
  REQUIRE(p.exits()[0].who == address{other});
  REQUIRE(p.exits()[0].reason == exit_reason::error("enough"));
  REQUIRE(p.timer_count() == 2);
  REQUIRE(p.next_timer().value() <= 1001ms);
  REQUIRE(p.sent<audit>().empty());
  p.advance(1001ms);
  REQUIRE(p.sent<audit>().size() == 1);
  p.advance(1h);
  REQUIRE(p->reminders == 360);
  REQUIRE(p.elapsed() >= 1h);
}

TEST_CASE("testing::process: how it ends") {
  process<shop> p;
  p.deliver(fail{});
  REQUIRE_FALSE(p.is_alive());
  REQUIRE(p.reason() == exit_reason{exit_code::exception, "out of stock"});
  process<shop> refused{process_options{}, true};
  REQUIRE_FALSE(refused.is_alive());
  REQUIRE(refused.started().error().code == error_code::bad_argument);
  process<shop> asked;
  asked.end_peer(asked.peer());
  REQUIRE(asked.is_alive());
}
