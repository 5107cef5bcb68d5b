"""Two storms for scripts/soak: everybody resets at once, and no descriptor is left."""
import contextlib
import os
import resource
import socket
import struct
import subprocess
import sys
import time

from driven import Failure, Gateway, cpu_seconds, descriptor_count, memory_kib

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def hold_connections(port, count):
    """Run in a process of its own: opens, says so, and resets all when told to end."""
    raise_descriptor_limit(count + 100)
    held = []
    for _ in range(count):
        peer = socket.create_connection(("127.0.0.1", port), 30)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        peer.sendall(b"here")
        held.append(peer)
    for peer in held:
        if peer.recv(4, socket.MSG_WAITALL) != b"here":
            sys.exit("no answer")
    print("open", flush=True)
    sys.stdin.read(1)
    os._exit(0)  # The kernel closes them all.


def raise_descriptor_limit(wanted):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise Failure(f"the limit of descriptors is {hard}, {wanted} are needed")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def echo_works(port):
    with socket.create_connection(("127.0.0.1", port), 10) as peer:
        peer.sendall(b"still there?")
        return peer.recv(12, socket.MSG_WAITALL) == b"still there?"


def all_reset_at_once(program, count, rounds=3):
    """`count` connections of another process end by a reset at one moment, again and again."""
    print(f"storm: {count} connections reset at once")
    raise_descriptor_limit(count + 100)
    with Gateway(program, "echo", "--tcp", "127.0.0.1:0") as gateway:
        echo_works(gateway.port)
        while gateway.status()["ended"] != 1:
            pass
        before = descriptor_count(gateway.pid)
        memory = []
        for number in range(rounds):
            holder = subprocess.Popen(
                [sys.executable, __file__, str(gateway.port), str(count)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            if holder.stdout.readline() != "open\n":
                raise Failure("the connections could not be opened")
            held = memory_kib(gateway.pid)
            cpu = cpu_seconds(gateway.pid)
            begin = time.monotonic()
            holder.stdin.write("x")
            holder.stdin.close()
            while True:
                numbers = gateway.status()
                if numbers["connections"] == numbers["ended"]:
                    break
                if time.monotonic() - begin > 60:
                    raise Failure(f"not all have ended: {numbers}")
                time.sleep(0.01)
            recovered = time.monotonic() - begin
            if not echo_works(gateway.port):
                raise Failure("a new connection is not served")
            holder.wait()
            time.sleep(0.5)
            memory.append(memory_kib(gateway.pid))
            while descriptor_count(gateway.pid) > before and time.monotonic() - begin < 30:
                time.sleep(0.01)
            print(f"  round {number + 1}: all ended after {recovered * 1000:.0f} ms "
                  f"({cpu_seconds(gateway.pid) - cpu:.2f} s of CPU), memory {held} KiB held, "
                  f"{memory[-1]} KiB after, descriptors {descriptor_count(gateway.pid)} "
                  f"(before {before})", flush=True)
        if descriptor_count(gateway.pid) != before:
            raise Failure("descriptors are left behind")
        if memory[-1] > memory[0] * 1.1 + 1024:
            raise Failure(f"memory grows with each round: {memory}")
        gateway.stop()


def no_descriptor_left(program, seconds=3):
    """A gateway with few descriptors and more clients than these: it waits, it does not spin."""
    print("storm: no descriptor left (64), 200 clients")
    with Gateway(program, "echo", "--tcp", "127.0.0.1:0", "--schedulers", 1,
                 descriptors_max=64) as gateway, contextlib.ExitStack() as clients:
        echo_works(gateway.port)
        first = clients.enter_context(socket.create_connection(("127.0.0.1", gateway.port), 10))
        crowd = clients.enter_context(contextlib.ExitStack())
        for _ in range(200):
            peer = crowd.enter_context(socket.socket())
            peer.setblocking(False)
            peer.connect_ex(("127.0.0.1", gateway.port))
        time.sleep(0.5)
        cpu = cpu_seconds(gateway.pid)
        time.sleep(seconds)
        share = 100 * (cpu_seconds(gateway.pid) - cpu) / seconds
        first.sendall(b"mine")
        if first.recv(4, socket.MSG_WAITALL) != b"mine":
            raise Failure("an open connection suffers")
        crowd.close()
        begin = time.monotonic()
        while True:
            with contextlib.suppress(OSError):
                if echo_works(gateway.port):
                    break
            if time.monotonic() - begin > 20:
                raise Failure("no new connection is served")
        print(f"  CPU {share:.1f} % of one core, served again after "
              f"{(time.monotonic() - begin) * 1000:.0f} ms", flush=True)
        if share > 10:
            raise Failure(f"it spins: {share:.0f} % of a core")
        clients.close()
        gateway.stop()


if __name__ == "__main__":
    hold_connections(int(sys.argv[1]), int(sys.argv[2]))
