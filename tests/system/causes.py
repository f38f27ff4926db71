#!/usr/bin/env python3
"""What is wrong is told with its right cause by everything that tells it, on both hosts, within
two heartbeats; and all tell the same numbers.

Every surface is a function of SURFACES: what it tells of a daemon, as
({(kind, name): (state, reason)}, {figure: number}). Healthy objects may be left out."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main
from harness.programs import Failure, Skipped, until

HEARTBEAT_S = 2
SLACK_S = 1.5        # of a machine with much else to do
KINDS = {"queues": "queue", "routes": "route", "peers": "peer"}
GOOD = ("flowing", "idle", "attached", "connected", "unused", "running")
CONNECTED = ("connected", "paused", "draining")
DEPTH, SIZE = 4, 64
SHAPE = ("--max-messages", str(DEPTH), "--message-size", str(SIZE))


# ---- what each surface tells ------------------------------------------------------------

def read_show_status(daemon):
    item = daemon.status()
    found = {(problem["kind"], problem["name"]): (problem["state"], problem["reason"])
             for problem in item["problems"]}
    return found, {"backlog": item["backlog_records"], "dead letters": item["dead_letters"],
                   "peers up": item["peers_up"], "problems": item["problems_count"]}


def read_show_lists(daemon):
    found, peers_up = {}, 0
    for what, kind in KINDS.items():
        for item in daemon.show(what):
            found[kind, item["name"]] = (item["state"], item["reason"])
            peers_up += kind == "peer" and item["state"] in CONNECTED
            if item["reason"] and not item["mend"]:
                raise Failure(f"{kind} {item['name']}: {item['reason']} has no mend")
    bad = sum(state not in GOOD for state, _ in found.values())
    return found, {"peers up": peers_up, "problems": bad,
                   "backlog": sum(item["ring_records"] or 0 for item in daemon.show("queues"))
                   + sum(item["log_waiting"] or 0 for item in daemon.show("routes"))}


def read_show_route(daemon):
    found = {}
    for item in daemon.show("routes"):
        one = json.loads(daemon.control("show", "route", item["name"], "json"))["items"][0]
        found["route", one["name"]] = (one["state"], one["reason"])
    return found, {}


def read_service_manager(daemon):
    """Its status line, as the daemon told it last."""
    line = daemon.listener.last()
    found = {(kind, name): (state, reason.replace(" ", "-"))
             for kind, name, state, reason in re.findall(
                 r"(\w+) (\S+) (\w+) \d+s \((?:[^:)]+: )?([^)]+)\)", line)}
    up = re.search(r"(\d+)/\d+ peers up; .*; backlog (\d+).*; dead letters (\d+)", line)
    if up is None:
        raise Failure(f"the status line is {line!r}")
    return found, {"peers up": int(up[1]), "backlog": int(up[2]), "dead letters": int(up[3])}


# name: (function, whether it tells also what is only a consequence)
SURFACES = {
    "show status": (read_show_status, True),
    "show queues, routes, peers": (read_show_lists, True),
    "show route": (read_show_route, False),
    "STATUS": (read_service_manager, False),
}


class Listener:
    """In the place of the service manager. What is not read yet holds the sockets that it was
    given to keep, so it is read also when a daemon has ended."""

    def __init__(self, path):
        self.path, self.line = path, ""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.setblocking(False)

    def last(self):
        while True:
            try:
                for part in self.socket.recv(8192).decode().splitlines():
                    if part.startswith("STATUS="):
                        self.line = part.removeprefix("STATUS=")
            except BlockingIOError:
                return self.line


# ---- the bed ----------------------------------------------------------------------------

def without_privileges(lab, daemon):
    """Root may use any queue: this one may not. Its files are still root's own."""
    if shutil.which("setpriv") is None:
        raise Skipped("setpriv is not installed")
    path = os.path.join(lab.directory, "unprivileged")
    with open(path, "w", encoding="utf-8") as out:
        out.write(f'#!/bin/sh\nexec setpriv --inh-caps=-all --bounding-set=-all '
                  f'{daemon.binary} "$@"\n')
    os.chmod(path, 0o755)
    daemon.binary = path


