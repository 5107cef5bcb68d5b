// Links, monitors and exit signals: Erlang's rules.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <stdexcept>

#include <sluice/blocking.hpp>

#include "actor/scripted.hpp"

using namespace std::chrono_literals;
using sluice::down;
using sluice::error_code;
using sluice::exit_code;
using sluice::exit_reason;
using sluice::exit_signal;
using sluice::handle;
using sluice::pid;
using sluice::queued_down;
using sluice::ref;
using sluice::send_outcome;
using sluice::spawn_options;
using lines = std::vector<std::string>;

namespace {

const exit_reason broken = exit_reason::error("broken");

// A child of who calls, linked or monitored as the options say.
pid spawn_child(scripted& from, const spawn_options& options, const std::string& name = "child") {
  auto made = from.spawn<scripted>(options, std::ref(from.out), name);
  return made ? made.value().id() : pid{};
}

}  // namespace

TEST_CASE("monitor: the end is told once, with its reason, and who it was") {
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  on.tell(a, [b](scripted& self) { self.monitored = self.monitor(b); });
  on.tell(b, [](scripted& self) { self.exit(broken); });
  on.tell(a, [b](scripted& self) {
    self.note(self.last_down.id == self.monitored ? "same ref" : "other ref");
    self.note(self.last_down.who == b.id() ? "same pid" : "other pid");
  });
  REQUIRE(on.lines() ==
          lines{"b: ended error: broken", "a: down error: broken", "a: same ref", "a: same pid"});
}

TEST_CASE("monitor: of one who is not there, or never was, tells no_process") {
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  on.tell(b, [](scripted& self) { self.exit(); });
  on.tell(a, [b](scripted& self) { self.monitor(b); });
  on.tell(a, [](scripted& self) { self.monitor(pid{}); });
  on.tell(a, [](scripted& self) { self.monitor(std::string_view{"nobody"}); });
  on.tell(a, [](scripted& self) { self.monitor(pid{99, 1, 1}); });
  REQUIRE(on.lines() == lines{"b: ended normal", "a: down no_process", "a: down no_process",
                              "a: down no_process", "a: down no_process"});
}

TEST_CASE("monitor: each monitor of one process tells for itself, and of itself none does") {
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  on.tell(a, [a, b](scripted& self) {
    self.monitor(b);
    self.monitor(b);
    self.monitor(a);
  });
  on.tell(b, [](scripted& self) { self.exit(); });
  on.tell(a, [](scripted& self) { self.exit(); });
  REQUIRE(on.lines() ==
          lines{"b: ended normal", "a: down normal", "a: down normal", "a: ended normal"});
}

TEST_CASE("monitor: down comes behind what was sent before the end, also across a full mailbox") {
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  on.tell(a, [b](scripted& self) { self.monitor(b); });
  // While a is busy b says two things and ends: a has all of it at once.
  on.tell(a, [a, b](scripted& self) {
    self.send(self.self(), say{"own"});
    self.send(b, act{[a](scripted& other) {
                other.send(a, say{"first"});
                other.send(a, say{"second"});
                other.exit();
              }});
    self.send(b, say{"lost"});
  });
  REQUIRE(on.lines() == lines{"a: heard own", "b: ended normal", "a: heard first",
                              "a: heard second", "a: down normal"});
}

TEST_CASE("demonitor: no down comes; one in the mailbox is removed, or kept if that is wanted") {
  const auto what = GENERATE(queued_down::keep, queued_down::remove);
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  const auto c = on.play("c");
  on.tell(a, [b, c](scripted& self) {
    self.monitored = self.monitor(b);
    const ref other = self.monitor(c);
    self.note(self.demonitor(other) ? "taken back" : "gone");
    self.note(self.demonitor(other) ? "taken back" : "gone");
  });
  on.tell(c, [](scripted& self) { self.exit(); });
  // The down of b waits in a's main lane, behind these two, when the first of them runs.
  on.tell(b, [a, what](scripted& self) {
    self.send(a, say{"busy"});
    self.send(a, act{[what](scripted& watcher) {
                watcher.note(watcher.demonitor(watcher.monitored, what) ? "removed" : "kept");
              }});
    self.exit();
  });
  lines expected{"a: taken back", "a: gone", "c: ended normal", "b: ended normal", "a: heard busy"};
  if (what == queued_down::keep) {
    expected.insert(expected.end(), {"a: kept", "a: down normal"});
  } else {
    expected.push_back("a: removed");
  }
  REQUIRE(on.lines() == expected);
}

