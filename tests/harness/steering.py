"""Steering a pair of daemons over the control socket."""
import json
import socket
import subprocess

from harness.lab import require
from harness.programs import until

SIZE = 64
DEPTH = 4
WAIT_S = 60
DONE, REFUSED, USAGE, ABSENT, UNREACHED, WARNED = 0, 1, 2, 5, 6, 7
KINDS = {"posix": ("posix:/steer", (0, 9)), "sysv": ("sysv:0x71", (1, 9))}


def ask(daemon, *words):
    """(exit status, what was printed, what was said of faults) of mqbridgectl"""
    done = subprocess.run(
        daemon.host.command([daemon.program("mqbridgectl"), "--socket", daemon.socket, *words]),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        check=False, timeout=WAIT_S)
    return done.returncode, done.stdout, done.stderr


def require_status(daemon, wanted, *words):
    status, out, err = ask(daemon, *words)
    if status != wanted:
        require(False, f"{' '.join(words)}: status {status}, wanted {wanted}: {out}{err}")
    return out + err


def items(daemon, *words):
    return json.loads(require_status(daemon, DONE, *words, "--json").splitlines()[-1])["items"]


class Line:
    """One request on the control socket, its answer line by line as it comes."""

    def __init__(self, daemon, request):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(WAIT_S)
        self.socket.connect(daemon.socket)
        self.socket.sendall(request.encode() + b"\n")
        self.file = self.socket.makefile()

    def next(self):
        return self.file.readline().rstrip("\n")

    def rest(self):
        """All lines up to the empty one."""
        lines = []
        while True:
            line = self.next()
            if not line:
                return lines
            lines.append(line)

    def close(self):
        self.file.close()
        self.socket.close()


class Bridge:
    """Route "main" of a to b, both daemons started; nobody consumes yet."""

    def __init__(self, lab, kind="posix", b_runs=True, depth=DEPTH, **more):
        uri, self.types = KINDS[kind]
        self.flow = lab.flow("steer", uri, uri)
        self.flow.create(depth, SIZE)
        self.a, self.b = lab.pair(
            {"queues": [{"name": "out", "uri": uri, **more.pop("queue", {})}],
             "routes": [{"name": "main", "from": "out", "to": "b/in", **more}],
             "reserve_percent": 0, "reserve_space": "0B"},
            {"queues": [{"name": "in", "uri": uri}]}, b_takes=["in"])
        self.a.start()
        if b_runs:
            self.b.start()

    def route(self):
        return self.a.route("main")

    def left(self):
        item = self.route()
        return item["waiting"] + item["in_flight"]

    def produce(self, *more):
        """Each producer has types of its own."""
        types = [number + len(self.flow.producers) for number in self.types]
        self.flow.produce(types, "--size", SIZE, *more)

    def wait_still(self):
        """Until nothing is in flight any more; how many have come by then."""
        until(lambda: self.route()["in_flight"] == 0, WAIT_S, "what is in flight to settle")
        return self.flow.received()

    def finish(self, count):
        self.flow.wait_received(count, WAIT_S)
        self.flow.require_exact()