def bed(lab, more_of_queue=None, privileged=True):
    """edge "a" sends out -> b/in and calm -> b/calm; both hosts talk to a service manager."""
    flow = lab.flow("main", "posix:/out", "posix:/in")
    calm = lab.flow("calm", "posix:/calm", "posix:/calm")
    for each in (flow, calm):
        each.create(DEPTH, SIZE)
    address, insecure = lab.listen_address()
    beat = {"heartbeat": f"{HEARTBEAT_S}s"}
    a = lab.daemon(
        {"queues": [{"name": "out", "uri": "posix:/out", **(more_of_queue or {})},
                    {"name": "calm", "uri": "posix:/calm"}],
         "peers": [{"name": "b", "address": address, "insecure": insecure, **beat}],
         "routes": [{"name": "main", "from": "out", "to": "b/in"},
                    {"name": "calm", "from": "calm", "to": "b/calm"}]}, lab.a)
    b = lab.daemon(
        {"queues": [{"name": "in", "uri": "posix:/in"},
                    {"name": "calm", "uri": "posix:/calm"}],
         "listeners": [{"address": address, "insecure": insecure}],
         "peers": [{"name": "a", "may_send_to": ["in", "calm"], **beat}]}, lab.b)
    for daemon in (b, a):
        daemon.listener = Listener(os.path.join(lab.directory, f"notify-{daemon.name}"))
        daemon.environment["NOTIFY_SOCKET"] = daemon.listener.path
        if not privileged:
            without_privileges(lab, daemon)
        daemon.start()
    until(lambda: a.status()["peers_up"] == 1 and b.status()["peers_up"] == 1, 20,
          "the two to be connected")
    return flow, a, b


def send(host, uri, count):
    host.run(["sh", "-c", f"for i in $(seq {count}); do {IPCQ} send {uri} x; done"],
             stdout=subprocess.DEVNULL)


IPCQ = None


# ---- the judgement ----------------------------------------------------------------------

def differences(daemon, causes, consequences):
    """What the surfaces of a daemon tell wrongly: lines."""
    wrong, figures = [], {}
    for name, (read, tells_all) in SURFACES.items():
        found, numbers = read(daemon)
        wanted = {**causes, **(consequences if tells_all else {})}
        for key, value in wanted.items():
            if name == "show route" and key[0] != "route":
                continue
            if found.get(key) != value:
                wrong.append(f"{daemon.name}: {name}: {key} is {found.get(key)}, not {value}")
        for key, value in found.items():
            if value[0] not in GOOD and key not in {**causes, **consequences}:
                wrong.append(f"{daemon.name}: {name}: {key} is {value}")
        for figure, value in numbers.items():
            if figures.setdefault(figure, value) != value:
                wrong.append(f"{daemon.name}: {name}: {figure} is {value}, elsewhere "
                             f"{figures[figure]}")
    return wrong


def require_told(begun, *wanted):
    """wanted: (daemon, causes, consequences). All surfaces of all of them within two
    heartbeats since begun."""
    last = []

    def told():
        last[:] = [line for each in wanted for line in differences(*each)]
        return not last
    try:
        until(told, max(begun + 2 * HEARTBEAT_S + SLACK_S - time.monotonic(), 0.1),
              "all surfaces to tell the cause", 0.1)
    except Failure as why:
        raise Failure(f"{why}:\n" + "\n".join(last)) from why


def require_healthy(*daemons):
    require_told(time.monotonic() + 10, *((daemon, {}, {}) for daemon in daemons))


# ---- the causes -------------------------------------------------------------------------

def route_into_a_full_queue_is_stalled(lab):
    _, a, b = bed(lab)
    require_healthy(a, b)
    send(lab.a, "posix:/out", DEPTH)
    until(lambda: b.status()["delivered_total"] == DEPTH, 20, "the queue to be full")
    begun = time.monotonic()
    send(lab.a, "posix:/out", 3)
    require_told(begun,
                 (a, {("route", "main"): ("stalled", "queue-full")}, {}),
                 (b, {("queue", "in"): ("full", "queue-full")}, {}))
    equal((a.route("main")["host"], a.status()["backlog_records"]), ("b", 3),
          "where the cause lies, and what waits")
    lab.b.run([IPCQ, "receive", "posix:/in", "--all"], stdout=subprocess.DEVNULL)
    require_healthy(a, b)


def queue_with_a_full_ring_is_blocked(lab):
    flow, a, b = bed(lab, {"ring_size": "64KiB"})
    flow.produce([0], "--size", SIZE)
    blocked = ("queue", "out")
    seen = [0, time.monotonic()]

    def still():
        if flow.sent() != seen[0]:
            seen[:] = [flow.sent(), time.monotonic()]
        return time.monotonic() - seen[1] > 0.5
    until(still, 30, "the producer to block")
    require_told(seen[1],
                 (a, {blocked: ("blocked", "ring-full"),
                      ("route", "main"): ("stalled", "queue-full")}, {}),
                 (b, {("queue", "in"): ("full", "queue-full")}, {}))


