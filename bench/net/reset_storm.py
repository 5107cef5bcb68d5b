#!/usr/bin/env python3
"""Many connections to an echo service, all reset at once; then the service must still answer.

  bench/net/reset_storm.py HOST:PORT [COUNT]

COUNT is 15000 unless given; the limit on descriptors is raised as far as it goes. Each connection has
sent a message whose echo is not read. Prints how long opening, resetting and the first echo after it
took. Exit status 1: the service did not answer within a minute, or a connection could not be made.
"""
import resource
import socket
import struct
import sys
import time


def connect(where):
    peer = socket.create_connection(where, timeout=60)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return peer


def echo(where):
    with connect(where) as peer:
        peer.sendall(b"still there?")
        got = b""
        while len(got) < 12:
            part = peer.recv(12 - len(got))
            if not part:
                break
            got += part
        return got == b"still there?"


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    host, _, port = sys.argv[1].rpartition(":")
    where = (host, int(port))
    count = int(sys.argv[2]) if len(sys.argv) == 3 else 15000
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    begin = time.monotonic()
    peers = []
    for number in range(count):
        peers.append(connect(where))
        peers[-1].sendall(b"storm %d" % number)
    opened = time.monotonic()
    for peer in peers:
        peer.close()
    reset = time.monotonic()
    answers = echo(where)
    done = time.monotonic()
    print(f"{count} connections: opened in {opened - begin:.2f} s, reset in {reset - opened:.2f} s, "
          f"{'answers' if answers else 'NO ANSWER'} {1000 * (done - reset):.1f} ms after")
    return 0 if answers else 1


if __name__ == "__main__":
    sys.exit(main())
