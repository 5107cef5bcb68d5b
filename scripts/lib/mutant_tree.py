"""A copy of the tree in which every mutant sleeps: one build, and a variable wakes one of them
(tests/mutation/mutants.hpp). Test cases are run in namespaces of their own, because a mutant may kill
process -1."""
import configparser
import json
import pathlib
import platform
import re
import resource
import subprocess
import tempfile
import time

import mutation_sites
from scratch_tree import OPTIONS, ScratchTree

NOBODY = 65_000  # The number of a mutant that is none: a control.
ERROR = re.compile(r"^(\S+?):(\d+):\d+: error:", re.M)
# Its own process tree; sh is the first process, which signals do not reach as they reach others.
APART = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
         "sh", "-c", '"$@"; exit $?', "sh")
BYTES_MAX = 12 << 30
FILE_BYTES_MAX = 1 << 28


def planted(line, numbers):
    """The line with its mutants asleep; `numbers` maps (kind, changed line) to the number of a mutant."""
    code = mutation_sites.code_of(line)
    result = code
    for found in reversed(list(mutation_sites.ORDER.finditer(code))):
        chosen = found.group()
        for order in mutation_sites.weaker(code, found.start(), found.group(1)):
            changed = code[:found.start()] + f"base::{order}" + code[found.end():]
            if (number := numbers.get(("order", changed))) is not None:
                chosen = f"::sluice::mutants::pick({number}, {chosen}, base::{order})"
        result = result[:found.start()] + chosen + result[found.end():]
    for kind, changed in mutation_sites.changes(line):
        number = numbers.get((kind, changed))
        if number is None:
            continue
        if kind == "delete":
            indent = code[:len(code) - len(code.lstrip())]
            result = f"{indent}if (::sluice::mutants::on({number})) {{}} else {result.lstrip()}"
        elif kind == "negate":
            head, condition, tail = mutation_sites.split_condition(result)
            init, semicolon, test = condition.rpartition("; ")
            result = (f"{head}{init}{semicolon}::sluice::mutants::on({number}) != "
                      f"static_cast<bool>({test}){tail}")
    return result


class MutantTree(ScratchTree):
    """`mutants`: {number: Mutant}. `model`: for the models on Relacy, with orders only."""

    def __init__(self, root, folder, mutants, model=False):
        super().__init__(root, folder)
        self.root, self.model = root, model
        self.mutants = {number: each for number, each in mutants.items()
                        if not model or each.kind == "order"}
        self.unfit = set()  # Those that do not compile.
        self.files = sorted({each.file for each in self.mutants.values()})
        if model:
            # Plants are texts that would not be found in changed lines; edits are left in peace.
            (self.tree / "tests/relacy/plants.ini").write_text("", encoding="utf-8")
            self.mutants = {number: each for number, each in self.mutants.items()
                            if not any(text in each.before for text in self._edited())}
        for file in self.files:
            self._write(file)
        first = self.tree / ("tests/relacy/model_machine.cpp" if model else "src/base/thread.cpp")
        first.write_text(f'#include "{self.tree}/tests/mutation/mutants.inc"\n'
                         + first.read_text(encoding="utf-8"), encoding="utf-8")

    def _edited(self):
        table = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
        table.read(self.root / "tests/relacy/edits.ini", encoding="utf-8")
        return [entry[key] for entry in map(table.__getitem__, table.sections())
                for key in ("after", "from", "excerpt") if key in entry]

    def _write(self, file):
        lines = (self.root / file).read_text(encoding="utf-8").splitlines()
        by_line = {}
        for number, each in self.mutants.items():
            if each.file == file and number not in self.unfit:
                by_line.setdefault(each.line, {})[each.kind, each.after] = number
        for line, numbers in by_line.items():
            lines[line - 1] = planted(lines[line - 1], numbers)
        (self.tree / file).write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _drop(self, complaint, folder):
        """Takes out what a compiler complains of; whether there was anything."""
        at = {(str(pathlib.Path(path).resolve()), int(line)) for path, line in
              ((folder / path, line) for path, line in ERROR.findall(complaint))}
        found = {number for number, each in self.mutants.items() if number not in self.unfit
                 and (str((self.tree / each.file).resolve()), each.line) in at}
        # Orders compile; the statement around them may not.
        soft = {number for number in found if self.mutants[number].kind != "order"} or found
        self.unfit |= soft
        for file in {self.mutants[number].file for number in soft}:
            self._write(file)
        return bool(soft)

    def build_all(self, kind, targets):
        """Builds with every mutant that compiles; the complaint when that is not possible."""
        folder = self.folder / kind
        if not (folder / "build.ninja").exists():
            head = [f"-include{self.tree}/tests/mutation/mutants.hpp"]
            if not self.model:
                head.append('-DSLUICE_MODEL_ATOMIC_HEADER='
                            f'"{self.tree}/tests/mutation/mutant_atomic.hpp"')
            options = OPTIONS["release" if self.model else kind]
            done = subprocess.run(
                ["meson", "setup", str(folder), str(self.tree), *options,
                 f"-Dcpp_args={json.dumps(head)}", "-Dbench=disabled", "-Dmimalloc=disabled",
                 *(["-Dmodel=enabled", "-Dtests=disabled", "-Dgateway=disabled"] if self.model
                   else ["-Dtests=enabled"])], capture_output=True, text=True)
            if done.returncode != 0:
                return done.stdout + done.stderr
        while True:
            done = subprocess.run(["ninja", "-k", "0", "-C", str(folder), *targets],
                                  capture_output=True, text=True)
            if done.returncode == 0:
                return ""
            if not self._drop(done.stdout + done.stderr, folder):
                return done.stdout + done.stderr


