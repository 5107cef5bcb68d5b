#!/usr/bin/env python3
"""Builds and runs the host program one way. Usage: embed.py subproject|pkgconfig|cmake TREE WORK

The work folder stays from run to run, so that a second run compiles only what changed.
"""
import contextlib
import fcntl
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys

OFF = ["-Dtests=disabled", "-Dbench=disabled", "-Dgateway=disabled", "-Dmimalloc=disabled"]
# All that an installation may contain, below its prefix.
INSTALLED = ["include/sluice/", "lib/libsluice.", "lib/pkgconfig/sluice.pc", "lib/cmake/sluice/"]


def run(command, **options):
    print("+", shlex.join(str(part) for part in command), flush=True)
    return subprocess.run([str(part) for part in command], check=True, stdin=subprocess.DEVNULL,
                          **options)


def output_of(command, **options):
    return run(command, stdout=subprocess.PIPE, text=True, **options).stdout


def copy_host(tree, folder):
    """Copies only what differs, so that the build system sees no change where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in (tree / "tests" / "embed" / "host").iterdir():
        target = folder / source.name
        if not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copyfile(source, target)
    return folder


def meson_build(source, build, options):
    if not (build / "build.ninja").exists():
        shutil.rmtree(build, ignore_errors=True)
        run(["meson", "setup", build, source, *options])
    run(["ninja", "-C", build])


def handle_no_signals():
    """Also where this was started with signals ignored: by nohup, or in the background of a script."""
    for number in signal.valid_signals():
        with contextlib.suppress(OSError):
            signal.signal(number, signal.SIG_DFL)


def run_host(program, prefix=None):
    env = dict(os.environ)
    if prefix:
        env["LD_LIBRARY_PATH"] = str(prefix / "lib")
    # Only 0, 1 and 2 are open in the child, and its signals are as after a login.
    text = output_of([program], env=env, timeout=120, preexec_fn=handle_no_signals)
    if "embed: ok" not in text:
        sys.exit(f"{program} said: {text}")


@contextlib.contextmanager
def installed(tree, work):
    """An installation below WORK, shared by the tests that need one and locked while it is in use."""
    work.mkdir(parents=True, exist_ok=True)
    with open(work / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        prefix, build = work / "prefix", work / "build"
        meson_build(tree, build, [f"--prefix={prefix}", "--libdir=lib", "-Ddefault_library=both", *OFF])
        shutil.rmtree(prefix, ignore_errors=True)
        run(["meson", "install", "-C", build, "--no-rebuild", "--quiet"])
        files = sorted(str(p.relative_to(prefix)) for p in prefix.rglob("*") if not p.is_dir())
        strangers = [name for name in files if not name.startswith(tuple(INSTALLED))]
        if strangers or not files:
            sys.exit(f"installed, and should not be: {strangers}")
        yield prefix


def module_environment(prefix):
    return dict(os.environ, PKG_CONFIG_PATH=str(prefix / "lib" / "pkgconfig"))


def subproject(tree, work):
    """The host's default_library decides; tests, benches and programs of sluice stay away."""
    folder = copy_host(tree, work / "subproject" / "host")
    (folder / "subprojects").mkdir(exist_ok=True)
    link = folder / "subprojects" / "sluice"
    if link.is_symlink() and link.resolve() != tree:
        link.unlink()
    if not link.is_symlink():
        link.symlink_to(tree, target_is_directory=True)
    for library in ("static", "shared"):
        build = work / "subproject" / library
        meson_build(folder, build, ["--force-fallback-for=sluice", f"-Ddefault_library={library}"])
        targets = json.loads(output_of(["meson", "introspect", "--targets", build]))
        strangers = {t["name"] for t in targets} - {"host", "sluice", "sluice_core"}
        kinds = {t["type"] for t in targets if t["name"] == "sluice"}
        if strangers or kinds != {f"{library} library"}:
            sys.exit(f"an embedded sluice builds {strangers or kinds}")
        run_host(build / "host")


def pkgconfig(tree, work):
    with installed(tree, work / "installed") as prefix:
        env = module_environment(prefix)
        folder = copy_host(tree, work / "pkgconfig")
        compile_flags = shlex.split(output_of(["pkg-config", "--cflags", "sluice"], env=env))
        base = [*shlex.split(os.environ.get("CXX", "c++")), "-std=c++20", "-Wall", "-Wextra",
                "-Wpedantic", "-Wshadow", "-Werror", folder / "main.cpp", *compile_flags]
        shared = shlex.split(output_of(["pkg-config", "--libs", "sluice"], env=env))
        run([*base, "-o", folder / "host-shared", *shared])
        run_host(folder / "host-shared", prefix)
        static = shlex.split(output_of(["pkg-config", "--static", "--libs", "sluice"], env=env))
        static = ["-l:libsluice.a" if flag == "-lsluice" else flag for flag in static]
        run([*base, "-o", folder / "host-static", *static])
        run_host(folder / "host-static")


def cmake(tree, work):
    with installed(tree, work / "installed") as prefix:
        env = module_environment(prefix)
        folder = copy_host(tree, work / "cmake" / "host")
        build = work / "cmake" / "build"
        shutil.rmtree(build, ignore_errors=True)
        run(["cmake", "-S", folder, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}"], env=env)
        run(["cmake", "--build", build], env=env)
        run_host(build / "host-config", prefix)
        run_host(build / "host-pkgconfig", prefix)


WAYS = {"subproject": subproject, "pkgconfig": pkgconfig, "cmake": cmake}


def main():
    way, tree, work = sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(sys.argv[3]).resolve()
    try:
        WAYS[way](tree, work)
    except subprocess.CalledProcessError as failure:
        sys.exit(f"embed-{way}: {failure}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
