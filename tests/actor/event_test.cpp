// Events: who hears what, in which order, and what is told of beginnings and ends.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "actor/subscriber_set.hpp"
#include "actor/test_node.hpp"
#include "base/random.hpp"

using namespace std::chrono_literals;
using sluice::error_code;
using sluice::event;
using sluice::event_ended;
using sluice::event_options;
using sluice::event_unwanted;
using sluice::event_wanted;
using sluice::exit_reason;
using sluice::published;
using sluice::send_outcome;

namespace {

struct rate {
  int value = 0;
};
struct other_type {};
struct publish_many {
  int from;
  int to;
};
struct end_event {};
struct join {};
struct leave {};

// Notes what it is told, for the test's thread to look at.
class notes {
 public:
  void add(const std::string& line) {
    {
      const std::lock_guard lock{guard_};
      lines_.push_back(line);
    }
    count_.add();
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    const std::lock_guard lock{guard_};
    return lines_;
  }
  [[nodiscard]] std::string text() const {
    std::string all;
    for (const auto& each : lines()) all += each + " ";
    return all;
  }
  void wait_for(std::uint32_t count) const { count_.wait_for(count); }

 private:
  mutable std::mutex guard_;
  std::vector<std::string> lines_;
  test_counter count_;
};

struct producer : sluice::actor<producer, publish_many, end_event> {
  producer(notes& heard_, event_options options_) : heard(heard_), options(options_) {}
  sluice::result<void> on_start() {
    auto made = register_event<rate>("rates", options);
    if (!made) return made.error();
    rates = made.value();
    return {};
  }
  void on(publish_many order) {
    for (int i = order.from; i <= order.to; ++i) static_cast<void>(publish(rates, rate{i}));
  }
  void on(end_event) {
    if (!unregister_event(rates.id()) || unregister_event(rates.id())) heard.add("wrong");
  }
  void on(event_wanted told) { heard.add(told.event == rates.id() ? "wanted" : "wrong"); }
  void on(event_unwanted told) { heard.add(told.event == rates.id() ? "unwanted" : "wrong"); }
  notes& heard;
  event_options options;
  event<rate> rates;
};

struct listener : sluice::actor<listener, join, leave> {
  explicit listener(notes& heard_) : heard(heard_) {}
  void on(join) {
    auto joined = subscribe<rate>("rates");
    if (joined) which = joined.value();
    heard.add(joined ? "joined" : sluice::to_string(joined.error().code));
  }
  void on(leave) { heard.add(unsubscribe(which) ? "left" : "was not there"); }
  void on(published<rate> now) {
    const bool is_right = now.event() == which && sender().as_pid() == which;
    heard.add(is_right ? std::to_string(now->value) : "wrong");
  }
  void on(const event_ended& over) {
    heard.add(over.event == which && over.name == "rates" ? "ended:" + over.reason.message()
                                                          : "wrong");
  }
  notes& heard;
  sluice::pid which{};
};

struct odd_listener : sluice::actor<odd_listener, join> {
  explicit odd_listener(notes& heard_) : heard(heard_) {}
  void on(join) { heard.add(sluice::to_string(subscribe<other_type>("rates").error().code)); }
  void on(published<other_type>) { heard.add("wrong"); }
  notes& heard;
};

std::string hub_item(test_node& node, sluice::pid hub, std::string_view name) {
  const auto seen = node->inspect(hub);
  if (!seen) return "gone";
  for (const auto& each : seen->items) {
    if (each.name == name) return each.value;
  }
  return "?";
}

}  // namespace

TEST_CASE("event: a new subscriber hears the last ones in order, then the new ones") {
  notes heard;
  notes told;
  test_node node;
  auto source = node->spawn<producer>({}, told, event_options{.buffer = 3}).value();
  source.send(publish_many{1, 7});
  node.settle();
  auto ear = node->spawn<listener>({}, heard).value();
  ear.send(join{});
  heard.wait_for(4);
  source.send(publish_many{8, 9});
  heard.wait_for(6);
  ear.send(join{});  // Again: nothing is heard twice.
  source.send(publish_many{10, 10});
  heard.wait_for(8);
  node.settle();
  REQUIRE(heard.text() == "joined 5 6 7 8 9 joined 10 ");
}

