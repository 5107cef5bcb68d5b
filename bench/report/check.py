#!/usr/bin/env python3
"""Shows that scripts/bench reports what its programs print, and names those that fail.

    check.py

The programs are fakes in a temporary folder that print what they are told to and write down when
they ran; no figure here is a measurement. Exit code 0: all as promised.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
BENCH = HERE.parent.parent / "scripts" / "bench"
sys.path.insert(0, str(HERE))
import latency  # noqa: E402
import programs  # noqa: E402
import spread  # noqa: E402
import svg  # noqa: E402

# Times of `lat`, a rate of `rate`, a count of `calm` that is 0. The first word is the program's
# mark in the log, the second how many times as large its values are.
FAKE = """#!{python}
import sys
name, times, words = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
def after(option):
    return words[words.index(option) + 1] if option in words else None
savina = {is_savina}
if "--list" in words:
    print("pp a program" if savina else "lat what; size=1\\nrate what;\\ncalm what;\\nmbox what;")
    sys.exit(0)
what = words[0] if savina else after("--workload")
threads = after("--threads")
open({log!r}, "a").write(" ".join([name, what, threads] + words) + "\\n")
if name == "sluice" and "--param" in words and after("--param").startswith("senders=12"):
    sys.exit("no room")
units = {{"lat": (50, "ns"), "rate": (8, "M/s"), "calm": (0, "wakes"), "mbox": (5, "M/s"),
         "pp": (3, "ms")}}
if name == "narrow" and what != "lat":
    sys.exit(2)
if name == "broken":
    print(what, threads, "1.00 ns", flush=True)
    sys.exit("it cannot")
if name == "mute":
    sys.exit(0)
value, unit = units[what]
print("# talk 1 2 3")
if savina:
    for share in (1, 9, 2):
        print(what, threads, value * times * share, unit)
        print(what + "-inner", threads, value * times * share / 2, unit)
else:
    print(what, threads, value * 100, unit)
    print(what, threads, value * times, unit)
    if what == "lat":
        print("lat-p99", threads, 3 * value * times, "us" if name == "metric" else unit)
print("median", what, threads, 77777, unit)
print("other", threads, 88888, unit)
"""
failures = []


def check(holds, promise, detail=""):
    print(f"{'ok    ' if holds else 'FAILED'} {promise} {'' if holds else detail}", flush=True)
    if not holds:
        failures.append(promise)


class Stage:
    """A build directory of fakes, their log, and a report of them."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.log = self.folder / "log"
        for suite, name in (("actor", "actor-bench"), ("savina", "savina"), ("suites", "suites")):
            self.write(f"bench/{suite}/{name}.py", suite != "actor")
            path = self.folder / "bench" / suite / name
            path.write_text(f"#!/bin/sh\nexec '{path}.py' sluice 1 \"$@\"\n", encoding="utf-8")
            path.chmod(0o755)
        self.peer = self.write("peer.py", False)
        self.savina_peer = self.write("savina-peer.py", True)

    def write(self, name, is_savina):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(FAKE.format(python=sys.executable, log=str(self.log),
                                    is_savina=is_savina), encoding="utf-8")
        path.chmod(0o755)
        return path

    def bench(self, *words):
        self.log.write_text("", encoding="utf-8")
        done = subprocess.run([sys.executable, BENCH, "--built", self.folder, "--out",
                               self.folder / "out", *words], capture_output=True, text=True,
                              timeout=120)
        self.code, self.said, self.complained = done.returncode, done.stdout, done.stderr
        return self

    def ran(self):
        return [line.split() for line in self.log.read_text(encoding="utf-8").splitlines()]

    def report(self):
        return (self.folder / "out" / "report.md").read_text(encoding="utf-8")

    def row(self, figure, heading):
        """The cells of the row of a figure in the table below a heading."""
        part = self.report().split(f"### {heading}\n", 1)[-1].split("\n#", 1)[0]
        rows = [line for line in part.splitlines() if line.startswith(f"| {figure} |")]
        return [cell.strip() for cell in rows[0].split("|")[1:-1]] if len(rows) == 1 else rows

    def plots(self):
        return {path.name: path.read_text(encoding="utf-8")
                for path in (self.folder / "out").glob("*.svg")}


