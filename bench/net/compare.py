#!/usr/bin/env python3
"""Compares echo servers on loopback: server on one CPU, sluice-load on another, rounds interleaved.

Every round runs every server once in every cell, in rotating order, so that a noisy minute hits all
of them. Each figure is the median over the rounds ("min" the smallest); ratios are to the better
bare server of that cell, for each figure on its own. A server's CPU time is what the scheduler
counted for all its threads within the measured window, read by the generator at the window's edges.

    compare.py --build build/release                               # the two bare servers
    compare.py --build build/release \\
        --server 'gw=build/release/src/gateway/sluice-gateway --tcp {address} --pin 0'
    compare.py ... --cells 1x64x1,50x64x1,1000x16384x1 --rounds 5 --seconds 2

A cell is CONNECTIONSxSIZExDEPTH. {address} and {port} in a command are replaced; nothing else is.
Only processes started here are ever stopped, each by its own handle.
"""
import argparse
import os
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import time

DEFAULT_CELLS = ",".join(
    [f"{c}x{s}x1" for c in (1, 50, 1000) for s in (64, 1024, 16384)] + ["50x64x16"])
FIGURES = ("rate", "p50_us", "p99_us", "server_cpu_ns")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_listening(process, port, deadline_s=10):
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"server ended with code {process.returncode} before it listened")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError("server does not listen")


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        print("warning: a server did not stop on SIGINT within 10 s and was killed",
              file=sys.stderr)


def words(line):
    return dict(word.split("=", 1) for word in line.split() if "=" in word)


def measure(command, cell, options):
    """One run of one server in one cell; a dict of figures, or None with the reason printed."""
    connections, size, depth = cell
    port = free_port()
    text = command.replace("{address}", f"127.0.0.1:{port}").replace("{port}", str(port))
    server = subprocess.Popen(
        shlex.split(text), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {options.server_cpu}))
    try:
        wait_until_listening(server, port)
        load = [options.load, "--to", f"127.0.0.1:{port}", "--connections", str(connections),
                "--size", str(size), "--depth", str(depth), "--seconds", str(options.seconds),
                "--warmup", str(options.warmup), "--pin", str(options.load_cpu),
                "--watch-pid", str(server.pid)]
        load += shlex.split(options.load_options)
        if options.rate:
            load += ["--rate", str(options.rate)]
        done = subprocess.run(load, capture_output=True, text=True,
                              timeout=options.seconds + options.warmup + 60)
        if done.returncode != 0:
            print(f"  failed ({done.returncode}): {' '.join(load)}\n  {done.stderr.strip()}\n"
                  f"  {done.stdout.strip().splitlines()[-1:]}", file=sys.stderr)
            return None
        found = {}
        for line in done.stdout.splitlines()[-2:]:
            found.update(words(line))
        return {figure: float(found[figure]) for figure in FIGURES}
    except (RuntimeError, subprocess.TimeoutExpired) as problem:
        print(f"  failed: {text}: {problem}", file=sys.stderr)
        return None
    finally:
        stop(server)


def ratio(value, reference):
    return f"{value / reference:.2f}" if reference else "-"


def print_cell(cell, servers, results, baselines):
    def median(name, figure):
        values = [run[figure] for run in results[name] if run]
        return statistics.median(values) if values else None

    def best(figure, pick):
        values = [median(name, figure) for name in baselines]
        values = [value for value in values if value]
        return pick(values) if values else None

    print(f"\n{cell[0]} connections x {cell[1]} B x {cell[2]} in flight")
    print(f"| {'server':24} | rate | x raw | p50 us | p99 us | x raw | CPU ns/msg | min | x raw |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, _ in servers:
        if median(name, "rate") is None:
            print(f"| {name:24} | failed in every round |")
            continue
        rate, p50, p99, cpu = (median(name, figure) for figure in FIGURES)
        cpu_min = min(run["server_cpu_ns"] for run in results[name] if run)
        print(f"| {name:24} | {rate:.0f} | {ratio(rate, best('rate', max))} "
              f"| {p50:.1f} | {p99:.1f} | {ratio(p99, best('p99_us', min))} "
              f"| {cpu:.0f} | {cpu_min:.0f} | {ratio(cpu, best('server_cpu_ns', min))} |")


def parse(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release",
                        help="build directory with bench/net in it")
    parser.add_argument("--load", help="path of sluice-load, if not in the build directory")
    parser.add_argument("--raw-echo", help="path of raw-echo, if not in the build directory")
    parser.add_argument("--server", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--baseline-options", default="",
                        help="further words for both bare servers")
    parser.add_argument("--no-baseline", action="store_true",
                        help="only the named servers; the first is 1.00")
    parser.add_argument("--cells", default=DEFAULT_CELLS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--warmup", type=float, default=0.3)
    parser.add_argument("--rate", type=float, default=0.0,
                        help="open loop at so many messages a second")
    parser.add_argument("--load-options", default="",
                        help="further words for sluice-load, such as --spin")
    parser.add_argument("--server-cpu", type=int, default=0)
    parser.add_argument("--load-cpu", type=int, default=1)
    options = parser.parse_args(argv)
    options.load = options.load or os.path.join(options.build, "bench/net/sluice-load")
    options.raw_echo = options.raw_echo or os.path.join(options.build, "bench/net/raw-echo")
    return options


def main(argv):
    options = parse(argv)
    servers = []
    if not options.no_baseline:
        for driver in ("uring", "epoll"):
            servers.append((f"raw-echo {driver}",
                            f"{shlex.quote(options.raw_echo)} --driver {driver} "
                            f"--listen {{address}} --pin {options.server_cpu} "
                            f"{options.baseline_options}"))
    for text in options.server:
        name, separator, command = text.partition("=")
        if not separator:
            sys.exit(f"--server wants NAME=COMMAND, not '{text}'")
        servers.append((name, command))
    baselines = [name for name, _ in servers[:1 if options.no_baseline else 2]]
    cells = [tuple(int(part) for part in cell.split("x")) for cell in options.cells.split(",")]

    results = {cell: {name: [] for name, _ in servers} for cell in cells}
    for turn in range(options.rounds):
        for cell in cells:
            shift = turn % len(servers)
            for name, command in servers[shift:] + servers[:shift]:
                results[cell][name].append(measure(command, cell, options))
    print(f"{options.rounds} rounds of {options.seconds} s, server on CPU {options.server_cpu}, "
          f"generator on CPU {options.load_cpu}, load average {os.getloadavg()[0]:.1f}")
    for cell in cells:
        print_cell(cell, servers, results[cell], baselines)
    failed = sum(run is None for cell in results.values() for runs in cell.values() for run in runs)
    if failed:
        print(f"\n{failed} runs failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
