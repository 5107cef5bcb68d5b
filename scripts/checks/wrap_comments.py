#!/usr/bin/env python3
"""Wraps whole-line // comments that are wider than 100 columns. Usage: wrap_comments.py FILE...

What does not fit goes to the front of the paragraph's next line; a rule, a list item, an empty line or
another indentation ends a paragraph. Trailing comments are left to their author.
"""
import pathlib
import re
import sys

COLUMNS = 100
COMMENT = re.compile(r"^(\s*//[/!]?)(\s*)(.*)$")
ITEM = re.compile(r"^(?:[A-Z]{1,4}\d+[a-z]?[:.)]?|[-*·]|\d+[.)]|\[[A-Z]+\d+\])\s+")


def wrap(lines):
    result, pending = [], list(lines)
    while pending:
        line = pending.pop(0)
        match = COMMENT.match(line)
        if not match or len(line) <= COLUMNS:
            result.append(line)
            continue
        slashes, indent, text = match.groups()
        room = COLUMNS - len(slashes) - len(indent)
        cut = text.rfind(" ", 0, room + 1)
        if cut <= 0:
            result.append(line)
            continue
        item = ITEM.match(text)
        hanging = indent + " " * (item.end() if item else 0)
        result.append(slashes + indent + text[:cut].rstrip())
        rest = text[cut:].strip()
        following = COMMENT.match(pending[0]) if pending else None
        if (following and following.group(1) == slashes and following.group(3)
                and following.group(2) in (indent, hanging) and not ITEM.match(following.group(3))
                and (not item or following.group(2) == hanging)):
            pending[0] = slashes + following.group(2) + rest + " " + following.group(3)
        else:
            pending.insert(0, slashes + hanging + rest)
    return result


def main():
    for name in sys.argv[1:]:
        path = pathlib.Path(name)
        before = path.read_text(encoding="utf-8")
        after = "\n".join(wrap(before.split("\n")))
        if after != before:
            path.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
