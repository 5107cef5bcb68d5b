#!/usr/bin/env python3
"""Shows that savina verifies what it measures.

    controls.py SAVINA [PROGRAM]...

Every program must pass at its CI size, with one thread and with two, against published values; and with
a message dropped, doubled or spoiled at several places it must fail and print no time. A program whose
messages carry nothing has nothing to spoil and says so. Exit code 0: all as promised.
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from promises import Promises  # noqa: E402

savina = Promises(sys.argv[1], seconds_max=120)
run, check = savina.run, savina.check
PLACES = {"drop": (0, 3, 40), "duplicate": (0, 3, 40), "spoil": (0, 5)}
LINE = re.compile(r"^((median )?[a-z]+(-inner)? [12] [0-9.]+ ms|# .*)$")
NOTHING_MET = 3


def check_program(program):
    for threads in ("1", "2"):
        code, lines, text = run(program, "--threads", threads, "--iterations", "3", "--size", "tiny")
        times = [line for line in lines if line.startswith(f"{program} {threads} ")]
        good = code == 0 and len(times) == 3 and all(map(LINE.match, lines)) \
            and "the protocol only" not in "".join(lines)
        check(good, f"{program} with {threads} threads is verified and timed", (code, lines, text))
    for defect, places in PLACES.items():
        met = 0
        for place in places:
            code, lines, text = run(program, "--size", "tiny", "--iterations", "1", "--patience", "10",
                                    "--plant", defect, "--plant-at", str(place))
            if code == NOTHING_MET and not (defect == "drop" and place == 0):
                continue
            met += 1
            check(code == 1 and not lines and text, f"{program} finds message {place} planted: {defect}",
                  (code, lines, text))
            print(f"       {text}")
        if not met:
            print(f"       {program}: no message can be met by {defect}")


def main():
    code, programs, _ = run("--list")
    check(code == 0 and programs, "--list names the programs", programs)
    for program in sys.argv[2:] or programs:
        check_program(program)
    for words in (["nothing"], [], ["pingpong", "--iterations", "0"], ["pingpong", "--param", "N=x"],
                  ["pingpong", "count"]):
        code, lines, text = run(*words)
        check(code == 2 and not lines and text, f"usage error for {words}", (code, lines, text))
    return savina.end()


if __name__ == "__main__":
    sys.exit(main())
