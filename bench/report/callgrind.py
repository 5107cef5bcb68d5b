"""What a program executes, as callgrind counts it: instructions, read-modify-writes, calls.

Two runs of different size are taken from each other and divided by the messages between them, so
that start and end cancel out. Counts do not depend on how busy the machine is; they do on how
threads interleave, because callgrind runs one thread at a time.
"""
import pathlib
import re
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass, field

import programs

OPTIONS = ("--tool=callgrind", "--dump-instr=yes", "--compress-pos=no", "--compress-strings=no")
# Of x86-64: what begins with a lock prefix, and an exchange with memory, which needs none.
READ_MODIFY_WRITE = re.compile(
    r"^\s*([0-9a-f]+):\s+(?:(?:data16|cs|ds|es|bnd|xacquire|xrelease|rex\S*)\s+)*"
    r"(?:lock\b|xchg\s[^<#]*\()")
COST = re.compile(r"^(0x[0-9a-f]+) \d+ (\d+)$")


@dataclass
class Profile:
    """Functions are (object, name), places (object, address)."""
    instructions: Counter = field(default_factory=Counter)  # by function, without those it calls
    executed: Counter = field(default_factory=Counter)      # by place: how often
    calls: Counter = field(default_factory=Counter)         # by caller and callee

    def total(self):
        return sum(self.instructions.values())

    def each(self, larger, messages):
        """What one message more has cost: `self` is the smaller run."""
        return Profile(*(Counter({key: (theirs[key] - ours[key]) / messages
                                  for key in theirs.keys() | ours.keys()})
                         for ours, theirs in ((self.instructions, larger.instructions),
                                              (self.executed, larger.executed),
                                              (self.calls, larger.calls))))


class Reader:
    """Goes through a file of callgrind line by line."""

    def __init__(self):
        self.profile = Profile()
        self.object = self.callee_object = self.function = self.callee = ""
        self.is_call = False

    def line(self, text):
        key, equals, value = text.partition("=")
        if equals and not text.startswith("0x"):
            self.name(key, value)
            return
        found = COST.match(text.strip())
        if found is None:
            return
        if self.is_call:  # What was spent inside a call belongs to the callee, and stands there.
            self.is_call = False
            return
        count = int(found.group(2))
        self.profile.instructions[self.object, self.function] += count
        self.profile.executed[self.object, int(found.group(1), 16)] += count

    def name(self, key, value):
        if key == "ob":
            self.object = value
        elif key == "fn":
            self.function = value
        elif key == "cob":
            self.callee_object = value
        elif key == "cfn":
            self.callee = value
        elif key == "calls":
            caller = self.object, self.function
            callee = self.callee_object or self.object, self.callee
            self.profile.calls[caller, callee] += int(value.split()[0])
            self.callee_object, self.is_call = "", True


def read(text):
    reader = Reader()
    if "positions: instr line\nevents: Ir\n" not in text:
        raise programs.Failed("this is no file of callgrind, or not of instructions")
    for line in text.splitlines():
        reader.line(line)
    stated = re.search(r"^(?:totals|summary): (\d+)", text, re.MULTILINE)
    if stated is None or int(stated.group(1)) != reader.profile.total():
        raise programs.Failed(f"the instructions do not add up: {reader.profile.total()}")
    return reader.profile


def run(words, patience):
    """The profile of a process that ended well."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "callgrind.out"
        said, complained, code = programs.start(
            ["valgrind", *OPTIONS, f"--callgrind-out-file={file}", *words], patience)
        if code != 0:
            raise programs.Failed(f"under callgrind it ended with {code}: {complained[-300:]}")
        return read(file.read_text(encoding="utf-8", errors="replace"))


def read_modify_writes_in(disassembly):
    """Addresses in what objdump printed."""
    found = map(READ_MODIFY_WRITE.match, disassembly.splitlines())
    return frozenset(int(each.group(1), 16) for each in found if each)


def read_modify_writes_of(paths):
    """The places of such instructions in these objects; those that are no files have none."""
    places = set()
    for path in paths:
        if not pathlib.Path(path).is_file():
            continue
        printed = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path],
                                 capture_output=True, text=True, errors="replace")
        if printed.returncode != 0:
            raise programs.Failed(f"objdump of {path} ended with {printed.returncode}")
        places |= {(path, address) for address in read_modify_writes_in(printed.stdout)}
    return places


def executed_of(profile, places):
    return sum(count for place, count in profile.executed.items() if place in places)


def calls_to(profile, is_wanted):
    """Calls of wanted functions by others: one that calls another wanted one counts once."""
    return sum(count for (caller, callee), count in profile.calls.items()
               if is_wanted(callee[1]) and not is_wanted(caller[1]))
