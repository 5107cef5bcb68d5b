"""Where the figures are from: processor, kernel, compiler, commit, load."""
import datetime
import json
import os
import pathlib
import platform
import subprocess

BUSY_FROM = 0.5


def processor():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def governor():
    found = set()
    for path in pathlib.Path("/sys/devices/system/cpu").glob("cpu*/cpufreq/scaling_governor"):
        try:
            found.add(path.read_text(encoding="utf-8").strip())
        except OSError:
            pass
    return ", ".join(sorted(found)) or "none to be seen"


def compiler(built):
    """What compiled the build directory, and its build type."""
    info = pathlib.Path(built) / "meson-info"
    try:
        targets = json.loads((info / "intro-targets.json").read_text(encoding="utf-8"))
        command = next(source["compiler"] for target in targets
                       for source in target["target_sources"] if source["language"] == "cpp")
        version = subprocess.run([*command, "--version"], capture_output=True, text=True)
        options = {each["name"]: each["value"] for each in json.loads(
            (info / "intro-buildoptions.json").read_text(encoding="utf-8"))}
        return (f"{version.stdout.splitlines()[0]}, {options['buildtype']}, "
                f"-O{options['optimization']}")
    except (OSError, KeyError, ValueError, StopIteration, IndexError):
        return "unknown"


def commit(root):
    def git(*words):
        return subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True)
    try:
        head = git("rev-parse", "--short=12", "HEAD")
    except OSError:
        return "unknown"
    if head.returncode != 0:
        return "unknown"
    return head.stdout.strip() + (" and changes" if git("status", "--porcelain").stdout else "")


def load():
    return round(os.getloadavg()[0], 2)


def is_busy():
    return load() > BUSY_FROM


def describe(root, built):
    release = platform.freedesktop_os_release() if os.path.exists("/etc/os-release") else {}
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": processor(),
        "cores": f"{len(os.sched_getaffinity(0))} of {os.cpu_count()}",
        "system": f"{release.get('PRETTY_NAME', 'unknown')}, kernel {platform.release()}",
        "governor": governor(),
        "compiler": compiler(built),
        "commit": commit(root),
        "load at the start": load(),
    }
