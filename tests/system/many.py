#!/usr/bin/env python3
"""A daemon with 500 queues and as many routes: what it shows of them is there soon, and its
loop goes on meanwhile.

500 POSIX queues of 4 x 64 bytes are charged 4 x (64 + 48) bytes each, or 224 000 bytes of the
819 200 that RLIMIT_MSGQUEUE gives each user by default. Everything on a machine shares that, so
a quarter of the queues is POSIX and the rest System V, which no limit of a user counts."""
import json
import os
import socket
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main, require
from harness.programs import Skipped, until

QUEUES = 500
POSIX = 125
ROUNDS = 11        # at least
CALM = 3           # of them, in which nothing disturbed the daemon
TRIES = 60
PACE_S = 0.25      # between rounds: all clients together get 3 of 100 of the loop's time
SHOW_S = 0.050     # of the client's time
# What other programs take of the machine is not the daemon's doing: how long it waited for a
# processor is taken off. In a calm round that is less than a part of a slow turn.
CALM_S = 0.003


def uri(number):
    if number < POSIX:
        return f"posix:/many-{number}"
    return f"sysv:{0x4D000000 + number:#x}"


def many(lab):
    """A daemon with QUEUES source queues, all attached, and a route from each."""
    address, insecure = lab.listen_address()
    names = [f"q{number}" for number in range(QUEUES)]
    queues = [{"name": name, "uri": uri(number), "ring_size": "64KiB",
               "create": {"max_messages": 4, "message_size": "64B"} if number < POSIX else
               {"max_bytes": "256B"}} for number, name in enumerate(names)]
    daemon = lab.daemon({
        "queues": queues,
        "peers": [{"name": "b", "address": address, "insecure": insecure}],
        "routes": [{"name": f"r{number}", "from": name, "to": f"b/{name}"}
                   for number, name in enumerate(names)]})
    daemon.start(wait=False)
    until(daemon.answers, 60, "the daemon to answer")
    until(lambda: sum(item["depth"] is not None for item in daemon.show("queues")) == QUEUES,
          60, "all queues to be attached")
    return daemon


class Session:
    """A client that is there already: what is measured is the daemon, and no start of one."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)

    def ask(self, line):
        """(seconds, answer)"""
        begun = time.monotonic()
        self.socket.sendall(line.encode() + b"\n")
        parts = b""
        while not parts.endswith(b"\n\n"):
            part = self.socket.recv(1 << 20)
            require(part, f"{line}: the daemon hung up")
            parts += part
        return time.monotonic() - begun, parts


def slow_turns(session):
    """Turns of the loop above 10 ms so far."""
    return json.loads(session.ask("show status json")[1])["items"][0]["slow_turns_total"]


def judge(daemon, request, items, limit_s):
    """The median of the rounds, and no slow turn in any calm one."""
    session = Session(daemon.socket)
    session.ask(request)
    took, turns = [], []
    while len(took) < ROUNDS or (len(turns) < CALM and len(took) < TRIES):
        time.sleep(PACE_S)  # as somebody who looks does, and no flood
        slow, begun = slow_turns(session), daemon.waited_s()
        seconds, answer = session.ask(request)
        took.append(seconds - (daemon.waited_s() - begun))
        slow = slow_turns(session) - slow
        if daemon.waited_s() - begun < CALM_S:
            turns.append(slow)
    if request.endswith(" json"):
        equal(len(json.loads(answer)["items"]), items, f"items of {request}")
    median = statistics.median(took)
    print(f"# {request}: median {median * 1000:.1f} ms, at most {max(took) * 1000:.1f} ms; "
          f"{sum(turns)} slow turns in {len(turns)} calm rounds of {len(took)}", flush=True)
    require(median < limit_s, f"{request} took {median * 1000:.1f} ms")
    equal(sum(turns), 0, f"turns of the loop above 10 ms for {request}")
    if len(turns) < CALM:
        raise Skipped(f"{request}: other programs had the processors all the time")


def five_hundred_routes_are_shown_at_once(lab):
    daemon = many(lab)
    for what in ("routes", "queues"):
        for form in ("", " json"):
            judge(daemon, f"show {what}{form}", QUEUES, SHOW_S)
    judge(daemon, "show status json", 1, SHOW_S)
    begun = time.monotonic()
    subprocess.run(daemon.host.command([daemon.program("mqbridgectl"), "--socket",
                                        daemon.socket, "show", "routes"]),
                   stdout=subprocess.DEVNULL, check=True)
    print(f"# mqbridgectl show routes: {(time.monotonic() - begun) * 1000:.0f} ms with its start")


if __name__ == "__main__":
    sys.exit(main(five_hundred_routes_are_shown_at_once))
