#!/usr/bin/env python3
"""A bad network below TCP: two TUN devices in two network namespaces, and this program between them,
which loses packets, repeats them, delays them and lets others overtake them.

usage: packets.py NAMESPACE DEVICE NAMESPACE DEVICE SEED

A namespace is a file as /proc/PID/ns/net. Reads commands from standard input, one a line, and answers
each with "ok":

  bad LOST REPEATED LATE LEAST MOST   of each thousand packets so many are lost, so many come twice,
                                      so many are late by 1 to 20 ms, so that others overtake them; and
                                      all take a random time from LEAST to MOST milliseconds
  counts                              answers with the numbers of packets so far, and of those lost,
                                      repeated and late

It prints "ready" when the devices are there, or "skip: why".
"""
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 1, 0x1000
PACKET = 65536
LATE_S = (0.001, 0.020)
QUEUE = 1000  # packets on their way; what is more is lost, as in any router

libc = ctypes.CDLL(None, use_errno=True)


def device(namespace, name):
    """The descriptor of a new TUN device in that namespace; this process stays in it."""
    with open(namespace, "rb") as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {namespace}")
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


class Network:
    def __init__(self, fds, seed):
        self.random = random.Random(seed)
        self.other = {fds[0]: fds[1], fds[1]: fds[0]}
        self.bad = [0.0] * 3
        self.least = self.most = 0.0
        self.on_its_way = []  # a heap of (due, number, where to, packet)
        self.counts = dict.fromkeys(("packets", "lost", "repeated", "late"), 0)

    def chance(self, which, name):
        hit = self.random.random() * 1000 < self.bad[which]
        self.counts[name] += hit
        return hit

    def take(self, fd):
        try:
            packet = os.read(fd, PACKET)
        except OSError:
            return False
        self.counts["packets"] += 1
        if len(self.on_its_way) < QUEUE and not self.chance(0, "lost"):
            self.send(self.other[fd], packet)
            if self.chance(1, "repeated"):
                self.send(self.other[fd], packet)
        return True

    def send(self, fd, packet):
        due = time.monotonic() + self.random.uniform(self.least, self.most)
        if self.chance(2, "late"):
            due += self.random.uniform(*LATE_S)
        heapq.heappush(self.on_its_way, (due, self.counts["packets"], fd, packet))

    def give(self):
        """What is due leaves; seconds until the next one, None: there is none."""
        while self.on_its_way:
            wait = self.on_its_way[0][0] - time.monotonic()
            if wait > 0:
                return wait
            _, _, fd, packet = heapq.heappop(self.on_its_way)
            try:
                os.write(fd, packet)
            except OSError:
                pass  # the interface is down
        return None

    def obey(self, line):
        command, *words = line.split()
        if command == "counts":
            return " ".join(map(str, self.counts.values()))
        *self.bad, least, most = map(float, words)
        self.least, self.most = least / 1000, most / 1000
        return "ok"

    def run(self):
        while True:
            ready, _, _ = select.select([*self.other, sys.stdin], [], [], self.give())
            for fd in ready:
                if fd is not sys.stdin:
                    while self.take(fd) and len(self.on_its_way) < QUEUE:
                        pass
                    continue
                line = sys.stdin.readline()
                if not line:
                    return
                print(self.obey(line), flush=True)


def main(first, first_name, second, second_name, seed):
    try:
        fds = [device(first, first_name), device(second, second_name)]
    except OSError as why:
        print(f"skip: no TUN devices: {why}", flush=True)
        return
    print("ready", flush=True)
    Network(fds, int(seed)).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
