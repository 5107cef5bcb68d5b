// Links and monitors at the end of one, at depth, in number and against other threads.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "actor/scripted.hpp"

using namespace std::chrono_literals;
using sluice::down;
using sluice::exit_code;
using sluice::exit_reason;
using sluice::exit_signal;
using sluice::handle;
using sluice::pid;
using sluice::ref;
using sluice::send_outcome;

namespace {

struct begin {};
struct next {};
struct follow {
  pid who;
};

// Ends when it is told, or when what it is linked to does.
struct idler : sluice::actor<idler, begin> {
  void on(begin) { exit(exit_reason::error("told")); }
};

struct follower : sluice::actor<follower, follow, begin> {
  explicit follower(test_counter& count) : ended(count) {}
  void on(follow to) { link(to.who); }
  void on(begin) { exit(exit_reason::error("told")); }
  void terminate(const exit_reason& why) {
    if (why.text == "told") ended.add();
  }
  test_counter& ended;
};

struct watcher : sluice::actor<watcher, follow> {
  explicit watcher(test_counter& count) : told(count) {}
  void on(follow to) { monitor(to.who); }
  void on(const down&) {
    told.add();
    exit();
  }
  test_counter& told;
};

// Notes how many messages others send between two turns of its own at most.
struct ticker : sluice::actor<ticker, next> {
  ticker(sluice::node& of, const test_counter& from, std::uint32_t to,
         sluice::base::atomic<std::uint64_t>& most)
      : node(of), told(from), wanted(to), most_between(most) {}
  void on_start() { send(self(), next{}); }
  void on(next) {
    const std::uint64_t sent = node.messages().sent;
    // Relaxed: this one writes it, and the test reads it after the node has stopped.
    if (before != 0 && sent - before > most_between.load(sluice::base::relaxed)) {
      most_between.store(sent - before, sluice::base::relaxed);
    }
    before = sent;
    if (told.value() < wanted) send(self(), next{});
  }
  sluice::node& node;
  const test_counter& told;
  std::uint32_t wanted;
  sluice::base::atomic<std::uint64_t>& most_between;
  std::uint64_t before = 0;
};

// Long enough that another scheduler may take over what waits here, or not.
void pause_for(std::uint32_t number) {
  const auto until = sluice::base::now_ns() + number * 7919 % 150 * 1000;
  while (sluice::base::now_ns() < until) {
  }
}

struct results {
  test_counter rounds;
  sluice::base::atomic<std::uint32_t> wrong{0};
};

// Relates to a process that ends at the same time on another thread, and must hear of it once.
struct racer : sluice::actor<racer, begin, next> {
  racer(results& to, std::uint32_t rounds) : out(to), left(rounds) {}
  void on(begin) {
    trap_exit(true);
    play();
  }
  void play() {
    auto made = spawn<idler>();
    if (!made) return;
    victim = made.value();
    send(victim, begin{});  // Stolen by the other scheduler, or not.
    exits = downs = 0;
    pause_for(left);
    link(victim);
    watched = monitor(victim);
    const ref other = monitor(victim);
    demonitor(other);
    taken_back = other;
  }
  void on(const exit_signal& told) {
    flag(told.from != victim || ++exits != 1);
    done();
  }
  void on(const down& told) {
    flag(told.id != watched || told.who != victim || ++downs != 1);
    done();
  }
  void done() {
    if (exits == 0 || downs == 0) return;
    out.rounds.add();
    if (--left != 0) play();
  }
  void on(next) {}
  void flag(bool is_wrong) {
    // Relaxed: read after the node has stopped.
    if (is_wrong) out.wrong.fetch_add(1, sluice::base::relaxed);
  }
  results& out;
  std::uint32_t left;
  pid victim;
  ref watched, taken_back;
  int exits = 0, downs = 0;
};

// Links to and unlinks from one that ends at the same time: not a word after unlink().
struct leaver : sluice::actor<leaver, begin, next> {
  leaver(results& to, std::uint32_t rounds) : out(to), left(rounds) {}
  void on(begin) {
    trap_exit(true);
    play();
  }
  void play() {
    auto made = spawn<idler>();
    if (!made) return;
    victim = made.value();
    link(victim);
    if (left % 3 == 0) {
      unlink(victim);
      link(victim);
    }
    send(victim, begin{});
    pause_for(left);
    send(self(), next{});
  }
  void on(next) {
    unlink(victim);
    is_left = true;
    out.rounds.add();
    if (--left == 0) return;
    is_left = false;
    play();
  }
  void on(const exit_signal& told) {
    // Relaxed: read after the node has stopped. An earlier victim has been left.
    if (told.from != victim || is_left) out.wrong.fetch_add(1, sluice::base::relaxed);
  }
  results& out;
  std::uint32_t left;
  pid victim;
  bool is_left = false;
};

}  // namespace

TEST_CASE("link: a chain of a million ends from one end to the other, without recursion") {
  constexpr std::uint32_t depth = has_sanitizer ? 20'000 : 1'000'000;
  test_counter ended;
  test_node node;
  const auto first = node->spawn<follower>({}, std::ref(ended));
  REQUIRE(first);
  auto last = first.value();
  for (std::uint32_t i = 1; i < depth; ++i) {
    const auto made = node->spawn<follower>({}, std::ref(ended));
    if (!made) FAIL("spawn");
    made.value().send(follow{last});
    last = made.value();
  }
  node.settle();
  first.value().send(begin{});
  ended.wait_for(depth);
}