TEST_CASE("monitor: a watcher that ends is forgotten by the watched") {
  stage on;
  const auto b = on.play("b");
  for (int i = 0; i < 100; ++i) {
    const auto a = on.play("a");
    on.tell(a, [b](scripted& self) {
      self.monitor(b);
      self.link(b);
      self.trap_exit(true);
      self.exit();
    });
  }
  on.tell(b, [](scripted& self) { self.exit(); });
  REQUIRE(on.lines().size() == 101);
}

TEST_CASE("monitor and link: a meta's end is told, and it is not ended by a link") {
  struct lone : sluice::meta<lone> {
    void start(std::stop_token stop) { sluice::blocking::waiter{std::move(stop)}.wait_for_stop(); }
    void on(const say&) { exit(broken); }
  };
  stage on;
  const auto made = on.node->spawn_meta<lone>();
  REQUIRE(made);
  const auto meta = made.value();
  const auto a = on.play("a");
  const auto b = on.play("b");
  on.tell(a, [meta](scripted& self) {
    self.trap_exit(true);
    self.monitor(meta);
    self.link(meta);
  });
  on.tell(b, [meta](scripted& self) { self.link(meta); });
  on.tell(b, [](scripted& self) { self.exit(broken); });
  REQUIRE(meta.send(say{"end"}) == send_outcome::accepted);
  const lines seen = on.notes.wait_for(3);
  REQUIRE(seen[0] == "b: ended error: broken");
  REQUIRE(std::count(seen.begin(), seen.end(), "a: down error: broken") == 1);
  REQUIRE(std::count(seen.begin(), seen.end(), "a: link error: broken") == 1);
}

TEST_CASE("link: the end of one ends the other, unless the reason is normal") {
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  const auto c = on.play("c");
  on.tell(a, [b, c](scripted& self) {
    self.link(b);
    self.link(c);
    self.link(self.self());
  });
  on.tell(c, [](scripted& self) { self.exit(); });
  on.tell(b, [](scripted& self) { self.exit(broken); });
  REQUIRE(on.lines() ==
          lines{"c: ended normal", "b: ended error: broken", "a: ended error: broken"});
}

TEST_CASE("link: an exception and a kill are told as such; links hear `killed` and may trap it") {
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  const auto c = on.play("c");
  on.tell(a, [b, c](scripted& self) {
    self.trap_exit(true);
    self.link(b);
    self.link(c);
  });
  on.tell(c, [](scripted& self) { self.trap_exit(true); });
  on.tell(b, [](scripted&) { throw std::runtime_error("oh"); });
  on.tell(a, [c](scripted& self) { self.exit(c, exit_reason::killed()); });
  REQUIRE(on.lines() == lines{"b: ended exception: oh", "a: link exception: oh", "c: ended killed",
                              "a: link killed"});
}

TEST_CASE("link: with one who is not there the linker hears no_process") {
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  const auto c = on.play("c");
  on.tell(b, [](scripted& self) { self.exit(); });
  on.tell(a, [b](scripted& self) {
    self.trap_exit(true);
    self.link(b);
    self.link(b);
  });
  on.tell(a, [](scripted& self) { self.link(std::string_view{"nobody"}); });
  on.tell(c, [b](scripted& self) { self.link(b); });
  REQUIRE(on.lines() == lines{"b: ended normal", "a: link no_process", "a: exit no_process",
                              "c: ended no_process"});
}

TEST_CASE("link: from both sides and twice is one link") {
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  on.tell(a, [b](scripted& self) {
    self.trap_exit(true);
    self.link(b);
    self.link(b);
    self.send(b, say{"linked"});
  });
  on.tell(b, [a](scripted& self) { self.link(a); });
  on.tell(b, [](scripted& self) { self.exit(); });
  REQUIRE(on.lines() == lines{"b: heard linked", "b: ended normal", "a: link normal"});
}

TEST_CASE("unlink: from either side nothing is heard, and a new link counts again") {
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  const auto c = on.play("c");
  on.tell(a, [b, c](scripted& self) {
    self.trap_exit(true);
    self.link(b);
    self.link(c);
    self.unlink(c);
    self.link(c);
    self.unlink(c);
    self.unlink(c);
  });
  on.tell(b, [a](scripted& self) { self.unlink(a); });
  on.tell(b, [](scripted& self) { self.exit(broken); });
  on.tell(a, [c](scripted& self) {
    self.link(c);
    self.unlink(c);
    self.link(c);
  });
  on.tell(c, [](scripted& self) { self.exit(broken); });
  REQUIRE(on.lines() ==
          lines{"b: ended error: broken", "c: ended error: broken", "a: link error: broken"});
}

