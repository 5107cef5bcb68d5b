"""How cost grows: the tables and pictures of bench/growth.md, out of the suite scaling.

The page's words are its own. What stands between `<!-- begin NAME -->` and `<!-- end NAME -->` is
written here, and nothing else of it is touched.
"""
import json
import pathlib
import re
import subprocess
import tempfile

import model
import spread
import suites
import svg
import tables

OURS = "sluice"
RATES = ("big", "fjthrput", "mbox", "nn", "payload", "payload-data")
BYTES = ("idle", "flood")
PARTS = {"machine", "rates", "bytes", "crossings", "model"}
MODEL_WORKERS = (1, 2, 4, 8, 16)


class PageError(Exception):
    """The page does not have the places that are to be written."""


def raw_costs(program, patience):
    """The rows that the model needs, by name; a row that is skipped is not in it. The best of each:
    what disturbs a raw cost only adds to it."""
    values = {}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "limits.json"
        for row in model.Costs.ROWS:
            try:
                done = subprocess.run([program, "--only", row, "--json", path],
                                      capture_output=True, timeout=patience)
                found = json.loads(path.read_text(encoding="utf-8")) if done.returncode == 0 else {}
            except (OSError, ValueError, subprocess.TimeoutExpired):
                continue
            if "value" in found.get(row, {}):
                better = spread.direction(found[row]["unit"])
                values[row] = better(found[row]["min"], found[row]["max"])
    return values


def medians(costs_by_round):
    """Of each raw cost over the rounds: where the host puts the cores changes them."""
    names = {name for each in costs_by_round for name in each}
    return {name: spread.median([each[name] for each in costs_by_round if name in each])
            for name in names}


