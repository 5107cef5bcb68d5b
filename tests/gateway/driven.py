"""A gateway driven from Python: started with arguments, asked for its status, ended by SIGTERM."""
import os
import re
import signal
import subprocess
import threading


class Failure(Exception):
    """What was promised does not hold."""


class Gateway:
    """One run of the program. Use as a context manager: whatever happens it does not outlive it."""

    def __init__(self, program, *arguments, descriptors_max=None):
        words = [program, *map(str, arguments)]
        if descriptors_max is not None:
            words = ["prlimit", f"--nofile={descriptors_max}:{descriptors_max}", "--", *words]
        self.name = " ".join(map(str, arguments))
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        stdin=subprocess.DEVNULL, text=True)
        self.lines = []
        self.changed = threading.Condition()
        self.is_over = False
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.start_line = self.wait_for_line("")
        found = re.search(r" on (?:udp:)?(?:\[.*?\]|[^ :]*):(\d+)", self.start_line)
        self.port = int(found.group(1)) if found else 0

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.is_over = True
            self.changed.notify_all()

    def wait_for_line(self, beginning, seconds=20):
        """Takes lines until one begins so."""
        with self.changed:
            while True:
                while self.lines:
                    line = self.lines.pop(0)
                    if line.startswith(beginning):
                        return line
                if self.is_over or not self.changed.wait(seconds):
                    raise Failure(f"gateway {self.name}: no line beginning {beginning!r}")

    def status(self):
        """The numbers of a status line, by the word before each."""
        self.process.send_signal(signal.SIGUSR1)
        return numbers_in(self.wait_for_line("status: "))

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        """Ends it by SIGTERM; returns the rest of its output, which must be in order."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            raise Failure(f"gateway {self.name}: does not end") from None
        self.reader.join()
        text = "\n".join(self.lines)
        if code != 0:
            raise Failure(f"gateway {self.name}: exit status {code}: {text}")
        if ": balanced" not in text:
            raise Failure(f"gateway {self.name}: not in balance: {text}")
        return text

    def __enter__(self):
        return self

    def __exit__(self, *what):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def numbers_in(line):
    """{"connections": 3, "ended": 1, …}: each number of a line under the words before it."""
    found = {}
    for words, number in re.findall(r"([a-z][a-z ]*?) (\d+)", line):
        found.setdefault(words.removeprefix("of these ").strip(), int(number))
    return found


def memory_kib(pid):
    """Resident memory of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


def descriptor_count(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_seconds(pid):
    """User and system time of a process."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as line:
        fields = line.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children_of(pid):
    """The processes a process has started."""
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as words:
                found += [int(word) for word in words.read().split()]
        except OSError:
            pass
    return found