class Suite:
    """One Catch2 executable in one environment, and its cases."""

    def __init__(self, tree, kind, label, executable, filters, variables):
        self.tree, self.kind, self.label = tree, kind, label
        self.executable, self.filters, self.variables = executable, filters, variables

    def cases(self):
        done = subprocess.run([str(self.executable), "--list-tests", "--verbosity", "quiet",
                               *self.filters], capture_output=True, text=True,
                              env=self.environment())
        return [line for line in done.stdout.splitlines() if line.strip()]

    def environment(self, **more):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp", **self.variables, **more}
        if self.kind == "tsan":
            env["TSAN_OPTIONS"] = f"halt_on_error=1:suppressions={self.tree.tree}/tests/tsan.supp"
        return env

    def run(self, cases, seconds_max, **variables):
        """(how it ended: passed, failed or hung; seconds)"""
        spec = ",".join(re.sub(r"([\\,\[])", r"\\\1", case) for case in cases)
        command = [*APART, str(self.executable), spec, "--abort"]
        if self.kind == "tsan":
            command = ["setarch", platform.machine(), "-R", *command]

        def limit():
            if self.kind != "tsan":
                resource.setrlimit(resource.RLIMIT_AS, (BYTES_MAX, BYTES_MAX))
            resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, FILE_BYTES_MAX))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        begin = time.monotonic()
        with tempfile.TemporaryFile() as told:
            child = subprocess.Popen(command, stdout=told, stderr=told, stdin=subprocess.DEVNULL,
                                     env=self.environment(**variables), cwd=self.tree.folder,
                                     preexec_fn=limit)
            try:
                code = child.wait(timeout=seconds_max)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                return "hung", time.monotonic() - begin
            told.seek(max(0, told.seek(0, 2) - 4000))
            self.said = told.read().decode(errors="replace")
        return "passed" if code == 0 else "failed", time.monotonic() - begin


def suites(tree, kind, names):
    """The suites called so, or so and an environment: "io" means io-epoll too."""
    listed = subprocess.run(["meson", "introspect", "--tests", str(tree.folder / kind)],
                            capture_output=True, text=True, check=True).stdout
    for test in json.loads(listed):
        words, name = test["cmd"], test["name"]
        if "test-" in words[0] and name.split("-")[0] in names:
            yield Suite(tree, kind, name, words[0],
                        [word for word in words[1:] if word.startswith("~")], test["env"] or {})
