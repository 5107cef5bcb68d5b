#!/usr/bin/env python3
"""Compares servers on loopback: server on one CPU, sluice-load on another, rounds interleaved.

    compare.py [MODE] --build build/release [--server NAME=COMMAND]...

Every round runs every server once in every cell, in rotating order, so that a noisy minute hits all
of them. Figures are medians over the rounds ("min" the smallest); the ratios beside them are to the
better bare server of that cell, for each figure on its own. A server's CPU time is what the
scheduler counted for all its threads within the measured window, read by the generator at the
window's edges. A cell is CONNECTIONSxSIZExDEPTH.

modes
  tcp        echo; bare servers raw-echo on io_uring and on epoll
  pipelined  the same with 16 in flight
  lone       one connection, one message in flight; also against the bare servers that sleep at
             once, and the CPU time of a second in which nothing happens
  forward    proxies in front of an echo server, which shares the generator's CPU; bare servers
             raw-forward; --haproxy and --nginx add those. {target} is the echo server's address.
             What was answered must have reached it, or the run has failed
  udp        datagram echo; bare servers raw-udp on io_uring and with recvmmsg, beside them the
             plain recvfrom loop
  churn      connect, one message, close; per connection
  idle       10,000 connections after one message each: resident bytes and kernel memory a
             connection, CPU time of a second at rest

    compare.py forward --haproxy --nginx --rounds 9 \\
        --server 'gateway=sluice-gateway forward --listen {address} --to {target}'
    compare.py udp --server 'gateway=sluice-gateway udp {address}'

{address} and {port} in a command are replaced; nothing else is. Only processes started here are
ever stopped, each by its own handle.
"""
import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

from contenders import (BackEnd, Contender, Haproxy, Nginx, answers_datagram, answers_stream,
                        stop)


@dataclass(frozen=True)
class Column:
    """A figure of the table: its median, and its ratio to the better bare server's."""
    key: str
    title: str
    better: callable = None  # min or max; None: no ratio
    least: bool = False      # the smallest instead of the median
    digits: int = 0


RATE = Column("rate", "rate", max)
P50 = Column("p50_us", "p50 us", None, digits=1)
P99 = Column("p99_us", "p99 us", min, digits=1)
CPU = Column("server_cpu_ns", "CPU ns", min)
CPU_MIN = Column("server_cpu_ns", "min", min, least=True)
SPEED = (RATE, P50, P99, CPU, CPU_MIN)
REST = Column("idle_cpu_us", "us CPU a second at rest")


@dataclass(frozen=True)
class Mode:
    cells: str
    bare: tuple                    # (name, command after the program's path)
    beside: tuple = ()             # further ones, not baselines; rates are also given against them
    columns: tuple = SPEED
    load: tuple = ()               # words for sluice-load
    answers: callable = answers_stream
    has_target: bool = False
    then_rest: bool = False        # a second run at rest after each


def echo(*words):
    return tuple((f"raw-echo {driver}{' '.join(('',) + words)}",
                  " ".join(("raw-echo --driver", driver, "--listen {address}") + words))
                 for driver in ("uring", "epoll"))


def sizes(counts, depth):
    return ",".join(f"{count}x{size}x{depth}" for count in counts for size in (64, 1024, 16384))


MODES = {
    "tcp": Mode(sizes((1, 50, 1000), 1), echo()),
    "pipelined": Mode("50x64x16,50x1024x16,50x16384x16,1000x64x16", echo()),
    "lone": Mode("1x64x1", echo(), beside=echo("--poll-us 0"), columns=SPEED + (REST,),
                 then_rest=True),
    "forward": Mode(
        "50x64x1,50x16384x1,1000x64x1,1000x16384x1",
        tuple((f"raw-forward {driver}",
               f"raw-forward --driver {driver} --listen {{address}} --to {{target}}")
              for driver in ("uring", "epoll")),
        load=("--poll-us", "0"), has_target=True),
    "udp": Mode(
        "50x64x1,50x1024x1,50x64x16",
        tuple((f"raw-udp {driver}", f"raw-udp --driver {driver} --listen {{address}}")
              for driver in ("uring", "mmsg")),
        beside=(("raw-udp plain", "raw-udp --driver plain --listen {address}"),),
        columns=SPEED + (Column("lost", "lost"),), load=("--udp",), answers=answers_datagram),
    "churn": Mode("50x64x1", echo(), load=("--churn",)),
    "idle": Mode(
        "10000x64x1", echo(),
        columns=(Column("bytes_each", "bytes each", min),
                 Column("kernel_bytes_each", "kernel's, both ends"), REST),
        load=("--idle",)),
}
ECHO_BEHIND = "raw-echo --driver epoll --poll-us 0 --listen {address}"


