#!/usr/bin/env python3
"""The gateway against programs that others wrote: each of its modes is met by real peers.

    peers.py PROGRAM [--long] [NAME]...

Python's asyncio and sockets, socat, nc, iperf3, haproxy, dig. A peer that is not installed is
skipped and said so; when none is there the exit status is 77. --long takes ten times as long.
"""
import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
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


@check("socat")
def socat_forward(program, scale):
    """socat, the gateway's forward, and a socat that runs cat for each connection."""
    data = random.randbytes(1_000_000 * scale)
    with listener_of(["socat", "TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork", "EXEC:cat"]) as port, \
            Gateway(program, "forward", "--listen", "127.0.0.1:0",
                    "--to", f"localhost:{port}") as gateway:
        same(run(["socat", "-t30", "-", f"TCP:127.0.0.1:{gateway.port}"], data), data, "socat")
        gateway.stop()


@check("iperf3")
def iperf3(program, scale):
    """Its control connection and four streams through the forward, in either direction."""
    told = []
    for direction in ([], ["--reverse"]):
        with listener_of(["iperf3", "-s", "-B", "127.0.0.1", "-p", "{port}"]) as port, \
                Gateway(program, "forward", "--listen", "127.0.0.1:0",
                        "--to", f"127.0.0.1:{port}") as gateway:
            report = json.loads(run(
                ["iperf3", "-c", "127.0.0.1", "-p", str(gateway.port), "-P", "4", "-J",
                 "-t", str(1 if scale == 1 else 10), *direction]))
            require("error" not in report, f"iperf3: {report.get('error')}")
            rate = report["end"]["sum_received"]["bits_per_second"]
            require(rate > 1e6, f"iperf3: {rate:.0f} bit/s")
            told.append(f"{rate / 1e9:.1f} Gbit/s")
            gateway.stop()
    return "there and back " + ", ".join(told)


