"""What the controls of executables of programs (program_main.hpp) promise alike.

Every program must pass at its CI size, with one thread and with two, against published values; and with
a message dropped, doubled or spoiled at several places it must fail and print no figure. A program whose
messages carry nothing has nothing to spoil and says so.
"""
import re

from promises import Promises

PLACES = {"drop": (0, 3, 40), "duplicate": (0, 3, 40), "spoil": (0, 5)}
LINE = re.compile(r"^((median )?\w+(-\w+)* [12] [0-9.]+ \S+|# .*)$")
NOTHING_MET = 3
ITERATIONS = 3


class ProgramControls(Promises):
    def program_passes(self, program):
        for threads in ("1", "2"):
            code, lines, text = self.run(program, "--threads", threads, "--iterations", str(ITERATIONS),
                                         "--size", "tiny")
            own = [line for line in lines if line.startswith(f"{program} {threads} ")]
            good = code == 0 and len(own) == ITERATIONS and all(map(LINE.match, lines)) \
                and "the protocol only" not in "".join(lines)
            self.check(good, f"{program} with {threads} threads is verified and timed",
                       (code, lines, text))

    def defect_is_found(self, program, defect, places):
        met = 0
        for place in places:
            code, lines, text = self.run(program, "--size", "tiny", "--iterations", "1", "--patience",
                                         "10", "--plant", defect, "--plant-at", str(place))
            if code == NOTHING_MET and not (defect == "drop" and place == 0):
                continue
            met += 1
            self.check(code == 1 and not lines and text,
                       f"{program} finds message {place} planted: {defect}", (code, lines, text))
            print(f"       {text}")
        if not met:
            print(f"       {program}: no message can be met by {defect}")

    def mistake_is_named(self, words):
        code, lines, text = self.run(*words)
        self.check(code == 2 and not lines and text, f"usage error for {words}", (code, lines, text))

    def check_all(self, programs, silent=()):
        """Those named, or all; of `silent` programs nobody sends a message. Its exit code."""
        code, listed, _ = self.run("--list")
        self.check(code == 0 and listed, "--list names the programs", listed)
        for program in programs or listed:
            self.program_passes(program)
            for defect, places in () if program in silent else PLACES.items():
                self.defect_is_found(program, defect, places)
        first, second = listed[0], listed[-1]
        for words in (["nothing"], [], [first, "--iterations", "0"], [first, "--param", "N=x"],
                      [first, second]):
            self.mistake_is_named(words)
        return self.end()