class Growth:
    def __init__(self, results, costs, machine):
        """`costs` are model.Costs, or None: then there is no model."""
        self.results = results
        self.costs = costs
        self.machine = machine

    def is_whole(self):
        """Each figure has a value of each round."""
        return all(len(by_name.get(OURS, ())) == self.results.rounds
                   for by_name in self.results.values.values())

    def tables(self):
        made = {"machine": self.machine_text(), "rates": self.sweep_table(RATES),
                "bytes": self.sweep_table(BYTES), "crossings": self.crossing_table(),
                "model": self.model_table()}
        return {name: text for name, text in made.items() if text}

    def pictures(self):
        made = {"growth-rates.svg": self.sweep_picture("Rates over size", RATES),
                "growth-bytes.svg": self.sweep_picture("Bytes over number", BYTES),
                "growth-model.svg": self.model_picture()}
        return {name: drawn for name, drawn in made.items() if drawn}

    def machine_text(self):
        about = self.machine
        load = f"{about.get('load at the start', '?')} and {about.get('load at the end', '?')}"
        return (f"{about.get('date', 'no date')}, {about.get('processor', 'unknown processor')}, "
                f"{about.get('cores', '?')} cores, {about.get('system', 'unknown system')}, "
                f"{about.get('compiler', 'unknown compiler')}, commit "
                f"{about.get('commit', 'unknown')}; medians of {self.results.rounds} rounds (first "
                f"and third quartile), load at the start and end {load}.\n")

    # The sweeps.

    def rows(self, figure):
        """Of one figure: {number of schedulers: {point of the sweep: row}}."""
        found = {}
        for row in self.results.rows("scaling"):
            if row.figure == figure and row.parameters and self.found(row):
                found.setdefault(row.threads, {})[row.parameters[0][1]] = row
        return found

    def found(self, row):
        return self.results.spread(row, OURS) if row in self.results.values else None

    def sweep_table(self, figures):
        lines, threads = [], sorted({count for each in figures for count in self.rows(each)})
        for figure in figures:
            by_threads = self.rows(figure)
            points = sorted({point for rows in by_threads.values() for point in rows})
            for point in points:
                of = [by_threads.get(count, {}).get(point) for count in threads]
                some = next(row for row in of if row)
                across = some.parameters[0][0]
                lines.append([figure, f"{point:,} {across}", self.results.units[some],
                              *(tables.spread_text(self.results, row, OURS) if row else "-"
                                for row in of)])
        titles = ["workload", "at", "unit", *map(worker_text, threads)]
        return tables.table(titles, lines) if lines else ""

    def sweep_picture(self, title, figures):
        panels, names = [], []
        for figure in figures:
            curves = {}
            for count, rows in sorted(self.rows(figure).items()):
                curves[worker_text(count)] = [self.point(x, row) for x, row in sorted(rows.items())]
                some = next(iter(rows.values()))
            if curves:
                unit = self.results.units[some]
                panels.append(svg.Panel(figure, some.parameters[0][0],
                                        f"{unit}, {spread.direction_text(unit)}", curves))
                names += [name for name in curves if name not in names]
        return svg.panels(title, names, panels) if panels else ""

    def point(self, x, row):
        found = self.found(row)
        return x, found.low, found.median, found.high

    # The model.

    def counted(self, flow):
        """model.Counts, or None where not all was counted."""
        parameters = suites.sweep_of(flow.workload).parameters(flow.count)
        found = {row.figure: self.found(row).median for row in self.results.rows("crossings")
                 if row.parameters == parameters and self.found(row)}
        wanted = [found.get(f"{flow.workload}-{each}")
                  for each in ("crossed", "moved", "activations", "wakes", "busy")]
        if None in wanted:
            return None
        crossed, moved, activations, wakes, busy = wanted
        return model.Counts(crossed / 100, moved / 100, activations / 1e6, wakes / 1e6, busy)

    def measured_ns(self, flow, threads):
        """Time between two messages, or None."""
        row = self.rows(flow.workload).get(threads, {}).get(flow.count)
        found = self.found(row) if row else None
        return 1000 / found.median if found and found.median > 0 else None

    def modelled(self):
        """Of each flow that was measured and counted: it, counts, times with 1 and 2 workers."""
        for flow in suites.FLOWS if self.costs else ():
            counts, times = self.counted(flow), [self.measured_ns(flow, n) for n in (1, 2)]
            if counts and None not in times:
                yield flow, counts, *times

    def crossing_table(self):
        flows = [(flow, self.counted(flow)) for flow in suites.FLOWS]
        lines = [[flow_text(flow), f"{100 * counts.crossed:.1f}",
                  f"{100 * counts.moved:.1f}" if flow.workload == "big" else "-",
                  tables.number(1e6 * counts.activations), tables.number(1e6 * counts.wakes),
                  f"{counts.busy:.2f}"] for flow, counts in flows if counts]
        titles = ["workload", "crossed, %", "receiver moved, %", "activations a million",
                  "wakes a million", "workers busy"]
        return tables.table(titles, lines) if lines else ""

    def model_table(self):
        lines = []
        for flow, counts, local, two in self.modelled():
            work = model.work_ns(counts, self.costs, local,
                                 model.traffic_ns(flow, counts, self.costs))
            is_work = two * counts.busy
            expected = [model.bounds_ns(flow, counts, self.costs, local, workers)
                        for workers in MODEL_WORKERS[2:]]
            lines.append([flow_text(flow), *map(tables.number, (local, two, is_work, work)),
                          f"{work / is_work:.2f}",
                          *(f"{tables.number(low)}..{tables.number(high)}"
                            for low, high in expected)])
        if not lines:
            return ""
        titles = ["workload", "T(1)", "T(2)", "work(2)", "model's work(2)", "model / measured",
                  *(f"T({workers}) by the model" for workers in MODEL_WORKERS[2:])]
        costs = self.costs
        return (f"{tables.table(titles, lines)}\nAll in ns a message. Raw costs, medians of the "
                f"rounds: a line {costs.line:.0f} ns, fetched ahead {costs.stream:.1f} ns, a wake "
                f"{costs.wake / 1000:.1f} µs.\n")

    def model_picture(self):
        """How many times as fast as one worker."""
        names, panels = ["measured", "model"], []
        for flow, counts, local, two in self.modelled():
            expected = []
            for workers in MODEL_WORKERS[1:]:
                low, high = model.bounds_ns(flow, counts, self.costs, local, workers)
                expected.append((workers, local / high, 2 * local / (low + high), local / low))
            measured = [(1, 1, 1, 1), (2, local / two, local / two, local / two)]
            panels.append(svg.Panel(flow_text(flow), "workers", "times as fast as one",
                                    {"model": [(1, 1, 1, 1), *expected], "measured": measured}))
        return svg.panels("A model, not a measurement: more cores", names, panels) if panels else ""


def worker_text(count):
    return f"{count} worker" + ("s" if count > 1 else "")


def flow_text(flow):
    return f"{flow.workload}, {flow.count:,} {suites.sweep_of(flow.workload).parameter}"


def filled(page, parts):
    """The page with each part between its marks."""
    for name, text in parts.items():
        place = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        page, count = place.subn(lambda found: f"{found[1]}{text}{found[2]}", page)
        if count != 1:
            raise PageError(f"{name}: {count} places, not 1")
    return page


def write_page(page, folder, parts, pictures):
    """Into the page's file and the folder of its pictures; nothing if a part has no place."""
    text = filled(page.read_text(encoding="utf-8"), parts)
    folder.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        (folder / name).write_text(picture, encoding="utf-8")
    page.write_text(text, encoding="utf-8")
