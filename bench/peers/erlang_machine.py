"""The Erlang machine of the peers: whether there is one, its modules compiled, the machine started.

A machine has as many schedulers as threads are asked for and, pinned, the first so many of the
allowed cores.
"""
import argparse
import os
import pathlib
import shutil
import subprocess

SKIPPED = 77
HERE = pathlib.Path(__file__).resolve().parent
PROCESSES_MAX = "4000000"


class Broken(Exception):
    """erlc does not take a module; says why."""


def is_here():
    return bool(shutil.which("erl") and shutil.which("erlc"))


def size(text):
    name, _, value = text.partition("=")
    if not value.isdigit() or int(value) == 0:
        raise argparse.ArgumentTypeError(f"{text} is no NAME=VALUE")
    return name, int(value)


def positive(text):
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is no positive number")
    return int(text)


def add_options(parser, threads, patience):
    """The options that all programs for a machine take, with these defaults."""
    parser.add_argument("--threads", type=positive, default=threads)
    parser.add_argument("--param", type=size, action="append", default=[])
    parser.add_argument("--pin", choices=["cores", "none"], default="cores")
    parser.add_argument("--patience", type=positive, default=patience)
    parser.add_argument("--list", action="store_true")


def compile_into(folder, modules, flags=()):
    sources = [str(HERE / f"{module}.erl") for module in modules]
    done = subprocess.run(["erlc", "-Werror", *flags, "-I", str(HERE), "-o", folder, *sources],
                          capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise Broken(f"erlc failed: {done.stdout}{done.stderr}")


def start(folder, module, words, threads, pin, flags=()):
    """Runs module:main(words) on a machine of its own; output and complaints are pipes."""
    cores = sorted(os.sched_getaffinity(0))[:threads]
    return subprocess.Popen(
        ["erl", "+S", f"{threads}:{threads}", "+P", PROCESSES_MAX, *flags, "-noinput",
         "-pa", folder, "-run", module, "main", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if pin == "cores" else None,
        env={**os.environ, "ERL_CRASH_DUMP_SECONDS": "0"})
