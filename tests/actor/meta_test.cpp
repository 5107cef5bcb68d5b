// Meta processes: the rules of their life, one test each. The numbers are those of the design page.
#include <catch2/catch_test_macros.hpp>

#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include "actor/test_node.hpp"

using namespace std::chrono_literals;
using sluice::alias;
using sluice::error_code;
using sluice::exit_code;
using sluice::exit_reason;
using sluice::meta_handle;
using sluice::priority;
using sluice::result;
using sluice::send_outcome;

namespace {

struct ping {
  std::uint32_t value = 0;
};
struct pong {
  std::uint32_t value = 0;
};
struct end_now {};
struct throw_now {};

enum class way { waits, returns, throws, fails, init_fails, init_throws, init_exits, deaf };

// What the metas of one test report.
struct record {
  test_counter begun;
  test_counter left;
  test_counter terminated;
  test_counter handled;
  test_counter answered;
  test_counter built;
  test_counter destroyed;
  test_counter release;  ///< what a deaf start waits for
  sluice::base::atomic<std::uint32_t> wrong{0};
  std::mutex guard;
  std::vector<exit_reason> reasons;

  void flag(bool is_wrong) {
    if (is_wrong) wrong.fetch_add(1, sluice::base::relaxed);  // Relaxed: read at the end.
  }
  exit_reason reason(std::size_t index) {
    const std::lock_guard lock{guard};
    return reasons.at(index);
  }
};

// Sleeps until the token is cancelled; false when that does not come.
bool wait_for_stop(const std::stop_token& stop) {
  test_counter stopped;
  const std::stop_callback on_stop{stop, [&] { stopped.add(); }};
  return stopped.reaches(1);
}

struct device : sluice::meta<device, ping, end_now, throw_now> {
  device(way how_, record& to) : how(how_), out(to) { out.built.add(); }
  ~device() { out.destroyed.add(); }

  result<void> init() {
    out.flag(!self().is_valid() || !parent().is_valid());
    if (how == way::init_fails) return sluice::error{error_code::permission_denied, 1, "init"};
    if (how == way::init_throws) throw std::runtime_error("init");
    if (how == way::init_exits) exit(exit_reason::error("from init"));
    return {};
  }
  result<void> start(std::stop_token stop) {
    in_start.fetch_add(1, sluice::base::acq_rel);
    out.begun.add();
    if (how == way::waits || how == way::init_exits) out.flag(!wait_for_stop(stop));
    if (how == way::deaf) static_cast<void>(out.release.reaches(1));
    in_start.fetch_sub(1, sluice::base::acq_rel);
    out.left.add();
    if (how == way::throws) throw std::runtime_error("start");
    if (how == way::fails) return sluice::error{error_code::timed_out, 0, "start"};
    return {};
  }
  void on(const ping& one) {
    in_handler = true;
    if (sender().is_valid()) send(sender(), pong{one.value});
    out.handled.add();
    in_handler = false;
  }
  void on(end_now) { exit(exit_reason::error("own wish")); }
  void on(throw_now) { throw std::runtime_error("handler"); }
  void terminate(const exit_reason& why) {
    // Rule 2: no flow is left, and this is the only time.
    out.flag(in_start.load(sluice::base::acquire) != 0 || in_handler || was_terminated);
    was_terminated = true;
    {
      const std::lock_guard lock{out.guard};
      out.reasons.push_back(why);
    }
    out.terminated.add();
  }

  way how;
  record& out;
  sluice::base::atomic<int> in_start{0};
  bool in_handler = false;
  bool was_terminated = false;
};

// A process that owns metas.
struct spawn_one {
  way how = way::waits;
};
struct owner : sluice::actor<owner, spawn_one, pong, end_now> {
  explicit owner(record& to) : out(to) {}
  void on(spawn_one order) {
    auto made = spawn_meta<device>({.is_pinned = false}, order.how, out);
    out.flag(!made);
    if (!made) return;
    metas.insert(made.value().id());
    out.flag(send(made.value(), ping{7}) != send_outcome::accepted);
  }
  void on(pong one) {
    out.flag(one.value != 7 || !metas.contains(sender().as_alias()));
    out.answered.add();
  }
  void on(end_now) { exit(); }
  record& out;
  std::set<alias> metas;
};

meta_handle<device> spawn_device(test_node& node, way how, record& out) {
  auto made = node->spawn_meta<device>({.is_pinned = false}, how, out);
  REQUIRE(made);
  return made.value();
}

}  // namespace

