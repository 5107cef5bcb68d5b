#!/usr/bin/env python3
"""Shows that sluice-load finds what it shall find and that the bare servers keep their promises.

    selftest.py SLUICE_LOAD RAW_ECHO RAW_FORWARD RAW_UDP

The generator runs against servers written here that lose, double, swap, flip, mix up or withhold
bytes, and must fail; the bare servers are met by peers that half-close, that do not read, that
reset. Exit code 0: all as promised.
"""
import atexit
import contextlib
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

LOAD, ECHO, FORWARD, UDP = sys.argv[1:5]
failures = []


def check(holds, promise, detail=""):
    print(f"{'ok    ' if holds else 'FAILED'} {promise} {'' if holds else detail}", flush=True)
    if not holds:
        failures.append(promise)


class WrongEcho:
    """An echo server on a thread; `spoil(server, connection number, bytes so far, data)` returns
    what is sent instead of data, None to close."""

    def __init__(self, spoil):
        self.spoil = spoil
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.stopping = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        selector = selectors.DefaultSelector()
        selector.register(self.listener, selectors.EVENT_READ)
        self.peers = {}
        while not self.stopping:
            for key, _ in selector.select(0.05):
                if key.fileobj is self.listener:
                    peer, _ = self.listener.accept()
                    self.peers[peer] = [len(self.peers), 0]
                    selector.register(peer, selectors.EVENT_READ)
                    continue
                state = self.peers[key.fileobj]
                try:
                    data = key.fileobj.recv(65536)
                    answer = self.spoil(self, state[0], state[1], data) if data else None
                    state[1] += len(data)
                    if answer is not None:
                        key.fileobj.sendall(answer)
                        continue
                except OSError:
                    pass
                selector.unregister(key.fileobj)
                key.fileobj.close()
        for peer in self.peers:
            peer.close()
        self.listener.close()

    def stop(self):
        self.stopping = True
        self.thread.join()


class WrongUdpEcho:
    """A UDP echo on a thread; `spoil(server, count so far, data)` returns the answers, a list.
    What is put into `held` goes to the next peer that asks, before its own answers."""

    def __init__(self, spoil):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.05)
        self.port = self.socket.getsockname()[1]
        self.spoil = spoil
        self.held = None
        self.stopping = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        count = 0
        while not self.stopping:
            try:
                data, peer = self.socket.recvfrom(65536)
            except TimeoutError:
                continue
            for answer in self.spoil(self, count, data):
                self.socket.sendto(answer, peer)
            count += 1
        self.socket.close()

    def hold(self, data):
        """What was held before; keeps this instead."""
        before, self.held = self.held, data
        return [] if before is None else [before]

    def stop(self):
        self.stopping = True
        self.thread.join()


