#!/usr/bin/env python3
"""One process full of clients for scripts/soak: every stream it opens does something else.

    soak_client.py stream|program|datagram ADDRESS --streams N --seed N

ADDRESS is HOST:PORT or unix:/path of something that answers with what it is sent. Runs until it is
killed; a line of JSON each second says what was seen. `program`: an answer may be cut short, since
the programs that answer are killed too.
"""
import argparse
import asyncio
import json
import random
import socket
import struct
import sys

SECONDS_MAX = 60
PIECES = (1, 3, 7, 61, 1021, 4093, 16381, 65521)

seen = {"streams": 0, "bytes": 0, "resets": 0, "cut": 0, "refused": 0, "datagrams": 0, "lost": 0,
        "failures": []}


def fail(what):
    if len(seen["failures"]) < 20:
        seen["failures"].append(what)


class Stream:
    def __init__(self, address):
        self.address = address
        self.data = b""
        self.sent = 0
        self.received = 0

    async def open(self):
        if self.address.startswith("unix:"):
            opened = asyncio.open_unix_connection(self.address[5:])
        else:
            host, port = self.address.rsplit(":", 1)
            opened = asyncio.open_connection(host.strip("[]"), int(port))
        self.reader, self.writer = await opened
        seen["streams"] += 1

    async def write(self, data, pause=0.0):
        self.data += data
        at = 0
        while at < len(data):
            piece = data[at:at + random.choice(PIECES)]
            self.writer.write(piece)
            await self.writer.drain()
            self.sent += len(piece)
            at += len(piece)
            if pause:
                await asyncio.sleep(pause)

    async def read(self, count):
        """At most `count` bytes, compared; False at the end."""
        got = await self.reader.read(count)
        if got != self.data[self.received:self.received + len(got)]:
            fail(f"wrong bytes after {self.received}")
        self.received += len(got)
        seen["bytes"] += len(got)
        return bool(got)

    def close(self):
        self.writer.close()

    def reset(self):
        seen["resets"] += 1
        handle = self.writer.get_extra_info("socket")
        if handle is not None and handle.family != socket.AF_UNIX:
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


async def whole(stream):
    """All there and back over a half-close."""
    writing = asyncio.create_task(half_closed(stream, random.randbytes(random.randrange(300_000))))
    while await stream.read(65536):
        pass
    await writing
    return stream.received == len(stream.data)


async def half_closed(stream, data):
    await stream.write(data)
    stream.writer.write_eof()


async def talk(stream):
    """Question and answer."""
    for _ in range(random.randrange(1, 200)):
        await stream.write(random.randbytes(random.randrange(1, 2000)))
        while stream.received < len(stream.data):
            if not await stream.read(65536):
                return False
    return True


async def slow_reader(stream):
    """Sends much and reads it later than it could."""
    writing = asyncio.create_task(half_closed(stream, random.randbytes(2_000_000)))
    for _ in range(random.randrange(20)):
        await asyncio.sleep(0.1)
        if not await stream.read(random.choice(PIECES)):
            return False
    if random.random() < 0.3:
        writing.cancel()
        stream.reset()
        return True
    while await stream.read(65536):
        pass
    await writing
    return stream.received == len(stream.data)


async def reset(stream):
    """Goes without a word, amid what it says."""
    await stream.write(random.randbytes(random.randrange(200_000)))
    stream.reset()
    return True


async def idle(stream):
    await asyncio.sleep(random.random() * 5)
    return True


async def stub(stream):
    return True


KINDS = ((whole, 6), (talk, 6), (slow_reader, 1), (reset, 2), (idle, 2), (stub, 2))


async def one_after_another(address, may_be_cut):
    while True:
        stream = Stream(address)
        kind = random.choices([each for each, _ in KINDS], [often for _, often in KINDS])[0]
        try:
            await asyncio.wait_for(stream.open(), SECONDS_MAX)
        except (OSError, asyncio.TimeoutError):
            seen["refused"] += 1
            await asyncio.sleep(0.5)
            continue
        try:
            if not await asyncio.wait_for(kind(stream), SECONDS_MAX):
                cut(kind, stream, may_be_cut, "ended")
        except asyncio.TimeoutError:
            fail(f"{kind.__name__}: {stream.received} of {len(stream.data)} in {SECONDS_MAX} s")
        except OSError as why:
            cut(kind, stream, may_be_cut, why)
        stream.close()


def cut(kind, stream, may_be_cut, why):
    seen["cut"] += 1
    if not may_be_cut:
        fail(f"{kind.__name__}: {why} after {stream.received} of {len(stream.data)}")


class Flow(asyncio.DatagramProtocol):
    """Numbered datagrams, a few under way at a time."""
    depth = 8

    def __init__(self):
        self.next = 0
        self.under_way = {}

    def connection_made(self, transport):
        self.transport = transport

    def send(self):
        data = struct.pack("!Q", self.next) + random.randbytes(random.randrange(1200))
        self.under_way[self.next] = data
        self.next += 1
        self.transport.sendto(data)

    def datagram_received(self, data, _):
        number = struct.unpack("!Q", data[:8])[0] if len(data) >= 8 else None
        sent = self.under_way.pop(number, None)
        if sent is None:
            if number is None or number >= self.next:
                fail(f"a datagram that was never sent: {data[:16].hex()}")
            return
        if sent != data:
            fail("a wrong datagram")
        seen["datagrams"] += 1
        self.send()

    def error_received(self, why):
        seen["refused"] += 1


async def datagrams(address):
    host, port = address.rsplit(":", 1)
    loop = asyncio.get_running_loop()
    while True:
        transport, flow = await loop.create_datagram_endpoint(
            Flow, remote_addr=(host.strip("[]"), int(port)))
        for _ in range(Flow.depth):
            flow.send()
        for _ in range(random.randrange(1, 20)):
            before = set(flow.under_way)
            await asyncio.sleep(0.5)
            for number in before & set(flow.under_way):  # Half a second is never.
                del flow.under_way[number]
                seen["lost"] += 1
                flow.send()
        transport.close()


async def tell():
    while True:
        await asyncio.sleep(1)
        try:
            print(json.dumps(seen), flush=True)
        except BrokenPipeError:
            sys.exit(0)


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("stream", "program", "datagram"))
    parser.add_argument("address")
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--seed", type=int, required=True)
    asked = parser.parse_args()
    random.seed(asked.seed)
    if asked.kind == "datagram":
        work = [datagrams(asked.address) for _ in range(asked.streams)]
    else:
        work = [one_after_another(asked.address, asked.kind == "program")
                for _ in range(asked.streams)]
    await asyncio.gather(tell(), *work)


if __name__ == "__main__":
    asyncio.run(main())