@check("haproxy")
def haproxy(program, scale):
    """haproxy tells the gateway by PROXY version 2 whose client it is; the gateway passes it on."""
    data = random.randbytes(300_000 * scale)
    with socket.create_server(("127.0.0.1", 0)) as target, \
            Gateway(program, "forward", "--listen", "127.0.0.1:0",
                    "--to", f"127.0.0.1:{target.getsockname()[1]}",
                    "--proxy-accept", "127.0.0.1", "--proxy-send", "v1") as gateway, \
            tempfile.NamedTemporaryFile("w", suffix=".cfg") as config:
        config.write(HAPROXY_CONFIG)
        config.flush()
        os.environ["GATEWAY_PORT"] = str(gateway.port)
        target.settimeout(SECONDS_MAX)

        def answer():
            peer, _ = target.accept()
            with peer:
                got.append(b"".join(iter(lambda: peer.recv(65536), b"")))
        got = []
        answering = threading.Thread(target=answer)
        with listener_of(["sh", "-c", "LISTEN_PORT={port} exec haproxy -db -f " + config.name]) as port:
            with socket.create_connection(("127.0.0.1", port), SECONDS_MAX) as peer:
                answering.start()
                own = peer.getsockname()[1]
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)
                answering.join()
        header, _, rest = got[0].partition(b"\r\n")
        require(header == b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d" % (own, port), f"header {header!r}")
        same(rest, data, "haproxy")
        gateway.stop()


HAPROXY_CONFIG = """
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend in
  bind 127.0.0.1:"$LISTEN_PORT"
  default_backend out
backend out
  server gateway 127.0.0.1:"$GATEWAY_PORT" send-proxy-v2
"""


@check("nc")
def netcat_to_sort(program, scale):
    """A program for each connection."""
    numbers = [str(random.randrange(10 ** 6)) for _ in range(10_000 * scale)]
    with Gateway(program, "port", "--listen", "127.0.0.1:0", "--", "sort", "-n") as gateway:
        got = run(["nc", "-N", "127.0.0.1", str(gateway.port)], "\n".join(numbers).encode() + b"\n")
        require(got.decode().split() == sorted(numbers, key=int), "not sorted")
        gateway.stop()


@check("socat")
def socat_udp(program, _):
    with Gateway(program, "udp", "--listen", "127.0.0.1:0") as gateway:
        data = random.randbytes(1000)
        got = run(["socat", "-t1", "-", f"UDP:127.0.0.1:{gateway.port}"], data)
        same(got, data, "socat")
        gateway.stop()


@check("dig")
def dig(program, _):
    """Questions through the UDP forward to a name server that knows one answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        threading.Thread(target=answer_names, args=(server,), daemon=True).start()
        with Gateway(program, "forward", "--listen", "udp:127.0.0.1:0",
                     "--to", f"udp:127.0.0.1:{server.getsockname()[1]}") as gateway:
            for name in ("example.test", "other.example.test"):
                got = run(["dig", "@127.0.0.1", "-p", str(gateway.port), name, "A", "+short",
                           "+time=5", "+tries=1"])
                require(got == b"192.0.2.7\n", f"dig says {got!r}")
            require("sessions 2 " in gateway.stop(), "two questions are two sessions")
        server.sendto(b"", server.getsockname())


def answer_names(server):
    """Whatever is asked for is at 192.0.2.7; an empty datagram ends it."""
    while True:
        question, peer = server.recvfrom(512)
        if not question:
            return
        end = question.index(b"\0", 12) + 5  # The name, its type and class.
        server.sendto(question[:2] + b"\x84\x00\0\1\0\1\0\0\0\0" + question[12:end] +
                      b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton("192.0.2.7"), peer)


@check()
def numbered_datagrams(program, scale):
    """10,000 of them (1,000,000 with --long), through a forward to an echo; loss is told."""
    count = 10_000 if scale == 1 else 1_000_000
    with Gateway(program, "udp", "--listen", "127.0.0.1:0") as echo, \
            Gateway(program, "forward", "--listen", "udp:127.0.0.1:0",
                    "--to", f"udp:127.0.0.1:{echo.port}") as gateway, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect(("127.0.0.1", gateway.port))
        peer.settimeout(0.5)
        seen = bytearray(count)
        under_way = sent = last = out_of_order = 0
        while sent < count or under_way > 0:
            while sent < count and under_way < 64:
                peer.send(struct.pack("!QQ", sent, sent ^ 0x5555) + bytes(sent % 100))
                sent += 1
                under_way += 1
            try:
                got = peer.recv(2048)
            except TimeoutError:
                under_way = 0  # Lost.
                continue
            number, check_number = struct.unpack("!QQ", got[:16])
            require(check_number == number ^ 0x5555 and len(got) == 16 + number % 100,
                    f"datagram {number} is not what was sent")
            require(not seen[number], f"datagram {number} came twice")
            seen[number] = 1
            out_of_order += number < last
            last = max(last, number)
            under_way -= under_way > 0
        lost = count - sum(seen)
        gateway.stop()
        echo.stop()
        require(lost <= count // 100, f"{lost} of {count} are lost")
        return f"{count} datagrams, {lost} lost, {out_of_order} out of order"


@contextlib.contextmanager
def listener_of(words):
    """A program that listens on a port which is chosen here, {port} in its words."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen([word.replace("{port}", str(port)) for word in words],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 10
            while not is_listening(port):
                require(process.poll() is None, f"{words[0]} has ended")
                require(time.monotonic() < deadline, f"{words[0]} does not listen")
                time.sleep(0.01)
            yield port
        finally:
            process.kill()


def is_listening(port):
    """Seen from outside: a connection would count as one for some."""
    wanted = f":{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as lines:
        return any(line.split()[1].endswith(wanted) and line.split()[3] == "0A"
                   for line in lines.readlines()[1:])


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
