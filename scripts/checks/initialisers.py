#!/usr/bin/env python3
"""Checks that the library runs no code before main. Usage: initialisers.py ARCHIVE"""
import re
import subprocess
import sys

MARK = re.compile(r"_GLOBAL__(?:sub_)?I_")


def main():
    listing = subprocess.run(["nm", sys.argv[1]], capture_output=True, text=True)
    if listing.returncode != 0:
        print(listing.stderr)
        return 1
    found, member = [], ""
    for line in listing.stdout.splitlines():
        if line.endswith(":"):
            member = line[:-1]
        elif MARK.search(line):
            found.append(f"{member}: static initialiser {line.split()[-1]}")
    print("\n".join(found + [f"initialisers: {len(found)} found"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