TEST_CASE("unlink: stops an exit signal that is under way, one in the mailbox too") {
  const bool traps = GENERATE(false, true);
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  on.tell(a, [b, traps](scripted& self) {
    self.trap_exit(traps);
    self.link(b);
  });
  if (traps) {
    // The message is queued behind two others when the first of them is handled.
    on.tell(b, [a, b](scripted& self) {
      self.send(a, say{"busy"});
      self.send(a, act{[b](scripted& other) { other.unlink(b); }});
      self.exit(broken);
    });
    REQUIRE(on.lines() == lines{"b: ended error: broken", "a: heard busy"});
  } else {
    // b ends while a's handler runs: its signal is in the mailbox at the unlink.
    trace notes;
    test_node beside{plain_options(2), test_node::beside_another};
    const auto one = beside->spawn<scripted>({}, std::ref(notes), "one");
    const auto two = beside->spawn<scripted>({}, std::ref(notes), "two");
    REQUIRE((one && two));
    one.value().send(act{[other = two.value()](scripted& self) { self.link(other); }});
    beside.settle();
    one.value().send(act{[other = two.value(), &notes](scripted& self) {
      other.send(act{[](scripted& ending) { ending.exit(broken); }});
      while (other.send(say{"?"}) == send_outcome::accepted) std::this_thread::yield();
      self.unlink(other);
      self.note("unlinked");
    }});
    static_cast<void>(notes.wait_for(2));
    beside.settle();
    REQUIRE(notes.lines() == lines{"two: ended error: broken", "one: unlinked"});
  }
}

TEST_CASE("exit: normal is ignored, of itself it is not; others end, or are told to who traps") {
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  const auto c = on.play("c");
  on.tell(b, [](scripted& self) { self.trap_exit(true); });
  on.tell(a, [b, c](scripted& self) {
    self.exit(b, exit_reason::normal());
    self.exit(c, exit_reason::normal());
    self.exit(b, broken);
    self.exit(c, broken);
    self.exit(self.self(), exit_reason::normal());
  });
  on.tell(b, [](scripted& self) { self.exit(self.self(), exit_reason::normal()); });
  on.tell(b, [](scripted& self) { self.note(self.traps_exit() ? "traps" : "does not"); });
  on.tell(b, [](scripted& self) { self.exit(self.self(), exit_reason::killed()); });
  const lines seen = on.lines();
  for (const char* line : {"b: exit normal", "b: exit error: broken", "c: ended error: broken",
                           "a: ended normal", "b: traps", "b: ended killed"}) {
    INFO(line);
    REQUIRE(std::count(seen.begin(), seen.end(), line) ==
            (line == lines{"b: exit normal"}[0] ? 2 : 1));
  }
  REQUIRE(seen.size() == 7);
}

TEST_CASE("exit: who it comes from is said; a timed one and one from outside are told too") {
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  on.tell(b, [](scripted& self) { self.trap_exit(true); });
  on.tell(a, [b](scripted& self) { static_cast<void>(self.exit_after(1ms, b, broken)); });
  static_cast<void>(on.notes.wait_for(1));
  on.tell(b, [a](scripted& self) { self.note(self.last_exit.from == a.id() ? "by a" : "no"); });
  b.exit();
  on.node.settle();
  on.tell(b, [](scripted& self) { self.note(self.last_exit.from.is_valid() ? "no" : "nobody"); });
  REQUIRE(on.lines() == lines{"b: exit error: broken", "b: by a", "b: exit shutdown", "b: nobody"});
}

TEST_CASE("exit signal: a trapped one comes behind what its sender sent before; a kill overtakes") {
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  on.tell(b, [](scripted& self) { self.trap_exit(true); });
  on.tell(a, [b](scripted& self) {
    self.send(b, say{"one"});
    self.send(b, say{"two"});
    self.exit(b, broken);
  });
  on.tell(a, [b](scripted& self) {
    self.send(b, say{"lost"});
    self.send(b, say{"lost"});
    self.exit(b, exit_reason::killed());
  });
  REQUIRE(on.lines() ==
          lines{"b: heard one", "b: heard two", "b: exit error: broken", "b: ended killed"});
}

