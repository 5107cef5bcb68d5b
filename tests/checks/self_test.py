#!/usr/bin/env python3
"""Each check finds what is planted for it, and nothing in a clean tree. Usage: self_test.py CHECKS_DIR"""
import pathlib
import subprocess
import sys
import tempfile

CLEAN = {
    "src/base/atomic.hpp": "#pragma once\n",
    "src/sync/queue.hpp": '#pragma once\n#include "base/atomic.hpp"\n'
        "inline void push() {\n"
        "  head.store(1, release);  // [Q1] release: publishes; pairs Q2 (pop)\n}\n"
        "inline void pop() {\n"
        "  // [Q2] acquire: sees the element;\n  // pairs Q1 (push)\n"
        "  head.compare_exchange_weak(old, 0,\n                             acquire, relaxed);\n"
        "  // [Q2] acquire: again, in a loop; pairs Q1 (push)\n"
        "  for (auto seen = head.load(acquire); seen != 0;\n       seen = head.load(acquire)) {\n  }\n}\n",
    "src/net/tcp.cpp": "#include <sluice/tcp.hpp>\n",
    "src/net/meson.build": "sluice_sources += files(\n  'tcp.cpp',\n)\n",
    "src/gateway/meson.build": "executable('sluice-gateway', 'main.cpp')\n",
    "src/gateway/main.cpp": "#include <sluice/tcp.hpp>\n",
    "include/sluice/tcp.hpp": "#pragma once\n#include <cstddef>\n",
}

CHECKS = ("layers", "headers", "tags", "listed")

# (what it is, check, file, text put in front, what the message must hold)
PLANTED = [
    ("an upward include", "layers", "src/base/atomic.hpp", '#include "sync/queue.hpp"\n', "L1"),
    ("an include that hides its layer", "layers", "src/sync/queue.hpp", '#include "atomic.hpp"\n', "L2"),
    ("a public header with internals", "layers", "include/sluice/tcp.hpp",
     '#include "base/atomic.hpp"\n', "L3"),
    ("a public header with liburing", "layers", "include/sluice/tcp.hpp",
     "#include <liburing.h>\n", "L3"),
    ("a gateway that reaches inside", "layers", "src/gateway/main.cpp",
     '#include "base/atomic.hpp"\n', "L4"),
    ("a public header from above", "layers", "src/sync/queue.hpp", "#include <sluice/tcp.hpp>\n", "L5"),
    ("liburing outside io", "layers", "src/net/tcp.cpp", "#include <liburing.h>\n", "L6"),
    ("a folder that is no layer", "layers", "src/utils/x.hpp", "", "not a layer"),
    ("a file that is not built", "listed", "src/net/udp.cpp", "", "not in its meson.build"),
    ("a folder that is not built", "listed", "tests/net/tcp_test.cpp", "", "no meson.build"),
    ("an unsorted list", "listed", "src/net/meson.build", "x = files(\n  'b.hpp',\n  'a.hpp',\n)\n",
     "not sorted"),
    ("a header that needs another", "headers", "include/sluice/tcp.hpp",
     "inline std::size_t size();\n", "failed"),
    ("a header without once", "headers", "include/sluice/again.hpp", "struct again {};\n", "failed"),
    ("a header with exceptions", "headers", "include/sluice/tcp.hpp",
     "inline void f() { throw 1; }\n", "-fno-exceptions"),
    ("an untagged access", "tags", "src/base/x.cpp", "void f() { x.load(acquire); }\n", "T1"),
    ("an untagged access over two lines", "tags", "src/base/x.cpp",
     "void f() {\n  x.exchange(1,\n      base::acq_rel);\n}\n", "T1"),
    ("a tag one statement too far away", "tags", "src/base/x.cpp",
     "// [X1] release: why; pairs X1\nf(1);\nx.store(1, release);\n", "T1"),
    ("an untagged access in a lambda", "tags", "src/base/x.cpp",
     "// [X1] release: why; pairs X1\nrun([&] {\n  f(1);\n  x.store(1, release);\n});\n", "T1"),
    ("a tag without a partner", "tags", "src/base/x.cpp",
     "x.store(1, release);  // [X1] release: why\n", "T2"),
    ("a partner that does not exist", "tags", "src/base/x.cpp",
     "x.store(1, release);  // [X1] release: why; pairs X2\n", "does not exist"),
    ("a partner that does not name it back", "tags", "src/base/x.cpp",
     "x.store(1, release);  // [X1] release: why; pairs Q1\n", "name it back"),
    ("a tag in two files", "tags", "src/base/x.cpp",
     "x.load(acquire);  // [Q2] acquire: why; pairs Q1\n", "T4"),
    ("std::atomic", "tags", "src/base/x.cpp", "std::atomic<int> x;\n", "T5"),
    ("a fence", "tags", "src/base/x.cpp", "std::atomic_thread_fence(x);\n", "T5"),
    ("a default order", "tags", "src/base/x.cpp", "int y = x.load();\n", "T5"),
]


def run(checks, name, tree):
    done = subprocess.run([sys.executable, checks / f"{name}.py", tree], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def write(tree, files):
    for name, text in files.items():
        path = pathlib.Path(tree) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def initialiser_is_found(checks, tree):
    source = pathlib.Path(tree) / "x.cpp"
    source.write_text("int f();\nint x = f();\n")
    subprocess.run(["g++", "-c", source, "-o", source.with_suffix(".o")], check=True)
    done = subprocess.run([sys.executable, checks / "initialisers.py", source.with_suffix(".o")])
    return done.returncode != 0


def main():
    checks = pathlib.Path(sys.argv[1]).resolve()
    failed = 0
    for name in CHECKS:
        with tempfile.TemporaryDirectory() as tree:
            write(tree, CLEAN)
            code, output = run(checks, name, tree)
            if code != 0:
                failed += 1
                print(f"FAILED: {name} complains about a clean tree:\n{output}")
    for what, check, file, text, expected in PLANTED:
        with tempfile.TemporaryDirectory() as tree:
            write(tree, CLEAN)
            write(tree, {file: text + CLEAN.get(file, "")})
            code, output = run(checks, check, tree)
            if code == 0 or expected not in output:
                failed += 1
                print(f"FAILED: {check} does not find {what} (exit code {code}):\n{output}")
    with tempfile.TemporaryDirectory() as tree:
        if not initialiser_is_found(checks, tree):
            failed += 1
            print("FAILED: initialisers does not find a dynamic initialiser")
    print(f"checks-find-planted: {len(PLANTED) + len(CHECKS) + 1} cases, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
