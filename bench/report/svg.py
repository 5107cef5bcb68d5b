"""Plots as self-contained SVG: shapes and text elements, one style sheet, nothing from elsewhere.

The colours follow the reader's light or dark scheme and the ground is painted with them, so a plot
can be read on any page.
"""
import math
from dataclasses import dataclass
from xml.sax.saxutils import escape

LIGHT = ("#1f5fbf", "#c2571a", "#2b8a3e", "#8e44ad", "#a3870c", "#0f8b8d", "#c2185b", "#6d6d6d")
DARK = ("#6ea8ff", "#ff9a5c", "#69db7c", "#d0a2f7", "#e6c84f", "#4fd1d3", "#ff7bac", "#b0b0b0")
STYLE = (
    "text{font-family:system-ui,sans-serif;font-size:12px;fill:#1b1f24}"
    ".title{font-size:16px;font-weight:600}.head{font-weight:600}.small{font-size:10px}"
    ".ground{fill:#ffffff}.grid{stroke:#d5d9de;stroke-width:1}"
    ".whisker{stroke:#1b1f24;stroke-width:1}.curve{fill:none;stroke-width:2}"
    + "".join(f".fill{i}{{fill:{colour}}}.stroke{i}{{stroke:{colour}}}"
              for i, colour in enumerate(LIGHT))
    + "@media (prefers-color-scheme:dark){text{fill:#e6e8eb}.ground{fill:#14171a}"
      ".grid{stroke:#3a4047}.whisker{stroke:#e6e8eb}"
    + "".join(f".fill{i}{{fill:{colour}}}.stroke{i}{{stroke:{colour}}}"
              for i, colour in enumerate(DARK))
    + "}")
LOGARITHMIC_FROM = 20  # the ratio of largest to smallest from which small bars would vanish


@dataclass(frozen=True)
class Bar:
    name: str      # whose: gives the colour
    low: float     # quartiles, drawn as a whisker
    value: float
    high: float
    text: str


@dataclass(frozen=True)
class Section:
    """Groups of bars that share a unit, and so an axis."""
    title: str
    groups: tuple  # of (label, bars)


@dataclass(frozen=True)
class Panel:
    """Curves over a common horizontal axis."""
    title: str
    across: str    # what the horizontal axis counts
    up: str        # the unit
    curves: dict   # name -> points (x, low, value, high), by x
    is_stepped: bool = False


class Drawing:
    def __init__(self, width, title):
        self.width = width
        self.height = 0
        self.title = title
        self.parts = []

    def text(self, x, y, words, kind="", anchor="start"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
                          f'class="{kind}">{escape(str(words))}</text>')

    def bar(self, x, y, width, height, colour):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" '
                          f'height="{height:.1f}" class="fill{colour}"/>')

    def line(self, x1, y1, x2, y2, kind):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                          f'class="{kind}"/>')

    def dot(self, x, y, colour):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" class="fill{colour}"/>')

    def curve(self, points, colour):
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{places}" class="curve stroke{colour}"/>')

    def finish(self):
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" '
                f'height="{self.height:.0f}" viewBox="0 0 {self.width} {self.height:.0f}" '
                f'role="img">\n<title>{escape(self.title)}</title>\n<style>{STYLE}</style>\n'
                f'<rect width="100%" height="100%" class="ground"/>\n')
        return head + "\n".join(self.parts) + "\n</svg>\n"


def decade_marks(least, most):
    """Powers of ten from below `least` to `most`, and 2 and 5 times them when they are few."""
    first, last = math.floor(math.log10(least) + 1e-9), math.floor(math.log10(most) + 1e-9)
    factors = (1, 2, 5) if last - first < 2 else (1,)
    return [factor * 10.0 ** decade for decade in range(first, last + 1) for factor in factors]


class Scale:
    """Values to places between two ends. Logarithmic when they differ much and none is 0."""

    def __init__(self, values, first, last, is_logarithmic=None):
        self.first, self.last = first, last
        low, high = min(values), max(values)
        if is_logarithmic is None:
            is_logarithmic = low > 0 and high / low >= LOGARITHMIC_FROM
        self.is_logarithmic = is_logarithmic and low > 0
        if self.is_logarithmic:
            self.least = 10.0 ** math.floor(math.log10(low * 0.8))
            self.most = max(high, self.least * 10)
        else:
            self.least, self.most = 0.0, high if high > 0 else 1.0

    def place(self, value):
        if self.is_logarithmic:
            share = math.log(max(value, self.least) / self.least) / math.log(self.most / self.least)
        else:
            share = value / self.most
        return self.first + share * (self.last - self.first)

    def ticks(self):
        if self.is_logarithmic:
            return [mark for mark in decade_marks(self.least, self.most)
                    if self.least * 0.9999 <= mark <= self.most * 1.0001]
        step = 10.0 ** math.floor(math.log10(self.most / 2))
        step *= next((factor for factor in (5, 2) if self.most / (step * factor) >= 3), 1)
        return [step * i for i in range(int(self.most / step * 1.0001) + 1)]