TEST_CASE("meta rule 1: a failing init registers nothing, leaks nothing and tells the spawner") {
  record out;
  {
    test_node node;
    const auto refused = node->spawn_meta<device>({.is_pinned = false}, way::init_fails, out);
    REQUIRE(refused.error().code == error_code::permission_denied);
    REQUIRE(refused.error().os_error == 1);
    const auto threw = node->spawn_meta<device>({.is_pinned = false}, way::init_throws, out);
    REQUIRE(threw.error().code == error_code::init_failed);
    REQUIRE(node->messages().alive == 0);
  }
  REQUIRE(out.begun.value() == 0);
  REQUIRE(out.terminated.value() == 0);
  REQUIRE(out.destroyed.value() == 2);
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}

TEST_CASE("meta: an exit asked for within init ends it in order") {
  record out;
  test_node node;
  spawn_device(node, way::init_exits, out);
  out.terminated.wait_for(1);
  REQUIRE(out.reason(0) == exit_reason::error("from init"));
  REQUIRE(out.left.value() == 1);
}

TEST_CASE("meta rule 2: terminate runs once, after both flows, with the reason of the first end") {
  struct expectation {
    way how;
    bool by_message;
    exit_reason reason;
  };
  const expectation table[] = {
      {way::returns, false, exit_reason::normal()},
      {way::throws, false, {exit_code::exception, "start"}},
      {way::waits, true, exit_reason::error("own wish")},
  };
  for (const auto& each : table) {
    record out;
    {
      test_node node;
      auto meta = spawn_device(node, each.how, out);
      if (each.by_message) meta.send(end_now{});
      out.terminated.wait_for(1);
      eventually([&] { return node->messages().alive == 0; });
      REQUIRE(meta.send(ping{}) == send_outcome::unknown);
    }
    REQUIRE(out.reason(0) == each.reason);
    REQUIRE(out.terminated.value() == 1);
    REQUIRE(out.left.value() == 1);
    REQUIRE(out.destroyed.value() == 1);
    REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
  }
  record out;
  test_node node;
  spawn_device(node, way::fails, out);
  out.terminated.wait_for(1);
  REQUIRE(out.reason(0).code == exit_code::error);
  auto thrower = spawn_device(node, way::waits, out);
  thrower.send(throw_now{});
  out.terminated.wait_for(2);
  REQUIRE(out.reason(1) == exit_reason{exit_code::exception, "handler"});
}

TEST_CASE("meta rule 2: the end of start, an exit and a message racing end it once") {
  record out;
  constexpr std::uint32_t rounds = 200;
  {
    test_node node;
    for (std::uint32_t round = 0; round < rounds; ++round) {
      auto meta = spawn_device(node, round % 2 == 0 ? way::returns : way::waits, out);
      meta.send(ping{});
      meta.exit();
      meta.send(end_now{});
    }
    out.terminated.wait_for(rounds);
  }
  REQUIRE(out.terminated.value() == rounds);
  REQUIRE(out.destroyed.value() == rounds);
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}

TEST_CASE("meta rule 3: a stop cancels the token of start") {
  record out;
  test_node node;
  auto meta = spawn_device(node, way::waits, out);
  out.begun.wait_for(1);
  REQUIRE(meta.exit(exit_reason::error("asked")) == send_outcome::accepted);
  out.terminated.wait_for(1);
  REQUIRE(out.reason(0) == exit_reason::error("asked"));
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}

TEST_CASE(
    "meta rule 3: a start that will not return is named, left alone, and terminated on return") {
  const std::int64_t blocks_before = sluice::mem::pool().statistics().outstanding_blocks();
  auto out = std::make_unique<record>();
  {
    auto options = plain_options();
    std::string logged;
    std::mutex guard;
    options.log = [&](sluice::log_severity, std::string_view text) {
      const std::lock_guard lock{guard};
      logged += text;
    };
    sluice::node node{"deaf", options};
    REQUIRE(node.start());
    auto made =
        node.spawn_meta<device>({.thread_name = "deaf-one", .is_pinned = false}, way::deaf, *out);
    REQUIRE(made);
    auto well = node.spawn_meta<device>({.is_pinned = false}, way::waits, *out);
    REQUIRE(well);
    out->begun.wait_for(2);
    const auto report = node.stop(200ms);
    REQUIRE(report.not_stopped == std::vector<std::string>{"deaf-one"});
    REQUIRE(out->terminated.value() == 1);
    REQUIRE(out->destroyed.value() == 1);
    {
      const std::lock_guard lock{guard};
      REQUIRE(logged.find("deaf-one") != std::string::npos);
    }
    REQUIRE(made.value().send(ping{}) == send_outcome::stopping);
  }
  // The node is gone; the object lives on, and ends when start returns.
  REQUIRE(out->destroyed.value() == 1);
  out->release.add();
  out->destroyed.wait_for(2);
  REQUIRE(out->terminated.value() == 2);
  eventually([&] {  // Its thread gives back the rest.
    return sluice::mem::pool().statistics().outstanding_blocks() == blocks_before;
  });
  REQUIRE(out->wrong.load(sluice::base::relaxed) == 0);
}

