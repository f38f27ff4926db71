"""Random reloads of both daemons under load, a third of them faulty. Some routes are changed, removed
and added; others are never touched, and must not notice."""
import copy
import json
import os
import socket
import subprocess
import threading
import time

from harness.programs import Failure
from torture.scenario import Scenario

FAULTY = 3        # one in so many
PAUSE_S = 0.12    # at most, between two reloads
SAMPLE_S = 0.005  # between two looks at what the untouched flows received
GAP_S = 0.2       # they may not stand still for longer during a reload,
GAP_TIMES = 2     # or than so many times what they do between reloads: others use the machine too
ANSWER_S = 30     # for a reload to be answered
WARNED, REFUSED = 7, 1

FLOWS = (("steady", "ab", ("--size", 64), ((1, 2),)),
         ("back", "ba", ("--max", 512), ((3, 4),)),
         ("one", "ab", ("--max", 256), ((1, 5),)),
         ("two", "ab", ("--max", 256), ((2, 6),)))
UNTOUCHED = ("steady", "back")
TOUCHED = ("one", "two")


class Watch(threading.Thread):
    """How long the untouched flows ever stood still."""

    def __init__(self, flows):
        super().__init__(daemon=True)
        self.flows, self.ending = flows, threading.Event()
        self.reloads = 0  # begun and ended: odd while one runs
        self.gaps = {False: [], True: []}  # of seconds; True: a reload began, ran or ended in it

    def run(self):
        last = {flow.name: (flow.received(), time.monotonic(), 0) for flow in self.flows}
        while not self.ending.wait(SAMPLE_S):
            for flow in self.flows:
                count, then, reloads = last[flow.name]
                now, received = time.monotonic(), flow.received()
                if received == count:
                    continue
                struck = self.reloads != reloads or reloads % 2 == 1
                self.gaps[struck].append(now - then)
                last[flow.name] = (received, now, self.reloads)

    def end(self):
        self.ending.set()
        self.join()

    def longest(self, struck):
        return max(self.gaps[struck], default=0.0)


def named(objects, name, key="name"):
    return next((item for item in objects if item[key] == name), None)


class Side:
    """The configuration of one daemon: as it was at first, and as it is in force."""

    def __init__(self, name, settings, directory):
        self.name, self.directory = name, directory
        self.first = copy.deepcopy(settings)
        self.now = copy.deepcopy(settings)
        self.now.setdefault("listeners", [])
        self.socket = os.path.join(directory, f"reload-{name}")
        self.state = None  # its directory


# ---- what may be changed: each takes the random numbers, the side, and the settings, and changes those.

def toggle_route(random, side, now):
    name = random.choice(TOUCHED)
    if named(now["routes"], name):
        now["routes"] = [item for item in now["routes"] if item["name"] != name]
    elif named(now["queues"], f"{name}-out"):
        now["routes"].append(copy.deepcopy(named(side.first["routes"], name)))


def toggle_source(random, side, now):
    name = random.choice(TOUCHED)
    if named(now["queues"], f"{name}-out"):
        now["routes"] = [item for item in now["routes"] if item["from"] != f"{name}-out"]
        now["queues"] = [item for item in now["queues"] if item["name"] != f"{name}-out"]
    else:
        now["queues"].append(copy.deepcopy(named(side.first["queues"], f"{name}-out")))
        now["routes"].append(copy.deepcopy(named(side.first["routes"], name)))


def switch_route(random, side, now):
    route = named(now["routes"], random.choice(TOUCHED))
    if route:
        route["enabled"] = not route.get("enabled", True)


def change_route(random, side, now):
    route = named(now["routes"], random.choice(TOUCHED))
    if not route:
        return
    for key in ("log_limit", "durability", "sync", "dead_letter_limit", "sync_interval"):
        route.pop(key, None)
    if random.random() < 0.6:
        route["log_limit"] = random.choice(("16MiB", "64MiB"))
        if random.random() < 0.5:
            route["durability"] = "disk"
            route["sync"] = random.choice(("interval", "always"))
        route["sync_interval"] = random.choice(("20ms", "100ms"))
    if random.random() < 0.3:
        route["dead_letter_limit"] = "1MiB"


def change_source(random, side, now):
    queue = named(now["queues"], f"{random.choice(TOUCHED)}-out")
    if queue:
        queue["ring_size"] = random.choice(("256KiB", "1MiB", "2MiB"))


