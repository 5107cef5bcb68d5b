// Stop asked for where it cannot wait, and while something starts.
#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "actor/test_node.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"

using namespace std::chrono_literals;
using sluice::error_code;
using sluice::stop_report;

namespace {

enum class where {
  handler,
  coroutine,
  timer,
  completion,
  on_start,         // on the thread of who calls node.spawn
  nested_on_start,  // on a scheduler, within a handler's spawn
  terminate,
  inspect,
  meta_start,
  meta_handler,
  meta_terminate,
};

struct begin {};
struct tick {};
struct ask {
  using reply = int;
};

struct scene {
  sluice::node* node = nullptr;
  where place{};
  test_counter done;
  stop_report report;

  void stop() {
    report = node->stop(60s);
    done.add();
  }
  void stop_if(where here) {
    if (place == here) stop();
  }
};

struct child_of_stopper : sluice::actor<child_of_stopper> {
  explicit child_of_stopper(scene& at_) : at(at_) {}
  void on_start() { at.stop_if(where::nested_on_start); }
  scene& at;
};

struct stopper : sluice::actor<stopper, begin, tick> {
  explicit stopper(scene& at_) : at(at_) {}
  void on_start() { at.stop_if(where::on_start); }
  sluice::task<void> on(begin) {
    at.stop_if(where::handler);
    if (at.place == where::coroutine) {
      co_await sleep(1ms);
      at.stop();
    }
    if (at.place == where::timer) send_after(1ms, self(), tick{});
    if (at.place == where::completion) static_cast<void>(request(find("nobody"), ask{}));
    if (at.place == where::nested_on_start) {
      static_cast<void>(spawn<child_of_stopper>(sluice::spawn_options{}, std::ref(at)));
    }
    if (at.place == where::terminate) exit();
  }
  void on(tick) { at.stop(); }
  void on(const sluice::completion<ask>&) { at.stop(); }
  void on_inspect(sluice::inspect_items&) { at.stop_if(where::inspect); }
  void terminate(const sluice::exit_reason&) { at.stop_if(where::terminate); }
  scene& at;
};

struct idler : sluice::actor<idler> {};

struct stopping_meta : sluice::meta<stopping_meta, tick> {
  explicit stopping_meta(scene& at_) : at(at_) {}
  void start(std::stop_token stop) {
    at.stop_if(where::meta_start);
    test_counter stopped;
    const std::stop_callback on_stop{stop, [&] { stopped.add(); }};
    static_cast<void>(stopped.reaches(1));
  }
  void on(tick) {
    at.stop_if(where::meta_handler);
    if (at.place == where::meta_terminate) exit();
  }
  void terminate(const sluice::exit_reason&) { at.stop_if(where::meta_terminate); }
  scene& at;
};

void check_was_request(const stop_report& report) {
  REQUIRE(report.not_stopped.size() == 1);
  CHECK(report.not_stopped[0].find("request_stop()") != std::string::npos);
}

}  // namespace

TEST_CASE("stop: from inside a handler it is a request, says so, and ends on another thread") {
  for (const where place :
       {where::handler, where::coroutine, where::timer, where::completion, where::on_start,
        where::nested_on_start, where::terminate, where::inspect, where::meta_start,
        where::meta_handler, where::meta_terminate}) {
    INFO("place " << static_cast<int>(place));
    test_node node;
    scene at{&*node, place, {}, {}};
    if (place == where::meta_start || place == where::meta_handler ||
        place == where::meta_terminate) {
      const auto made = node->spawn_meta<stopping_meta>({.is_pinned = false}, std::ref(at));
      REQUIRE(made);
      made.value().send(tick{});
    } else {
      const auto made = node->spawn<stopper>({}, std::ref(at));
      REQUIRE(made);
      made.value().send(begin{});
      if (place == where::inspect) REQUIRE(node->inspect(made.value().id()));
    }
    const std::optional<std::string> why = node->wait_for_stop_request(60s);
    REQUIRE(why);
    CHECK(why->find("from inside a handler") != std::string::npos);
    at.done.wait_for(1);
    check_was_request(at.report);
    CHECK(node.log().find("request_stop()") != std::string::npos);
    node.finish();
  }
}

TEST_CASE("stop: from a handler while another thread stops the node neither waits") {
  struct late : sluice::actor<late, begin> {
    late(scene& at_, test_counter& entered_) : at(at_), entered(entered_) {}
    void on(begin) {
      entered.add();
      static_cast<void>(at.node->wait_for_stop_request(60s));
      at.stop();
    }
    scene& at;
    test_counter& entered;
  };
  test_node node;
  scene at{&*node, where::handler, {}, {}};
  test_counter entered;
  node->spawn<late>({}, std::ref(at), std::ref(entered)).value().send(begin{});
  entered.wait_for(1);
  node.finish();
  check_was_request(at.report);
}

TEST_CASE("stop: who is being spawned while others are asked to exit is asked too, not killed") {
  struct asked : sluice::actor<asked> {
    explicit asked(test_counter& ended_) : ended(ended_) {}
    void terminate(const sluice::exit_reason&) { ended.add(); }
    test_counter& ended;
  };
  struct slow_to_make : sluice::actor<slow_to_make> {
    slow_to_make(test_counter& begun, test_counter& asked_, sluice::exit_reason& end_) : end(end_) {
      begun.add();
      static_cast<void>(asked_.reaches(1));
    }
    void terminate(const sluice::exit_reason& why) { end = why; }
    sluice::exit_reason& end;
  };
  struct parent : sluice::actor<parent, begin> {
    parent(test_counter& begun_, test_counter& asked_, sluice::exit_reason& end_)
        : begun(begun_), others(asked_), end(end_) {}
    void on(begin) {
      static_cast<void>(spawn<slow_to_make>({}, std::ref(begun), std::ref(others), std::ref(end)));
    }
    test_counter& begun;
    test_counter& others;
    sluice::exit_reason& end;
  };
  test_node node{plain_options(2)};
  test_counter begun;
  test_counter ended;
  sluice::exit_reason end;
  node->spawn<parent>({}, std::ref(begun), std::ref(ended), std::ref(end)).value().send(begin{});
  REQUIRE(node->spawn<asked>({}, std::ref(ended)));
  begun.wait_for(1);
  node.finish();
  CHECK(end.code == sluice::exit_code::shutdown);
}

