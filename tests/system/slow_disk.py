#!/usr/bin/env python3
"""A disk on which each sync or read takes long: it stalls what needs it, and nothing else."""
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.exposition import Exposition
from harness.lab import equal, main, require
from harness.programs import until
from harness.slow_disk import SlowDisk

SIZE = 64
SLOW_MS = 800      # of each sync; a peer is given up after 1.5 s
HANGING_MS = 60000 # of a sync: far longer than a stop may take
ROUNDS = 6
LOGGED = 1400      # messages: several hundred frames in the log, in some dozen files
READ_MS = 50       # of each read, of which a frame takes two
CALM_S = 0.003     # so long the loop waited for a processor: what is slow is our own doing
BOUNDS = ("0.01", "0.5")


def slow_turns(daemon):
    """How many turns of the loop took longer than each of BOUNDS."""
    buckets = Exposition(daemon.control("metrics"), "text").samples[
        "mqbridge_loop_turn_seconds_bucket"]
    counts = {dict(labels)["le"]: int(value) for labels, value in buckets.items()}
    return [counts["+Inf"] - counts[bound] for bound in BOUNDS]


def few_slow_turns(daemon, before, most):
    """What else writes to the real disk may hold up a turn; our slow one would each time."""
    found = slow_turns(daemon)[1] - before[1]
    require(found <= most, f"{found} turns took more than {BOUNDS[1]} s")


def reload(daemon, settings):
    daemon.configure(settings)
    done = subprocess.run(
        daemon.host.command([daemon.program("mqbridgectl"), "--socket", daemon.socket,
                             "reload", "json"]), stdout=subprocess.PIPE, check=False)
    return done.returncode, json.loads(done.stdout)


class Bench:
    """Two daemons, the disk of the first slow; a flow that needs no disk, and one that may."""

    def __init__(self, lab):
        self.flows = [lab.flow(f"f{i}", f"posix:/out{i}", f"posix:/in{i}") for i in range(2)]
        for flow in self.flows:
            flow.create(4, SIZE)
        self.a, self.b = lab.pair(
            {}, {"queues": [{"name": f"in{i}", "uri": f"posix:/in{i}"} for i in range(2)]},
            b_takes=["in0", "in1"])
        address, insecure = lab.listen_address()
        self.settings = {
            "peers": [{"name": "b", "address": address, "insecure": insecure,
                       "heartbeat": "500ms"}],
            "queues": [*({"name": f"out{i}", "uri": f"posix:/out{i}"} for i in range(2)),
                       {"name": "idle", "uri": "posix:/idle",
                        "create": {"max_messages": 2, "message_size": "16B"}}],
            "routes": [{"name": f"r{i}", "from": f"out{i}", "to": f"b/in{i}"}
                       for i in range(2)]}
        self.a.configure(self.settings)
        self.disk = SlowDisk(self.a)
        for daemon in (self.b, self.a):
            daemon.start()
        for flow in self.flows:
            flow.consume()
            flow.produce([1], "--max", SIZE)
            flow.wait_received(100, 20)

    def with_log(self, number):
        """A log for a route that runs, or for one that is new beside it."""
        routes = self.settings["routes"]
        logged = {"log_limit": "1MiB", "durability": "disk", "sync": "always"}
        if number % 2 == 0:
            return {**self.settings, "routes": [routes[0], {**routes[1], **logged}]}
        return {**self.settings, "routes": [*routes, {
            "name": f"new{number}", "from": "idle", "to": f"b/none{number}", **logged}]}

    def reconnects(self):
        return [peer["reconnects_total"] for side in (self.a, self.b)
                for peer in side.show("peers")]

    def exact(self):
        self.disk.set(0)
        for flow in self.flows:
            flow.stop_producers()
            flow.wait_received(flow.sent(), 60)
            flow.require_exact()


