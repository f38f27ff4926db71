#!/usr/bin/env python3
# harness: alone
"""A daemon with 500 queues and as many routes: what it shows of them is there soon, and its
loop goes on meanwhile, as it does when nobody asks.

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

from harness.exposition import Exposition
from harness.lab import equal, main, require
from harness.programs import Skipped, until

QUEUES = 500
POSIX = 125
ROUNDS = 11        # at least
CALM = 5           # of them, in which nothing disturbed the daemon,
SLOW = 5           # and one in so many may have a slow turn: interrupts are not told of
SUMS = 5           # that are looked at
LONG_S = 15        # then what was calm until then has to do
PACE_S = 0.25      # between rounds: all clients together get 3 of 100 of the loop's time
KEPT_S = 0.6       # between rounds: so long an answer of the listener is kept
SHOW_S = 0.050     # of the client's time
FETCH_S = 0.100    # the same, for what the listener answers
PORT = 7412
# What other programs take of the machine is not the daemon's doing: how long it waited for a
# processor is taken off. In a calm round that is less than a part of a slow turn.
CALM_S = 0.003


def uri(number):
    if number < POSIX:
        return f"posix:/many-{number}"
    return f"sysv:{0x4D000000 + number:#x}"


# In the host's namespaces: asks for each line of the input; seconds and bytes of the answer.
FETCH = """
import sys, time, urllib.request
for url in sys.stdin:
    begun = time.monotonic()
    with urllib.request.urlopen(url.strip(), timeout=30) as answer:
        size = len(answer.read())
    print(time.monotonic() - begun, size, flush=True)
"""


def many(lab):
    """A daemon with QUEUES source queues, all attached, and a route from each."""
    address, insecure = lab.listen_address()
    names = [f"q{number}" for number in range(QUEUES)]
    queues = [{"name": name, "uri": uri(number), "ring_size": "64KiB",
               "create": {"max_messages": 4, "message_size": "64B"} if number < POSIX else
               {"max_bytes": "256B"}} for number, name in enumerate(names)]
    daemon = lab.daemon({
        "metrics": f"http://127.0.0.1:{PORT}",
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


class Fetcher:
    """The same of the listener."""

    def __init__(self, lab, daemon):
        self.process = lab.spawn(daemon.host, [sys.executable, "-c", FETCH], text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def get(self, path):
        """(seconds, bytes)"""
        self.process.stdin.write(f"http://127.0.0.1:{PORT}{path}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        require(line, f"{path}: no answer")
        seconds, size = line.split()
        return float(seconds), int(size)


def judge(daemon, what, act, limit_s, pace_s):
    """The median of what act() says it took, and no slow turn in the calm rounds."""
    session = Session(daemon.socket)
    act()
    took, turns, end = [], [], time.monotonic() + LONG_S
    while len(took) < ROUNDS or (len(turns) < CALM and time.monotonic() < end):
        time.sleep(pace_s)  # as somebody who looks does, and no flood
        # The turn that tells how many were slow is counted after that, so it is of the round.
        begun = daemon.waited_s()
        slow, asked = slow_turns(session), daemon.waited_s()
        seconds = act()
        took.append(seconds - (daemon.waited_s() - asked))
        slow = slow_turns(session) - slow
        if daemon.waited_s() - begun < CALM_S:
            turns.append(slow > 0)
    median = statistics.median(took)
    print(f"# {what}: median {median * 1000:.1f} ms, at most {max(took) * 1000:.1f} ms; "
          f"slow turns in {sum(turns)} of {len(turns)} calm rounds of {len(took)}", flush=True)
    require(median < limit_s, f"{what} took {median * 1000:.1f} ms")
    require(sum(turns) * SLOW <= max(len(turns), CALM),
            f"{what}: turns of the loop above 10 ms in {sum(turns)} of {len(turns)} rounds")
    if len(turns) < CALM:
        raise Skipped(f"{what}: other programs had the processors all the time")


def judge_request(daemon, request, items):
    session = Session(daemon.socket)
    if request.endswith(" json"):
        found = json.loads(session.ask(request)[1])["items"]
        equal(len(found), items, f"items of {request}")
    judge(daemon, request, lambda: session.ask(request)[0], SHOW_S, PACE_S)


def five_hundred_routes_are_shown_at_once(lab):
    daemon = many(lab)
    for what in ("routes", "queues"):
        for form in ("", " json"):
            judge_request(daemon, f"show {what}{form}", QUEUES)
    judge_request(daemon, "show status json", 1)
    begun = time.monotonic()
    subprocess.run(daemon.host.command([daemon.program("mqbridgectl"), "--socket",
                                        daemon.socket, "show", "routes"]),
                   stdout=subprocess.DEVNULL, check=True)
    print(f"# mqbridgectl show routes: {(time.monotonic() - begun) * 1000:.0f} ms with its start")


def five_hundred_routes_are_fetched_at_once(lab):
    daemon = many(lab)
    fetcher = Fetcher(lab, daemon)
    require(fetcher.get("/metrics")[1] > QUEUES * 1000, "a short answer")
    for path in ("/metrics", "/api/1/routes", "/api/1/queues"):
        judge(daemon, path, lambda wanted=path: fetcher.get(wanted)[0], FETCH_S, KEPT_S)


def five_hundred_idle_routes_leave_the_loop_free(lab):
    """What is done of itself once a second."""
    daemon = many(lab)

    def wait():
        time.sleep(1)
        return 0

    judge(daemon, "a second", wait, 1, 0)


def totals_are_the_sums_of_what_is_shown(lab):
    """Also while messages come and the figures are gathered on several turns of the loop."""
    daemon = many(lab)
    for number in range(4):
        lab.flow(f"f{number}", uri(number), "-", (lab.a, lab.a)).produce(
            [1], "--size", 16, "--rate", 100)
    until(lambda: daemon.status()["received_total"] > 0, 20, "messages")
    for _ in range(SUMS):
        found = Exposition(daemon.control("metrics"), "text")
        equal(found.value("mqbridge_backlog_messages"),
              sum(map(float, found.samples["mqbridge_route_backlog_messages"].values())),
              "the backlog, and the backlogs of all routes")


if __name__ == "__main__":
    sys.exit(main(five_hundred_routes_are_shown_at_once,
                  five_hundred_routes_are_fetched_at_once,
                  five_hundred_idle_routes_leave_the_loop_free,
                  totals_are_the_sums_of_what_is_shown))