def load(port, *words, to=None):
    command = [LOAD, "--to", to or f"127.0.0.1:{port}", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def last_line_figures(done):
    return dict(word.split("=") for word in done.stdout.strip().splitlines()[-1].split())


def all_figures(done):
    return dict(word.split("=", 1) for word in done.stdout.split() if "=" in word)


def swapped(data):
    return data[8:16] + data[:8] + data[16:] if len(data) >= 16 else data


def flipped(data):
    return data[:-1] + bytes([data[-1] ^ 1])


def mixed(server, number, so_far, data):
    """Connection 1's bytes go to connection 0 and the other way round."""
    if number > 1 or len(server.peers) < 2:
        return data
    other = list(server.peers)[1 - number]
    other.sendall(data)
    return b""


def check_generator():
    late = 640  # bytes a connection echoes rightly before the fault; a busy machine gets there too
    faults = {
        "a lost byte": lambda s, n, at, data: data[1:] if at > late else data,
        "a lost word": lambda s, n, at, data: data[8:] if at > late else data,
        "a doubled message": lambda s, n, at, data: data + data if at > late else data,
        "two swapped words": lambda s, n, at, data: swapped(data) if at > late else data,
        "a flipped bit": lambda s, n, at, data: flipped(data) if at > late else data,
        "a mixed-up connection": mixed,
        "a withheld answer": lambda s, n, at, data: b"" if at > late else data,
        "a closed connection": lambda s, n, at, data: None if at > late else data,
    }
    for name, spoil in faults.items():
        server = WrongEcho(spoil)
        done = load(server.port, "--connections", "3", "--seconds", "0.4", "--warmup", "0.1")
        server.stop()
        errors = int(last_line_figures(done)["errors"])
        check(done.returncode == 1 and errors > 0, f"{name} is an error",
              f"{done.returncode} {done.stdout}")

    right = WrongEcho(lambda s, n, at, data: data)
    for words in (("--size", "1"), ("--size", "1000", "--depth", "7"),
                  ("--size", "300001", "--depth", "2"), ("--size", "64", "--rate", "2000"),
                  ("--size", "77777", "--rate", "100")):
        done = load(right.port, "--connections", "5", "--seconds", "0.5", "--warmup", "0.1", *words)
        check(done.returncode == 0 and last_line_figures(done)["errors"] == "0",
              f"a right server passes with {' '.join(words)}", done.stdout + done.stderr)
    done = load(right.port, "--rate", "3000", "--seconds", "1", "--warmup", "0.2",
                "--connections", "7")
    rate = float(last_line_figures(done)["rate"])
    check(2700 < rate < 3300, "an open loop keeps its rate", str(rate))
    done = load(right.port, "--seconds", "0.5", "--warmup", "0.1", "--buckets")
    lines = [line.split() for line in done.stdout.splitlines()]
    counts = {float(line[1]): int(line[3]) for line in lines if line[0] == "bucket"}
    below = sum(count for edge, count in counts.items()
                if edge <= float(last_line_figures(done)["p50_us"]))
    messages = int(done.stdout.split(" messages,")[0].split()[-1])
    check(0 < below <= sum(counts.values()) / 2 and sum(counts.values()) == messages,
          "--buckets: the histogram has every message, and its median", done.stdout)
    right.stop()

    paused = threading.Event()

    def stall(server, number, so_far, data):
        if so_far > 30_000 and not paused.is_set():
            paused.set()
            time.sleep(0.3)  # the fault itself: the server does nothing for 300 ms
        return data

    stalling = WrongEcho(stall)
    done = load(stalling.port, "--rate", "2000", "--seconds", "1.5", "--warmup", "0.1",
                "--connections", "1")
    stalling.stop()
    figures = last_line_figures(done)
    check(float(figures["p99_us"]) > 150_000,
          "an open loop charges a stall to every message that was due in it", str(figures))

    for to in (f"127.0.0.1:{unused_port()}", "nonsense", "127.0.0.1:99999", "192.0.2.1:7"):
        done = load(0, "--seconds", "0.1", to=to)
        check(done.returncode == 2 and done.stderr.strip() != "",
              f"{to} is refused with a reason", f"{done.returncode} {done.stderr}")


def check_datagram_generator():
    """Loss, duplicates and order are told; wrong bytes are errors."""
    told = {
        "lost": lambda s, n, data: [data] if n % 50 else [],
        "duplicated": lambda s, n, data: [data] if n % 50 else [data, data],
        "reordered": lambda s, n, data: [data, *s.hold(None)] if n % 50 else s.hold(data),
    }
    for name, spoil in told.items():
        server = WrongUdpEcho(spoil)
        done = load(server.port, "--udp", "--connections", "1", "--depth", "4", "--count", "1000")
        server.stop()
        figures = all_figures(done)
        others = sum(int(figures[other]) for other in told if other != name)
        check(done.returncode == 0 and int(figures[name]) == 20 and others == 0,
              f"20 of 1000 datagrams {name} are told", done.stdout + done.stderr)
    wrong = {
        "a flipped bit": lambda s, n, data: [flipped(data) if n % 50 == 0 else data],
        "a changed number": lambda s, n, data: [bytes([data[0] ^ 1]) + data[1:]
                                                if n % 50 == 0 else data],
        "a cut datagram": lambda s, n, data: [data[:-1] if n % 50 == 0 else data],
        "a longer datagram": lambda s, n, data: [data + b"x" if n % 50 == 0 else data],
        "another flow's datagram": lambda s, n, data: [data] if n % 50 > 1 else s.hold(data),
    }
    for name, spoil in wrong.items():
        server = WrongUdpEcho(spoil)
        done = load(server.port, "--udp", "--connections", "3", "--count", "1000")
        server.stop()
        check(done.returncode == 1 and int(last_line_figures(done)["errors"]) > 0,
              f"{name} is an error", done.stdout + done.stderr)
    done = load(unused_port(), "--udp", "--count", "100")
    check(done.returncode == 1 and "refused" in done.stderr, "no UDP service is an error",
          done.stdout + done.stderr)
    first = []

    def answer_late(server, count, data):
        if count == 0:  # given up when the next one comes
            first.append(data)
            return []
        return [first.pop(), data] if first else [data]

    slow = WrongUdpEcho(answer_late)
    done = load(slow.port, "--udp", "--connections", "1", "--count", "100")
    slow.stop()
    figures = all_figures(done)
    check((figures["late"], figures["lost"]) == ("1", "0"), "a late datagram is late, not lost",
          done.stdout)


def check_churn_and_idle_generator():
    faults = {
        "a wrong byte": lambda s, n, at, data: flipped(data) if n % 10 == 9 else data,
        "a close without an answer": lambda s, n, at, data: None if n % 10 == 9 else data,
        "a byte too many": lambda s, n, at, data: data + b"x" if n % 10 == 9 else data,
    }
    for name, spoil in faults.items():
        server = WrongEcho(spoil)
        done = load(server.port, "--churn", "--connections", "3", "--seconds", "0.3",
                    "--warmup", "0")
        server.stop()
        check(done.returncode == 1, f"churn: {name} is an error", done.stdout + done.stderr)
    right = WrongEcho(lambda s, n, at, data: data)
    done = load(right.port, "--churn", "--connections", "3", "--seconds", "0.3")
    served = len(right.peers)
    rate = float(last_line_figures(done)["rate"])
    check(done.returncode == 0 and 0 < 0.3 * rate <= served,
          "churn: a right server passes, and each message has a connection of its own",
          f"{rate} {served} {done.stdout}")
    done = load(right.port, "--idle", "--connections", "20", "--seconds", "0.1",
                "--watch-pid", str(os.getpid()))
    check(done.returncode == 0 and int(all_figures(done)["rss_after"]) > 0,
          "idle: a right server passes", done.stdout + done.stderr)
    right.stop()
    wrong = WrongEcho(lambda s, n, at, data: flipped(data))
    done = load(wrong.port, "--idle", "--connections", "2", "--watch-pid", str(os.getpid()))
    wrong.stop()
    check(done.returncode == 1, "idle: a wrong answer is an error", done.stdout)
    for words in (("--udp", "--churn"), ("--idle",), ("--udp", "--size", "8"), ("--count", "5")):
        done = load(1, *words)
        check(done.returncode == 2 and done.stderr.strip() != "", f"{words} is refused",
              done.stderr)


class Bare:
    """One of the bare servers, by its command; the options name the port."""

    def __init__(self, *command):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.process = subprocess.Popen([*command, "--listen", self.address],
                                        stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)  # a check that raises leaves nothing behind
        self.process.stdout.readline()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def open_sockets(self):
        count = 0
        for entry in os.scandir(f"/proc/{self.process.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed since
                count += os.readlink(entry.path).startswith("socket:")
        return count

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=20)
        return self.process.returncode, out.strip().splitlines()[-1]


def echo_all(raw, data, half_close=True):
    """Sends all from one thread, reads to the end; what came back."""
    peer = raw.connect()

    def send():
        peer.sendall(data)
        if half_close:
            peer.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    got = bytearray()
    while len(got) < len(data) or half_close:
        part = peer.recv(1 << 20)
        if not part:
            break
        got += part
    sender.join()
    peer.close()
    return bytes(got)


def fill_until_blocked(peer, limit):
    """Sends without reading until nothing more is taken for a second, or `limit`; bytes taken."""
    peer.settimeout(1)
    sent = 0
    block = os.urandom(65536)
    try:
        while sent < limit:
            sent += peer.send(block)
    except TimeoutError:
        pass
    return sent


def check_relay(driver, start):
    """`start(*words)` starts the server: an echo, or a forwarder in front of one."""
    raw = start()
    data = os.urandom(30_000_000)
    check(echo_all(raw, data) == data,
          f"{driver}: 30 MB come back, then the end, after a half-close")
    threads = []
    right = []
    part = data[:500_000]
    for _ in range(40):
        threads.append(threading.Thread(target=lambda: right.append(echo_all(raw, part) == part)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    check(right == [True] * 40, f"{driver}: 40 connections at once come back right")

    silent = [raw.connect() for _ in range(20)]
    before = raw.rss_kib()
    taken = [fill_until_blocked(peer, 128_000_000) for peer in silent[:4]]
    check(max(taken) < 128_000_000, f"{driver}: a peer that does not read is not read for ever",
          str(taken))
    # A stalled flow of the io_uring one may hold what all its buffers held: 4 MiB, and two a peer.
    check(raw.rss_kib() - before < 40_960, f"{driver}: such peers do not grow memory for ever",
          f"{raw.rss_kib() - before} KiB")
    check(echo_all(raw, part) == part, f"{driver}: others are served meanwhile")
    got = 0
    silent[0].settimeout(20)
    while got < taken[0]:
        got += len(silent[0].recv(1 << 20))
    check(got == taken[0], f"{driver}: a peer that reads at last gets every byte")
    for peer in silent:  # reset, some with answers unread
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
    check(echo_all(raw, b"after" * 1000) == b"after" * 1000, f"{driver}: resets harm nobody else")
    done = load(raw.port, "--connections", "200", "--seconds", "0.5", "--warmup", "0.1",
                "--size", "3000", "--depth", "3")
    check(done.returncode == 0, f"{driver}: 200 connections under load are right",
          done.stderr + done.stdout)
    check(settles(lambda: raw.open_sockets() == 1), f"{driver}: every connection is closed",
          f"{raw.open_sockets()} sockets, one of them listens")
    code, line = raw.stop()
    check(code == 0 and line.startswith("cpu_s=") and "bytes_in=" in line,
          f"{driver}: stops with a summary", line)

    tiny = start("--buffers", "2", "--buffer-size", "64")
    part = data[:300_000]
    check(echo_all(tiny, part) == part, f"{driver}: two buffers of 64 bytes are enough")
    done = load(tiny.port, "--connections", "30", "--seconds", "0.4", "--warmup", "0.1",
                "--size", "500")
    check(done.returncode == 0, f"{driver}: and for 30 connections", done.stderr + done.stdout)
    tiny.stop()


def settles(holds, deadline_s=5):
    end = time.monotonic() + deadline_s
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    return holds()


def check_forward_only(driver, *words):
    """What an echo behind the forwarder cannot show."""
    with socket.create_server(("127.0.0.1", 0)) as target:
        raw = Bare(FORWARD, "--driver", driver, *words,
                   "--to", f"127.0.0.1:{target.getsockname()[1]}")
        client = raw.connect()
        server, _ = target.accept()
        server.settimeout(20)
        server.sendall(b"first")
        server.shutdown(socket.SHUT_WR)
        got = client.recv(100)
        while part := client.recv(100):
            got += part
        client.sendall(b"answer after the other end has ended")
        answer = server.recv(100)
        check((got, answer) == (b"first", b"answer after the other end has ended"),
              f"{driver}: an end from the target is carried on, the other way stays open",
              f"{got} {answer}")
        client.close()
        check(server.recv(100) == b"", f"{driver}: then the other end")
        server.close()
        refused = Bare(FORWARD, "--driver", driver, *words, "--to", f"127.0.0.1:{unused_port()}")
        client = refused.connect()
        try:
            gone = client.recv(10)
        except ConnectionResetError:
            gone = b""
        check(gone == b"", f"{driver}: no target, no connection")
        check(refused.stop()[0] == 0 and raw.stop()[0] == 0, f"{driver}: and it stops")


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def check_relays():
    for driver in ("uring", "epoll"):
        check_relay(f"echo {driver}", lambda *words: Bare(ECHO, "--driver", driver, *words))
    target = Bare(ECHO)
    for words in (("uring",), ("epoll",), ("epoll", "--splice")):
        check_relay(f"forward {' '.join(words)}",
                    lambda *more: Bare(FORWARD, "--to", target.address, "--driver", *words, *more))
        check_forward_only(*words)
    target.stop()


def check_raw_udp(driver):
    raw = Bare(UDP, "--driver", driver, "--buffers", "8", "--batch", "8")
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.settimeout(20)
    peer.connect(("127.0.0.1", raw.port))
    for size in (1, 64, 1472, 2048):
        data = os.urandom(size)
        peer.send(data)
        check(peer.recv(65536) == data, f"udp {driver}: {size} bytes come back")
    peer.send(b"x" * 2049)
    peer.send(b"")
    check(peer.recv(65536) == b"",
          f"udp {driver}: a longer one is dropped, an empty one is answered")
    for words in (("--connections", "50"), ("--connections", "3", "--depth", "100")):
        done = load(raw.port, "--udp", "--size", "1000", "--count", "20000", *words)
        check(done.returncode == 0 and all_figures(done)["lost"] == "0" and
              all_figures(done)["sent"] == "20000",
              f"udp {driver}: nothing is lost with {' '.join(words)}", done.stdout + done.stderr)
    raw.process.send_signal(signal.SIGTERM)
    out, _ = raw.process.communicate(timeout=20)
    check(raw.process.returncode == 0 and " truncated=1 " in out,
          f"udp {driver}: stops with a summary", out)
    peer.close()


check_generator()
check_datagram_generator()
check_churn_and_idle_generator()
check_relays()
for name in ("uring", "mmsg", "plain"):
    check_raw_udp(name)
print(f"{len(failures)} failed")
sys.exit(1 if failures else 0)
