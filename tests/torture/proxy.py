#!/usr/bin/env python3
"""A bad network for TCP: takes connections, makes one onwards for each, and passes bytes on, until
it is told to do worse. It does to a byte stream what loss and reordering of packets do to it:
delays and stalls that end or do not end, in one direction or both, and connections that break in
the middle of anything, with a reset, with an orderly end, or without a word.

usage: proxy.py LISTEN-ADDRESS LISTEN-PORT ADDRESS PORT

Reads commands from standard input, one a line, and answers each with "ok":

  delay FROM TO      each piece waits a random time of so many milliseconds
  stall up|down|both nothing passes in that direction any more; connections are still taken
  silent             as stall both, but what is on its way when it ends, and every connection
                     of that time, is lost without a word
  reset, finish      all connections end so; what is on its way is lost; new ones are refused
  half               one end sees the connection end, the other sees nothing; new ones are refused
  heal               all is as it should be

"up" is from who connects to us. It prints "ready" when it listens.
"""
import asyncio
import os
import random
import socket
import struct
import sys

PIECE = 65536
ON_ITS_WAY = 64  # pieces of one direction
UP, DOWN = 0, 1


class Way:
    """One direction of one connection."""

    def __init__(self, network, number, source, sink):
        self.network, self.number = network, number
        self.source, self.sink = source, sink
        self.pieces = asyncio.Queue(ON_ITS_WAY)
        self.tasks = [asyncio.ensure_future(self.take()), asyncio.ensure_future(self.give())]

    async def take(self):
        loop = asyncio.get_running_loop()
        try:
            while True:
                piece = await loop.sock_recv(self.source, PIECE)
                await self.pieces.put((loop.time() + self.network.delay(), piece))
                if not piece:
                    return
        except OSError:
            await self.pieces.put((loop.time(), b""))

    async def give(self):
        loop = asyncio.get_running_loop()
        while True:
            due, piece = await self.pieces.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            await self.network.open[self.number].wait()
            try:
                if not piece:
                    self.sink.shutdown(socket.SHUT_WR)
                    return
                await loop.sock_sendall(self.sink, piece)
            except OSError:
                return

    def end(self):
        for task in self.tasks:
            task.cancel()


class Link:
    """One connection to us and its continuation."""

    def __init__(self, network, ends):
        self.ends = ends  # who connected, where to
        self.ways = [Way(network, UP, *ends), Way(network, DOWN, ends[1], ends[0])]

    def end(self, how):
        for way in self.ways:
            way.end()
        for number, end in enumerate(self.ends):
            if how == "half" and number == 1 or how == "nothing":
                continue
            if how == "reset":
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()


class Network:
    def __init__(self, there):
        self.there = there
        self.links, self.lost = [], []
        self.open = [asyncio.Event(), asyncio.Event()]
        self.least, self.most = 0.0, 0.0
        self.refusing = self.silent = False
        for way in self.open:
            way.set()

    def delay(self):
        return random.uniform(self.least, self.most)

    async def connected(self, near):
        loop = asyncio.get_running_loop()
        near.setblocking(False)
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.refusing:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            near.close()
            return
        if self.silent:
            self.lost.append(near)
            return
        far = socket.socket()
        far.setblocking(False)
        far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await loop.sock_connect(far, self.there)
        except OSError:
            near.close()
            far.close()
            return
        self.links.append(Link(self, (near, far)))

    def break_all(self, how):
        for link in self.links:
            link.end(how)
            if how in ("half", "nothing"):
                self.lost += link.ends  # they stay open, and nobody reads or writes
        self.links = []
        self.refusing = how != "nothing"

    def heal(self):
        for way in self.open:
            way.set()
        self.refusing = self.silent = False
        for end in self.lost:
            end.close()
        self.lost = []

    def obey(self, command, *words):
        if command == "delay":
            self.least, self.most = (float(word) / 1000 for word in words)
        elif command == "stall":
            for number in {"up": (UP,), "down": (DOWN,), "both": (UP, DOWN)}[words[0]]:
                self.open[number].clear()
        elif command == "silent":
            self.break_all("nothing")
            self.silent = True
        elif command in ("reset", "finish", "half"):
            self.break_all(command)
        else:
            self.heal()


async def accept(network, listener):
    loop = asyncio.get_running_loop()
    while True:
        near, _ = await loop.sock_accept(listener)
        asyncio.ensure_future(network.connected(near))


async def main(host, port, there, there_port):
    loop = asyncio.get_running_loop()
    network = Network((there, int(there_port)))
    listener = socket.create_server((host, int(port)))
    listener.setblocking(False)
    asyncio.ensure_future(accept(network, listener))
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print("ready", flush=True)
    while True:
        line = await commands.readline()
        if not line:
            os._exit(0)
        network.obey(*line.decode().split())
        print("ok", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
