"""Markdown tables of medians with their quartiles, and how many times better than the best peer."""
import spread


def number(value):
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell_text(text):
    return str(text).replace("|", "\\|")


def table(titles, lines):
    out = [titles, ["---"] * len(titles), *lines]
    return "\n".join("| " + " | ".join(map(cell_text, line)) + " |" for line in out) + "\n"


def spread_text(results, row, name):
    found = results.spread(row, name)
    if found is None:
        return "failed" if results.has_failed(row, name) else "-"
    text = number(found.median)
    if found.count > 1:
        text += f" ({number(found.low)}..{number(found.high)})"
    return text if found.count == results.rounds else f"{text} [{found.count} of {results.rounds}]"


def row_title(row):
    return " ".join([row.figure, *(f"{name}={value}" for name, value in row.parameters)])


def best_peer(results, row, peers):
    """The name and median of the best of those that have the row, or None and None."""
    better = spread.direction(results.units[row])
    medians = {each.name: results.spread(row, each.name).median for each in peers
               if not each.is_floor and results.spread(row, each.name)}
    if better is None or not medians:
        return None, None
    name = better(medians, key=medians.get)
    return name, medians[name]


def ratio(results, row, ours, peers):
    """Whom we are compared with, and how many times better we are."""
    name, median = best_peer(results, row, peers)
    mine = results.spread(row, ours.name)
    return name, spread.times_better(mine.median if mine else None, median, results.units[row])


def comparison(results, rows, all_programs):
    """A line for each row; the first program is ours."""
    ours, peers = all_programs[0], all_programs[1:]
    titles = ["figure", "unit", *(each.name for each in all_programs)]
    if peers:
        titles += ["best peer", "times better"]
    lines = []
    for row in rows:
        line = [row_title(row), results.units[row]]
        line += [spread_text(results, row, each.name) for each in all_programs]
        if peers:
            name, times = ratio(results, row, ours, peers)
            line += [name or "-", "-" if times is None else f"{times:.2f}"]
        lines.append(line)
    return table(titles, lines)


def failures(results):
    """Who lost which rounds and why; nothing when nobody did."""
    lost = {}
    for turn, cell, name, reason in results.failures:
        lost.setdefault((name, f"{cell.suite}: {cell.text()}", reason), []).append(str(turn + 1))
    if not lost:
        return ""
    return table(["program", "cell", "rounds", "why"],
                 [[name, cell, " ".join(turns), reason]
                  for (name, cell, reason), turns in lost.items()])
