#!/usr/bin/env python3
"""What is wrong is told with its right cause by everything that tells it, on both hosts, within
two heartbeats; and all tell the same numbers.

Every surface is a function of SURFACES: what it tells of a daemon, as
({(kind, name): (state, reason)}, {figure: number}). Healthy objects may be left out. What the
status page draws is what its listener answers here; tests/browser/page.py looks at the page."""
import http.client
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

from harness.exposition import Exposition
from harness.lab import equal, main
from harness.programs import Failure, Skipped, until

HEARTBEAT_S = 2
SLACK_S = 1.5        # of a machine with much else to do
KINDS = {"queues": "queue", "routes": "route", "peers": "peer"}
GOOD = ("flowing", "idle", "attached", "connected", "unused", "running")
CONNECTED = ("connected", "paused", "draining")
BAD = ("stalled", "refused", "failed", "stopped")
AGES = ("oldest",)   # they go on between one surface and the next
DEPTH, SIZE = 4, 64
MANY = 40
SHAPE = ("--max-messages", str(DEPTH), "--message-size", str(SIZE))


# ---- what each surface tells ------------------------------------------------------------

def read_status_item(item):
    found = {(problem["kind"], problem["name"]): (problem["state"], problem["reason"])
             for problem in item["problems"]}
    return found, {"backlog": item["backlog_records"], "dead letters": item["dead_letters"],
                   "in doubt": item["in_doubt_total"], "held": item["held"],
                   "oldest": item["oldest_age_s"] or 0, "bytes": item["backlog_bytes"],
                   "peers": item["peers"], "received": item["received_total"],
                   "delivered": item["delivered_total"], "settled": item["settled_total"],
                   "peers up": item["peers_up"], "problems": item["problems_count"],
                   "degraded": item["state"] == "degraded"}


def read_lists(lists):
    """lists: {"queues": items, ...}"""
    found, figures = {}, {"peers up": 0}
    for what, kind in KINDS.items():
        for item in lists[what]:
            found[kind, item["name"]] = (item["state"], item["reason"])
            figures["peers up"] += kind == "peer" and item["state"] in CONNECTED
            if item["reason"] and not item["mend"]:
                raise Failure(f"{kind} {item['name']}: {item['reason']} has no mend")
    for queue in lists["queues"]:
        figures["received of " + queue["name"]] = queue["received_total"] or 0
        figures["delivered of " + queue["name"]] = queue["delivered_total"] or 0
        figures["ring of " + queue["name"]] = queue["ring_records"] or 0
        if queue["depth"] is not None:
            figures["depth of " + queue["name"]] = queue["depth"]
    for route in lists["routes"]:
        figures["waiting of " + route["name"]] = route["waiting"]
        figures["in flight of " + route["name"]] = route["in_flight"]
        figures["settled of " + route["name"]] = route["settled_total"]
    return found, {
        **figures, "problems": sum(state not in GOOD for state, _ in found.values()),
        "oldest": max((item["oldest_age_s"] or 0 for item in lists["routes"]), default=0),
        "settled": sum(item["settled_total"] or 0 for item in lists["routes"]),
        "backlog": sum(item["backlog"] for item in lists["routes"])}


def read_show_status(daemon):
    return read_status_item(daemon.status())


def read_show_lists(daemon):
    return read_lists({what: daemon.show(what) for what in KINDS})


def read_show_route(daemon):
    found = {}
    for item in daemon.show("routes"):
        one = json.loads(daemon.control("show", "route", item["name"], "json"))["items"][0]
        found["route", one["name"]] = (one["state"], one["reason"])
    return found, {}


def words_of(line):
    """{(kind, name): (state, reason)} of what a line says of objects."""
    return {(kind, name): (state, reason.replace(" ", "-"))
            for kind, name, state, reason in re.findall(
                r"(route|queue|peer|store) (\S+) (\w+)(?: \d+s)? \((?:[^:)]+: )?([^)]+)\)",
                line)}