class Across:
    """Counts to places: each doubling takes the same room, and the curve fills the width."""

    def __init__(self, counts, first, last):
        self.counts, self.first, self.last = counts, first, last

    def place(self, count):
        inner, width = self.first + 16, self.last - self.first - 32
        if count <= 0 or len(self.counts) < 2:
            return inner
        least, most = self.counts[0], self.counts[-1]
        return inner + width * math.log(count / least) / math.log(most / least)

    def ticks(self, is_stepped):
        """The counts; of the many edges of a histogram, round numbers between them."""
        if not is_stepped:
            return self.counts
        least, most = self.counts[0], self.counts[-1]
        return [mark for mark in decade_marks(least, most) if least <= mark <= most]


def tick_text(value):
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def colour_of(names):
    """The same name has the same colour in each plot of a report; the first is ours."""
    return {name: i % len(LIGHT) for i, name in enumerate(names)}


def draw_legend(drawing, names, y):
    x = 16
    for name, colour in colour_of(names).items():
        width = 26 + 7 * len(name)
        if x + width > drawing.width and x > 16:
            x, y = 16, y + 18
        drawing.bar(x, y - 9, 10, 10, colour)
        drawing.text(x + 15, y, name)
        x += width
    return y + 14


def begin(title, names, width):
    drawing = Drawing(width, title)
    drawing.text(16, 26, title, "title")
    return drawing, draw_legend(drawing, names, 48)


def bars(title, names, sections):
    """Horizontal bars by section and group, `names` in the order of their colours."""
    drawing, y = begin(title, names, 860)
    colours = colour_of(names)
    for section in sections:
        y += 22
        all_bars = [bar for _, group in section.groups for bar in group]
        scale = Scale([bar.value for bar in all_bars], 190, 690)
        note = ", logarithmic" if scale.is_logarithmic else ""
        drawing.text(16, y, section.title + note, "head")
        y += 10
        bottom = y + sum(14 * len(group) + 8 for _, group in section.groups)
        for tick in scale.ticks():
            drawing.line(scale.place(tick), y, scale.place(tick), bottom, "grid")
            drawing.text(scale.place(tick), bottom + 11, tick_text(tick), "small", "middle")
        for label, group in section.groups:
            drawing.text(182, y + 7 * len(group) + 6, label, anchor="end")
            for bar in group:
                draw_bar(drawing, bar, scale, y + 3, colours[bar.name])
                y += 14
            y += 8
        y += 16
    drawing.height = y + 8
    return drawing.finish()


def draw_bar(drawing, bar, scale, y, colour):
    drawing.bar(scale.first, y, scale.place(bar.value) - scale.first, 11, colour)
    end = min(scale.place(bar.high), scale.last + 20)
    drawing.line(scale.place(bar.low), y + 5.5, end, y + 5.5, "whisker")
    drawing.text(max(scale.place(bar.value), end) + 6, y + 9.5, bar.text, "small")


def panels(title, names, all_panels):
    """Curves, three panels a line."""
    drawing, top = begin(title, names, 960)
    colours = colour_of(names)
    for i, panel in enumerate(all_panels):
        draw_panel(drawing, panel, colours, 16 + 315 * (i % 3), top + 230 * (i // 3))
    drawing.height = top + 230 * math.ceil(len(all_panels) / 3) + 8
    return drawing.finish()


def draw_panel(drawing, panel, colours, left, top):
    points = [point for curve in panel.curves.values() for point in curve]
    across = Across(sorted({point[0] for point in points}), left + 44, left + 295)
    up = Scale([point[3] for point in points] + [point[1] for point in points], top + 180, top + 36)
    note = ", logarithmic" if up.is_logarithmic else ""
    drawing.text(left, top + 16, panel.title, "head")
    drawing.text(left, top + 29, f"{panel.up}{note}", "small")
    for tick in up.ticks():
        drawing.line(across.first, up.place(tick), across.last, up.place(tick), "grid")
        drawing.text(across.first - 5, up.place(tick) + 4, tick_text(tick), "small", "end")
    for tick in across.ticks(panel.is_stepped):
        drawing.text(across.place(tick), top + 194, tick_text(tick), "small", "middle")
    drawing.text((across.first + across.last) / 2, top + 208, panel.across, "small", "middle")
    for name, curve in panel.curves.items():
        places = [(across.place(x), up.place(value)) for x, _, value, _ in curve]
        drawing.curve(stepped(places) if panel.is_stepped else places, colours[name])
        if panel.is_stepped:
            continue
        for x, low, value, high in curve:
            drawing.line(across.place(x), up.place(low), across.place(x), up.place(high), "whisker")
            drawing.dot(across.place(x), up.place(value), colours[name])


def stepped(places):
    """A step at each place, as the edges of a histogram."""
    out = []
    for x, y in places:
        if out:
            out.append((x, out[-1][1]))
        out.append((x, y))
    return out
