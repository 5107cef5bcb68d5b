#!/usr/bin/env python3
"""Sends random bytes through a running gateway over many sockets and checks that all come back.

    soak.py HOST:PORT [--sockets 200] [--bytes 500000] [--half-closed 0.5] [--seed N]

Standard-library sockets, odd-sized pieces; a share of the sockets half-closes after its last byte
and reads to the end, the others close when they have everything. 200 sockets of 500000 bytes are
100 MB. Exit status 0: every byte came back.
"""
import argparse
import random
import selectors
import socket
import sys
import time


class Peer:
    def __init__(self, address, size, half_closes, seed):
        self.random = random.Random(seed)
        self.data = self.random.randbytes(size)
        self.half_closes = half_closes
        self.sent = 0
        self.received = 0
        self.piece = self.next_piece()
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.connect(address)
        self.socket.setblocking(False)
        self.output_is_open = True

    def next_piece(self):
        return self.random.choice((1, 3, 7, 61, 1021, 4093, 16381, 65521))

    def write(self):
        end = min(self.sent + self.piece, len(self.data))
        try:
            self.sent += self.socket.send(self.data[self.sent:end])
        except BlockingIOError:
            return
        self.piece = self.next_piece()
        if self.sent == len(self.data):
            self.output_is_open = False
            if self.half_closes:
                self.socket.shutdown(socket.SHUT_WR)

    def read(self):
        """None: goes on; else the verdict."""
        try:
            got = self.socket.recv(65536)
        except BlockingIOError:
            return None
        except OSError as why:
            return f"{why} after {self.received} bytes"
        if self.data[self.received:self.received + len(got)] != got:
            return f"wrong bytes after {self.received}"
        self.received += len(got)
        if not got:
            whole = self.received == len(self.data)
            return "ok" if whole else f"end after {self.received} of {len(self.data)}"
        if self.received == len(self.data) and not self.half_closes:
            return "ok"
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", metavar="HOST:PORT")
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--bytes", type=int, default=500_000)
    parser.add_argument("--half-closed", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    parser.add_argument("--patience", type=float, default=120, help="seconds")
    asked = parser.parse_args()
    host, port = asked.address.rsplit(":", 1)
    address = (host.strip("[]"), int(port))
    print(f"seed {asked.seed}")

    selector = selectors.DefaultSelector()
    begin = time.monotonic()
    for index in range(asked.sockets):
        half_closes = index < asked.sockets * asked.half_closed
        peer = Peer(address, asked.bytes, half_closes, asked.seed + index)
        selector.register(peer.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, peer)
    failures = []
    while selector.get_map() and time.monotonic() - begin < asked.patience:
        for key, events in selector.select(timeout=1):
            peer = key.data
            if events & selectors.EVENT_WRITE and peer.output_is_open:
                peer.write()
                if not peer.output_is_open:
                    selector.modify(peer.socket, selectors.EVENT_READ, peer)
            verdict = peer.read() if events & selectors.EVENT_READ else None
            if verdict is not None:
                selector.unregister(peer.socket)
                peer.socket.close()
                if verdict != "ok":
                    failures.append(verdict)
    failures += ["not finished in time"] * len(selector.get_map())
    seconds = time.monotonic() - begin
    total = asked.sockets * asked.bytes
    print(f"{asked.sockets} sockets, {total} bytes each way, {seconds:.1f} s, "
          f"{len(failures)} failures")
    for each in failures[:10]:
        print(f"  {each}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