def read_service_manager(daemon):
    """Its status line, as the daemon told it last."""
    line = daemon.listener.last()
    seen = re.search(r"(\d+)/(\d+) peers up; .*; backlog (\d+)(?:, oldest (\d+)s)?; "
                     r"dead letters (\d+); in doubt (\d+)", line)
    if seen is None:
        raise Failure(f"the status line is {line!r}")
    return words_of(line), {"degraded": line.startswith("degraded: "),
                            "peers up": int(seen[1]), "peers": int(seen[2]),
                            "backlog": int(seen[3]), "oldest": int(seen[4] or 0),
                            "dead letters": int(seen[5]), "in doubt": int(seen[6])}


def read_check(daemon):
    """The line for a monitoring system: also that its result is that of what it tells."""
    done = subprocess.run(
        daemon.host.command([daemon.program("mqbridgectl"), "--socket", daemon.socket, "check"]),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    text, _, figures = done.stdout.rstrip("\n").partition(" | ")
    found = words_of(text)
    states = {state for state, _ in found.values()}
    wanted = 2 if states & set(BAD) else 1 if states else 0
    words = ("MQBRIDGE OK: ", "MQBRIDGE WARNING: ", "MQBRIDGE CRITICAL: ")
    if done.returncode != wanted or not text.startswith(words[wanted]):
        raise Failure(f"check: status {done.returncode}, not {wanted}: {done.stdout}")
    seen = re.search(r"(\d+)/(\d+) peers up; backlog (\d+)(?:, oldest (\d+)s)?; "
                     r"dead letters (\d+); in doubt (\d+)$", text)
    if seen is None:
        raise Failure(f"check prints {done.stdout!r}")
    behind = dict(re.findall(r"(\w+)=([\d.]+)", figures))
    return found, {"degraded": wanted > 0,
                   "peers up": int(seen[1]), "peers": int(seen[2]), "backlog": int(seen[3]),
                   "oldest": int(seen[4] or 0), "dead letters": int(seen[5]),
                   "in doubt": int(seen[6]), "held": int(behind["held"]),
                   "bytes": int(behind["backlog_bytes"]),
                   "received": int(behind["received"]), "delivered": int(behind["delivered"]),
                   "settled": int(behind["settled"])}


def read_metrics(daemon):
    seen = Exposition(daemon.control("metrics"), "text")
    total = {name: sum(map(float, samples.values())) for name, samples in seen.samples.items()}
    found, figures = {}, {}
    for kind in KINDS.values():
        reasons = {dict(labels)[kind]: dict(labels)["reason"]
                   for labels in seen.samples.get(f"mqbridge_{kind}_reason", {})}
        for labels in seen.samples.get(f"mqbridge_{kind}_info", {}):
            name = dict(labels)[kind]
            state = seen.one_of(f"mqbridge_{kind}_state", "state", **{kind: name})
            found[kind, name] = (state, reasons.get(name))
    for figure, metric, kind in (
            ("received of", "queue_received_messages_total", "queue"),
            ("delivered of", "queue_delivered_messages_total", "queue"),
            ("ring of", "queue_ring_messages", "queue"),
            ("depth of", "queue_messages", "queue"),
            ("waiting of", "route_waiting_messages", "route"),
            ("in flight of", "route_in_flight_messages", "route"),
            ("settled of", "route_settled_messages_total", "route")):
        for labels, value in seen.samples.get("mqbridge_" + metric, {}).items():
            figures[f"{figure} {dict(labels)[kind]}"] = int(value)
    return found, {
        **figures, "degraded": seen.one_of("mqbridge_state", "state") == "degraded",
        "peers up": total["mqbridge_peer_up"],
        "peers": len(seen.samples["mqbridge_peer_up"]),
        "problems": total["mqbridge_problems"], "backlog": total["mqbridge_backlog_messages"],
        "dead letters": total["mqbridge_dead_letters"],
        "held": total["mqbridge_held_messages"],
        "in doubt": total["mqbridge_in_doubt_messages_total"],
        "oldest": max(map(float, seen.samples.get("mqbridge_route_oldest_age_seconds",
                                                  {}).values()), default=0),
        "bytes": sum(seen.value("mqbridge_spool_bytes", store=store)
                     for store in ("rings", "logs")),
        "received": total.get("mqbridge_queue_received_messages_total", 0),
        "delivered": total.get("mqbridge_queue_delivered_messages_total", 0),
        "settled": total.get("mqbridge_route_settled_messages_total", 0)}


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def read_page(daemon):
    """What the status page is drawn from."""
    connection, items = UnixConnection(daemon.page), {}
    try:
        for what in ("status", *KINDS):
            connection.request("GET", "/api/1/" + what)
            answer = connection.getresponse()
            items[what] = json.loads(answer.read())["items"]
    finally:
        connection.close()
    found, figures = read_status_item(items["status"][0])
    of_lists, figures_of_lists = read_lists(items)
    for figure, value in figures_of_lists.items():
        if figure not in AGES and figures.setdefault(figure, value) != value:
            raise Failure(f"page: {figure} is {value} and {figures[figure]}")
    return {**of_lists, **found}, figures


# name: (function, whether it tells also what is only a consequence)
SURFACES = {
    "show status": (read_show_status, True),
    "show queues, routes, peers": (read_show_lists, True),
    "show route": (read_show_route, False),
    "STATUS": (read_service_manager, False),
    "check": (read_check, True),
    "metrics": (read_metrics, True),
    "page": (read_page, True),
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
    pages = {host.name: os.path.join(lab.directory, f"page-{host.name}")
             for host in (lab.a, lab.b)}
    a = lab.daemon(
        {"queues": [{"name": "out", "uri": "posix:/out", **(more_of_queue or {})},
                    {"name": "calm", "uri": "posix:/calm"}],
         "peers": [{"name": "b", "address": address, "insecure": insecure, **beat}],
         "routes": [{"name": "main", "from": "out", "to": "b/in"},
                    {"name": "calm", "from": "calm", "to": "b/calm"}],
         "metrics": f"unix://{pages['a']}"}, lab.a)
    b = lab.daemon(
        {"queues": [{"name": "in", "uri": "posix:/in"},
                    {"name": "calm", "uri": "posix:/calm"}],
         "listeners": [{"address": address, "insecure": insecure}],
         "peers": [{"name": "a", "may_send_to": ["in", "calm"], **beat}],
         "metrics": f"unix://{pages['b']}"}, lab.b)
    for daemon in (b, a):
        daemon.page = pages[daemon.name]
        daemon.listener = Listener(os.path.join(lab.directory, f"notify-{daemon.name}"))
        daemon.environment["NOTIFY_SOCKET"] = daemon.listener.path
        if not privileged:
            without_privileges(lab, daemon)
        daemon.start()
    until(lambda: a.status()["peers_up"] == 1 and b.status()["peers_up"] == 1, 20,
          "the two to be connected")
    return flow, a, b


def edit(daemon, *pairs):
    with open(daemon.conf, encoding="utf-8") as conf:
        text = conf.read()
    for old, new in pairs:
        text = text.replace(old, new, 1)
    with open(daemon.conf, "w", encoding="utf-8") as conf:
        conf.write(text)


def send(host, uri, count):
    host.run(["sh", "-c", f"for i in $(seq {count}); do {IPCQ} send {uri} x; done"],
             stdout=subprocess.DEVNULL)


IPCQ = None


# ---- the judgement ----------------------------------------------------------------------

def differences(daemon, causes, consequences):
    """What the surfaces of a daemon tell wrongly: lines."""
    wrong, figures = [], {}
    for name, (read, tells_all) in SURFACES.items():
        try:
            found, numbers = read(daemon)
        except Failure as why:
            wrong.append(f"{daemon.name}: {name}: {why}")
            continue
        wanted = {**causes, **(consequences if tells_all else {})}
        for key, value in wanted.items():
            if name == "show route" and key[0] != "route":
                continue
            if found.get(key) != value:
                wrong.append(f"{daemon.name}: {name}: {key} is {found.get(key)}, not {value}")
        for key, value in found.items():
            if value[0] not in GOOD and key not in {**causes, **consequences}:
                wrong.append(f"{daemon.name}: {name}: {key} is {value}")
        if numbers.get("degraded", bool(wanted)) != bool(causes or consequences):
            wrong.append(f"{daemon.name}: {name}: degraded is {numbers['degraded']}")
        for figure, value in numbers.items():
            if abs(figures.setdefault(figure, value) - value) > (figure in AGES):
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


def drain_that_cannot_go_on_tells_its_cause(lab):
    _, a, b = bed(lab)
    send(lab.a, "posix:/out", DEPTH)
    until(lambda: b.status()["delivered_total"] == DEPTH, 20, "the queue to be full")
    begun = time.monotonic()
    send(lab.a, "posix:/out", 3)
    until(lambda: a.route("main")["backlog"] == 3, 20, "the messages to be taken")
    drain = lab.spawn(lab.a, [a.program("mqbridgectl"), "--socket", a.socket, "drain", "main"],
                      stdout=subprocess.PIPE, text=True)
    require_told(begun,
                 (a, {("route", "main"): ("stalled", "queue-full")}, {}),
                 (b, {("queue", "in"): ("full", "queue-full")}, {}))
    route = a.route("main")
    equal((route["host"], "being drained" in route["detail"]), ("b", True),
          f"where the cause lies, and whether {route['detail']!r} tells of the drain")
    until(lambda: drain.stdout.readline() == "main: 3 left, 0/s; stalled (b: queue-full)\n", 20,
          "the drain to tell why it does not go on")
    lab.b.run([IPCQ, "receive", "posix:/in", "--all"], stdout=subprocess.DEVNULL)
    equal(drain.wait(20), 0, "status of the drain")
    require_told(time.monotonic() + 10, (a, {("route", "main"): ("paused", "paused")}, {}))


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
    # Nothing is sent: long before its credit is used up the sender knows.
    require_told(begun, (a, {("route", "main"): ("paused", "paused"),
                             ("route", "calm"): ("paused", "paused")}, {}),
                 (b, {("peer", "a"): ("paused", "paused")}, {}))
    equal(a.route("main")["host"], "b", "where the cause lies")
    b.control("resume", "peer", "a")
    require_healthy(a, b)
    for _ in range(4):  # at once, not with the next heartbeat
        for verb, paused in (("pause", True), ("resume", False)):
            b.control(verb, "peer", "a")
            until(lambda: (a.route("main")["state"] == "paused") == paused, HEARTBEAT_S / 2,
                  f"the {verb} of a peer to be told")


def messages_without_a_route_are_told(lab):
    """Of what is no queue, route or peer only some surfaces tell more than that it is so."""
    _, a, b = bed(lab)
    a.control("pause", "main")
    send(lab.a, "posix:/out", 2)
    until(lambda: a.route("main")["backlog"] == 2, 20, "the messages to be taken")
    edit(a, ('to = "b/in";', 'to = "b/in"; enabled = false;'))
    a.control("reload")
    told = {("store", "orphans"): ("orphan", "not-configured")}

    def differ():
        wrong = []
        for name in ("show status", "STATUS", "check", "metrics"):
            found, figures = SURFACES[name][0](a)
            if not figures["degraded"] or figures.get("problems", 1) != 1 \
                    or figures["backlog"] != 2 \
                    or name != "metrics" and not figures["oldest"]:
                wrong.append(f"{name}: {figures}")
            if name != "metrics" and not told.items() <= found.items():
                wrong.append(f"{name}: {found}")
        return wrong
    until(lambda: not differ(), 20, "all surfaces to tell the orphans")
    detail = a.status()["problems"][0]["detail"]
    equal(detail.split(" have ")[0], "2 messages", f"messages in {detail!r}")
    a.kill()  # then nobody opens their stream any more
    a.start()
    until(lambda: not differ(), 20, "all surfaces to tell the orphans after a start")
    require_told(time.monotonic(), (b, {}, {}))


def purge_behind_what_is_in_flight_leaves_that_alone(lab):
    """What was purged stays in the ring behind its head: no backlog. Also of a local route."""
    _, a, _ = bed(lab)
    for name in ("from", "to"):
        lab.a.run([IPCQ, "create", f"posix:/{name}", *SHAPE], stdout=subprocess.DEVNULL)
    edit(a, ("queues = ( ", 'queues = ( { name = "from"; uri = "posix:/from"; }, '
                            '{ name = "to"; uri = "posix:/to"; }, '),
         ("routes = ( ", 'routes = ( { name = "within"; from = "from"; to = "to"; }, '))
    a.control("reload")
    send(lab.a, "posix:/from", DEPTH)
    until(lambda: a.route("within")["settled_total"] == DEPTH, 20, "the queue to be full")
    send(lab.a, "posix:/from", DEPTH)
    until(lambda: a.route("within")["backlog"] == DEPTH, 20, "the messages to be taken")
    a.control("purge", "route", "within", "yes")
    until(lambda: a.route("within")["backlog"] == 1, 20, "the purge")
    require_told(time.monotonic(),
                 (a, {("queue", "to"): ("full", "queue-full"),
                      ("route", "within"): ("stalled", "queue-full")}, {}))


def disconnected_route_is_waiting(lab):
    _, a, b = bed(lab)
    begun = time.monotonic()
    b.kill()
    b.listener.last()
    send(lab.a, "posix:/out", 2)
    require_told(begun, (a, {("peer", "b"): ("waiting", "connection-refused")},
                         {("route", "main"): ("waiting", "peer-not-connected"),
                          ("route", "calm"): ("waiting", "peer-not-connected")}))


def peer_is_told_before_the_many_routes_that_wait_for_it(lab):
    """Lists of what is wrong are short everywhere: what only follows is not to fill them."""
    address, insecure = lab.listen_address()
    names = [f"q{number}" for number in range(MANY)]
    a = lab.daemon({
        "queues": [{"name": name, "uri": f"sysv:{0x5D00 + number:#x}", "ring_size": "64KiB",
                    "create": {"max_bytes": "256B"}} for number, name in enumerate(names)],
        "peers": [{"name": "b", "address": address, "insecure": insecure}],
        "routes": [{"name": f"to {name}", "from": name, "to": f"b/{name}"} for name in names]})
    a.listener = Listener(os.path.join(lab.directory, "notify"))
    a.environment["NOTIFY_SOCKET"] = a.listener.path
    a.start()
    wanted = {("peer", "b"): ("waiting", "connection-refused")}

    def told():
        problems = a.status()["problems"]
        lines = [a.listener.last(), subprocess.run(
            a.host.command([a.program("mqbridgectl"), "--socket", a.socket, "check"]),
            stdout=subprocess.PIPE, text=True, check=False).stdout]
        return [(problem["kind"], problem["name"]) for problem in problems[:1]] == list(wanted) \
            and all(re.match(r"[A-Za-z ]+: peer b waiting \d+s \(connection refused\)", line)
                    for line in lines)
    for _ in range(3):  # it goes on dialling: that is not news
        until(told, 10, "the peer to be told first", 0.1)
        time.sleep(1)


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
    b.stop()
    b.listener.last()
    edit(b, ('( "in", "calm" )', '( "calm" )'))
    b.start()
    until(lambda: a.status()["peers_up"] == 1, 20, "the peer to be back")
    require_told(time.monotonic(),
                 (a, {("route", "main"): ("refused", "entry-refused")}, {}))


if __name__ == "__main__":
    build = os.environ.get("MQBRIDGE_BUILD", os.getcwd())
    if "--build" in sys.argv:
        build = sys.argv[sys.argv.index("--build") + 1]
    IPCQ = os.path.join(os.path.abspath(build), "src/tools/ipcq")
    sys.exit(main(route_into_a_full_queue_is_stalled, drain_that_cannot_go_on_tells_its_cause,
                  queue_with_a_full_ring_is_blocked,
                  paused_route_is_told_and_so_is_a_paused_peer,
                  purge_behind_what_is_in_flight_leaves_that_alone,
                  messages_without_a_route_are_told, disconnected_route_is_waiting,
                  peer_is_told_before_the_many_routes_that_wait_for_it,
                  host_that_is_not_dialled_any_more_tells_it, frozen_peer_is_told_as_such,
                  destination_that_is_not_permitted_is_told_on_both_hosts,
                  source_that_is_not_permitted_is_told,
                  destination_that_is_absent_is_waited_for, entry_that_is_refused_is_told))