def reload_that_makes_a_log_holds_up_no_loop(lab):
    bench = Bench(lab)
    reconnects = bench.reconnects()
    begun = slow_turns(bench.a)
    for number in range(ROUNDS):
        bench.disk.set(SLOW_MS)
        before, cpu = slow_turns(bench.a), bench.a.waited_s()
        waited, moved = bench.disk.waited(), bench.flows[0].received()
        require(reload(bench.a, bench.with_log(number))[0] in (0, 7), "it is not reloaded")
        require(bench.disk.waited() > waited, "the disk was not asked")
        require(bench.flows[0].received() > moved, "the other route stood still")
        after = slow_turns(bench.a)
        require(after[0] == before[0] or bench.a.waited_s() > cpu + CALM_S,
                f"a turn took more than {BOUNDS[0]} s")
        bench.disk.set(0)
        require(reload(bench.a, bench.settings)[0] in (0, 7), "the way back")
    equal(bench.disk.held_up_the_loop(), 0, "syncs for which the loop waited")
    few_slow_turns(bench.a, begun, ROUNDS // 2)
    equal(bench.reconnects(), reconnects, "connections that were made anew")
    bench.exact()


def stop_in_a_reload_does_not_wait_for_the_disk(lab):
    bench = Bench(lab)
    bench.a.configure(bench.with_log(1))
    waited = bench.disk.waited()
    bench.disk.set(HANGING_MS)
    bench.a.process.send_signal(signal.SIGHUP)
    until(lambda: bench.disk.waited() > waited, 20, "the reload to ask the disk")
    bench.disk.set(0)
    bench.a.process.send_signal(signal.SIGTERM)
    equal(bench.a.process.wait(HANGING_MS / 2000), 0, "exit status")
    bench.a.start()
    bench.exact()


def queue_that_comes_late_holds_up_no_loop(lab):
    """Its stream and its log are made when it is there."""
    bench = Bench(lab)
    late = lab.flow("late", "posix:/late", "posix:/in1")
    wanted = {**bench.settings,
              "queues": bench.settings["queues"] + [{"name": "late", "uri": "posix:/late"}],
              "routes": [bench.settings["routes"][0],
                         {"name": "late", "from": "late", "to": "b/in1", "log_limit": "1MiB",
                          "durability": "disk", "sync": "always"}]}
    equal(reload(bench.a, wanted)[0], 7, "the reload")
    before, reconnects = slow_turns(bench.a), bench.reconnects()
    bench.disk.set(SLOW_MS)
    late.create(4, SIZE)
    late.produce([1], "--max", SIZE, "--count", 20)
    until(lambda: bench.a.route("late")["settled_total"] == 20, 60, "the messages to arrive")
    until(lambda: bench.disk.waited() > 0, 20, "the disk to be asked")
    equal(bench.disk.held_up_the_loop(), 0, "syncs for which the loop waited")
    few_slow_turns(bench.a, before, 1)
    equal(bench.reconnects(), reconnects, "connections that were made anew")


def purge_of_what_is_just_moving_takes_it_all(lab):
    """Records on their way to the disk are neither the ring's nor the log's: the purge waits."""
    flow = lab.flow("main", "posix:/out", "posix:/in")
    flow.create(4, SIZE)
    a, b = lab.pair(
        {"queues": [{"name": "out", "uri": "posix:/out"}],
         "routes": [{"name": "main", "from": "out", "to": "b/in", "log_limit": "1MiB",
                     "durability": "disk", "sync": "always"}]},
        {"queues": [{"name": "in", "uri": "posix:/in"}]}, b_takes=["in"])
    disk = SlowDisk(a)
    a.start()
    for number in range(1, 4):
        disk.set(0)
        flow.produce([1], "--max", SIZE, "--count", 10)  # some that are in the log already
        until(lambda: a.route("main")["log_waiting"] == 10, 20, "messages in the log")
        disk.set(SLOW_MS)
        waited = disk.waited()
        flow.produce([1], "--max", SIZE, "--count", 20)
        until(lambda: disk.waited() > waited, 20, "a batch to be on its way")
        until(lambda: a.route("main")["waiting"] == 30, 20, "all to be in the ring")
        item = json.loads(a.control("--json", "--yes", "purge", "route", "main"))["items"][0]
        equal(item["purged"], 30, f"what purge {number} took")
        equal([a.route("main")[key] for key in ("waiting", "log_waiting")], [0, 0], "the rest")
    disk.set(0)
    flow.produce([1], "--max", SIZE, "--count", 7)
    flow.consume()
    b.start()
    until(lambda: a.route("main")["settled_total"] >= 7, 20, "what came after it")
    equal(flow.received(), 7, "messages that arrived")


def log_that_is_read_for_long_holds_up_only_its_route(lab):
    """After a power cut all of it is: the daemon is there meanwhile, and can be stopped."""
    flows = [lab.flow(name, f"posix:/out-{name}", f"posix:/in-{name}")
             for name in ("main", "beside")]
    for flow in flows:
        flow.create(4, 512)
    main_flow, beside = flows
    a, b = lab.pair(
        {"queues": [{"name": flow.name, "uri": f"posix:/out-{flow.name}"} for flow in flows],
         "routes": [{"name": "main", "from": "main", "to": "b/main", "log_limit": "1MiB",
                     "durability": "disk", "sync": "always"},
                    {"name": "beside", "from": "beside", "to": "b/beside"}]},
        {"queues": [{"name": flow.name, "uri": f"posix:/in-{flow.name}"} for flow in flows]},
        b_takes=["main", "beside"])
    disk = SlowDisk(a)
    a.start()
    main_flow.produce([0, 1], "--size", 512, "--count", LOGGED)
    until(lambda: a.route("main")["log_waiting"] == LOGGED, 60, "messages in the log")
    a.kill()
    a.wipe()
    disk.set_reads(READ_MS)
    for daemon in (b, a):
        daemon.start()
    until(lambda: a.route("main")["reason"] == "log-opening", 60, "the log to be read")
    beside.consume()
    beside.produce([0], "--size", 512, "--count", 20)
    beside.wait_received(20, 20)
    equal(a.route("main")["reason"], "log-opening", "what holds the route with the log")
    a.process.send_signal(signal.SIGTERM)
    waited = disk.waited()
    a.stop()
    require(disk.waited() < waited + LOGGED // 8, "the stop waited until the log was read")
    disk.set_reads(0)
    a.start()
    main_flow.consume()
    main_flow.wait_received(LOGGED, 60)
    equal(a.route("main")["reason"], None, "what holds the route after that")
    for flow in flows:
        flow.require_exact()


if __name__ == "__main__":
    sys.exit(main(reload_that_makes_a_log_holds_up_no_loop,
                  stop_in_a_reload_does_not_wait_for_the_disk,
                  queue_that_comes_late_holds_up_no_loop,
                  log_that_is_read_for_long_holds_up_only_its_route,
                  purge_of_what_is_just_moving_takes_it_all))
