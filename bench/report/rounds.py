"""Interleaved rounds: in each round every program runs once in every cell, one after another, and
who begins changes from round to round. What disturbs the machine for a minute disturbs all alike.
"""
from dataclasses import dataclass, field

import programs
import spread


@dataclass(frozen=True)
class Row:
    """A line of a table: one figure of one cell."""
    suite: str
    figure: str
    threads: int
    parameters: tuple = ()


@dataclass
class Results:
    rounds: int
    values: dict = field(default_factory=dict)    # Row -> program's name -> {round: value}
    printed: dict = field(default_factory=dict)   # the same with all that was printed
    units: dict = field(default_factory=dict)     # Row -> unit
    failures: list = field(default_factory=list)  # (round, Cell, program's name, reason)
    lacking: set = field(default_factory=set)     # (Cell, program's name)

    def rows(self, suite):
        return [row for row in self.values if row.suite == suite]

    def spread(self, row, name):
        return spread.spread(list(self.values[row].get(name, {}).values()))

    def has_failed(self, row, name):
        return any(failed == name and cell.threads == row.threads and cell.suite == row.suite
                   and cell.parameters == row.parameters and cell.has_figure(row.figure)
                   for _, cell, failed, _ in self.failures)

    def keep(self, turn, cell, name, figures):
        for each in figures:
            row = Row(cell.suite, each.name, cell.threads, cell.parameters)
            unit = self.units.setdefault(row, each.unit)
            if unit != each.unit:
                reason = f"{each.name} is in {each.unit}, not {unit}"
                self.failures.append((turn, cell, name, reason))
                continue
            self.values.setdefault(row, {}).setdefault(name, {})[turn] = each.value
            self.printed.setdefault(row, {}).setdefault(name, {})[turn] = each.printed


def measure(cells, programs_of, rounds, patience, say, before_round=lambda: None):
    """`programs_of(suite)` gives the programs in their order. An interrupt ends the rounds and
    keeps what there is."""
    results = Results(rounds)
    try:
        for turn in range(rounds):
            before_round()
            for cell in cells:
                all_programs = programs_of(cell.suite)
                shift = turn % len(all_programs)
                for each in all_programs[shift:] + all_programs[:shift]:
                    if (cell, each.name) not in results.lacking:
                        run_one(results, turn, cell, each, patience, say)
    except KeyboardInterrupt:
        say(f"interrupted in round {turn + 1}")
    return results


def run_one(results, turn, cell, program, patience, say):
    where = f"{turn + 1}/{results.rounds} {cell.suite}: {cell.text()}: {program.name}"
    try:
        figures = programs.run(program, cell, patience)
    except programs.Lacks:
        results.lacking.add((cell, program.name))
        say(f"{where}: does not have it")
    except programs.Failed as problem:
        results.failures.append((turn, cell, program.name, str(problem)))
        say(f"{where}: FAILED: {problem}")
    else:
        results.keep(turn, cell, program.name, figures)
        say(where + ": " + ", ".join(f"{each.value:.4g} {each.unit}" for each in figures))