@dataclass
class Comparison:
    mode: Mode
    options: argparse.Namespace
    contenders: list
    results: dict = field(default_factory=dict)  # (cell, name) -> [figures or None]

    def run(self, cells):
        for turn in range(self.options.rounds):
            for cell in cells:
                shift = turn % len(self.contenders)
                for each in self.contenders[shift:] + self.contenders[:shift]:
                    self.results.setdefault((cell, each.name), []).append(
                        self.measure(each, cell))

    def measure(self, contender, cell):
        """One run of one server in one cell; a dict of figures, or None with the reason printed."""
        try:
            if not self.mode.has_target:
                return self.serve(contender, cell, "")
            behind = BackEnd(program(self.options, ECHO_BEHIND), self.options.load_cpu)
            try:
                figures = self.serve(contender, cell, behind.address)
            finally:
                reached = behind.stop()
            answered = figures["rate"] * self.options.seconds * cell[1]
            if reached < answered:
                raise RuntimeError(f"{answered:.0f} bytes were answered, but {reached} reached the "
                                   "back end")
            return figures
        except (RuntimeError, OSError, KeyError, subprocess.TimeoutExpired) as problem:
            print(f"  failed: {contender.name}: {problem}", file=sys.stderr)
            return None

    def serve(self, contender, cell, target):
        server, port = contender.start(self.options.server_cpu, target)
        try:
            pid = contender.watched_pid(server)
            figures = self.load(cell, port, pid, self.mode.load)
            if self.mode.then_rest:
                figures.update(self.load(cell, port, pid, ("--idle",)))
            return figures
        finally:
            stop(server)

    def load(self, cell, port, pid, words):
        options = self.options
        connections, size, depth = cell
        command = [options.load, "--to", f"127.0.0.1:{port}", "--connections", str(connections),
                   "--size", str(size), "--depth", str(depth), "--seconds", str(options.seconds),
                   "--warmup", str(options.warmup), "--pin", str(options.load_cpu),
                   "--watch-pid", str(pid), *words, *shlex.split(options.load_options)]
        if options.histograms:
            command.append("--buckets")
        if options.rate:
            command += ["--rate", str(options.rate)]
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=options.seconds + options.warmup + 60)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} gave {done.returncode}: "
                               f"{done.stderr.strip()} {done.stdout.strip().splitlines()[-1:]}")
        pairs = (word.split("=", 1) for word in done.stdout.split() if "=" in word)
        found = {name: float(value) for name, value in pairs
                 if name not in ("to", "seed")}
        found["buckets"] = [(float(line.split()[1]), int(line.split()[3]))
                            for line in done.stdout.splitlines() if line.startswith("bucket ")]
        if "idle_s" in found:
            found["idle_cpu_us"] /= found["idle_s"]
        return found

    def write_histograms(self, path):
        """For each cell and server the latencies of all rounds: upper edges in us, and counts."""
        written = []
        for (cell, name), runs in self.results.items():
            counts = {}
            for edge, count in (each for run in runs if run for each in run["buckets"]):
                counts[edge] = counts.get(edge, 0) + count
            written.append({"cell": "x".join(map(str, cell)), "server": name,
                            "buckets": sorted(counts.items())})
        with open(path, "w", encoding="utf-8") as file:
            json.dump(written, file, indent=1)

    def value(self, cell, name, column):
        values = [run[column.key] for run in self.results[cell, name] if run]
        if not values:
            return None
        return min(values) if column.least else statistics.median(values)

    def best(self, cell, names, column):
        values = [self.value(cell, name, column) for name in names]
        return column.better([value for value in values if value is not None], default=None)

    def print_table(self, cells, bare, beside):
        titles = []
        for column in self.mode.columns:
            titles += [column.title] + (["x bare"] if column.better else [])
        titles += [f"rate x {name}" for name in beside]
        print(f"| cell | server | {' | '.join(titles)} |")
        print("|" + "---|" * (2 + len(titles)))
        for cell in cells:
            for name in (each.name for each in self.contenders):
                print(f"| {'x'.join(map(str, cell))} | {name} "
                      f"| {' | '.join(self.texts(cell, name, bare, beside))} |")

    def texts(self, cell, name, bare, beside):
        texts = []
        for column in self.mode.columns:
            value = self.value(cell, name, column)
            texts.append("failed" if value is None else f"{value:.{column.digits}f}")
            if column.better:
                texts.append(ratio(value, self.best(cell, bare, column)))
        return texts + [ratio(self.value(cell, name, RATE), self.value(cell, other, RATE))
                        for other in beside]


