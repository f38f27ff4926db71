#!/usr/bin/env python3
"""The overflow log: what the ring cannot keep while the peer is away goes to the disk and comes
back in order, over kills and power cuts; and what a full log means."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main, require
from harness.programs import until

SIZE = 200
RING = "64KiB"  # some 250 messages
MANY = 4000     # in a log
WAIT_S = 60
KINDS = {"posix": ("posix:/over", (0, 9, 3)), "sysv": ("sysv:0x61", (1, 9))}


class Bridge:
    """Daemon a with a route "main" and its log, to daemon b, which is not started."""

    def __init__(self, lab, kind, **policy):
        uri, self.types = KINDS[kind]
        self.flow = lab.flow("over", uri, uri)
        self.flow.create(8, SIZE)
        route = {"name": "main", "from": "out", "to": "b/in", "log_limit": "1GiB", **policy}
        self.a, self.b = lab.pair(
            {"queues": [{"name": "out", "uri": uri, "ring_size": RING}], "routes": [route],
             "reserve_percent": 0, "reserve_space": "0B"},
            {"queues": [{"name": "in", "uri": uri}]}, b_takes=["in"])
        self.a.start()

    def send(self, count):
        self.flow.produce(self.types, "--max", SIZE, "--count", count)

    def route(self):
        return self.a.route("main")

    def waiting(self):
        return self.route()["waiting"]

    def wait_waiting(self, count):
        until(lambda: self.waiting() >= count, WAIT_S, f"{count} messages to wait")

    def deliver(self):
        """Start b; until all has come and is settled."""
        self.flow.consume()
        self.b.start()
        until(lambda: self.waiting() + self.route()["in_flight"] == 0, WAIT_S,
              "everything to be settled")


def away(lab, kind):
    bridge = Bridge(lab, kind)
    bridge.send(MANY)
    bridge.wait_waiting(MANY)
    require(bridge.route()["log_waiting"] > MANY // 2, "most of it is not in the log")
    bridge.a.kill()
    bridge.a.start()
    equal(bridge.waiting(), MANY, "messages that wait after a kill")
    bridge.a.stop()
    bridge.a.wipe()
    bridge.a.start()
    equal(bridge.waiting(), MANY, "messages that wait after a reboot")
    bridge.deliver()
    bridge.flow.require_exact()
    until(lambda: bridge.route()["log_bytes"] == 0, WAIT_S, "the log to be empty")


def lost_while_in_flight(lab, kind):
    """The peer goes while messages are in flight; they pin the ring until they move too."""
    bridge = Bridge(lab, kind)
    bridge.flow.consume()
    bridge.b.start()
    bridge.send(3 * MANY)
    bridge.flow.wait_received(1, WAIT_S)
    bridge.flow.consumer.pause()
    until(lambda: bridge.route()["log_waiting"] > MANY // 4, WAIT_S, "the log to be used")
    bridge.b.stop()
    bridge.flow.wait_sent(WAIT_S)
    bridge.a.kill()
    bridge.a.start()
    bridge.flow.consumer.resume()
    bridge.b.start()
    bridge.flow.wait_received(3 * MANY, WAIT_S)
    bridge.flow.require_exact()


def refused_after_start(lab, kind):
    """What was in flight before a start leaves the ring though the peer gives no credit for it."""
    few = 120  # of that size: more than b's queue takes, less than half a ring
    bridge = Bridge(lab, kind)
    bridge.flow.consume()
    bridge.flow.consumer.pause()
    bridge.b.start()
    bridge.flow.produce(bridge.types[:1], "--size", SIZE, "--count", few)
    bridge.flow.wait_sent(WAIT_S)
    until(lambda: bridge.route()["in_flight"] > 0, WAIT_S, "messages in flight")
    bridge.a.kill()
    bridge.b.stop()
    set_allowed(bridge.b, '( "in" )', "( )")
    bridge.b.start()
    bridge.a.start()
    bridge.flow.produce(bridge.types[1:], "--max", SIZE, "--count", MANY)
    bridge.flow.wait_sent(WAIT_S)
    require(bridge.route()["in_flight"] > 0, "what was in flight is settled")
    require(bridge.route()["log_waiting"] > MANY // 2, "most of it is not in the log")
    bridge.b.stop()
    set_allowed(bridge.b, "( )", '( "in" )')
    bridge.flow.consumer.resume()
    bridge.b.start()
    bridge.flow.wait_received(MANY + few, WAIT_S)
    bridge.flow.require_exact()


def set_allowed(daemon, before, after):
    with open(daemon.conf, encoding="utf-8") as conf:
        text = conf.read()
    require(f"may_send_to = {before}" in text, f"may_send_to = {before} is not in {text}")
    with open(daemon.conf, "w", encoding="utf-8") as conf:
        conf.write(text.replace(f"may_send_to = {before}", f"may_send_to = {after}"))


def saved_after_crash(lab, kind):
    """A kill in the middle of a backlog, mqbridge-spool save, and a reboot."""
    bridge = Bridge(lab, kind)
    bridge.flow.consume()
    bridge.b.start()
    bridge.flow.produce(bridge.types[:1], "--max", SIZE, "--count", 3 * MANY)
    bridge.flow.wait_received(1, WAIT_S)
    bridge.flow.consumer.pause()
    until(lambda: bridge.route()["log_waiting"] > MANY // 4, WAIT_S, "the log to be used")
    bridge.flow.consumer.resume()
    # Until some of the log is settled: without its file log-* all that would come again.
    bridge.flow.wait_received(MANY, WAIT_S)
    bridge.b.stop()
    bridge.flow.wait_sent(WAIT_S)
    bridge.flow.produce(bridge.types[1:], "--max", SIZE, "--count", MANY)
    bridge.flow.wait_sent(WAIT_S)
    until(lambda: bridge.route()["log_waiting"] > MANY // 2, WAIT_S, "the log to be used again")
    bridge.a.kill()
    bridge.a.save()
    bridge.a.wipe()
    bridge.a.start()
    bridge.b.start()
    bridge.flow.wait_received(4 * MANY, WAIT_S)
    bridge.flow.require_exact()


def power_cut(lab, kind, **policy):
    """What is on the disk comes once the host is up again, and nothing twice that nobody got."""
    bridge = Bridge(lab, kind, durability="disk", **policy)
    bridge.send(MANY)
    bridge.wait_waiting(MANY)
    until(lambda: bridge.route()["log_waiting"] == MANY, WAIT_S, "all to be in the log")
    bridge.a.kill()
    bridge.a.wipe()
    bridge.a.start()
    until(lambda: bridge.route()["reason"] != "log-opening" and bridge.waiting() > 0, WAIT_S,
          "the log to be read")
    equal(bridge.waiting(), MANY, "messages that wait after a power cut")
    bridge.deliver()
    bridge.flow.require_exact()


def dropped(lab, kind, overflow):
    """What a full log drops is counted, and told."""
    bridge = Bridge(lab, kind, log_limit="1MiB", overflow=overflow)
    bridge.send(5 * MANY)
    until(lambda: bridge.route()["log_reason"] == "log-full", WAIT_S, "the route to say so")
    require("are dropped" in bridge.route()["log_detail"], "it does not say what it does")
    bridge.flow.wait_sent(WAIT_S)
    until(lambda: bridge.waiting() + bridge.route()["dropped_total"] == 5 * MANY, WAIT_S,
          "what waits and what was dropped to be all")
    require(bridge.route()["dropped_total"] > 0, "nothing was dropped")
    bridge.deliver()
    bridge.flow.consumer.stop()
    found = bridge.flow.verdict()
    equal(found["lost"], bridge.route()["dropped_total"], "messages that did not come")
    for key in ("repeated", "reordered", "altered"):
        equal(found[key], 0, key)
    count = bridge.route()["dropped_total"]
    bridge.a.stop()
    told = bridge.a.log_end(1000)
    equal(sum(int(part) for part in re.findall(r"(\d+) messages from queue", told)), count,
          "messages that its log calls dropped")
    require("stays there" not in told, "its log says that messages wait that are dropped")


def dead_letters(lab, kind):
    count = 7500  # a little more than fits: each dead letter is synced
    bridge = Bridge(lab, kind, log_limit="1MiB", overflow="dead-letter")
    bridge.send(count)
    bridge.flow.wait_sent(WAIT_S)
    until(lambda: bridge.waiting() + len(bridge.a.show("dead-letters")) == count, WAIT_S,
          "what waits and the dead letters to be all")
    bridge.deliver()
    bridge.flow.consumer.stop()
    equal(bridge.flow.verdict()["lost"], bridge.route()["rejected_total"],
          "messages that did not come")


def no_room_for_letters(lab, kind):
    """Neither the log nor the dead-letter store takes what comes: that is told, and nothing is
    lost."""
    bridge = Bridge(lab, kind, log_limit="1MiB", overflow="dead-letter",
                    dead_letter_limit="64KiB")
    bridge.send(3 * MANY)
    until(lambda: bridge.route()["log_reason"] == "dead-letters-full", WAIT_S,
          "the route to say so")
    require("for this route" in bridge.route()["log_detail"], "it does not say which limit")
    require("cannot become dead letters" in bridge.a.log_end(), "its log does not tell")
    bridge.flow.consume()
    bridge.b.start()
    bridge.flow.wait_sent(WAIT_S)
    until(lambda: bridge.waiting() + bridge.route()["in_flight"] == 0, WAIT_S,
          "everything to be settled")
    until(lambda: bridge.route()["log_reason"] is None, WAIT_S, "the route to be well again")
    bridge.flow.consumer.stop()
    equal(bridge.flow.verdict()["lost"], bridge.route()["rejected_total"],
          "messages that did not come")


def blocked(lab, kind):
    bridge = Bridge(lab, kind, log_limit="1MiB")
    bridge.send(5 * MANY)
    until(lambda: bridge.route()["log_reason"] is not None, WAIT_S, "the log to be full")
    require(bridge.flow.sent() < 5 * MANY, "the producer was not blocked")
    bridge.flow.consume()
    bridge.b.start()
    bridge.flow.wait_received(5 * MANY, WAIT_S)
    bridge.flow.require_exact()


TESTS = []


def test(function, name, *arguments, **policy):
    for kind in KINDS:
        def run(lab, kind=kind):
            function(lab, kind, *arguments, **policy)
        run.__name__ = f"overflow_{name}_{kind}"
        TESTS.append(run)


test(away, "survives_kill_and_reboot")
test(lost_while_in_flight, "takes_what_is_in_flight")
test(refused_after_start, "takes_what_was_in_flight_before_a_start")
test(saved_after_crash, "survives_crash_save_and_reboot")
test(power_cut, "disk_survives_power_cut")
test(power_cut, "always_survives_power_cut", sync="always")
test(dropped, "drops_oldest", "drop-oldest")
test(dropped, "drops_newest", "drop-newest")
test(dead_letters, "makes_dead_letters")
test(no_room_for_letters, "has_no_room_for_dead_letters")
test(blocked, "blocks")

if __name__ == "__main__":
    sys.exit(main(*TESTS))
