"""The folder of a report: report.md with tables and plots, raw.json with every value."""
import json
import pathlib

import growth
import latency
import spread
import svg
import tables

HOW_TO_READ = """\
A figure is the median over the rounds, with the first and third quartile behind it. In each round
every program ran once, and who began changed. *times better* compares sluice with the best peer's
median: above 1 sluice is ahead, whatever the unit. `[7 of 9]`: the other rounds were lost, see the
end. `-`: the program does not have it. Nanoseconds do not carry over to other machines; ratios
nearly do.
"""
WHAT = {
    "actor": "One process a round and program. Of its two runs the first is cold and the second "
             "counts; `flood`, `idle`, `quiet` and `suspended` measure memory or rest and run "
             "once, cold.\n",
    "scaling": "`big`, `fjthrput`, `mbox` and `nn`: the same number of messages at each number of "
               "actors, senders or pairs. `idle` and `flood` run once, cold.\n",
    "crossings": "Counted with two schedulers in runs of their own: how many messages were handled "
                 "on another thread than sent (% of them), activations, steals and wakes for a "
                 "million messages, workers busy on the mean.\n",
    "savina": "Published sizes, or what two cores can run. One process a round; the median of its "
              "three iterations counts. The time is the runner's, from before the actor system is "
              "made until it has stopped; `-inner` is from the first message to the last.\n",
    "suites": "As savina, but programs that measure memory or rest run once. What is no time is told "
              "in bench/suites/README.md.\n",
}


class Report:
    def __init__(self, folder, results, programs_of, machine, latencies=None, costs=None):
        self.folder = pathlib.Path(folder)
        self.results = results
        self.programs_of = programs_of
        self.machine = machine
        self.latencies = latencies
        self.growth = growth.Growth(results, costs, machine)
        self.parts = []
        names = [each.name for suite in WHAT for each in programs_of(suite)]
        self.names = list(dict.fromkeys(names))

    def write(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.parts.append("# Benchmarks\n\n" + tables.table(["where", ""], self.machine.items()))
        self.parts.append(HOW_TO_READ)
        for suite in WHAT:
            rows = self.results.rows(suite)
            if rows:
                self.add_suite(suite, rows)
        if self.results.rows("scaling"):
            self.add_growth()
        if self.latencies:
            self.add_latency()
        lost = tables.failures(self.results)
        if lost:
            self.parts.append("## Lost rounds\n\n" + lost)
        text = "\n".join(self.parts)
        (self.folder / "report.md").write_text(text, encoding="utf-8")
        (self.folder / "raw.json").write_text(json.dumps(self.raw(), indent=1), encoding="utf-8")
        return text

    def add_suite(self, suite, rows):
        self.parts.append(f"## {suite}\n\n{WHAT[suite]}")
        for count in sorted({row.threads for row in rows}):
            chosen = [row for row in rows if row.threads == count]
            title = f"{suite}, {count} thread{'s' if count > 1 else ''}"
            table = tables.comparison(self.results, chosen, self.programs_of(suite))
            self.parts.append(f"### {title}\n\n{table}")
            if suite == "crossings":
                continue
            if suite == "scaling":
                self.plot(f"{suite}-{count}", title, svg.panels, self.actor_panels(chosen))
            else:
                self.plot(f"{suite}-{count}", title, svg.bars, self.sections(chosen))
        if suite not in ("scaling", "crossings") and len({row.threads for row in rows}) > 1:
            self.plot(f"{suite}-threads", f"{suite} over threads", svg.panels,
                      self.thread_panels(rows))

    def add_growth(self):
        """The tables and pictures of bench/growth.md."""
        self.parts.append("## How cost grows\n\nWhat it means is said in bench/growth.md.\n")
        self.parts += [f"### {name}\n\n{text}" for name, text in self.growth.tables().items()]
        for name, picture in self.growth.pictures().items():
            (self.folder / name).write_text(picture, encoding="utf-8")
            self.parts.append(f"![{name}]({name})\n")

    def add_latency(self):
        self.parts.append(f"## latency\n\nOpen loop at {latency.RATE:,} messages a second; "
                          f"loopback, the generator on the same machine.\n\n"
                          f"{self.latencies.said}")
        names, panels = latency.panels(self.latencies.histograms)
        if names:
            self.names = names
            self.plot("latency", "TCP echo, latency", svg.panels, panels)

    def plot(self, name, title, draw, content):
        if not content:
            return
        (self.folder / f"{name}.svg").write_text(draw(title, self.names, content),
                                                 encoding="utf-8")
        self.parts.append(f"![{title}]({name}.svg)\n")

    def found(self, row):
        """Name and spread of each program that has the row, in the order of the names."""
        pairs = ((name, self.results.spread(row, name)) for name in self.names)
        return [(name, found) for name, found in pairs if found]

    def sections(self, rows):
        units = dict.fromkeys(self.results.units[row] for row in rows)
        return [svg.Section(f"{unit}, {spread.direction_text(unit)}",
                            tuple((tables.row_title(row), self.bars(row)) for row in rows
                                  if self.results.units[row] == unit))
                for unit in units]

    def bars(self, row):
        whose = " {}" if len(self.names) > 1 else ""
        return [svg.Bar(name, found.low, found.median, found.high,
                        tables.number(found.median) + whose.format(name))
                for name, found in self.found(row)]

    def thread_panels(self, rows):
        figures = dict.fromkeys(row.figure for row in rows)
        return [self.panel(figure, "threads", {row.threads: row for row in rows
                                               if row.figure == figure}) for figure in figures]

    def actor_panels(self, rows):
        figures = dict.fromkeys(row.figure for row in rows)
        return [self.panel(figure, f"{chosen[0].parameters[0][0]}",
                           {row.parameters[0][1]: row for row in chosen})
                for figure in figures
                for chosen in [[row for row in rows if row.figure == figure]]]

    def panel(self, title, across, rows):
        """`rows` by what the horizontal axis counts."""
        curves = {}
        for x, row in sorted(rows.items()):
            for name, found in self.found(row):
                curves.setdefault(name, []).append((x, found.low, found.median, found.high))
        unit = self.results.units[next(iter(rows.values()))]
        return svg.Panel(title, across, f"{unit}, {spread.direction_text(unit)}", curves)

    def raw(self):
        """Every value by round and all that was printed, null where the round was lost."""
        results = self.results
        return {
            "machine": self.machine,
            "rounds": results.rounds,
            "series": [{"suite": row.suite, "figure": row.figure, "threads": row.threads,
                        "parameters": dict(row.parameters), "unit": results.units[row],
                        "program": name,
                        "values": [by_round.get(turn) for turn in range(results.rounds)],
                        "printed": [results.printed[row][name].get(turn)
                                    for turn in range(results.rounds)]}
                       for row, by_name in results.values.items()
                       for name, by_round in by_name.items()],
            "raw_costs_ns": vars(self.growth.costs) if self.growth.costs else {},
            "latency_us": self.latencies.histograms if self.latencies else {},
            "failures": [{"round": turn + 1, "suite": cell.suite, "cell": cell.text(),
                          "program": name, "why": why}
                         for turn, cell, name, why in results.failures],
        }