def check_parts():
    found = spread.spread([4, 1, 3, 2, 100])
    check((found.low, found.median, found.high) == (2, 3, 4), "quartiles and median", found)
    check(spread.spread([1, 2]).median == 1.5 and spread.spread([]) is None, "of two, of none")
    check(spread.times_better(10, 20, "ns") == 2 and spread.times_better(10, 20, "M/s") == 0.5,
          "half the time is twice as good, half the rate half as good")
    check(spread.times_better(0, 5, "wakes") is None
          and spread.times_better(1, 5, "apples") is None,
          "no ratio with a zero or without a direction")
    cell = programs.Cell("actor", "lat", 2, 7)
    check(programs.command_words("p 'a b'", cell) ==
          ["p", "a b", "--workload", "lat", "--threads", "2", "--runs", "7"],
          "a command gets actor-bench's options")
    check(programs.command_words("p -t{threads} {workload} x{runs}", cell) ==
          ["p", "-t2", "lat", "x7"], "placeholders are replaced")
    text = "lat 2 1.5 ns\nlat 1 9 ns\nlatter 2 9 ns\nlat 2 nan ns\nlat 2 -1 ns\nlat-p99 2 3 ns\n" \
           "median lat 2 9 ns\nlat 2 2.5 ns\n"
    check(programs.figures_in(text, cell) == {("lat", "ns"): [1.5, 2.5], ("lat-p99", "ns"): [3.0]},
          "only lines of the cell count", programs.figures_in(text, cell))
    try:
        programs.run(programs.Program("sleeper", "sh -c 'sleep 60 & wait' {workload}"), cell, 0.2)
        check(False, "a program that takes too long has failed")
    except programs.Failed as problem:
        check("longer" in str(problem), "a program that takes too long has failed", problem)
    curves = {"a<&": [(1, 1, 2, 3), (1000, 0, 0, 0)]}
    empty = svg.Section("0", (("<", [svg.Bar("a<&", 0, 0, 0, "&")]),))
    for drawn in (svg.bars("<&", ["a<&"], [empty]),
                  svg.panels("<&", ["a<&"], [svg.Panel("&", "x", "y", curves)]),
                  svg.panels("one", ["a<&"], [svg.Panel("&", "x", "y", {"a<&": [(1, 2, 2, 2)]})])):
        xml.etree.ElementTree.fromstring(drawn)
    check(svg.Scale([1, 1e6], 0, 60).is_logarithmic and not svg.Scale([0, 1e6], 0, 1).is_logarithmic
          and not svg.Scale([10, 30], 0, 1).is_logarithmic, "logarithmic where needed")
    buckets = [(10 * latency.BUCKET, 3), (40 * latency.BUCKET, 1)]
    check([(round(x), share) for x, share, _, _ in latency.shares(buckets)] ==
          [(10, 0.75), (11, 0), (40, 0.25), (44, 0)], "a histogram falls to 0 where nothing was")
    check([each[1] for each in latency.tail(buckets)] == [0.25], "the tail is what took longer")
    names, drawn = latency.panels({"raw": buckets, "gateway-io0": buckets})
    xml.etree.ElementTree.fromstring(svg.panels("latency", names, drawn))
    check(names == ["gateway-io0", "raw"], "ours is first")
    check(svg.Scale([1, 0], 0, 50).place(1) == 50, "the largest fills the width")


