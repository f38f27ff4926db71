#!/usr/bin/env python3
"""The listener for metrics and the status page under clients that mean harm: the routes keep
their rate, memory stays bounded, and others are still answered."""
import json
import os
import socket
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.browser import connect, get
from harness.lab import equal, main, require
from harness.programs import until

PORT = 7412
SIZE = 64
CLIENTS = 64
SPAN_S = 1.5        # of one measurement
SHARE = 0.7         # of its rate that the route keeps
GROWTH = 48 << 20   # bytes: answers that are being sent, and what the kernel allots to us
HEAD = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
WHOLE = HEAD + b"\r\n"


def slow_headers(sock):
    """A byte now and then, never a whole request."""
    sock.sendall(HEAD)
    sock.sendall(b"X: ")
    for _ in range(1000):
        time.sleep(0.05)
        sock.sendall(b"x")


def large_headers(sock):
    sock.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * (1 << 20))
    sock.recv(1 << 16)


def slow_readers(sock):
    """Asks and asks, and reads nothing."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for _ in range(1000):
        sock.sendall(WHOLE)
        time.sleep(0.05)


def floods(sock):
    """Requests one behind the other, all read."""
    sock.sendall(WHOLE * 100)
    while sock.recv(1 << 16):
        pass


def rubbish(sock):
    sock.sendall(bytes(range(256)) * 64)
    sock.recv(1 << 16)


def comers(sock):
    """Only connects."""
    sock.close()


WAYS = (slow_headers, large_headers, slow_readers, floods, rubbish, comers)


class Harm:
    """So many clients of one way, each of which comes again when it is hung up on."""

    def __init__(self, host, way, count=CLIENTS):
        self.host, self.way, self.ended, self.came = host, way, False, 0
        self.sockets = [None] * count
        self.threads = [threading.Thread(target=self.go_on, args=(i,), daemon=True)
                        for i in range(count)]
        for thread in self.threads:
            thread.start()

    def go_on(self, number):
        while not self.ended:
            try:
                sock = self.sockets[number] = connect(self.host, PORT)
                sock.settimeout(2)
                self.came += 1
                self.way(sock)
            except OSError:
                pass  # that is what it came for
            finally:
                if self.sockets[number] is not None:
                    self.sockets[number].close()
            time.sleep(0.01)

    def end(self):
        self.ended = True
        for sock in self.sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except (OSError, AttributeError):
                pass
        for thread in self.threads:
            thread.join(10)


def resident(daemon):
    with open(f"/proc/{daemon.process.pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(daemon):
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


def rate(flow):
    before, begun = flow.received(), time.monotonic()
    time.sleep(SPAN_S)
    return (flow.received() - before) / (time.monotonic() - begun)


def bed(lab):
    flow = lab.flow("main", "posix:/out", "posix:/in")
    flow.create(4, SIZE)
    a, b = lab.pair(
        {"metrics": f"http://127.0.0.1:{PORT}", "queues": [{"name": "out", "uri": "posix:/out"}],
         "routes": [{"name": "main", "from": "out", "to": "b/in"}]},
        {"queues": [{"name": "in", "uri": "posix:/in"}]}, b_takes=["in"])
    for daemon in (a, b):
        daemon.start()
    return a, flow


def withstand(lab, way):
    """The rate of the route while they are there, against that without them. Those that take
    much processor time of their own slow everything down, also what they do not talk to."""
    a, flow = bed(lab)
    flow.consume()
    flow.produce((0, 7), "--max", SIZE)
    flow.wait_received(1000, 30)
    equal(get(a.host, PORT, "/metrics")[0], 200, "status before")
    before = rate(flow)
    memory, fds = resident(a), descriptors(a)
    harm = Harm(a.host, way)
    try:
        until(lambda: harm.came >= CLIENTS, 30, "the clients to come")
        mean = statistics.median(rate(flow) for _ in range(3))
        require(mean > 0, "the route stands still")
        require(descriptors(a) < fds + 40, f"{descriptors(a)} descriptors are open")
        grown = resident(a) - memory
        require(grown < GROWTH, f"memory has grown by {grown >> 20} MiB")
        answered = until(lambda: one_answer(a), 20, "an answer for somebody else")
        equal(answered, 200, "status meanwhile")
    finally:
        harm.end()
    alone = min(before, rate(flow))
    require(mean > alone * (SHARE if way in QUIET else SHARE / 4),
            f"{mean:.0f} messages a second, {alone:.0f} without the clients")
    until(lambda: descriptors(a) <= fds, 40, "all connections to be closed")
    a.require_running()


QUIET = (slow_headers, slow_readers)  # who hardly takes processor time themselves


def one_answer(daemon):
    try:
        return get(daemon.host, PORT, "/api/1/status")[0]
    except OSError:
        return None


def tests():
    for way in WAYS:
        def test(lab, way=way):
            withstand(lab, way)
        test.__name__ = f"web_withstands_{way.__name__}"
        yield test


def web_answers_what_the_control_socket_does(lab):
    a, flow = bed(lab)
    flow.consume()
    for path, what in (("status", "status"), ("routes", "routes"), ("peers", "peers"),
                       ("queues", "queues"), ("dead-letters", "dead-letters"),
                       ("in-doubt", "in-doubt"), ("events", "events")):
        status, headers, body = get(a.host, PORT, f"/api/1/{path}")
        equal((status, headers["Content-Type"]), (200, "application/json"), path)
        document = json.loads(body)
        equal(document["kind"], what, "kind")
        require([sorted(item) for item in document["items"]] ==
                [sorted(item) for item in a.show(what)][:len(document["items"])],
                f"members of {path} differ")
    equal(get(a.host, PORT, "/api/1/status", {"Host": "evil.example"})[0], 421, "another name")


if __name__ == "__main__":
    sys.exit(main(web_answers_what_the_control_socket_does, *tests()))