def toggle_entry(random, side, now):
    name = f"{random.choice(TOUCHED)}-in"
    allowed = now["peers"][0]["may_send_to"]
    if random.random() < 0.5:
        if name in allowed:
            allowed.remove(name)
        elif named(now["queues"], name):
            allowed.append(name)
    elif named(now["queues"], name):
        now["queues"] = [item for item in now["queues"] if item["name"] != name]
        if name in allowed:
            allowed.remove(name)
    else:
        now["queues"].append(copy.deepcopy(named(side.first["queues"], name)))
        allowed.append(name)


def change_entry(random, side, now):
    queue = named(now["queues"], f"{random.choice(TOUCHED)}-in")
    if queue:
        queue["in_doubt"] = random.choice(("resend", "drop", "hold"))
        queue["recovered"] = random.choice(("deliver", "hold"))


def change_peer(random, side, now):
    now["peers"][0]["heartbeat"] = random.choice(("300ms", "500ms", "900ms"))


def change_ghost(random, side, now):
    """A peer that is never there."""
    ghost = named(now["peers"], "ghost")
    if ghost and random.random() < 0.5:
        now["peers"].remove(ghost)
    elif ghost:
        ghost["address"] = f"tcp://127.0.0.1:{random.randrange(20000, 20009)}"
    else:
        now["peers"].append({"name": "ghost", "address": "tcp://127.0.0.1:20000"})


def change_listener(random, side, now):
    address = f"unix://{side.socket}"
    own = named(now["listeners"], address, "address")
    if own and random.random() < 0.5:
        now["listeners"].remove(own)
    elif own:
        own["mode"] = random.choice(("0600", "0660"))
        own["users"] = random.choice(([], ["root"]))
    else:
        now["listeners"].append({"address": address})


def change_daemon(random, side, now):
    now["receive_memory"] = random.choice(("8MiB", "16MiB", "64MiB"))
    now["dead_letter_limit"] = random.choice(("8MiB", "256MiB"))
    now["reserve_space"] = random.choice(("1MiB", "2MiB"))
    now["stop_timeout"] = random.choice(("500ms", "1s"))


CHANGES = {"a": (toggle_route, toggle_route, toggle_source, switch_route, change_route,
                 change_route, change_source, change_peer, change_ghost, change_listener,
                 change_daemon),
           "b": (toggle_entry, toggle_entry, change_entry, change_peer, change_ghost,
                 change_listener, change_daemon)}


# ---- and what is wrong: each takes the side and the settings; text comes behind them.

def no_name(side, now):
    now["name"] = "somebody-else"


def no_directory(side, now):
    now["ring_directory"] = "/run/mqbridge/elsewhere"


def no_key(side, now):
    now["peers"][0]["heartbeats"] = "1s"


def no_size(side, now):
    now["queues"].append({"name": "small", "uri": "posix:/small", "ring_size": "1KiB"})


def no_twin(side, now):
    now["queues"].append(copy.deepcopy(now["queues"][0]))


def no_peer(side, now):
    now["routes"].append({"name": "lost", "from": now["queues"][0]["name"], "to": "nobody/x"})


def no_entry(side, now):
    now["peers"][0]["may_send_to"].append("nothing")


def no_place(side, now):
    now["listeners"].append({"address": f"unix://{side.directory}/none/socket"})


def in_use(side, now):
    now["listeners"].append({"address": f"unix://{side.directory}/in-use"})


def no_room(side, now):
    source = f"{now['peers'][0]['name']}/huge"
    now["queues"].append({"name": "huge", "uri": "posix:/huge", "ring_size": "64GiB"})
    now["routes"].append({"name": "huge", "from": "huge", "to": source})


def no_log(side, now):
    """It is found out when the rest of the change is made already, and all of that is undone."""
    os.rename(f"{side.state}/logs", f"{side.state}/logs.away")
    with open(f"{side.state}/logs", "w", encoding="utf-8"):
        pass
    target = now["peers"][0]["name"] + ("/one-in" if side.name == "a" else "/steady-in")
    source = "steady-out" if side.name == "a" else "back-out"
    now["routes"].append({"name": "logged", "from": source, "to": target, "log_limit": "1MiB"})


FAULTS = ((no_name, ""), (no_directory, ""), (no_key, ""), (no_size, ""), (no_twin, ""),
          (no_peer, ""), (no_entry, ""), (no_place, ""), (in_use, ""), (no_room, ""),
          (no_log, ""), (no_log, ""), (None, "queues = (\n"), (None, "nonsense = 1;\n"),
          (None, '@include "/nowhere/at/all"\n'), (None, "reserve_percent = \"five\";\n"))