TEST_CASE("event: the producer hears of its first subscriber and of the last one's going") {
  notes heard;
  notes told;
  test_node node;
  auto source = node->spawn<producer>({}, told, event_options{}).value();
  auto one = node->spawn<listener>({}, heard).value();
  auto two = node->spawn<listener>({}, heard).value();
  one.send(join{});
  told.wait_for(1);
  two.send(join{});
  node.settle();
  one.send(leave{});
  heard.wait_for(3);
  node.settle();
  REQUIRE(told.text() == "wanted ");
  two.exit();  // An end is a leave.
  told.wait_for(2);
  one.send(leave{});  // A second time.
  one.send(join{});
  told.wait_for(3);
  one.send(leave{});
  told.wait_for(4);
  REQUIRE(told.text() == "wanted unwanted wanted unwanted ");
  REQUIRE(heard.lines()[3] == "was not there");
  source.exit();
}

TEST_CASE("event: subscribers hear its end, with the reason, behind all values") {
  notes heard;
  notes told;
  test_node node;
  auto source = node->spawn<producer>({}, told, event_options{}).value();
  auto ear = node->spawn<listener>({}, heard).value();
  ear.send(join{});
  told.wait_for(1);
  SECTION("the producer ends") {
    source.send(publish_many{1, 3});
    node.settle();
    source.exit(exit_reason::error("broke"));
    heard.wait_for(5);
    REQUIRE(heard.text() == "joined 1 2 3 ended:error: broke ");
  }
  SECTION("the producer unregisters it") {
    source.send(publish_many{1, 2});
    source.send(end_event{});
    heard.wait_for(4);
    REQUIRE(heard.text() == "joined 1 2 ended:normal ");
  }
  SECTION("the event itself is ended by somebody") {
    ear.send(leave{});
    ear.send(join{});
    heard.wait_for(3);
    const sluice::pid hub = [&] {
      sluice::pid found{};
      eventually([&] {
        for (std::uint32_t slot = 0; slot < 8 && !found.is_valid(); ++slot) {
          const sluice::pid each{ear.id().node, slot, 1};
          if (hub_item(node, each, "event") == "rates") found = each;
        }
        return found.is_valid();
      });
      return found;
    }();
    node->exit(hub, exit_reason::killed());
    heard.wait_for(4);
    REQUIRE(heard.lines().back() == "ended:killed");
  }
  // The name is free again: for the next producer, or for this one.
  eventually([&] { return node->spawn<producer>({}, told, event_options{}).has_value(); });
  ear.send(join{});
  node.settle();
  REQUIRE(heard.lines().back() == "joined");
}

TEST_CASE("event: names and types of events are checked, and one name is one event's") {
  notes heard;
  notes told;
  test_node node;
  auto ear = node->spawn<listener>({}, heard).value();
  ear.send(join{});
  heard.wait_for(1);
  REQUIRE(node->spawn<producer>({}, told, event_options{}));
  REQUIRE(node->spawn<producer>({}, told, event_options{}).error().code == error_code::name_taken);
  auto odd = node->spawn<odd_listener>({}, heard).value();
  odd.send(join{});
  heard.wait_for(2);
  REQUIRE(heard.text() == "unknown_address bad_argument ");
}

namespace {

struct stranger : sluice::actor<stranger, rate, other_type> {
  explicit stranger(notes& heard_) : heard(heard_) {}
  void on(rate now) { note(publish("rates", now)); }
  void on(other_type now) { note(publish("rates", now)); }
  void note(send_outcome what) {
    heard.add(what == send_outcome::accepted  ? "accepted"
              : what == send_outcome::unknown ? "unknown"
                                              : "?");
  }
  notes& heard;
};

}  // namespace

