#!/usr/bin/env python3
"""Checks that each public header compiles alone. Usage: headers.py TREE

Each header of include/ is included first, and twice, by an otherwise empty file: with g++ and with a
clang of 16 or newer where there is one, with and without exceptions and RTTI, every warning an error.
"""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]
FLAVOURS = [[], ["-fno-exceptions", "-fno-rtti"]]
CLANG_MAJOR_MIN = 16


def compilers():
    names = ["g++"] if shutil.which("g++") else []
    for name in [f"clang++-{major}" for major in range(24, CLANG_MAJOR_MIN - 1, -1)] + ["clang++"]:
        if not shutil.which(name):
            continue
        version = subprocess.run([name, "-dumpversion"], capture_output=True, text=True).stdout
        if version and int(version.split(".")[0]) >= CLANG_MAJOR_MIN:
            names.append(name)
            break
    return names


def compile_alone(compiler, flavour, include, header):
    """Returns the compiler's complaint, or nothing."""
    command = [compiler, "-std=c++20", "-fsyntax-only", "-x", "c++", *WARNINGS, *flavour,
               "-I", str(include), "-"]
    text = f"#include <{header}>\n#include <{header}>\n"
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    return "" if done.returncode == 0 else f"{' '.join(command[:-3])} <{header}>\n{done.stderr}"


def main():
    include = pathlib.Path(sys.argv[1]).resolve() / "include"
    headers = sorted(str(p.relative_to(include)) for p in include.rglob("*.hpp"))
    found_compilers = compilers()
    if not headers or not found_compilers:
        print(f"headers: nothing to check ({len(headers)} headers, compilers {found_compilers})")
        return 1
    jobs = [(compiler, flavour, include, header)
            for header in headers for compiler in found_compilers for flavour in FLAVOURS]
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        complaints = [c for c in pool.map(lambda job: compile_alone(*job), jobs) if c]
    for complaint in complaints:
        print(complaint)
    print(f"headers: {len(headers)} headers with {', '.join(found_compilers)}, "
          f"{len(complaints)} of {len(jobs)} compilations failed")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
