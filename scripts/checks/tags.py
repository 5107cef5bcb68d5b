#!/usr/bin/env python3
"""Checks the ordering tags. Usage: tags.py TREE

The form:   head_.store(node, release);  // [RQ2] release: publishes the slot; pairs RQ3 (steal)
A comment may run over several lines, and may stand directly above the statement it is about.

  T1  each access with acquire, release, acq_rel or seq_cst carries a tag, beside it or directly above
  T2  a tag names an order and the tags it pairs with ("pairs RQ3, RQ4"; "pairs the kernel" for
      memory that is shared with it; a read-modify-write may pair with its own tag)
  T3  a tag named as partner exists, and names this one back
  T4  a tag belongs to one file
  T5  only the facade: no std::atomic, no fences, no volatile, no default order
"""
import collections
import pathlib
import re
import sys

TAG = r"[A-Z]{1,4}[0-9]+"
SITE = re.compile(r"\[(" + TAG + r")\]\s*(acquire|release|acq_rel|seq_cst)\b")
PAIRS = re.compile(r"\bpairs\s+(?:with\s+)?(.*)", re.S)
KERNEL = re.compile(r"\bpairs\s+(?:with\s+)?(?:the\s+)?kernel\b")
ORDERED = re.compile(
    r"(?:^|[,(?:])\s*(?:(?:\w+::)*)(?:memory_order_)?(acquire|release|acq_rel|seq_cst)\s*(?=[,):]|$)")
FORBIDDEN = [
    (re.compile(r"\bstd::atomic\b|\bstd::atomic_ref\b"), "std::atomic instead of base::atomic"),
    (re.compile(r"\batomic_(?:thread|signal)_fence\b"), "a fence"),
    (re.compile(r"(?<!asm )\bvolatile\b"), "volatile"),
    (re.compile(r"\bmemory_order"), "std::memory_order instead of the facade's constants"),
    (re.compile(r"\.load\(\s*\)"), "a load with the default order"),
    (re.compile(r"\.fetch_(?:add|sub|or|and|xor)\([^(),]*\)"), "fetch_… with the default order"),
]
FACADE = "src/base/atomic.hpp"


def split_line(line, in_block):
    """Separates code from comment text; strings are blanked. Returns (code, comment, in_block)."""
    code, comment, i = "", "", 0
    while i < len(line):
        if in_block:
            end = line.find("*/", i)
            if end < 0:
                return code, comment + line[i:], True
            comment += line[i:end] + " "
            i, in_block = end + 2, False
        elif line.startswith("//", i):
            return code, comment + line[i + 2:].lstrip("/<! "), False
        elif line.startswith("/*", i):
            i, in_block = i + 2, True
        elif line[i] in "\"'" and not (line[i] == "'" and i and line[i - 1].isalnum()):
            end = i + 1
            while end < len(line) and line[end] != line[i]:
                end += 2 if line[end] == "\\" else 1
            code += line[i] + line[i]
            i = end + 1
        else:
            code += line[i]
            i += 1
    return code, comment, in_block


def read_lines(path):
    lines, in_block = [], False
    for line in path.read_text(encoding="utf-8").splitlines():
        code, comment, in_block = split_line(line, in_block)
        lines.append((code.rstrip(), comment.strip()))
    return lines


def comment_blocks(lines):
    """Yields (first line index, joined text): a trailing comment and the comment lines under it, or a
    run of comment lines."""
    i = 0
    while i < len(lines):
        if not lines[i][1]:
            i += 1
            continue
        first, text = i, lines[i][1]
        i += 1
        while i < len(lines) and lines[i][1] and not lines[i][0].strip():
            text += " " + lines[i][1]
            i += 1
        yield first, text


def sites_in(lines):
    """Yields (line number, tag, partners, pairs with kernel, says pairs)."""
    for first, text in comment_blocks(lines):
        found = list(SITE.finditer(text))
        for index, match in enumerate(found):
            end = found[index + 1].start() if index + 1 < len(found) else len(text)
            body = text[match.end():end]
            pairs = PAIRS.search(body)
            partners = set()
            if pairs:
                sentence = re.split(r"[.;](?:\s|$)", pairs.group(1))[0]
                partners = set(re.findall(r"\b" + TAG + r"\b", sentence))
            yield first + 1, match.group(1), partners, bool(KERNEL.search(body))


def lines_inside_parentheses(lines):
    """For each line: does it begin inside parentheses opened on an earlier one? A brace within them (a
    lambda's body) begins statements again."""
    stack, inside = [], []
    for code, _ in lines:
        inside.append(bool(stack) and stack[-1] == "(")
        for character in code:
            if character in "({":
                stack.append(character)
            elif character in ")}" and stack:
                stack.pop()
    return inside


def is_tagged(lines, inside, index):
    """Does the statement that holds this line carry a tag, or the comment directly above it?"""
    def starts_statement(at):
        if inside[at]:
            return False
        above = lines[at - 1][0].strip() if at > 0 else ";"
        return not above or above[-1] in ";{}:" or above.startswith("#")

    def has_tag(at):
        return re.search(r"\[" + TAG + r"\]", lines[at][1]) is not None

    start = index
    while start > 0 and not starts_statement(start):
        start -= 1
    end = index
    while end + 1 < len(lines) and (
            inside[end + 1] or not re.search(r"[;{}]\s*$", lines[end][0].strip())):
        end += 1
    if any(has_tag(at) for at in range(start, end + 1)):
        return True
    above = start - 1
    while above >= 0 and not lines[above][0].strip() and lines[above][1]:
        if has_tag(above):
            return True
        above -= 1
    return False


def check_accesses(lines):
    inside = lines_inside_parentheses(lines)
    for index, (code, _) in enumerate(lines):
        if ORDERED.search(code) and not is_tagged(lines, inside, index):
            yield index + 1, f"T1: an ordered access without a tag: {code.strip()}"
        for pattern, what in FORBIDDEN:
            if pattern.search(code):
                yield index + 1, f"T5: {what}: {code.strip()}"


def check_pairs(sites):
    """sites: tag -> list of (path, line, partners, kernel)."""
    for tag, places in sorted(sites.items()):
        files = sorted({str(path) for path, _, _, _ in places})
        path, number = places[0][0], places[0][1]
        if len(files) > 1:
            yield path, number, f"T4: [{tag}] stands in several files: {', '.join(files)}"
        partners = set().union(*(p[2] for p in places))
        if not partners and not any(p[3] for p in places):
            yield path, number, f"T2: [{tag}] does not say what it pairs with"
        for partner in sorted(partners):
            if partner not in sites:
                yield path, number, f"T3: [{tag}] pairs {partner}, which does not exist"
            elif not any(tag in place[2] for place in sites[partner]):
                yield path, number, f"T3: [{tag}] pairs {partner}, which does not name it back"


def main():
    tree = pathlib.Path(sys.argv[1]).resolve()
    paths = sorted(p for folder in ("src", "include") for p in (tree / folder).rglob("*")
                   if p.suffix in (".hpp", ".cpp", ".h") and "gateway" not in p.relative_to(tree).parts)
    found, sites = [], collections.defaultdict(list)
    for path in paths:
        name = path.relative_to(tree)
        lines = read_lines(path)
        for number, tag, partners, kernel in sites_in(lines):
            sites[tag].append((name, number, partners, kernel))
        if str(name) != FACADE:
            found += [(name, number, text) for number, text in check_accesses(lines)]
    found += list(check_pairs(sites))
    for name, number, text in found:
        print(f"{name}:{number}: {text}")
    print(f"tags: {len(sites)} tags, {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