TEST_CASE("stop: a handler may stop another node, and start on one that runs is an error") {
  struct killer : sluice::actor<killer, begin> {
    killer(sluice::node& own_, sluice::node& other_, test_counter& done_)
        : own(own_), other(other_), done(done_) {}
    void on(begin) {
      if (own.start().error().code == error_code::already_started) done.add();
      if (other.stop(60s).is_clean()) done.add();
      if (other.start().error().code == error_code::already_started) done.add();
    }
    sluice::node& own;
    sluice::node& other;
    test_counter& done;
  };
  test_counter done;
  sluice::node other{"other", plain_options(1)};
  REQUIRE(other.start());
  test_node node{plain_options(), test_node::beside_another};
  node->spawn<killer>({}, std::ref(*node), std::ref(other), std::ref(done)).value().send(begin{});
  done.wait_for(3);
}

TEST_CASE("stop: while another thread starts the node, either is first and nothing is left") {
  const std::uint64_t seed = static_cast<std::uint64_t>(sluice::base::now_ns());
  INFO("seed " << seed);
  sluice::base::random_source random{seed};
  constexpr int rounds = has_sanitizer ? 50 : 300;
  for (int round = 0; round < rounds; ++round) {
    const bool starts_alone = round == 0;  // One order for sure; the rest as it comes.
    sluice::node node{"raced", plain_options(1 + round % 2)};
    test_counter ready;
    test_counter go;
    stop_report reports[2];
    std::vector<std::thread> stoppers;
    for (auto& report : reports) {
      stoppers.emplace_back([&, pause = random.next_below(300'000)] {
        ready.add();
        static_cast<void>(go.reaches(1));
        const auto until = sluice::base::now_ns() + static_cast<std::int64_t>(pause);
        while (sluice::base::now_ns() < until) {
        }
        report = node.stop(60s);
      });
    }
    ready.wait_for(2);
    if (!starts_alone) go.add();
    const auto started = node.start();
    if (starts_alone) go.add();
    CHECK((started || !starts_alone));
    if (!started) CHECK(started.error().code == error_code::already_started);
    const auto made = node.spawn<idler>({});
    for (auto& each : stoppers) each.join();
    if (!started) CHECK_FALSE(made);
    for (const auto& report : reports) CHECK(report.is_clean());
    CHECK(node.stop().is_clean());
    CHECK(node.messages().alive == 0);
    CHECK(node.messages().queued == 0);
    CHECK(node.start().error().code == error_code::already_started);
  }
}

namespace {

// What the children of an application do in their starts.
struct starting {
  sluice::node* node = nullptr;
  bool stops_itself = false;
  test_counter entered;
  sluice::base::atomic<int> started{0};
  sluice::base::atomic<int> ended{0};
  stop_report report;
};

struct slow_child : sluice::actor<slow_child> {
  slow_child(starting& of_, int number_) : of(of_), number(number_) {}
  void on_start() {
    of.started.fetch_add(1, sluice::base::relaxed);  // Relaxed: a count, read after the stop.
    if (number != 1) return;
    of.entered.add();
    if (of.stops_itself) {
      of.report = of.node->stop(60s);
    } else {
      static_cast<void>(of.node->wait_for_stop_request(60s));
    }
  }
  void terminate(const sluice::exit_reason&) {
    of.ended.fetch_add(1, sluice::base::relaxed);  // Relaxed: as above.
  }
  starting& of;
  int number;
};

sluice::application_spec slow_application(starting& of) {
  sluice::application_spec made;
  made.name = "slow";
  for (int i = 0; i < 3; ++i) {
    made.processes.push_back(sluice::child<slow_child>(std::to_string(i), std::ref(of), i));
  }
  return made;
}

}  // namespace

TEST_CASE("stop: while an application starts, it ends what has started, and nothing hangs") {
  for (int round = 0; round < 20; ++round) {
    starting of;
    test_node node;
    of.node = &*node;
    REQUIRE(node->load_application(slow_application(of)));
    std::thread starter([&] { static_cast<void>(node->start_application("slow")); });
    of.entered.wait_for(1);
    CHECK(node->stop(60s).is_clean());
    starter.join();
    node.judge();
    CHECK(of.started.load(sluice::base::relaxed) == of.ended.load(sluice::base::relaxed));
  }
}

TEST_CASE("stop: in the start of an application it is a request that ends that application") {
  starting of;
  of.stops_itself = true;
  test_node node;
  of.node = &*node;
  REQUIRE(node->load_application(slow_application(of)));
  CHECK(node->start_application("slow").error().code == error_code::stopping);
  check_was_request(of.report);
  REQUIRE(node->wait_for_stop_request(60s));
  eventually([&] { return node->messages().alive == 0; });
  CHECK(of.started.load(sluice::base::relaxed) == of.ended.load(sluice::base::relaxed));
  node.finish();
}
