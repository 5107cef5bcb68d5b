"""What the controls of the benches promise of a program, and what it says to their questions."""
import subprocess


class Promises:
    def __init__(self, program, seconds_max):
        self.program = program
        self.seconds_max = seconds_max
        self.failures = []

    def run(self, *words):
        """The exit code, the lines of its output, and what it complains of."""
        done = subprocess.run([self.program, *words], capture_output=True, text=True,
                              timeout=self.seconds_max)
        return done.returncode, done.stdout.splitlines(), done.stderr.strip()

    def check(self, holds, promise, detail=""):
        print(f"{'ok    ' if holds else 'FAILED'} {promise} {'' if holds else detail}", flush=True)
        if not holds:
            self.failures.append(promise)

    def end(self):
        """The exit code."""
        print(f"{len(self.failures)} failures")
        return 1 if self.failures else 0
