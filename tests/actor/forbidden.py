#!/usr/bin/env python3
"""What must not compile does not, and the compiler says why in a sentence of ours.

Usage: forbidden.py INCLUDE_DIR COMPILER...
"""
import pathlib
import subprocess
import sys
import tempfile

PRELUDE = """
#include <sluice/sluice.hpp>
struct wanted { int value; };
struct other { int value; };
struct throwing {
  throwing() = default;
  throwing(throwing&&) noexcept(false) {}
};
struct asked { using reply = int; int value; };
struct answered_by_nothing { using reply = int; };
struct unmovable_reply { using reply = throwing; };
struct uncopyable {
  uncopyable() = default;
  uncopyable(uncopyable&&) noexcept = default;
};
struct worker : sluice::actor<worker, wanted> {
  explicit worker(int) {}
  void on(wanted) {}
  void on(answered_by_nothing) {}
};
struct answerer : sluice::actor<answerer, asked> {
  int on(asked one) { return one.value; }
};
"""

META = """
struct device : sluice::meta<device, wanted> {
  void start(std::stop_token) {}
  void on(wanted) { %s }
};
template struct sluice::behaviour_of<device>;
"""

# Hears of the end of what it asked, and of nothing else.
ASKER = """
struct asker : sluice::actor<asker, wanted> {
  void on(wanted) { %s }
  void on(sluice::completion<asked>) {}
  sluice::handle<answerer> known;
  sluice::handle<worker> deaf;
};
template struct sluice::behaviour_of<asker>;
"""

# A request type may be answered by what `on` returns.
ANSWERER = """
struct device : sluice::meta<device, asked> {
  void start(std::stop_token) {}
  %s
};
template struct sluice::behaviour_of<device>;
"""

# (what is tried, the code, a part of the message; none = it must compile)
TABLE = [
    ("a meta that sends", META % "send(sender(), wanted{});", None),
    ("a meta that calls", META % "call<wanted>(sender(), wanted{});", "a meta process cannot call"),
    ("a meta that links", META % "link(sender());", "a meta process cannot link"),
    ("a meta that monitors", META % "monitor(sender());", "a meta process cannot monitor"),
    ("a meta that takes a name", META % 'register_name("name");',
     "a meta process has an alias and no name"),
    ("a meta that sets its environment", META % 'set_env("name", "value");',
     "a meta process sees its process's environment and has none of its own"),
    ("a meta that reads it", META % 'static_cast<void>(env("name"));', None),
    ("a meta that spawns a process", META % "spawn<worker>({}, 1);",
     "a meta process spawns metas, not processes"),
    ("a meta that asks without hearing of the end", META % "request(sender(), asked{1});",
     "who requests hears of the end: add void on(sluice::completion<"),
    ("a process that asks and hears", ASKER % "request(sender(), asked{1}); request(known, asked{1});",
     None),
    ("a request without a reply type", ASKER % "request(sender(), other{1});",
     "a request names its reply"),
    ("a request whose reply may throw when moved", ASKER % "request(sender(), unmovable_reply{});",
     "a request names its reply"),
    ("a request that this actor does not answer", ASKER % "request(deaf, asked{1});",
     "this actor does not answer the request"),
    ("a request answered by a handler that returns nothing",
     "auto f(sluice::node& on, sluice::handle<worker> to) { return on.call(to, answered_by_nothing{}); }",
     "this actor does not answer the request"),
    ("a call of the host that names no reply",
     "auto f(sluice::node& on, sluice::pid to) { return on.call(to, other{1}); }",
     "a request names its reply"),
    ("a call of the host", "auto f(sluice::node& on, sluice::handle<answerer> to) { return on.call(to, asked{1}); }",
     None),
    ("a listed request answered by return", ANSWERER % "int on(asked one) { return one.value; }", None),
    ("a listed request answered by a result",
     ANSWERER % "sluice::result<int> on(const asked& one) { return one.value; }", None),
    ("a listed request answered later",
     ANSWERER % "void on(asked, sluice::reply_to<asked> answer) { answer.reply(1); }", None),
    ("a listed request answered by nobody", ANSWERER % "", "lists a message type for which it has no handler"),
    ("a reply of another type",
     "void f(sluice::reply_to<asked> to) { to.reply(other{1}); }", "no matching"),
    ("a reply_to that is copied",
     "void f(const sluice::reply_to<asked>& to) { auto copy = to; }", "reply_to"),
    ("a message that cannot be copied, again and again",
     META % "send_every(std::chrono::seconds{1}, sender(), uncopyable{});",
     "a repeated message is copied"),
    ("a message that can, again and again",
     META % "send_every(std::chrono::seconds{1}, sender(), wanted{1});", None),
    ("a message without a handler", "void f(sluice::handle<worker> to) { to.send(other{}); }",
     "this actor has no handler for the message"),
    ("a listed message without a handler",
     "struct lazy : sluice::actor<lazy, wanted> {};\nauto f(sluice::node& on) { return on.spawn<lazy>(); }",
     "lists a message type for which it has no handler"),
    ("arguments that build no actor", "auto f(sluice::node& on) { return on.spawn<worker>(); }",
     "cannot be constructed from these arguments"),
    ("arguments that build one", "auto f(sluice::node& on) { return on.spawn<worker>({}, 1); }", None),
    ("a message that may throw when moved",
     "void f(sluice::handle<worker> to) { to.send(throwing{}); }", "message"),
]


def main():
    include, compiler = sys.argv[1], sys.argv[2:]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "tried.cpp"
        for what, code, message in TABLE:
            source.write_text(PRELUDE + code + "\n", encoding="utf-8")
            done = subprocess.run([*compiler, "-std=c++20", "-fsyntax-only", f"-I{include}", str(source)],
                                  capture_output=True, text=True)
            if message is None:
                is_right = done.returncode == 0
            else:
                is_right = done.returncode != 0 and message in done.stderr
            if not is_right:
                failed += 1
                print(f"FAILED: {what}: expected {message or 'to compile'}, got "
                      f"{done.returncode}\n{done.stderr[:3000]}")
    print(f"{len(TABLE) - failed} of {len(TABLE)} as promised")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