def check_comparison(stage):
    stage.bench("actor", "--only", "lat,rate,calm", "--rounds", "3", "--threads", "1,2",
                "--peer", f"fast={stage.peer} fast 0.5", "--peer", f"slow={stage.peer} slow 4")
    check(stage.code == 0, "three programs and no failure", stage.complained)
    ran = [words[0] for words in stage.ran()]
    turns = [["sluice", "fast", "slow"], ["fast", "slow", "sluice"], ["slow", "sluice", "fast"]]
    check(ran == [name for turn in turns for _ in range(6) for name in turn],
          "interleaved, and the beginner changes", ran)
    check(stage.row("lat", "actor, 1 thread") ==
          ["lat", "ns", "50.0 (50.0..50.0)", "25.0 (25.0..25.0)", "200 (200..200)", "fast", "0.50"],
          "a time: the last run counts, half as good as the best",
          stage.row("lat", "actor, 1 thread"))
    check(stage.row("rate", "actor, 2 threads")[2:] ==
          ["8.00 (8.00..8.00)", "4.00 (4.00..4.00)", "32.0 (32.0..32.0)", "slow", "0.25"],
          "a rate: the other direction", stage.row("rate", "actor, 2 threads"))
    check(stage.row("calm", "actor, 1 thread")[-1] == "-", "no ratio of nothing")
    check(len(stage.row("lat-p99", "actor, 2 threads")) == 7, "a row for each figure")
    check("77777" not in stage.report() and "88888" not in stage.report() and
          "Lost rounds" not in stage.report() and stage.report() in stage.said,
          "medians of the program and strange figures do not count; the report is printed")
    check(set(stage.plots()) == {"actor-1.svg", "actor-2.svg", "actor-threads.svg"},
          "a plot for each number of threads and one over them", list(stage.plots()))
    for name, text in stage.plots().items():
        root = xml.etree.ElementTree.fromstring(text)
        words = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
        foreign = re.search(r"href|url\(|<script|@import", text)
        check("lat" in words and "slow" in words and not foreign and f"]({name})" in stage.report(),
              f"{name} is XML, names all, needs nothing", words)
    raw = json.loads((stage.folder / "out" / "raw.json").read_text(encoding="utf-8"))
    series = [each for each in raw["series"] if each["figure"] == "rate" and each["threads"] == 2]
    check([each["values"] for each in series] == [[8] * 3, [4] * 3, [32] * 3] and
          series[1]["printed"] == [[800, 4]] * 3 and "processor" in raw["machine"],
          "raw.json has every value", series)


def check_losers(stage):
    stage.bench("actor", "--only", "lat,rate", "--rounds", "2", "--threads", "1",
                "--peer", f"broken={stage.peer} broken 1", "--peer", f"mute={stage.peer} mute 1",
                "--peer", f"narrow={stage.peer} narrow 3",
                "--peer", f"metric={stage.peer} metric 2")
    check(stage.code == 1, "failures are in the exit code", stage.code)
    row = stage.row("lat", "actor, 1 thread")
    check(row[3:5] == ["failed", "failed"] and row[5:] == ["150 (150..150)", "100 (100..100)",
                                                           "metric", "2.00"],
          "who fails or is mute has no figure; the others are compared", row)
    check(stage.row("rate", "actor, 1 thread")[5] == "-", "who lacks a workload has not failed")
    check([words[0] for words in stage.ran() if words[1] == "rate"].count("narrow") == 1,
          "and is not asked twice")
    lost = stage.report().split("## Lost rounds")[-1]
    check("| broken | actor: lat, 1 thread | 1 2 | ended with 1: it cannot |" in lost and
          "| mute | actor: rate, 1 thread | 1 2 | printed no figure" in lost and
          "narrow" not in lost, "who lost which rounds and why", lost)
    check("lat-p99 is in us, not ns" in lost and
          stage.row("lat-p99", "actor, 1 thread")[6] == "failed", "another unit is no figure", lost)