def ratio(value, reference):
    return f"{value / reference:.2f}" if value is not None and reference else "-"


def parse(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", nargs="?", default="tcp", choices=MODES)
    parser.add_argument("--build", default="build/release",
                        help="build directory with bench/net in it")
    parser.add_argument("--load", help="path of sluice-load, if not in the build directory")
    parser.add_argument("--server", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--haproxy", action="store_true", help="forward: beside the others")
    parser.add_argument("--nginx", action="store_true", help="forward: beside the others")
    parser.add_argument("--baseline-options", default="",
                        help="further words for the bare servers")
    parser.add_argument("--no-baseline", action="store_true",
                        help="only the named servers; the first is 1.00")
    parser.add_argument("--cells", help="instead of the mode's own")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--warmup", type=float, default=0.3)
    parser.add_argument("--rate", type=float, default=0.0,
                        help="open loop at so many messages a second (TCP echo and forward)")
    parser.add_argument("--histograms", metavar="FILE",
                        help="write the latencies of each cell and server as JSON (TCP modes)")
    parser.add_argument("--load-options", default="",
                        help="further words for sluice-load, such as --spin")
    parser.add_argument("--server-cpu", type=int, default=0)
    parser.add_argument("--load-cpu", type=int, default=1)
    options = parser.parse_args(argv)
    if options.histograms and options.mode not in ("tcp", "pipelined", "forward"):
        parser.error("--histograms is for tcp, pipelined and forward")
    options.load = options.load or os.path.join(options.build, "bench/net/sluice-load")
    if (options.haproxy or options.nginx) and options.mode != "forward":
        parser.error("--haproxy and --nginx are for the mode forward")
    return options


def program(options, command):
    return os.path.join(shlex.quote(options.build), "bench/net", command)


def choose(mode, options, folder):
    """The servers in their order, the names of the baselines, the names of those beside."""
    bare, beside = [], []
    if not options.no_baseline:
        bare = [Contender(name, f"{program(options, command)} {options.baseline_options}",
                          mode.answers) for name, command in mode.bare]
        beside = [Contender(name, program(options, command), mode.answers)
                  for name, command in mode.beside]
    for wanted, kind in ((options.haproxy, Haproxy), (options.nginx, Nginx)):
        if wanted and kind.why_absent():
            print(f"{kind.why_absent()}: left out", file=sys.stderr)
        elif wanted:
            beside.append(kind(folder))
    named = []
    for text in options.server:
        name, separator, command = text.partition("=")
        if not separator:
            sys.exit(f"--server wants NAME=COMMAND, not '{text}'")
        named.append(Contender(name, command, mode.answers))
    everybody = bare + beside + named
    if not everybody:
        sys.exit("nothing to compare")
    return everybody, bare or everybody[:1], beside


def main(argv):
    options = parse(argv)
    mode = MODES[options.mode]
    cells = [tuple(int(part) for part in cell.split("x"))
             for cell in (options.cells or mode.cells).split(",")]
    with tempfile.TemporaryDirectory() as folder:
        contenders, bare, beside = choose(mode, options, folder)
        comparison = Comparison(mode, options, contenders)
        comparison.run(cells)
    if options.histograms:
        comparison.write_histograms(options.histograms)
    print(f"{options.mode}: {options.rounds} rounds of {options.seconds} s, server on CPU "
          f"{options.server_cpu}, generator on CPU {options.load_cpu}, "
          f"load average {os.getloadavg()[0]:.1f}\n")
    comparison.print_table(cells, [each.name for each in bare], [each.name for each in beside])
    failed = sum(run is None for runs in comparison.results.values() for run in runs)
    if failed:
        print(f"\n{failed} runs failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
