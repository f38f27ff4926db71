"""Reloads as in scenario_reload, while several clients give the verbs of the control socket at random, some
of them hanging up in the middle, and while the daemon with the routes is killed now and then, often
in the middle of a reload."""
import copy
import json
import random as random_numbers
import socket
import threading
import time

from harness.programs import Failure
from torture.scenario_reload import (CHANGES, FLOWS, TOUCHED, WARNED, Reload, change_entry,
                                     named)

CLIENTS = 6
KILLED = 7          # one round in so many
PURGED = 5          # and in so many the backlog of the route that nobody misses
PAUSE_S = 0.1       # at most, between two verbs of a client
HANG_S = 0.3        # at most, before a client hangs up
FOLLOW_S = 3        # at most, for one verb: what follows messages or events has no end
ANSWER_S = 20
SPARE = "spare"     # the flow that is purged
LINE_END = b"\n\n"

# What goes to {route} and {peer}; all that change nothing in what arrives.
VERBS = (
    "show status", "show queues", "show routes json", "show route {route} json", "show peers",
    "show dead-letters", "show in-doubt json", "show events 20", "show config json",
    "show limits", "show spool json", "metrics", "explain one-out size 10 json",
    "pause {route}", "pause peer {peer}", "pause all", "resume {route}", "resume {peer}",
    "resume all", "resume all json", "drain {route} timeout 300ms", "drain all timeout 200ms json",
    "drain {peer} timeout 2s", "reconnect {peer}", "reload check json",
    "tap {route} every 1 count 50", "tap {route} body json", "tap all", "events follow json",
    "wait empty {route} timeout 300ms", "wait settled timeout 500ms json",
    "wait settled {route} timeout 5s", "wait ready timeout 1s",
    "wait connected {peer} timeout 1s", "purge dead-letters all yes", "requeue all json",
    "export dead-letters", "log debug link", "log info", "purge route {route}",
)


def rename_route(random, side, now):
    """It goes on with what waits for it, whatever it is called."""
    route = named(now["routes"], random.choice(TOUCHED))
    if not route:
        route = next((item for item in now["routes"] if item["name"].endswith("-too")), None)
    if not route:
        return
    if route["name"].endswith("-too"):
        route["name"] = route["name"].removesuffix("-too")
    else:
        route["name"] += "-too"


def without_twins(change):
    """A route that goes by its other name just now is there already."""
    def checked(random, side, now):
        before = copy.deepcopy(now)
        change(random, side, now)
        ways = [(item["from"], item["to"]) for item in now["routes"]]
        sources = {item["name"] for item in now["queues"]}
        if len(set(ways)) < len(ways) or any(way[0] not in sources for way in ways):
            now.clear()
            now.update(before)
    return checked


class Client(threading.Thread):
    """Gives verbs to both daemons until it is ended."""

    def __init__(self, bed, seed):
        super().__init__(daemon=True)
        self.bed, self.ending = bed, threading.Event()
        self.random = random_numbers.Random(seed)
        self.given = self.hung_up = 0

    def run(self):
        while not self.ending.wait(self.random.uniform(0, PAUSE_S)):
            side = self.random.choice("aab")
            verb = self.random.choice(VERBS).format(
                route=self.random.choice([*TOUCHED, "one-too", "back", "steady", "nobody"]),
                peer=self.random.choice(["a", "b", "ghost"]))
            try:
                self.give(self.bed.sides[side].socket, verb)
            except OSError:
                continue  # killed just now, or silent for longer than wanted
            self.given += 1

    def give(self, path, verb):
        with socket.socket(socket.AF_UNIX) as line:
            hangs_up = self.random.random() < 0.4
            line.settimeout(self.random.uniform(0, HANG_S) if hangs_up else HANG_S * 3)
            line.connect(path)
            line.sendall(verb.encode() + b"\n")
            self.hung_up += 1
            latest, end = time.monotonic() + FOLLOW_S, b""
            while not end.endswith(LINE_END) and not self.ending.is_set():
                if time.monotonic() > latest:
                    return
                got = line.recv(65536)
                if not got:
                    return
                end = (end + got)[-2:]
            self.hung_up -= 1

    def end(self):
        self.ending.set()
        self.join()


