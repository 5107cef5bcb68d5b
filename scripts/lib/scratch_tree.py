"""A copy of the tree in which files are changed, built and tested, away from the real one."""
import os
import pathlib
import platform
import shutil
import subprocess
import tempfile

OPTIONS = {
    "release": ["--buildtype=release"],
    "debug": ["--buildtype=debug"],
    "quick": ["-Ddebug=false", "-Doptimization=1", "-Db_ndebug=false"],
    "asan": ["-Ddebug=true", "-Doptimization=1", "-Db_sanitize=address,undefined", "-Db_lundef=false"],
    "tsan": ["-Ddebug=true", "-Doptimization=1", "-Db_sanitize=thread", "-Db_lundef=false"],
}


class ScratchTree:
    """A copy of `root` with a build folder a kind; remove() it at the end. `folder`: where to keep
    it, and go on with what was built there before."""

    def __init__(self, root, folder=None):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="sluice-mutants-"))
        self.tree = self.folder / "tree"
        shutil.rmtree(self.tree, ignore_errors=True)
        shutil.copytree(root, self.tree, ignore=shutil.ignore_patterns("build", ".git", "__pycache__"))

    def build(self, kind, test):
        """Returns the executable of the test `test`, or the compiler's complaint."""
        target = f"tests/test-{test}"
        return self.build_target(kind, target,
                                 ["src/gateway/sluice-gateway"] if test == "gateway" else [])

    def build_target(self, kind, target, besides=()):
        """The same of any executable."""
        folder = self.folder / kind
        if not (folder / "build.ninja").exists():
            done = subprocess.run(["meson", "setup", str(folder), str(self.tree), *OPTIONS[kind],
                                   "-Dtests=enabled", "-Dbench=disabled", "-Dmimalloc=disabled"],
                                  capture_output=True, text=True)
            if done.returncode != 0:
                return None, done.stdout + done.stderr
        done = subprocess.run(["ninja", "-C", str(folder), target, *besides], capture_output=True,
                              text=True)
        return (folder / target, "") if done.returncode == 0 else (None, done.stdout + done.stderr)

    def run(self, kind, executable, case="", variable="", seconds_max=180):
        """Returns how the test case, or the whole executable, ended: passed, failed, hung, absent."""
        spec = case if case.startswith("[") else case.replace(",", "\\,")
        command = [str(executable), *([spec] if spec else []), "--reporter", "compact"]
        gateway = self.folder / kind / "src" / "gateway" / "sluice-gateway"
        env = dict(os.environ, UBSAN_OPTIONS="halt_on_error=1", SLUICE_GATEWAY=str(gateway))
        if variable:
            env.update([variable.split("=", 1)])
        if kind == "tsan":
            command = ["setarch", platform.machine(), "-R", *command]
            env["TSAN_OPTIONS"] = (f"halt_on_error=1:suppressions={self.tree}/tests/tsan.supp")
        if not case:
            command += ["--abort"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=env,
                                  timeout=seconds_max, stdin=subprocess.DEVNULL, cwd=self.folder)
        except subprocess.TimeoutExpired:
            return "hung"
        # Catch2 answers 2 when a filter matches nothing, and says so.
        if "No test cases matched" in done.stdout + done.stderr or "No tests ran" in done.stdout:
            return "absent"
        return "passed" if done.returncode == 0 else "failed"

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)