TEST_CASE("event: anybody publishes to an open one, only who holds the token to another") {
  notes heard;
  notes told;
  notes said;
  test_node node;
  const bool is_open = GENERATE(false, true);
  REQUIRE(node->spawn<producer>({}, told, event_options{.is_open = is_open}));
  auto ear = node->spawn<listener>({}, heard).value();
  ear.send(join{});
  told.wait_for(1);
  auto odd = node->spawn<stranger>({}, said).value();
  odd.send(other_type{});
  odd.send(rate{5});
  said.wait_for(2);
  node.settle();
  REQUIRE(said.text() == (is_open ? "unknown accepted " : "unknown unknown "));
  REQUIRE(heard.text() == (is_open ? "joined 5 " : "joined "));
}

namespace {

// A value that counts its objects and is never copied.
struct big_value {
  explicit big_value(test_counter& made_, test_counter& gone_) : made(&made_), gone(&gone_) {
    made->add();
  }
  big_value(big_value&& other) noexcept : made(other.made), gone(other.gone) { made->add(); }
  ~big_value() { gone->add(); }
  test_counter* made;
  test_counter* gone;
};

struct hand_out {};

struct keeper : sluice::actor<keeper, join, leave> {
  keeper(event<big_value> of_, test_counter& heard_, std::vector<const void*>& seen_, int index_)
      : of(of_), heard(heard_), seen(seen_), index(index_) {}
  void on_start() { static_cast<void>(subscribe(of)); }
  void on(published<big_value> now) {
    seen[static_cast<std::size_t>(index)] = &*now;
    kept = std::move(now);
    heard.add();
  }
  event<big_value> of;
  void on(join) {}
  void on(leave) {
    kept.reset();
    heard.add();
  }
  test_counter& heard;
  std::vector<const void*>& seen;
  int index;
  std::optional<published<big_value>> kept;
};

struct owner : sluice::actor<owner> {
  explicit owner(std::optional<event<big_value>>& out_) : out(out_) {}
  void on_start() { out = register_event<big_value>("big", {.unsent_max = 1}).value(); }
  std::optional<event<big_value>>& out;
};

}  // namespace

TEST_CASE("event: all subscribers see one value, which goes when the last lets go of it") {
  constexpr int count = 700;  // Several slices.
  test_counter made;
  test_counter gone;
  test_counter heard;
  std::vector<const void*> seen(count);
  std::optional<event<big_value>> token;
  test_node node;
  auto home = node->spawn<owner>({}, token).value();
  std::vector<sluice::handle<keeper>> all;
  for (int i = 0; i < count; ++i) {
    all.push_back(node->spawn<keeper>({}, *token, heard, seen, i).value());
  }
  node.settle();
  REQUIRE(token->publish(big_value{made, gone}) == send_outcome::accepted);
  heard.wait_for(count);
  for (const void* each : seen) REQUIRE(each == seen[0]);
  REQUIRE(made.value() - gone.value() == 1);
  for (std::size_t i = 0; i + 1 < all.size(); ++i) all[i].send(leave{});
  heard.wait_for(2 * count - 1);
  REQUIRE(made.value() - gone.value() == 1);
  all.back().send(leave{});
  heard.wait_for(2 * count);
  eventually([&] { return made.value() == gone.value(); });
  REQUIRE(home.exit() == send_outcome::accepted);
  eventually([&] { return token->publish(big_value{made, gone}) == send_outcome::unknown; });
  node.finish();
  REQUIRE(token->publish(big_value{made, gone}) == send_outcome::stopping);
  REQUIRE(made.value() == gone.value());
}

namespace {

// Comes and goes at random and checks that what it hears has no gap and no repetition.
struct wanderer : sluice::actor<wanderer, join, leave> {
  wanderer(test_counter& wrong_, test_counter& heard_) : wrong(wrong_), heard(heard_) {}
  void on(join) { which = subscribe<rate>("rates").value(); }
  // A value of the time before may come late, also after it has joined again: then there is a gap.
  void on(leave) {
    static_cast<void>(unsubscribe(which));
    may_miss = true;
  }
  void on(published<rate> now) {
    if (last == 0 || may_miss ? now->value <= last : now->value != last + 1) wrong.add();
    last = now->value;
    heard.add();
  }
  sluice::pid which{};
  bool may_miss = false;
  int last = 0;
  test_counter& wrong;
  test_counter& heard;
};

}  // namespace

