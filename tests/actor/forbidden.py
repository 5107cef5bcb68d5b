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
struct worker : sluice::actor<worker, wanted> {
  explicit worker(int) {}
  void on(wanted) {}
};
"""

META = """
struct device : sluice::meta<device, wanted> {
  void start(std::stop_token) {}
  void on(wanted) { %s }
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