def answer(path, request):
    """The JSON document that a request is answered with."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(ANSWER_S)
        line.connect(path)
        line.sendall(f"{request} json\n".encode())
        text = b""
        while not text.endswith(LINE_END):
            got = line.recv(65536)
            if not got:
                raise Failure(f"{request}: the answer ended early: {text!r}")
            text += got
        return json.loads(text.splitlines()[-2])


class Verbs(Reload):
    flows = {kind: (*flows, (SPARE, "ab", ("--max", 256), ((1, 7),)))
             for kind, flows in {"posix": FLOWS, "sysv": FLOWS}.items()}
    def __init__(self, rounds, kills):
        super().__init__(rounds)
        self.kills = self.may_repeat = kills
        self.clients, self.purged = [], 0
        self.changes = {"a": tuple(map(without_twins, (*CHANGES["a"], rename_route,
                                                       rename_route))),
                        # What a crash leaves in doubt, or recovers, is to come in any case.
                        "b": tuple(change for change in CHANGES["b"]
                                   if not kills or change is not change_entry)}

    def prepare(self, bed):
        super().prepare(bed)
        self.counts.update(kills=0, purges=0)
        self.clients, self.purged = [], 0
        next(flow for flow in bed.flows if flow.name == SPARE).excused = True

    def begin(self, bed):
        super().begin(bed)
        self.clients = [Client(bed, bed.random.getrandbits(32)) for _ in range(CLIENTS)]
        for client in self.clients:
            client.start()

    def play(self, bed, number):
        if number == 0:
            self.begin(bed)
        if bed.random.randrange(PURGED) == 0:
            self.purge(bed)
        if self.kills and bed.random.randrange(KILLED) == 0:
            self.kill(bed)
            return
        side = self.sides[bed.random.choice("aab")]
        side.state = bed.sides[side.name].state_directory
        settings = self.changed(bed, side)
        if bed.random.randrange(3) == 0:
            self.refuse(bed, side, settings)
        else:
            self.apply(bed, side, settings)
        bed.live(PAUSE_S)

    def changed(self, bed, side):
        settings = copy.deepcopy(side.now)
        for change in bed.random.sample(self.changes[side.name],
                                        bed.random.choice((1, 1, 2, 3))):
            change(bed.random, side, settings)
        return settings

    def reload(self, bed, side, settings, text=""):
        """Until no other reload is under way."""
        end = time.monotonic() + ANSWER_S
        if bed.random.randrange(2):
            self.hang_up(bed, side, settings, text)
        while True:
            status, document = super().reload(bed, side, settings, text)
            if "another reload is under way" not in str(document):
                return status, document
            if time.monotonic() > end:
                raise Failure(f"a reload of {side.name} never begins: {document}")
            bed.live(0.02)

    def hang_up(self, bed, side, settings, text):
        """Who asked for the reload is gone before it is done."""
        daemon = bed.sides[side.name]
        daemon.configure(settings)
        with open(daemon.conf, "a", encoding="utf-8") as conf:
            conf.write(text)
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(daemon.socket)
            line.sendall(b"reload\n")

    def purge(self, bed):
        document = answer(bed.sides["a"].socket, f"purge route {SPARE} yes")
        if not document.get("items"):
            return  # too much is in flight, or it has just come back
        self.purged += document["items"][0]["purged"]
        self.counts["purges"] += 1

    def kill(self, bed):
        """In the middle of a reload, before it, or just after."""
        side = self.sides["a"]
        settings = self.changed(bed, side)
        daemon = bed.sides["a"]
        daemon.configure(settings)
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(daemon.socket)
            line.sendall(b"reload\n")
            bed.live(0.03)
            bed.kill("a")
        bed.start("a")
        side.now = settings
        self.counts["kills"] += 1

    def finish(self, bed):
        self.end_clients()
        for name in "ab":
            answer(bed.sides[name].socket, "resume all")
        for side in self.sides.values():
            status, document = self.reload(bed, side, side.first)
            if status not in (0, WARNED):
                raise Failure(f"the last reload of {side.name} ended with {status}: {document}")
        bed.wait_flow()
        if self.watch:
            self.watch.end()

    def faults(self, bed):
        """What was purged and what came is what was sent."""
        spare = next(flow for flow in bed.flows if flow.name == SPARE)
        came, sent = spare.received(), spare.sent()
        if self.kills or came + self.purged == sent:
            return []
        return [f"{SPARE}: {sent} sent, {came} received and {self.purged} purged"]

    def end_clients(self):
        for client in self.clients:
            client.end()

    def summary(self):
        given = sum(client.given for client in self.clients)
        hung_up = sum(client.hung_up for client in self.clients)
        return (f", verbs {given}, hung up in {hung_up}, purged {self.purged}, " +
                ", ".join(f"{key} {value}" for key, value in self.counts.items()))

    def end(self, bed):
        self.end_clients()
        super().end(bed)


SCENARIOS = {"verbs": Verbs((1000, 40), kills=False),
             "verbs-kill": Verbs((500, 20), kills=True)}