def paused_route_is_told_and_so_is_a_paused_peer(lab):
    _, a, b = bed(lab)
    begun = time.monotonic()
    a.control("pause", "main")
    send(lab.a, "posix:/out", 2)
    require_told(begun, (a, {("route", "main"): ("paused", "paused")}, {}), (b, {}, {}))
    a.control("resume", "main")
    require_healthy(a, b)
    begun = time.monotonic()
    b.control("pause", "peer", "a")
    require_told(begun, (a, {}, {}), (b, {("peer", "a"): ("paused", "paused")}, {}))


def disconnected_route_is_waiting(lab):
    _, a, b = bed(lab)
    begun = time.monotonic()
    b.kill()
    b.listener.last()
    send(lab.a, "posix:/out", 2)
    require_told(begun, (a, {("peer", "b"): ("waiting", "connection-refused")},
                         {("route", "main"): ("waiting", "peer-not-connected"),
                          ("route", "calm"): ("waiting", "peer-not-connected")}))


def host_that_is_not_dialled_any_more_tells_it(lab):
    _, a, b = bed(lab)
    begun = time.monotonic()
    a.kill()
    require_told(begun, (b, {("peer", "a"): ("waiting", "connection-lost")}, {}))


def frozen_peer_is_told_as_such(lab):
    _, a, b = bed(lab)
    begun = time.monotonic()
    b.process.send_signal(signal.SIGSTOP)
    try:
        send(lab.a, "posix:/out", 2)
        require_told(begun, (a, {("route", "main"): ("stalled", "no-acknowledgement")}, {}))
    finally:
        b.process.send_signal(signal.SIGCONT)
    require_healthy(a, b)


def destination_that_is_not_permitted_is_told_on_both_hosts(lab):
    lab.b.run([IPCQ, "create", "posix:/in", *SHAPE],
              stdout=subprocess.DEVNULL)
    _, a, b = bed(lab, privileged=False)
    send(lab.a, "posix:/out", 1)
    begun = time.monotonic()
    lab.b.run([IPCQ, "remove", "posix:/in"])
    lab.b.run([IPCQ, "create", "posix:/in", *SHAPE, "--mode", "0400"], stdout=subprocess.DEVNULL)
    require_told(begun,
                 (a, {("route", "main"): ("stopped", "not-permitted")}, {}),
                 (b, {("queue", "in"): ("failed", "not-permitted")}, {}))
    equal(a.route("main")["host"], "b", "where the cause lies")


def source_that_is_not_permitted_is_told(lab):
    _, a, b = bed(lab, privileged=False)
    begun = time.monotonic()
    lab.a.run([IPCQ, "remove", "posix:/out"])
    lab.a.run([IPCQ, "create", "posix:/out", *SHAPE, "--mode", "0200"], stdout=subprocess.DEVNULL)
    require_told(begun,
                 (a, {("queue", "out"): ("failed", "not-permitted"),
                      ("route", "main"): ("stopped", "not-permitted")}, {}),
                 (b, {}, {}))


def destination_that_is_absent_is_waited_for(lab):
    _, a, b = bed(lab)
    begun = time.monotonic()
    lab.b.run([IPCQ, "remove", "posix:/in"])
    require_told(begun,
                 (a, {("route", "main"): ("waiting", "queue-absent")}, {}),
                 (b, {("queue", "in"): ("waiting", "queue-absent")}, {}))


def entry_that_is_refused_is_told(lab):
    _, a, b = bed(lab)
    with open(b.conf, encoding="utf-8") as conf:
        text = conf.read()
    b.stop()
    b.listener.last()
    with open(b.conf, "w", encoding="utf-8") as conf:
        conf.write(text.replace('( "in", "calm" )', '( "calm" )'))
    b.start()
    until(lambda: a.status()["peers_up"] == 1, 20, "the peer to be back")
    require_told(time.monotonic(),
                 (a, {("route", "main"): ("refused", "entry-refused")}, {}))


if __name__ == "__main__":
    build = os.environ.get("MQBRIDGE_BUILD", os.getcwd())
    if "--build" in sys.argv:
        build = sys.argv[sys.argv.index("--build") + 1]
    IPCQ = os.path.join(os.path.abspath(build), "src/tools/ipcq")
    sys.exit(main(route_into_a_full_queue_is_stalled, queue_with_a_full_ring_is_blocked,
                  paused_route_is_told_and_so_is_a_paused_peer, disconnected_route_is_waiting,
                  host_that_is_not_dialled_any_more_tells_it, frozen_peer_is_told_as_such,
                  destination_that_is_not_permitted_is_told_on_both_hosts,
                  source_that_is_not_permitted_is_told,
                  destination_that_is_absent_is_waited_for, entry_that_is_refused_is_told))