TEST_CASE("meta rule 4: the end of a process ends all its metas") {
  record out;
  test_node node;
  auto parent = node->spawn<owner>({}, out);
  for (int i = 0; i < 5; ++i) parent.value().send(spawn_one{});
  out.begun.wait_for(5);
  parent.value().exit();
  out.terminated.wait_for(5);
  for (std::size_t i = 0; i < 5; ++i) REQUIRE(out.reason(i).code == exit_code::parent_exit);
  eventually([&] { return node->messages().alive == 0; });
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}

namespace {

// A meta whose start spawns metas below the same process until that fails.
struct breeder : sluice::meta<breeder> {
  breeder(record& to, test_counter& running_) : out(to), running(running_) {}
  void start(std::stop_token) {
    running.add();
    while (spawn_meta<device>({.is_pinned = false}, way::waits, out)) {
    }
  }
  record& out;
  test_counter& running;
};
struct breeder_owner : sluice::actor<breeder_owner, spawn_one> {
  breeder_owner(record& to, test_counter& running_) : out(to), running(running_) {}
  void on(spawn_one) {
    out.flag(!spawn_meta<breeder>({.is_pinned = false}, out, running));
    out.flag(!spawn_meta<breeder>({.is_pinned = false}, out, running));
  }
  record& out;
  test_counter& running;
};

}  // namespace

TEST_CASE("meta rule 4: no meta is born after its process's sweep") {
  record out;
  {
    test_node node;
    for (int round = 0; round < 8; ++round) {
      test_counter running;
      auto parent = node->spawn<breeder_owner>({}, out, running);
      parent.value().send(spawn_one{});
      running.wait_for(2);
      out.begun.wait_for(out.begun.value() + 1);  // In full swing.
      parent.value().exit();
      eventually([&] { return node->messages().alive == 0; });
      REQUIRE(out.built.value() == out.destroyed.value());
      REQUIRE(out.begun.value() == out.terminated.value());
    }
  }
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}

TEST_CASE("metas: an owner of many that end keeps no dead ones, and none is counted alive") {
  record out;
  test_node node;
  auto parent = node->spawn<owner>({}, out);
  constexpr std::uint32_t count = 400;
  for (std::uint32_t i = 0; i < count; ++i) parent.value().send(spawn_one{way::returns});
  out.terminated.wait_for(count);
  eventually([&] { return node->messages().alive == 1; });
}

namespace {

struct twin_order {
  bool is_tied = false;
};
// A meta that spawns another one, tied to itself or to the process.
struct twin_maker : sluice::meta<twin_maker, twin_order, end_now> {
  twin_maker(record& to, meta_handle<device>& into_) : out(to), into(into_) {}
  void start(std::stop_token stop) { out.flag(!wait_for_stop(stop)); }
  void on(twin_order order) {
    auto made =
        spawn_meta<device>({.tie_to_spawner = order.is_tied, .is_pinned = false}, way::waits, out);
    if (made) into = made.value();
  }
  void on(end_now) { exit(); }
  void terminate(const exit_reason&) { out.handled.add(); }
  record& out;
  meta_handle<device>& into;
};
struct twin_owner : sluice::actor<twin_owner, twin_order> {
  twin_owner(record& to, meta_handle<twin_maker>& maker_, meta_handle<device>& into_)
      : out(to), maker(maker_), into(into_) {}
  void on(twin_order order) {
    auto made = spawn_meta<twin_maker>({.is_pinned = false}, out, into);
    if (!made) return;
    maker = made.value();
    send(made.value(), order);
  }
  record& out;
  meta_handle<twin_maker>& maker;
  meta_handle<device>& into;
};

}  // namespace

