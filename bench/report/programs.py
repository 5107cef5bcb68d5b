"""A program that prints figures: how it is called, what of its output counts.

It prints `NAME THREADS VALUE UNIT` for each run, as actor-bench, savina and suites do; every other line is
talk. It ends with 0 when all it printed is verified, with 2 when it does not have the workload, and
with anything else when it failed.
"""
import math
import os
import shlex
import signal
import subprocess
from dataclasses import dataclass

import spread

LACKS_WORKLOAD = 2
# Those whose executables run programs in iterations; the others run workloads in runs.
PROGRAM_SUITES = ("savina", "suites")


class Failed(Exception):
    """The run has no figure; says why."""


class Lacks(Exception):
    """The program does not have this workload."""


@dataclass(frozen=True)
class Cell:
    """What is measured at once: one workload with one number of threads."""
    suite: str
    workload: str
    threads: int
    runs: int                 # in one process; PROGRAM_SUITES call them iterations
    parameters: tuple = ()    # of (name, value)

    def has_figure(self, name):
        return name == self.workload or name.startswith(self.workload + "-")

    def text(self):
        words = [self.workload, *(f"{name}={value}" for name, value in self.parameters)]
        return f"{' '.join(words)}, {self.threads} thread{'s' if self.threads > 1 else ''}"


@dataclass(frozen=True)
class Program:
    name: str
    command: str
    is_floor: bool = False    # no actor runtime: it is shown, but nobody is compared with it


@dataclass(frozen=True)
class Figure:
    name: str
    value: float      # what counts for the round
    unit: str
    printed: tuple    # each of the process's runs


def default_words(cell):
    if cell.suite in PROGRAM_SUITES:
        words = ["{program}", "--threads", "{threads}", "--iterations", "{iterations}"]
    else:
        words = ["--workload", "{workload}", "--threads", "{threads}", "--runs", "{runs}"]
    if cell.suite == "crossings":
        words += ["--crossings"]
    for name, value in cell.parameters:
        words += ["--param", f"{name}={value}"]
    return words


def command_words(command, cell):
    """The words to start. Placeholders are replaced; a command without any gets the options of
    actor-bench, or of savina. A command with placeholders takes no parameters, so it has no such
    workload."""
    values = {"{workload}": cell.workload, "{program}": cell.workload,
              "{threads}": str(cell.threads), "{runs}": str(cell.runs),
              "{iterations}": str(cell.runs)}
    words = shlex.split(command)
    if not any(name in word for word in words for name in values):
        words += default_words(cell)
    elif cell.parameters:
        raise Lacks
    for name, value in values.items():
        words = [word.replace(name, value) for word in words]
    return words


def figures_in(text, cell):
    """Each figure of the cell with all its values, in the order of printing."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) != 4 or words[1] != str(cell.threads) or not cell.has_figure(words[0]):
            continue
        try:
            value = float(words[2])
        except ValueError:
            continue
        if math.isfinite(value) and value >= 0:
            found.setdefault((words[0], words[3]), []).append(value)
    return found


def value_of(cell, values):
    """An actor workload's first run finds cold memory, so the last one counts; the iterations of a
    program have a system of their own each, so their median does."""
    return spread.median(values) if cell.suite in PROGRAM_SUITES else values[-1]


def start(words, patience, environment=None):
    """Output and exit code. Ends the program and all that it started when it takes too long."""
    try:
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   stdin=subprocess.DEVNULL, errors="replace", env=environment,
                                   start_new_session=True)
    except OSError as problem:
        raise Failed(str(problem)) from None
    try:
        said, complained = process.communicate(timeout=patience)
    except BaseException as problem:  # an interrupt as well: its session does not hear of ours
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.communicate()
        if isinstance(problem, subprocess.TimeoutExpired):
            raise Failed(f"took longer than {patience} s") from None
        raise
    return said, complained, process.returncode


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f": {lines[-1][:160]}" if lines else ""


def run(program, cell, patience):
    """The figures of one process."""
    said, complained, code = start(command_words(program.command, cell), patience)
    if code == LACKS_WORKLOAD:
        raise Lacks
    if code != 0:
        how = f"ended with {code}" if code > 0 else f"died of signal {-code}"
        raise Failed(how + last_line(complained))
    found = figures_in(said, cell)
    if not found:
        raise Failed(f"printed no figure of {cell.text()}")
    return [Figure(name, value_of(cell, values), unit, tuple(values))
            for (name, unit), values in found.items()]