def check_peers(stage):
    path = stage.write("bench/peers/raw-floor.py", False)
    for name in ("caf-bench", "raw-floor"):
        program = stage.folder / "bench" / "peers" / name
        program.write_text(f"#!/bin/sh\nexec '{path}' {name} 0.5 \"$@\"\n", encoding="utf-8")
        program.chmod(0o755)
    stage.bench("actor", "--only", "lat", "--rounds", "1", "--threads", "1", "--peers",
                "--peer", f"slow={stage.peer} slow 4")
    titles = stage.row("figure", "actor, 1 thread")
    row = dict(zip(titles, stage.row("lat", "actor, 1 thread")))
    check(row["caf"] == "25.0" and row["raw floor"] == "25.0" and row["best peer"] == "caf" and
          row["times better"] == "0.50", "--peers takes those that are built", row)
    stage.bench("actor", "--only", "lat", "--rounds", "1", "--threads", "1", "--peer",
                f"slow={stage.peer} slow 4")
    check("raw floor" not in stage.row("figure", "actor, 1 thread"), "and only then")
    (stage.folder / "bench" / "peers" / "caf-bench").unlink()
    stage.bench("actor", "--only", "lat", "--rounds", "1", "--threads", "1", "--peers",
                "--peer", f"slow={stage.peer} slow 4")
    row = stage.row("lat", "actor, 1 thread")
    check(row[-2:] == ["slow", "4.00"] and "actor: caf is not here" in stage.complained,
          "the floor is nobody's best peer; who is not built is named", row)
    program = stage.folder / "bench" / "peers" / "caf-savina"
    program.write_text(f"#!/bin/sh\nexec '{stage.savina_peer}' caf 2 \"$@\"\n", encoding="utf-8")
    program.chmod(0o755)
    stage.bench("savina", "--rounds", "1", "--threads", "1", "--peers")
    titles = stage.row("figure", "savina, 1 thread")
    row = dict(zip(titles, stage.row("pp", "savina, 1 thread")))
    check(row["caf"] == "12.0" and row["times better"] == "2.00" and "raw floor" not in row
          and "actor" not in stage.complained, "savina has peers of its own", row)


def check_other_suites(stage):
    stage.bench("savina", "scaling", "--rounds", "2", "--threads", "2", "--peer",
                f"savina:other={stage.savina_peer} other 2 {{program}} --threads {{threads}}",
                "--peer", f"actor={stage.peer} actor 2",
                "--peer",
                f"rigid={stage.peer} rigid 1 --workload {{workload}} --threads {{threads}}")
    check(stage.row("pp", "savina, 2 threads")[2:] ==
          ["6.00 (6.00..6.00)", "12.0 (12.0..12.0)", "other", "2.00"],
          "savina: the median iteration counts", stage.row("pp", "savina, 2 threads"))
    check(stage.row("pp-inner", "savina, 2 threads")[2] == "3.00 (3.00..3.00)",
          "and the inner time")
    check(["pp", "--threads", "2", "--iterations", "3"] in [words[3:] for words in stage.ran()],
          "savina is asked for three iterations", stage.ran())
    row = stage.row("mbox senders=1 messages=12000000", "scaling, 2 threads")
    check(row[2:] == ["5.00 (5.00..5.00)", "10.0 (10.0..10.0)", "-", "actor", "0.50"],
          "scaling: a row for each number of senders; no parameters through placeholders", row)
    row = stage.row("mbox senders=120 messages=100000", "scaling, 2 threads")
    check(stage.code == 1 and row[2] == "failed" and row[-1] == "-",
          "a row without ours is kept and has no ratio", row)
    check("scaling-2.svg" in stage.plots(), "scaling is plotted")
    stage.bench("suites", "--rounds", "1", "--threads", "2", "--peer",
                f"suites:other={stage.savina_peer} other 2", "--peer",
                f"savina:none={stage.savina_peer} none 2")
    check(stage.row("pp", "suites, 2 threads")[2:] == ["6.00", "12.0", "other", "2.00"],
          "suites: as savina, with peers of its own", stage.row("pp", "suites, 2 threads"))


def check_usage(stage):
    for words in (["nothing"], ["actor", "--peer", "nameless"],
                  ["actor", "--peer", "a=/no/program"],
                  ["actor", "--threads", "0"], ["actor", "--only", "absent"],
                  ["actor", "--peer", f"a={stage.peer} a 1", "--peer", f"a={stage.peer} a 2"]):
        stage.bench(*words)
        check(stage.code == 2 and not stage.ran() and stage.complained.strip(),
              f"{' '.join(words[:3])} is refused with a reason", (stage.code, stage.complained))


def main():
    check_parts()
    with tempfile.TemporaryDirectory() as folder:
        for each in (check_comparison, check_losers, check_peers, check_other_suites, check_usage):
            stage = Stage(pathlib.Path(folder) / each.__name__)
            each(stage)
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
