#!/usr/bin/env python3
"""Shows that savina verifies what it measures.

    controls.py SAVINA [PROGRAM]...

Every program must pass at its CI size, with one thread and with two, against published values; and with
a message dropped, doubled or spoiled at several places it must fail and print no time. A program whose
messages carry nothing has nothing to spoil and says so. Exit code 0: all as promised.
"""
import re
import subprocess
import sys

SAVINA = sys.argv[1]
PLACES = {"drop": (0, 3, 40), "duplicate": (0, 3, 40), "spoil": (0, 5)}
LINE = re.compile(r"^((median )?[a-z]+(-inner)? [12] [0-9.]+ ms|# .*)$")
NOTHING_MET = 3
failures = []


def run(*words):
    done = subprocess.run([SAVINA, *words], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout.splitlines(), done.stderr.strip()


def check(holds, promise, detail=""):
    print(f"{'ok    ' if holds else 'FAILED'} {promise} {'' if holds else detail}", flush=True)
    if not holds:
        failures.append(promise)


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
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
