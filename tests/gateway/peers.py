#!/usr/bin/env python3
"""The gateway against programs that others wrote: each of its modes is met by real peers.

    peers.py PROGRAM [--long] [NAME]...

Python's asyncio and sockets, socat, nc, iperf3, haproxy, dig. A peer that is not installed is
skipped and said so; when none is there the exit status is 77. --long takes ten times as long.
"""
import argparse
import asyncio
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from driven import Failure, Gateway  # noqa: E402

CHECKS = []
SECONDS_MAX = 60


def check(*tools):
    """Marks a check and what must be installed for it."""
    def mark(function):
        CHECKS.append((function, tools))
        return function
    return mark


def require(holds, what):
    if not holds:
        raise Failure(what)


def run(words, data=b"", seconds=SECONDS_MAX):
    """The output of a program that is given `data`."""
    done = subprocess.run(words, input=data, capture_output=True, timeout=seconds)
    require(done.returncode == 0, f"{words[0]}: exit status {done.returncode}: "
            f"{done.stdout[-300:]!r} {done.stderr[-300:]!r}")
    return done.stdout


def same(got, sent, who):
    require(got == sent, f"{who}: {len(got)} bytes came back of {len(sent)}, "
            f"first difference at {len(os.path.commonprefix([got, sent]))}")


@check()
def python_asyncio(program, scale):
    """Fifty asyncio streams, half of them half-closed, all bytes compared."""
    async def one(port, data, half_closes):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def write():
            for at in range(0, len(data), 30_011):
                writer.write(data[at:at + 30_011])
                await writer.drain()
            if half_closes:
                writer.write_eof()
        writing = asyncio.create_task(write())
        if half_closes:
            got = await reader.read(-1)
        else:
            got = await reader.readexactly(len(data))
        await writing
        writer.close()
        await writer.wait_closed()
        same(got, data, "asyncio")

    async def all_of_them(port):
        await asyncio.gather(*(one(port, random.randbytes(100_000 * scale + i), i % 2 == 0)
                               for i in range(50)))

    with Gateway(program, "echo", "--tcp", "127.0.0.1:0") as gateway:
        asyncio.run(asyncio.wait_for(all_of_them(gateway.port), SECONDS_MAX))
        text = gateway.stop()
        require("connections 50 (ended 50" in text, text)


@check()
def python_socket(program, scale):
    """Blocking sockets: a lone byte, nothing at all, an end without a word."""
    with Gateway(program, "echo", "--tcp", "[::1]:0") as gateway:
        for data in (b"x", b"", b"y" * 200_000 * scale):
            with socket.create_connection(("::1", gateway.port), SECONDS_MAX) as peer:
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)
                same(b"".join(iter(lambda: peer.recv(65536), b"")), data, "socket")
        gateway.stop()


@check("socat")
def socat_tcp(program, scale):
    data = random.randbytes(1_000_000 * scale)
    with Gateway(program, "echo", "--tcp", "127.0.0.1:0") as gateway:
        same(run(["socat", "-t30", "-", f"TCP:127.0.0.1:{gateway.port}"], data), data, "socat")
        gateway.stop()


@check("socat")
def socat_unix(program, scale):
    data = random.randbytes(1_000_000 * scale)
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"
        with Gateway(program, "unix", "--listen", path) as gateway:
            same(run(["socat", "-t30", "-", f"UNIX-CONNECT:{path}"], data), data, "socat")
            gateway.stop()
        require(not os.path.exists(path), "the path is left behind")


@check("nc")
def netcat(program, scale):
    told = subprocess.run(["nc", "-h"], capture_output=True, text=True)
    if "-N" not in told.stdout + told.stderr:
        return "not run: this nc is not OpenBSD's"
    data = random.randbytes(1_000_000 * scale)
    with Gateway(program, "echo", "--tcp", "127.0.0.1:0") as gateway:
        same(run(["nc", "-N", "127.0.0.1", str(gateway.port)], data), data, "nc")
        gateway.stop()
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--long", action="store_true")
    asked = parser.parse_args()
    seed = int(os.environ.get("SLUICE_TEST_SEED", str(time.time_ns())), 0)
    print(f"SLUICE_TEST_SEED={seed}")
    random.seed(seed)
    failed = done = 0
    for function, tools in CHECKS:
        name = function.__name__
        if asked.names and name not in asked.names:
            continue
        missing = [tool for tool in tools if shutil.which(tool) is None]
        if missing:
            print(f"{name}: skipped, no {' '.join(missing)}")
            continue
        begin = time.monotonic()
        done += 1
        try:
            told = function(asked.program, 10 if asked.long else 1)
            verdict = "ok" + (f", {told}" if told else "")
        except (Failure, OSError, EOFError, subprocess.TimeoutExpired, TimeoutError) as why:
            verdict = f"FAILED: {type(why).__name__} {why}"
            failed += 1
        print(f"{name}: {verdict} ({time.monotonic() - begin:.1f} s)", flush=True)
    if done == 0:
        return 77
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