TEST_CASE("event: each subscriber hears every value once and in order, while others come and go") {
  const std::uint64_t seed = 77;
  INFO("seed " << seed);
  sluice::base::random_source random{seed};
  constexpr std::uint32_t stay = 500;
  constexpr std::uint32_t wander = 100;
  const int values = has_sanitizer ? 40 : 200;
  notes told;
  test_counter wrong;
  test_counter heard;
  test_counter heard_by_wanderers;
  test_node node;
  auto source = node->spawn<producer>({}, told, event_options{.unsent_max = 100'000}).value();
  std::vector<sluice::handle<wanderer>> fixed;
  std::vector<sluice::handle<wanderer>> loose;
  for (std::uint32_t i = 0; i < stay; ++i) {
    fixed.push_back(node->spawn<wanderer>({}, wrong, heard).value());
    fixed.back().send(join{});
  }
  for (std::uint32_t i = 0; i < wander; ++i) {
    loose.push_back(node->spawn<wanderer>({}, wrong, heard_by_wanderers).value());
  }
  node.settle();
  for (int value = 1; value <= values; ++value) {
    source.send(publish_many{value, value});
    for (int i = 0; i < 5; ++i) {
      auto& who = loose[random.next_below(wander)];
      switch (random.next_below(8)) {
        case 0:
          who.exit();
          who = node->spawn<wanderer>({}, wrong, heard_by_wanderers).value();
          break;
        case 1:
        case 2: who.send(leave{}); break;
        default: who.send(join{}); break;
      }
    }
  }
  heard.wait_for(stay * static_cast<std::uint32_t>(values));
  node.settle();
  REQUIRE(heard.value() == stay * static_cast<std::uint32_t>(values));
  REQUIRE(wrong.value() == 0);
}

TEST_CASE("event: a subscriber that ends is forgotten, also when nothing is published") {
  notes heard;
  notes told;
  std::optional<event<big_value>> token;
  test_counter count;
  std::vector<const void*> seen(20);
  test_node node;
  static_cast<void>(node->spawn<owner>({}, token).value());
  std::vector<sluice::handle<keeper>> all;
  for (int i = 0; i < 20; ++i) {
    all.push_back(node->spawn<keeper>({}, *token, count, seen, i).value());
  }
  eventually([&] { return hub_item(node, token->id(), "subscribers") == "20"; });
  for (auto& each : all) each.exit();
  eventually([&] { return hub_item(node, token->id(), "subscribers") == "0"; });
}

namespace {

struct blocked : sluice::actor<blocked, join> {
  blocked(test_counter& entered_, test_counter& gate_) : entered(entered_), gate(gate_) {}
  void on_start() { static_cast<void>(subscribe<rate>("rates")); }
  void on(join) {
    entered.add();
    static_cast<void>(gate.reaches(1));
  }
  void on(published<rate>) { ++heard; }
  void on_inspect(sluice::inspect_items& items) { items.add("heard", heard); }
  test_counter& entered;
  test_counter& gate;
  int heard = 0;
};

}  // namespace

TEST_CASE("event: a subscriber that is held up or full holds up nobody else") {
  notes heard;
  notes told;
  test_counter entered;
  test_counter gate;
  test_node node;
  auto source = node->spawn<producer>({}, told, event_options{}).value();
  auto slow = node->spawn<blocked>({.mailbox_max = 10}, entered, gate).value();
  slow.send(join{});
  entered.wait_for(1);
  auto ear = node->spawn<listener>({}, heard).value();
  ear.send(join{});
  heard.wait_for(1);
  source.send(publish_many{1, 100});
  heard.wait_for(101);
  gate.add();
  node.settle();
  REQUIRE(hub_item(node, slow.id(), "heard") == "9");  // The message that it handles counts too.
  REQUIRE(heard.lines().back() == "100");
}

TEST_CASE("event: a publisher that is too far ahead is told so") {
  std::optional<event<big_value>> token;
  test_counter made;
  test_counter gone;
  test_counter entered;
  test_counter gate;
  test_node node{plain_options(1)};  // The event cannot run while a handler blocks.
  static_cast<void>(node->spawn<owner>({}, token).value());
  notes told;
  REQUIRE(node->spawn<producer>({}, told, event_options{}));
  auto slow = node->spawn<blocked>({}, entered, gate).value();
  slow.send(join{});
  entered.wait_for(1);
  REQUIRE(token->publish(big_value{made, gone}) == send_outcome::accepted);
  REQUIRE(token->publish(big_value{made, gone}) == send_outcome::full);
  gate.add();
  eventually([&] { return token->publish(big_value{made, gone}) == send_outcome::accepted; });
  node.settle();
  REQUIRE(made.value() == gone.value());
}

namespace {

struct ticker : sluice::actor<ticker, join> {
  ticker(test_counter& heard_, std::uint32_t until_, std::uint32_t& turns_)
      : heard(heard_), until(until_), turns(turns_) {}
  void on(join) {
    if (heard.value() >= until) return;
    if (heard.value() != 0) ++turns;
    send_after(1us, self(), join{});
  }
  test_counter& heard;
  std::uint32_t until;
  std::uint32_t& turns;
};

}  // namespace

TEST_CASE("event: bringing a value to many leaves the scheduler to others in between") {
  constexpr std::uint32_t count = 20'000;
  notes told;
  test_counter wrong;
  test_counter heard;
  std::uint32_t turns = 0;
  test_node node{plain_options(1)};
  auto source = node->spawn<producer>({}, told, event_options{}).value();
  for (std::uint32_t i = 0; i < count; ++i) {
    static_cast<void>(node->spawn<wanderer>({}, wrong, heard).value().send(join{}));
  }
  node.settle();
  auto other = node->spawn<ticker>({}, heard, count, turns).value();
  other.send(join{});
  source.send(publish_many{1, 1});
  heard.wait_for(count);
  node.settle();
  node.finish();
  REQUIRE(turns >= 5);
}

namespace {

struct sensor : sluice::meta<sensor> {
  explicit sensor(event<rate> rates_) : rates(rates_) {}
  void start(std::stop_token) {
    for (int i = 1; i <= 3; ++i) static_cast<void>(publish(rates, rate{i}));
  }
  event<rate> rates;
};
struct hand_over : sluice::actor<hand_over, join> {
  explicit hand_over(notes& heard_) : heard(heard_) {}
  void on_start() { rates = register_event<rate>("rates").value(); }
  void on(event_wanted) { static_cast<void>(spawn_meta<sensor>({.is_pinned = false}, rates)); }
  void on(join) {}
  notes& heard;
  event<rate> rates;
};

}  // namespace

TEST_CASE("event: a meta publishes with the token that it was given") {
  notes heard;
  test_node node;
  REQUIRE(node->spawn<hand_over>({}, heard));
  auto ear = node->spawn<listener>({}, heard).value();
  ear.send(join{});
  heard.wait_for(4);
  REQUIRE(heard.text() == "joined 1 2 3 ");
}

TEST_CASE("subscriber set: after random changes it holds what a plain map holds") {
  const std::uint64_t seed = 5;
  INFO("seed " << seed);
  sluice::base::random_source random{seed};
  sluice::core::subscriber_set set;
  std::map<std::pair<std::uint32_t, std::uint32_t>, bool> model;
  for (int step = 0; step < 30'000; ++step) {
    const std::uint32_t slot = random.next_below(300);
    const std::uint32_t generation = 1 + random.next_below(2);
    const std::uint32_t position = set.find(slot, generation);
    const bool is_known = model.count({slot, generation}) != 0;
    REQUIRE((position != sluice::core::subscriber_set::nowhere) == is_known);
    if (!is_known) {
      REQUIRE(set.add({slot, generation, nullptr}));
      model[{slot, generation}] = true;
    } else if (random.next_below(2) == 0) {
      set.remove_at(position);
      model.erase({slot, generation});
    } else {
      REQUIRE_FALSE(set.add({slot, generation, nullptr}));
    }
    REQUIRE(set.size() == model.size());
  }
}
