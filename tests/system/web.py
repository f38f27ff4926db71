#!/usr/bin/env python3
# harness: alone
"""The listener for metrics and the status page under clients that mean harm: the routes keep
their rate, memory stays bounded, and others are still answered."""
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.browser import get
from harness.lab import equal, main, require
from harness.programs import until

PORT = 7412
SIZE = 64
CLIENTS = 64
FEW = 8             # none of whom is hung up on behind an answer, so that others get in
SPELL_S, SPELLS, ATTEMPTS = 0.3, 6, 4
REST_S = 0.05       # in which what the clients had asked before is answered
KEEPS = 0.8         # of its rate, by the route
# Of a processor, at most, by the listener of a daemon with nothing else to do: four times what
# was measured, for slower machines; one that takes what comes needs all of it.
TAKES = 0.2
HARM = "--harm"
GROWTH = 48 << 20   # bytes: answers that are being sent, and what the kernel allots to us
HEAD = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
WHOLE = HEAD + b"\r\n"
REQUESTS = (
    WHOLE, WHOLE, WHOLE.replace(b"GET", b"HEAD"), WHOLE.replace(b"/metrics", b"/api/1/routes"),
    WHOLE.replace(b"GET", b"POST"), WHOLE.replace(b"GET", b"FROB"), b"\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    HEAD.replace(b"GET", b"POST") + b"Content-Length: 5\r\n\r\nabcde",
    HEAD.replace(b"GET", b"PUT") + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    HEAD.replace(b"GET", b"POST") + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
    HEAD + b"Connection: close\r\n\r\n")


def slow_headers(sock):
    """A byte now and then, never a whole request."""
    sock.sendall(HEAD)
    sock.sendall(b"X: ")
    for _ in range(1000):
        time.sleep(0.05)
        sock.sendall(b"x")


def trickles(sock):
    """Every byte of a request for itself, as fast as they go."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(HEAD)
    for _ in range(8000):
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


def mixtures(sock):
    """Requests of all kinds one behind the other, cut anywhere."""
    text = b"".join(random.choice(REQUESTS) for _ in range(20))
    while text:
        count = random.randrange(1, 200)
        sock.sendall(text[:count])
        text = text[count:]
        time.sleep(random.random() / 50)


def comers(sock):
    """Only connects."""
    sock.close()


WAYS = (slow_headers, trickles, large_headers, slow_readers, floods, rubbish, mixtures, comers)


def harm(way, count):
    """What the process of the clients does: each comes again when it is hung up on."""
    came = [0] * count

    def go_on(number):
        while True:
            try:
                with socket.create_connection(("127.0.0.1", PORT), 2) as sock:
                    sock.settimeout(2)
                    came[number] += 1
                    way(sock)
            except OSError:
                pass  # that is what it came for

    for number in range(count):
        threading.Thread(target=go_on, args=(number,), daemon=True).start()
    until(lambda: sum(came) >= count, 60, "the clients to come")
    print("all have come", flush=True)
    signal.sigwait([signal.SIGTERM])
    print(sum(came), flush=True)
    os._exit(0)  # the threads do not end


class Harm:
    """So many clients of one way, in a process at the lowest priority, so that the processor time
    that they take themselves is hardly taken from the daemons."""

    def __init__(self, lab, host, way, count=CLIENTS, nice=19):
        self.process = lab.spawn(host, ["nice", "-n", str(nice), sys.executable, __file__, HARM,
                                        way.__name__, str(count)],
                                 stdout=subprocess.PIPE, text=True)
        equal(self.process.stdout.readline(), "all have come\n", "the clients")

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self):
        """How often one of them came."""
        self.resume()
        self.process.terminate()
        return int(self.process.communicate(timeout=20)[0] or 0)


def resident(daemon):
    with open(f"/proc/{daemon.process.pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(daemon):
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


def rate(flow):
    before, begun = flow.received(), time.monotonic()
    time.sleep(SPELL_S)  # what is measured lasts that long
    return (flow.received() - before) / (time.monotonic() - begun)


def kept(flow, clients):
    """What is left of the rate: spells with the clients at work and stopped in turn, of which the
    sums count, so that what else the machine does is alike for both."""
    quiet = loud = 0
    for _ in range(SPELLS):
        time.sleep(REST_S)
        loud += rate(flow)
        clients.pause()
        time.sleep(REST_S)
        quiet += rate(flow)
        clients.resume()
    return loud / quiet


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
    """The rate of the route while they are there, against that without them."""
    a, flow = bed(lab)
    flow.consume()
    flow.produce((0, 7), "--max", SIZE)
    flow.wait_received(1000, 30)
    equal(get(a.host, PORT, "/metrics")[0], 200, "status before")
    memory, fds = resident(a), descriptors(a)
    clients = Harm(lab, a.host, way)
    # What else the machine does may hit the wrong spells; what the clients cost shows each time.
    tried = []
    while len(tried) < ATTEMPTS and (not tried or tried[-1] < KEEPS):
        tried.append(kept(flow, clients))
    require(descriptors(a) < fds + 40, f"{descriptors(a)} descriptors are open")
    grown = resident(a) - memory
    require(grown < GROWTH, f"memory has grown by {grown >> 20} MiB")
    answered = until(lambda: one_answer(a), 20, "an answer for somebody else")
    equal(answered, 200, "status meanwhile")
    print(f"# {way.__name__}: came {clients.end()} times, "
          f"{', '.join(f'{share:.3f}' for share in tried)} of the rate", flush=True)
    require(tried[-1] >= KEEPS, f"the rate fell to {tried} of what it is")
    until(lambda: descriptors(a) <= fds, 40, "all connections to be closed")
    a.require_running()


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


def processor_s(daemon):
    with open(f"/proc/{daemon.process.pid}/schedstat", encoding="ascii") as text:
        return int(text.read().split()[0]) / 1e9


def is_sanitized(daemon):
    with open(f"/proc/{daemon.process.pid}/maps", encoding="utf-8") as maps:
        return "libasan" in maps.read()


def web_takes_a_small_share_of_a_processor(lab):
    a, _ = bed(lab)
    most = TAKES * (2 if is_sanitized(a) else 1)
    for way, count in (*((way, CLIENTS) for way in WAYS), (floods, FEW)):
        clients = Harm(lab, a.host, way, count, nice=0)
        time.sleep(1)  # what was saved for a burst is spent
        before, begun = processor_s(a), time.monotonic()
        time.sleep(1.5)
        took = (processor_s(a) - before) / (time.monotonic() - begun)
        print(f"# {count} {way.__name__}: came {clients.end()} times, {took:.3f} of a processor",
              flush=True)
        require(took < most, f"{way.__name__}: {took:.3f} of a processor")


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
    if sys.argv[1:2] == [HARM]:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        harm(globals()[sys.argv[2]], int(sys.argv[3]))
    sys.exit(main(web_answers_what_the_control_socket_does,
                  web_takes_a_small_share_of_a_processor, *tests()))