class Reload(Scenario):
    flows = {kind: FLOWS for kind in ("posix", "sysv")}

    def __init__(self, rounds):
        super().__init__(rounds)
        self.sides, self.watch, self.holder = {}, None, None
        self.counts, self.wrong, self.connections = {}, [], None

    def prepare(self, bed):
        self.sides, self.wrong, self.connections = {}, [], None
        self.counts = {"applied": 0, "refused": 0, "changes": 0}
        self.holder = socket.socket(socket.AF_UNIX)
        self.holder.bind(os.path.join(bed.directory, "in-use"))
        self.holder.listen()

    def configure(self, bed, side, settings):
        self.sides[side] = Side(side, settings, bed.directory)

    def reload(self, bed, side, settings, text=""):
        """(status, the document of the answer)"""
        daemon = bed.sides[side.name]
        daemon.configure(settings)
        with open(daemon.conf, "a", encoding="utf-8") as conf:
            conf.write(text)
        self.watch.reloads += 1
        done = subprocess.run(
            daemon.host.command([daemon.program("mqbridgectl"), "--socket", daemon.socket,
                                 "reload", "json"]),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
            timeout=ANSWER_S)
        self.watch.reloads += 1
        try:
            return done.returncode, json.loads(done.stdout or done.stderr)
        except ValueError:
            raise Failure(f"reload: status {done.returncode}: {done.stdout}{done.stderr}") \
                from None

    def play(self, bed, number):
        if number == 0:
            self.begin(bed)
        side = self.sides[bed.random.choice("aab")]
        side.state = bed.sides[side.name].state_directory
        settings = copy.deepcopy(side.now)
        for change in bed.random.sample(CHANGES[side.name], bed.random.choice((1, 1, 2, 3))):
            change(bed.random, side, settings)
        if bed.random.randrange(FAULTY) == 0:
            self.refuse(bed, side, settings)
        else:
            self.apply(bed, side, settings)
        self.look(bed)
        bed.live(PAUSE_S)

    def begin(self, bed):
        bed.wait_flow()
        for side in bed.sides.values():
            os.makedirs(f"{side.state_directory}/logs", exist_ok=True)
        self.watch = Watch([flow for flow in bed.flows if flow.name in UNTOUCHED])
        self.watch.start()

    def apply(self, bed, side, settings):
        status, document = self.reload(bed, side, settings)
        if status not in (0, WARNED):
            raise Failure(f"a good reload of {side.name} ended with {status}: {document}")
        self.counts["applied"] += 1
        self.counts["changes"] += len(document["items"])
        side.now = settings

    def refuse(self, bed, side, settings):
        fault, text = bed.random.choice(FAULTS)
        if fault:
            fault(side, settings)
        status, document = self.reload(bed, side, settings, text)
        if fault == no_log:
            os.unlink(f"{side.state}/logs")
            os.rename(f"{side.state}/logs.away", f"{side.state}/logs")
        if status != REFUSED or not document["warnings"]:
            raise Failure(f"a reload of {side.name} with a fault ({fault} {text!r}) ended "
                          f"with {status}: {document}")
        self.counts["refused"] += 1

    def look(self, bed):
        """The connection that all share, and the untouched routes."""
        found = []
        for name, other in ("ab", "ba"):
            peer = named(bed.sides[name].show("peers"), other)
            found.append((name, peer["state"], peer["reconnects_total"]))
        if self.connections is None:
            self.connections = found
        if found != self.connections:
            raise Failure(f"the connection was touched: {self.connections}, now {found}")

    def finish(self, bed):
        for side in self.sides.values():
            self.apply(bed, side, side.first)
        bed.wait_flow()
        self.look(bed)
        if self.watch:
            self.watch.end()

    def faults(self, bed):
        during, between = self.watch.longest(True), self.watch.longest(False)
        if during > max(GAP_S, GAP_TIMES * between):
            return [f"an untouched route stood still for {during:.2f} s during a reload, "
                    f"and at most {between:.2f} s between reloads"]
        return []

    def summary(self):
        if not self.watch:
            return ""
        return (", " + ", ".join(f"{key} {value}" for key, value in self.counts.items()) +
                ", longest standstill of an untouched route: during reloads "
                f"{self.watch.longest(True) * 1000:.0f} ms, between "
                f"{self.watch.longest(False) * 1000:.0f} ms")

    def end(self, bed):
        if self.watch:
            self.watch.end()
        if self.holder:
            self.holder.close()


SCENARIOS = {"reload": Reload((1000, 40))}
