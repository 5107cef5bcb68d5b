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
import growth  # noqa: E402
import latency  # noqa: E402
import model  # noqa: E402
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
if name == "sluice" and after("--param") == "senders=10":
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
if "--crossings" in words:
    for each in {crossings!r}.items():
        print(f"mbox-{{each[0]}} {{threads}} {{each[1]}} unit")
elif savina:
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
CROSSINGS = {"crossed": 50, "moved": 0, "activations": 250_000, "wakes": 1000, "busy": 1.5}
# What bench/limits writes, whatever row it is asked for.
LIMITS = """#!/bin/sh
echo "$2" >> '{log}'
echo '{{"line_round_trip": {{"value": 70, "unit": "ns", "min": 40, "max": 90}},
       "mpsc_cas_stack_1_to_1": {{"value": 70, "unit": "M/s", "min": 40, "max": 100}},
       "futex_wake_call": {{"value": 9000, "unit": "ns", "min": 8000, "max": 9900}}}}' > "$4"
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
        limits = self.folder / "bench" / "limits" / "limits"
        limits.parent.mkdir(parents=True)
        limits.write_text(LIMITS.format(log=self.folder / "asked"), encoding="utf-8")
        limits.chmod(0o755)
        self.peer = self.write("peer.py", False)
        self.savina_peer = self.write("savina-peer.py", True)

    def write(self, name, is_savina):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(FAKE.format(python=sys.executable, log=str(self.log),
                                    is_savina=is_savina, crossings=CROSSINGS), encoding="utf-8")
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
    row = stage.row("mbox senders=1 messages=6000000", "scaling, 2 threads")
    check(row[2:] == ["5.00 (5.00..5.00)", "10.0 (10.0..10.0)", "-", "actor", "0.50"],
          "scaling: a row for each number of senders; no parameters through placeholders", row)
    row = stage.row("mbox senders=10 messages=600000", "scaling, 2 threads")
    check(stage.code == 1 and row[2] == "failed" and row[-1] == "-",
          "a row without ours is kept and has no ratio", row)
    check("scaling-2.svg" in stage.plots(), "scaling is plotted")
    stage.bench("suites", "--rounds", "1", "--threads", "2", "--peer",
                f"suites:other={stage.savina_peer} other 2", "--peer",
                f"savina:none={stage.savina_peer} none 2")
    check(stage.row("pp", "suites, 2 threads")[2:] == ["6.00", "12.0", "other", "2.00"],
          "suites: as savina, with peers of its own", stage.row("pp", "suites, 2 threads"))


def check_model():
    costs = model.Costs.of({"line_round_trip": 40, "mpsc_cas_stack_1_to_1": 100,
                            "futex_wake_call": 8000})
    check(costs == model.Costs(20, 10, 8000) and model.Costs.of({"line_round_trip": 40}) is None,
          "raw costs: half a round trip, one over a rate; none of two rows", costs)
    check(growth.medians([{"a": 1}, {"a": 9, "b": 4}, {"a": 3}]) == {"a": 3, "b": 4},
          "of raw costs the median of the rounds")
    counts = model.Counts(crossed=0.5, moved=0.1, activations=1, wakes=0.001, busy=2)
    flow = model.Flow("mbox", 100, 64, False, 2)
    check(model.crossing_ns(flow, counts, costs) == 4 * 20, "block and word, there and back")
    traffic = model.traffic_ns(flow, counts, costs)
    check(traffic == 40 + 6 and model.work_ns(counts, costs, 100, traffic) == 100 + 46 + 8,
          "work is a sum; a receiver that moves brings three lines", traffic)
    check(model.far_traffic_ns(flow, counts, costs, 4) == 0.75 * 80, "what goes far, goes once")
    chained = model.Flow("mbox", 100, 128, True, 2)
    check(model.crossing_ns(chained, counts, costs) == 6 * 10, "chains are fetched ahead")
    few = model.Counts(0.5, 0, 0.001, 0, 2)
    check(model.bounds_ns(flow, few, costs, 100, 4) == ((100 + .5 * 2.002 * 20) / 2,
                                                        (100 + .75 * 3 * 20) / 2),
          "as much crosses as counted, or nothing stays near; two have work",
          model.bounds_ns(flow, few, costs, 100, 4))
    wide, dear = model.Flow("big", 100, 64, False, 100), model.Costs(2000, 10, 8000)
    check(model.time_ns(wide, counts, dear, 100, 4, 999) == 100 and
          model.time_ns(wide, few, dear, 100, 4, 999) > 100,
          "short activations are left to one worker, long ones are not")


def check_growth(stage):
    stage.bench("scaling", "--rounds", "2", "--threads", "1,2")
    report = stage.report()
    asked = (stage.folder / "asked").read_text(encoding="utf-8").split()
    check(asked == 2 * list(model.Costs.ROWS), "the raw costs are asked for in each round", asked)
    check("| mbox | 1,000 senders | M/s | 5.00 (5.00..5.00) | 5.00 (5.00..5.00) |" in report,
          "a line for each point, a column for each number of workers")
    check("| mbox | 10 senders" not in report and "mbox senders=10 messages=600000" in report,
          "none where every round was lost")
    check("| mbox, 100 senders | 50.0 | - | 250000 | 1000 | 1.50 |" in report, "what crosses")
    # 200 ns alone, of two workers 1.5 at work; 2.5 lines of 10 ns for half, 8 ns of wakes.
    check("| mbox, 100 senders | 200 | 200 | 300 | 220 | 0.73 | 110..113 |" in report,
          "the model beside what was measured", report.split("### model")[-1][:400])
    crossings = [words for words in stage.ran() if "--crossings" in words]
    check(len(crossings) == 2 and all("senders=100" in words for words in crossings),
          "crossings are counted once a round, with two workers", crossings)
    plots = stage.plots()
    for name in ("growth-rates.svg", "growth-model.svg"):
        xml.etree.ElementTree.fromstring(plots[name])
        check(not re.search(r"href|url\(|<script|@import", plots[name]) and f"({name})" in report,
              f"{name} is XML and needs nothing")
    (stage.folder / "bench" / "limits" / "limits").unlink()
    stage.bench("scaling", "--rounds", "1", "--threads", "2")
    check("### model" not in stage.report() and "### crossings" in stage.report(),
          "no model without raw costs")


def check_page(folder):
    page, pictures = folder / "page.md", folder / "pictures"
    page.write_text("a\n<!-- begin rates -->\nold\n<!-- end rates -->\nb\n", encoding="utf-8")
    growth.write_page(page, pictures, {"rates": "| 1 |\n"}, {"x.svg": "<svg/>"})
    text = "a\n<!-- begin rates -->\n| 1 |\n<!-- end rates -->\nb\n"
    check(page.read_text(encoding="utf-8") == text and (pictures / "x.svg").exists(),
          "a page keeps its words and gets its tables")
    try:
        growth.write_page(page, pictures, {"rates": "new\n", "absent": "1\n"}, {})
        check(False, "a part without a place is refused")
    except growth.PageError:
        check(page.read_text(encoding="utf-8") == text, "a part without a place is refused")
    own = (HERE.parent / "growth.md").read_text(encoding="utf-8")
    check(growth.filled(own, {name: "" for name in growth.PARTS}), "the page has all places")
    used = set(re.findall(r"\(pictures/([^)]+)\)", own))
    committed = {path.name for path in (HERE.parent / "pictures").glob("growth-*.svg")}
    check(used == committed and len(used) == 3, "and its pictures", (used, committed))


def check_usage(stage):
    for words in (["nothing"], ["actor", "--peer", "nameless"],
                  ["actor", "--peer", "a=/no/program"],
                  ["actor", "--threads", "0"], ["actor", "--only", "absent"],
                  ["actor", "--page"], ["scaling", "--page", "--threads", "2"],
                  ["scaling", "--page", "--only", "mbox"],
                  ["actor", "--peer", f"a={stage.peer} a 1", "--peer", f"a={stage.peer} a 2"]):
        stage.bench(*words)
        check(stage.code == 2 and not stage.ran() and stage.complained.strip(),
              f"{' '.join(words[:3])} is refused with a reason", (stage.code, stage.complained))


def main():
    check_parts()
    check_model()
    with tempfile.TemporaryDirectory() as folder:
        check_page(pathlib.Path(folder))
        for each in (check_comparison, check_losers, check_peers, check_other_suites, check_growth,
                     check_usage):
            stage = Stage(pathlib.Path(folder) / each.__name__)
            each(stage)
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