TEST_CASE(
    "meta rule 5: a meta's meta ends with its spawner or with the process, as its option says") {
  for (const bool is_tied : {true, false}) {
    record out;
    test_node node;
    meta_handle<twin_maker> maker;
    meta_handle<device> twin;
    auto parent = node->spawn<twin_owner>({}, out, maker, twin);
    parent.value().send(twin_order{is_tied});
    out.begun.wait_for(1);
    maker.send(end_now{});
    out.handled.wait_for(1);
    if (is_tied) {
      out.terminated.wait_for(1);
      REQUIRE(out.reason(0).code == exit_code::parent_exit);
    } else {
      REQUIRE(twin.send(ping{}) == send_outcome::accepted);
      out.handled.wait_for(2);  // It lives: it handled a ping after its maker's end.
      parent.value().exit();
      out.terminated.wait_for(1);
    }
    eventually([&] { return node->messages().alive == (is_tied ? 1 : 0); });
  }
}

namespace {

// A handler that waits, so that mail piles up behind it.
struct slow : sluice::meta<slow, ping> {
  slow(record& to, std::uint32_t& seen_) : out(to), seen(seen_) {}
  void start(std::stop_token stop) { out.flag(!wait_for_stop(stop)); }
  void on(ping) {
    if (seen++ != 0) return;
    out.begun.add();
    static_cast<void>(out.release.reaches(1));
  }
  void terminate(const exit_reason&) { out.terminated.add(); }
  record& out;
  std::uint32_t& seen;
};

}  // namespace

TEST_CASE("meta rule 6 and 7: an exit passes a full mailbox, what it passed is accounted") {
  record out;
  std::uint32_t seen = 0;
  test_node node;
  auto made = node->spawn_meta<slow>({.mailbox_max = 50, .is_pinned = false}, out, seen);
  REQUIRE(made);
  made.value().send(ping{});
  out.begun.wait_for(1);
  std::uint32_t accepted = 1;
  while (made.value().send(ping{}) == send_outcome::accepted) ++accepted;
  REQUIRE(made.value().exit() == send_outcome::accepted);
  out.release.add();
  out.terminated.wait_for(1);
  const alias stale = made.value().id();
  eventually([&] { return node->messages().alive == 0; });
  for (int i = 0; i < 500; ++i) {  // A stale alias is an error for ever.
    spawn_device(node, way::returns, out);
    REQUIRE(node->send(stale, ping{}) == send_outcome::unknown);
  }
  const auto sums = node.finish();
  REQUIRE(seen == 1);  // Not behind data.
  REQUIRE(sums.receiver_ended >= accepted - 1);
  REQUIRE(sums.full >= 1);
}

TEST_CASE("meta rule 9: alias numbers do not repeat") {
  record out;
  test_node node;
  std::set<alias> seen;
  std::uint32_t ended = 0;
  for (int i = 0; i < 300; ++i) {
    auto meta = spawn_device(node, way::returns, out);
    REQUIRE(seen.insert(meta.id()).second);
    if (i % 3 == 0) out.terminated.wait_for(ended = static_cast<std::uint32_t>(i) + 1);
  }
}

TEST_CASE("meta: it answers its sender with its own alias, and its process hears it") {
  record out;
  test_node node;
  auto parent = node->spawn<owner>({}, out);
  parent.value().send(spawn_one{});
  out.answered.wait_for(1);
  node.finish();
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);
}

namespace {

// Uses everything a meta may, in every place where it may.
struct talker : sluice::meta<talker, ping> {
  talker(sluice::pid to_, test_counter& done_) : to(to_), done(done_) {}
  void init() { send(to, pong{1}); }
  void start(std::stop_token stop) {
    send(to, pong{2});
    send_after(1ms, to, pong{3});
    send("listener", pong{4});
    static_cast<void>(wait_for_stop(stop));
    send(to, pong{5});
  }
  void on(ping) { send(to, pong{6}); }
  void terminate(const exit_reason&) {
    send(to, pong{7});
    done.add();
  }
  sluice::pid to;
  test_counter& done;
};
struct listener : sluice::actor<listener, pong> {
  explicit listener(test_counter* counts_) : counts(counts_) {}
  void on(pong one) { counts[one.value].add(); }
  test_counter* counts;
};

}  // namespace

TEST_CASE(
    "meta: init, start, handlers and terminate may all send, from whatever thread they run on") {
  test_counter counts[8];
  test_counter done;
  test_node node;
  auto to = node->spawn<listener>({.name = "listener"}, counts);
  REQUIRE(to);
  auto made = node->spawn_meta<talker>({.is_pinned = false}, to.value().id(), done);
  REQUIRE(made);
  made.value().send(ping{});
  counts[3].wait_for(1);
  counts[6].wait_for(1);
  made.value().exit();
  done.wait_for(1);
  for (int i = 1; i < 8; ++i) counts[i].wait_for(1);
}
