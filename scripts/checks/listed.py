#!/usr/bin/env python3
"""Checks that every source file is built. Usage: listed.py TREE [--fix]

Each .cpp of src/, tests/ and bench/ is named in the meson.build of its folder, and a files() list is
sorted; a forgotten test would pass by not running. --fix rewrites the lists of the folders that have
exactly one.
"""
import pathlib
import re
import sys

LIST = re.compile(r"files\(\n((?:\s*'[^'\n]*',?\n)*)\s*\)")
# Hosts of the embedding tests have builds of their own.
FOREIGN = ("tests/embed",)


def folders(tree):
    for top in ("src", "tests", "bench"):
        for build in sorted((tree / top).rglob("meson.build")):
            if not str(build.parent.relative_to(tree)).startswith(FOREIGN):
                yield build


def rewrite(build, sources):
    text = build.read_text(encoding="utf-8")
    if len(LIST.findall(text)) != 1:
        return
    elsewhere = LIST.sub("", text)
    names = "".join(f"  '{name}',\n" for name in sources if f"'{name}'" not in elsewhere)
    build.write_text(LIST.sub(lambda _: f"files(\n{names})", text), encoding="utf-8")


def violations(tree):
    built = {build.parent for build in folders(tree)}
    for top in ("src", "tests", "bench"):
        for source in sorted((tree / top).rglob("*.cpp")):
            name = str(source.relative_to(tree))
            if source.parent not in built and not name.startswith(FOREIGN):
                yield source, "its folder has no meson.build"
    for build in folders(tree):
        text = build.read_text(encoding="utf-8")
        for source in sorted(build.parent.glob("*.cpp")):
            if f"'{source.name}'" not in text:
                yield source, "is not in its meson.build"
        for block in LIST.findall(text):
            names = re.findall(r"'([^']*)'", block)
            if names != sorted(names):
                yield build, "a files() list is not sorted"


def main():
    tree = pathlib.Path(sys.argv[1]).resolve()
    if "--fix" in sys.argv[2:]:
        for build in folders(tree):
            rewrite(build, sorted(p.name for p in build.parent.glob("*.cpp")))
    found = list(violations(tree))
    for path, text in found:
        print(f"{path.relative_to(tree)}: {text}")
    print(f"listed: {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