TEST_CASE("spawn with link: child and spawner hear of each other's end from the first moment on") {
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  on.tell(a, [](scripted& self) {
    self.trap_exit(true);
    const pid child = spawn_child(self, {.link = true});
    self.exit(child, exit_reason::killed());
  });
  on.tell(b, [](scripted& self) {
    const pid child = spawn_child(self, {.link = true});
    self.send(child, act{[](scripted& born) { born.exit(broken); }});
  });
  REQUIRE(on.lines() == lines{"child: ended killed", "a: link killed", "child: ended error: broken",
                              "b: ended error: broken"});
}

TEST_CASE("spawn with link: the spawner's end and its exit signals end a child that traps exits") {
  const bool by_signal = GENERATE(false, true);
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  pid child;
  on.tell(a, [&child](scripted& self) { child = spawn_child(self, {.link = true}); });
  on.tell(b, [&child](scripted& self) {
    self.send(child, act{[](scripted& born) { born.trap_exit(true); }});
  });
  on.tell(b, [&child](scripted& self) { self.exit(child, broken); });
  on.tell(a, [&child, by_signal](scripted& self) {
    if (by_signal) {
      self.exit(child, exit_reason::shutdown());
    } else {
      self.exit();
    }
  });
  REQUIRE(on.lines() ==
          (by_signal
               ? lines{"child: exit error: broken", "child: ended shutdown", "a: ended shutdown"}
               : lines{"child: exit error: broken", "a: ended normal", "child: ended normal"}));
}

TEST_CASE("spawn with monitor: the end is told even if on_start asks for it; its ref is given") {
  struct short_lived : sluice::actor<short_lived> {
    void on_start() { exit(broken); }
  };
  stage on;
  const auto a = on.play("a");
  on.tell(a, [](scripted& self) {
    ref id;
    const bool made = self.spawn<short_lived>({.monitor = true, .monitored_as = &id}).has_value();
    self.monitored = id;
    self.trap_exit(true);
    const bool linked = self.spawn<short_lived>({.link = true}).has_value();
    self.note(made && linked ? "made" : "failed");
  });
  on.tell(a, [](scripted& self) {
    self.note(self.last_down.id == self.monitored ? "same ref" : "other ref");
  });
  REQUIRE(on.lines() ==
          lines{"a: made", "a: link error: broken", "a: down error: broken", "a: same ref"});
}

TEST_CASE("spawn: a failed one tells its spawner by its error alone, and others by init_failed") {
  struct failing : sluice::actor<failing> {
    explicit failing(pid to) : friendly(to) {}
    sluice::result<void> on_start() {
      link(friendly);
      monitor(friendly);
      return sluice::error{error_code::permission_denied, 0, "on_start"};
    }
    pid friendly;
  };
  stage on;
  const auto a = on.play("a");
  const auto b = on.play("b");
  on.tell(b, [](scripted& self) { self.trap_exit(true); });
  on.tell(a, [b](scripted& self) {
    auto made = self.spawn<failing>({.link = true, .monitor = true}, b.id());
    self.note(!made && made.error().code == error_code::permission_denied ? "refused" : "made");
  });
  on.tell(b, [](scripted& self) {
    self.note(self.last_exit.reason.code == exit_code::init_failed ? "init_failed" : "other");
  });
  const lines seen = on.lines();
  REQUIRE(seen.size() == 3);
  REQUIRE(seen[0] == "a: refused");
  REQUIRE(seen[2] == "b: init_failed");
}

TEST_CASE("spawn: a node cannot link or monitor") {
  stage on;
  for (const spawn_options& options :
       {spawn_options{.link = true}, spawn_options{.monitor = true}}) {
    const auto made = on.node->spawn<scripted>(options, std::ref(on.notes), "nobody's");
    REQUIRE(!made);
    REQUIRE(made.error().code == error_code::bad_argument);
  }
}

TEST_CASE("down: the name of the one that ended is free when it arrives") {
  struct keeper : sluice::actor<keeper, say> {
    explicit keeper(trace& to) : out(to) {}
    void on_start() { restart(); }
    void restart() {
      auto made = spawn<scripted>({.name = "kept", .monitor = true}, std::ref(out), "kept");
      out.note(made ? "kept" : "taken");
    }
    void on(const down&) { restart(); }
    void on(const say&) { exit(find("kept"), exit_reason::killed()); }
    trace& out;
  };
  stage on{plain_options(2)};
  const auto made = on.node->spawn<keeper>({}, std::ref(on.notes));
  REQUIRE(made);
  constexpr std::uint32_t rounds = 200;
  for (std::uint32_t i = 0; i < rounds; ++i) {
    made.value().send(say{});
    static_cast<void>(on.notes.wait_for(2 * i + 3));
  }
  for (const std::string& line : on.lines()) REQUIRE(line != "taken");
}