TEST_CASE("monitor: the end of one with very many watchers leaves turns to others in between") {
  constexpr std::uint32_t watchers = has_sanitizer ? 10'000 : 100'000;
  test_counter told;
  sluice::base::atomic<std::uint64_t> most_between{0};
  test_node node{plain_options(1)};
  const auto watched = node->spawn<idler>();
  REQUIRE(watched);
  for (std::uint32_t i = 0; i < watchers; ++i) {
    const auto made = node->spawn<watcher>({}, std::ref(told));
    if (!made) FAIL("spawn");
    made.value().send(follow{watched.value()});
  }
  node.settle();
  REQUIRE(
      node->spawn<ticker>({}, std::ref(*node), std::ref(told), watchers, std::ref(most_between)));
  watched.value().send(begin{});
  told.wait_for(watchers);
  node.finish();
  // Relaxed: the node has stopped.
  REQUIRE(most_between.load(sluice::base::relaxed) < watchers / 10);
}

TEST_CASE(
    "link and monitor: with one that is ending on another thread each is told, exactly once") {
  constexpr std::uint32_t rounds = has_sanitizer ? 2'000 : 5'000;
  results out;
  test_node node;
  for (int i = 0; i < 3; ++i) {
    const auto made = node->spawn<racer>({}, std::ref(out), rounds);
    REQUIRE(made);
    made.value().send(begin{});
  }
  out.rounds.wait_for(3 * rounds);
  node.finish();
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);  // Relaxed: the node has stopped.
}

TEST_CASE("unlink: not a word comes after it from one that is ending on another thread") {
  constexpr std::uint32_t rounds = has_sanitizer ? 2'000 : 5'000;
  results out;
  test_node node;
  for (int i = 0; i < 3; ++i) {
    const auto made = node->spawn<leaver>({}, std::ref(out), rounds);
    REQUIRE(made);
    made.value().send(begin{});
  }
  out.rounds.wait_for(3 * rounds);
  node.finish();
  REQUIRE(out.wrong.load(sluice::base::relaxed) == 0);  // Relaxed: the node has stopped.
}

TEST_CASE("link and monitor: asked of one in its last handler they hear its reason") {
  trace notes;
  test_node node;
  const auto a = node->spawn<scripted>({}, std::ref(notes), "a");
  const auto b = node->spawn<scripted>({}, std::ref(notes), "b");
  REQUIRE((a && b));
  test_counter begun, asked;
  b.value().send(act{[&](scripted& self) {
    begun.add();
    if (!asked.reaches(1)) self.note("nobody asked");
    self.exit(exit_reason::error("its own"));
  }});
  begun.wait_for(1);
  a.value().send(act{[&, to = b.value()](scripted& self) {
    self.trap_exit(true);
    self.link(to);
    self.monitor(to);
    self.send(to, say{"so that both are in its mailbox"});
    asked.add();
  }});
  static_cast<void>(notes.wait_for(3));
  auto seen = notes.lines();
  std::sort(seen.begin(), seen.end());
  REQUIRE(seen == std::vector<std::string>{"a: down error: its own", "a: link error: its own",
                                           "b: ended error: its own"});
  node.finish();
}

TEST_CASE("end: exceptions and spawns in terminate leave the end as it is") {
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  const auto c = on.play("c");
  on.tell(a, [b, c](scripted& self) {
    self.trap_exit(true);
    self.link(b);
    self.link(c);
  });
  on.tell(b, [](scripted& self) {
    self.at_end = [](scripted&) { throw std::runtime_error("in terminate"); };
    self.exit(exit_reason::error("b's own"));
  });
  on.tell(c, [a](scripted& self) {
    self.at_end = [a](scripted& ending) {
      const auto made = ending.spawn<scripted>({.link = true}, std::ref(ending.out), "late");
      ending.note(made ? "spawned" : "refused");
      ending.link(a);
      ending.monitor(a);
    };
    self.exit(exit_reason::error("c's own"));
  });
  auto seen = on.lines();
  REQUIRE(seen.size() == 6);
  std::sort(seen.end() - 2, seen.end());
  REQUIRE(seen == std::vector<std::string>{"b: ended error: b's own", "a: link error: b's own",
                                           "c: ended error: c's own", "c: spawned",
                                           "a: link error: c's own", "late: ended error: c's own"});
}

TEST_CASE("node stop: who monitors or links the node is told, and its end does not end the node") {
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  const auto c = on.play("c");
  on.tell(a, [](scripted& self) { self.monitor_node(); });
  on.tell(b, [](scripted& self) { self.link_node(); });
  on.tell(c, [](scripted& self) {
    self.link_node();
    self.exit(exit_reason::error("its own"));
  });
  on.node.finish();
  auto seen = on.lines();
  std::sort(seen.begin(), seen.end());
  REQUIRE(seen == std::vector<std::string>{"a: down shutdown", "a: ended shutdown",
                                           "b: ended shutdown", "c: ended error: its own"});
}

TEST_CASE("node stop: linked, monitored and trapping processes all end") {
  stage on{plain_options(2)};
  std::vector<handle<scripted>> all;
  for (int i = 0; i < 50; ++i) all.push_back(on.play("one"));
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].send(act{[others = all, i](scripted& self) {
      if (i % 2 == 0) self.trap_exit(true);
      for (const auto& each : others) {
        if (i % 3 != 0) self.link(each);
        self.monitor(each);
      }
    }});
  }
  on.node.settle();
  on.node.finish();
  const auto seen = on.lines();
  REQUIRE(std::count_if(seen.begin(), seen.end(), [](const std::string& line) {
            return line.find("ended") != line.npos;
          }) == 50);
}
