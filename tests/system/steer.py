#!/usr/bin/env python3
"""Steering a running bridge: pause, resume, drain, purge, reconnect, send, wait, log."""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main, require
from harness.programs import until
from harness.steering import (ABSENT, DEPTH, DONE, KINDS, REFUSED, SIZE, UNREACHED, USAGE,
                              WAIT_S, WARNED, Bridge, Line, ask, items, require_status)

MANY = 100000  # of a backlog
IN_RING = 20000  # that a ring holds, and more than may be in flight
RATE = 3000  # a second: the ring has room for all that is sent while a route is paused
FOLLOWERS = 16


# ---- pause and resume ------------------------------------------------------------------------

def require_paused(bridge, name="main"):
    """Nothing comes any more, while the producer goes on."""
    before = bridge.wait_still()
    sent = bridge.flow.sent()
    until(lambda: bridge.flow.sent() > sent + 500, WAIT_S, "the producer to go on")
    equal(bridge.flow.received(), before, "messages that came while paused")
    equal(bridge.route()["state"], "paused", "state of the route")
    equal(bridge.route()["reason"], "paused", "reason of the route")
    require("uid" in bridge.route()["detail"], "the detail does not name who paused it")


def pause_route(lab, kind):
    bridge = Bridge(lab, kind)
    bridge.flow.consume()
    bridge.produce("--rate", RATE)
    bridge.flow.wait_received(100, WAIT_S)
    equal(items(bridge.a, "pause", "main")[0]["outcome"], "paused", "outcome")
    require_paused(bridge)
    equal(items(bridge.a, "pause", "route", "main")[0]["outcome"], "already-paused", "outcome")
    equal(items(bridge.a, "resume", "main")[0]["outcome"], "resumed", "outcome")
    equal(items(bridge.a, "resume", "main")[0]["outcome"], "not-paused", "outcome")
    bridge.flow.wait_received(bridge.flow.received() + 1000, WAIT_S)
    require_status(bridge.a, ABSENT, "pause", "nobody")
    require_status(bridge.a, ABSENT, "pause", "peer", "main")
    require_status(bridge.a, USAGE, "pause")
    bridge.flow.stop_producers()
    bridge.finish(bridge.flow.sent())


def pause_over_crash(lab, kind):
    bridge = Bridge(lab, kind)
    bridge.flow.consume()
    bridge.produce("--rate", RATE)
    bridge.flow.wait_received(500, WAIT_S)
    require_status(bridge.a, DONE, "pause", "main")
    bridge.a.kill()
    bridge.a.start()
    until(lambda: bridge.a.show("peers")[0]["state"] == "connected", WAIT_S, "the peer")
    require_paused(bridge)
    bridge.a.stop()
    bridge.a.start()
    equal(bridge.route()["state"], "paused", "state after a clean restart")
    require_status(bridge.a, DONE, "resume", "all")
    bridge.a.kill()
    bridge.a.start()
    bridge.flow.wait_received(bridge.flow.received() + 1000, WAIT_S)
    bridge.flow.stop_producers()
    bridge.finish(bridge.flow.sent())


def pause_peer(lab, kind):
    """The peer's routes stand still, and at the other side what it sends to us."""
    bridge = Bridge(lab, kind)
    bridge.flow.consume()
    bridge.produce("--rate", RATE)
    bridge.flow.wait_received(500, WAIT_S)
    require_status(bridge.a, DONE, "pause", "b")
    require_paused(bridge)
    equal(bridge.a.show("peers")[0]["state"], "paused", "state of the peer")
    require_status(bridge.a, DONE, "resume", "peer", "b")
    bridge.flow.wait_received(bridge.flow.received() + 1000, WAIT_S)
    require_status(bridge.b, DONE, "pause", "a")
    # What the sender may still send by then is a window of the receiver.
    seen = [bridge.flow.received(), time.monotonic()]

    def still():
        if bridge.flow.received() != seen[0]:
            seen[:] = [bridge.flow.received(), time.monotonic()]
        return time.monotonic() - seen[1] > 1
    until(still, WAIT_S, "the paused receiver to take no more")
    equal(bridge.a.route("main")["in_flight"], 0, "messages in flight to a paused receiver")
    bridge.b.kill()
    bridge.b.start()
    until(lambda: bridge.a.show("peers")[0]["state"] == "connected", WAIT_S, "the peer")
    equal(bridge.flow.received(), seen[0], "messages that came to a paused receiver")
    require_status(bridge.b, DONE, "resume", "a")
    bridge.flow.wait_received(bridge.flow.received() + 1000, WAIT_S)
    bridge.flow.stop_producers()
    bridge.finish(bridge.flow.sent())


def pause_of_all(lab):
    bridge = Bridge(lab)
    for words, wanted in ((("all",), {"route", "peer"}), (("route", "all"), {"route"}),
                          (("peer", "all"), {"peer"})):
        for verb in ("pause", "resume"):
            equal({item["object"] for item in items(bridge.a, verb, *words)}, wanted,
                  f"what {verb} {words} is about")
    require_status(bridge.a, DONE, "drain", "route", "all", "timeout", "10s")
    equal(bridge.route()["state"], "paused", "state of a drained route")
    equal([item["state"] for item in bridge.a.show("peers")], ["connected"], "state of the peer")


def pause_file_damaged(lab):
    bridge = Bridge(lab)
    require_status(bridge.a, DONE, "pause", "all")
    bridge.a.stop()
    path = os.path.join(bridge.a.state_directory, "pauses")
    with open(path, "r+b") as file:
        file.seek(32 + 24)
        file.write(b"X")
    bridge.a.start()
    equal(bridge.route()["state"], "paused", "state by the peer's pause, which is whole")
    require(any(name.startswith("pauses.damaged-")
                for name in os.listdir(bridge.a.state_directory)), "it was not set aside")
    require("pauses" in bridge.a.log_end(), "it was not reported")
    require_status(bridge.a, DONE, "resume", "b")
    require(bridge.route()["state"] != "paused", "the damaged pause counts")


# ---- drain -------------------------------------------------------------------------------------

def is_draining(bridge):
    route = bridge.route()
    return route["state"] == "draining" or "being drained" in (route["detail"] or "")


def drain(lab, kind):
    bridge = Bridge(lab, kind, b_runs=False, log_limit="1GiB")
    bridge.produce("--count", MANY)
    until(lambda: bridge.left() >= MANY, WAIT_S, "the backlog")
    require_status(bridge.a, UNREACHED, "drain", "main", "timeout", "300ms")
    require(bridge.route()["state"] != "paused" and not is_draining(bridge),
            "it is not as it was")
    line = Line(bridge.a, "drain main")
    first = line.next()
    require(first.startswith(f"main: {MANY} left, ")
            and first.endswith("; waiting (b: peer-not-connected)"), f"progress: {first}")
    equal((bridge.route()["state"], bridge.route()["reason"], is_draining(bridge)),
          ("waiting", "peer-not-connected", True), "state, reason, and that it is being drained")
    require_status(bridge.a, REFUSED, "drain", "main")
    bridge.flow.consume()
    bridge.b.start()
    lines = line.rest()
    line.close()
    require("drained" in lines[-1], f"the answer: {lines}")
    equal(bridge.left(), 0, "messages that are left")
    equal(bridge.route()["state"], "paused", "state of a drained route")
    said = items(bridge.a, "explain", "out")[0]
    equal((said["result"], said["state"], said["reason"]), ("stays", "paused", "paused"),
          "what becomes of a message to a drained route")
    # Its queue is not read any more: at most what fits there is sent.
    bridge.produce("--count", 1000)
    until(lambda: bridge.flow.sent() > MANY, WAIT_S, "the producer to fill the queue")
    require(bridge.left() == 0, "a drained route took messages")
    bridge.a.kill()
    bridge.a.start()
    equal(bridge.left(), 0, "messages after a restart")
    require(bridge.flow.sent() < MANY + 1000, "the producer was not blocked")
    require_status(bridge.a, DONE, "resume", "main")
    bridge.finish(MANY + 1000)


def drain_shared(lab):
    """Two routes of one queue: the other goes on."""
    flow = lab.flow("one", "posix:/shared", "posix:/one")
    flow.create(DEPTH, SIZE)
    other = lab.flow("two", "posix:/shared", "posix:/two")
    lab.b.run([flow.tool, "create", "--queue", "posix:/two", "--messages", DEPTH, "--size", SIZE])
    a, b = lab.pair(
        {"queues": [{"name": "out", "uri": "posix:/shared"}],
         "routes": [{"name": "one", "from": "out", "to": "b/one", "log_limit": "1GiB"},
                    {"name": "two", "from": "out", "to": "b/two"}]},
        {"queues": [{"name": "one", "uri": "posix:/one"}, {"name": "two", "uri": "posix:/two"}]},
        b_takes=["one", "two"])
    a.start()
    b.start()
    flow.consume()
    other.consume()
    flow.produce((0,), "--size", SIZE)
    flow.wait_received(1000, WAIT_S)
    said = require_status(a, WARNED, "drain", "one")
    require("are read on" in said or "is read on" in said, f"no word of the queue: {said}")
    equal(a.route("one")["state"], "paused", "state")
    other.wait_received(other.received() + 20000, WAIT_S)
    require_status(a, DONE, "drain", "b")
    sent = flow.sent()
    equal(a.route("two")["state"], "paused", "state of the other")
    require_status(a, DONE, "resume", "all")
    flow.wait_received(sent + 1000, WAIT_S)
    flow.stop_producers()
    flow.wait_received(flow.sent(), WAIT_S)
    other.wait_received(flow.sent(), WAIT_S)
    flow.require_exact()


def drain_ended(lab):
    """By a resume, or as its client leaves, all is as it was."""
    bridge = Bridge(lab, b_runs=False)
    bridge.produce("--count", 100)
    until(lambda: bridge.left() == 100, WAIT_S, "the backlog")
    line = Line(bridge.a, "drain all")
    line.next()
    require_status(bridge.a, DONE, "resume", "main")
    require(line.rest()[-1].startswith("error: "), "the drain was not ended by a resume")
    line.close()
    line = Line(bridge.a, "drain main")
    line.next()
    line.close()
    until(lambda: not is_draining(bridge), WAIT_S, "the drain to end")
    bridge.flow.consume()
    bridge.b.start()
    bridge.finish(100)


# ---- purge -------------------------------------------------------------------------------------

def purge(lab, kind, **more):
    bridge = Bridge(lab, kind, b_runs=False, **more)
    count = 20000 if more else 1000
    bridge.produce("--count", count)
    until(lambda: bridge.left() == count, WAIT_S, "the backlog")
    said = require_status(bridge.a, USAGE, "purge", "route", "main")
    require(str(count) in said, f"the question: {said}")
    equal(bridge.left(), count, "messages before the purge was confirmed")
    equal(items(bridge.a, "--yes", "purge", "route", "main")[0]["purged"], count, "purged")
    equal(bridge.left(), 0, "messages after the purge")
    equal(items(bridge.a, "--yes", "purge", "route", "main")[0]["purged"], 0, "purged then")
    require_status(bridge.a, ABSENT, "--yes", "purge", "route", "nobody")
    bridge.a.kill()
    bridge.a.start()
    equal(bridge.left(), 0, "messages after a restart")
    bridge.flow.consume()
    bridge.b.start()
    bridge.produce("--count", 500)
    bridge.flow.wait_received(500, WAIT_S)
    bridge.flow.stop_producers()
    bridge.flow.consumer.stop()
    found = bridge.flow.verdict()
    equal(found["lost"], count, "messages that did not come")
    equal(found["repeated"], 0, "messages that came twice")


def purge_in_flight(lab):
    """What was sent goes its way; what waits behind it is deleted."""
    bridge = Bridge(lab)
    bridge.produce("--count", IN_RING)
    until(lambda: bridge.route()["waiting"] > 1000, WAIT_S, "a backlog behind what is sent")
    bridge.flow.wait_sent(WAIT_S)
    purged = items(bridge.a, "--yes", "purge", "route", "main")[0]["purged"]
    require(purged > 0, "nothing was purged")
    bridge.flow.consume()
    bridge.flow.wait_received(IN_RING - purged, WAIT_S)
    until(lambda: bridge.left() == 0, WAIT_S, "the rest to settle")
    bridge.flow.consumer.stop()
    found = bridge.flow.verdict()
    equal(found["lost"], purged, "messages that did not come")
    equal(found["repeated"] + found["reordered"] + found["altered"], 0, "other faults")


# ---- reconnect, send, log ------------------------------------------------------------------------

def reconnect(lab):
    bridge = Bridge(lab)
    bridge.flow.consume()
    bridge.produce()
    bridge.flow.wait_received(500, WAIT_S)
    before = bridge.a.show("peers")[0]["reconnects_total"]
    require(items(bridge.a, "reconnect", "b")[0]["state"] in ("connecting", "handshake"),
            "state after reconnect")
    until(lambda: bridge.a.show("peers")[0]["reconnects_total"] > before, WAIT_S, "reconnection")
    require_status(bridge.a, ABSENT, "reconnect", "main")
    bridge.flow.wait_received(bridge.flow.received() + 1000, WAIT_S)
    # Not there: it is dialled at once, whatever the pause was.
    bridge.b.stop()
    until(lambda: bridge.a.show("peers")[0]["state"] != "connected", WAIT_S, "the loss")
    require_status(bridge.a, DONE, "reconnect", "b")
    bridge.b.start()
    bridge.flow.stop_producers()
    bridge.finish(bridge.flow.sent())


def received(lab, host, uri, build):
    """What `ipcq receive` gives, as a dictionary."""
    done = host.run([os.path.join(build, "src/tools/ipcq"), "receive", uri, "--json",
                     "--timeout", "5s"], stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def send(lab, kind):
    """Into a queue that nobody delivers to, and into one that a peer does."""
    bridge = Bridge(lab, kind)
    word, value = ("priority", "7") if kind == "posix" else ("type", "7")
    equal(items(bridge.a, "send", "out", word, value, "two  blanks and json at its end:")[0],
          {"queue": "out", "length_bytes": 32, "priority": 7 if kind == "posix" else None,
           "type": None if kind == "posix" else 7}, "answer")
    got = received(lab, lab.b, bridge.flow.destination[1], bridge.a.build)
    equal((got["body"], got[word]), ("two  blanks and json at its end:", 7), "message")
    require_status(bridge.b, DONE, "send", "in", "base64", "AP8K")
    got = received(lab, lab.b, bridge.flow.destination[1], bridge.a.build)
    equal(bytes(got["body_base64"], "ascii"), b"AP8K", "bytes")
    require_status(bridge.b, DONE, "send", "in", "text", word)
    for _ in range(DEPTH - 1 if kind == "posix" else 16384 // 64 - 1):
        ask(bridge.b, "send", "in", "x" * 64)
    while ask(bridge.b, "send", "in", "x" * 64)[0] == 0:
        pass
    said = require_status(bridge.b, REFUSED, "send", "in", "x" * 64)
    require("queue-full" in said, said)
    require_status(bridge.b, REFUSED, "send", "in", "x" * 800)
    for words in (("send", "out"), ("send", "out", "base64", "A"),
                  ("send", "out", word, "70000000000000000000", "x"),
                  ("send", "out", "type" if kind == "posix" else "priority", "1", "x")):
        require_status(bridge.a, USAGE, *words)
    require_status(bridge.a, ABSENT, "send", "nobody", "x")
    log = open(bridge.b.log, encoding="utf-8").read()
    require("xxxx" not in log, "a body is in the log")
    require("send" in log, "who sent is not in the log")


def log_level(lab):
    bridge = Bridge(lab)
    levels = {item["area"]: item["level"] for item in items(bridge.a, "log")}
    equal(levels["link"], "info", "level of the link")
    require_status(bridge.a, DONE, "log", "debug", "link")
    levels = {item["area"]: item["level"] for item in items(bridge.a, "log")}
    equal((levels["link"], levels["daemon"]), ("debug", "info"), "levels")
    require_status(bridge.a, DONE, "log", "warn")
    require(all(item["level"] == "warn" for item in items(bridge.a, "log")), "levels")
    require_status(bridge.a, USAGE, "log", "loud")
    require_status(bridge.a, ABSENT, "log", "info", "nowhere")
    bridge.a.stop()
    bridge.a.start()
    require(all(item["level"] == "info" for item in items(bridge.a, "log")), "after a restart")


# ---- wait ----------------------------------------------------------------------------------------

def wait(lab):
    bridge = Bridge(lab, b_runs=False)
    require_status(bridge.a, DONE, "wait", "ready", "timeout", "10s")
    said = require_status(bridge.a, UNREACHED, "wait", "connected", "b", "timeout", "100ms")
    require("not connected" in said, said)
    bridge.produce("--count", 100)
    until(lambda: bridge.left() == 100, WAIT_S, "the backlog")
    for words in (("empty", "main"), ("settled", "main"), ("settled",)):
        said = require_status(bridge.a, UNREACHED, "wait", *words, "timeout", "100ms")
        require("100 left" in said, said)
    waits = [Line(bridge.a, f"wait {what}") for what in
             ("connected b", "empty main", "settled main", "settled", "settled json")]
    equal(waits[1].next(), "main: 100 left", "progress")
    equal(json.loads(waits[4].next())["progress"], "wait", "progress in JSON")
    bridge.flow.consume()
    bridge.b.start()
    for line in waits[:4]:
        lines = line.rest()
        require(lines[-1].startswith("waited (s): "), f"{lines}")
        line.close()
    equal(json.loads(waits[4].rest()[-1])["items"][0]["condition"], "settled", "condition")
    waits[4].close()
    for words in (("ready", "timeout"), ("ready", "timeout", "5"), ("empty",), ("settled", "main",
                  "for", "5s")):
        require_status(bridge.a, USAGE, "wait", *words)
    for time in ("0s", "31d", "99999999999999999999d"):
        said = require_status(bridge.a, USAGE, "wait", "ready", "timeout", time)
        require("must be from 1ms to 30d" in said, said)
    require_status(bridge.a, ABSENT, "wait", "empty", "nobody", "timeout", "1s")
    require_status(bridge.a, ABSENT, "wait", "connected", "main", "timeout", "1s")
    bridge.finish(100)


def wait_settled_under_load(lab):
    """What was there when it was asked, whatever comes behind it."""
    bridge = Bridge(lab)
    bridge.flow.consume()
    bridge.produce()
    bridge.flow.wait_received(1000, WAIT_S)
    for _ in range(3):
        sent = bridge.flow.sent()
        require_status(bridge.a, DONE, "wait", "settled", "main", "timeout", "20s")
        # What still was in the queue itself does not count, nor what the consumer reads later.
        require(bridge.flow.received() >= sent - 3 * DEPTH - 2, "not settled")
    bridge.flow.stop_producers()
    bridge.finish(bridge.flow.sent())


def wait_bounded(lab):
    bridge = Bridge(lab, b_runs=False)
    lines = [Line(bridge.a, "wait connected b") for _ in range(FOLLOWERS)]
    for line in lines:
        line.next()
    said = require_status(bridge.a, REFUSED, "wait", "connected", "b")
    require("running already" in said, said)
    require_status(bridge.a, REFUSED, "tap", "main")
    lines[0].close()
    until(lambda: ask(bridge.a, "wait", "ready", "timeout", "5s")[0] == DONE, WAIT_S, "a place")
    for line in lines[1:]:
        line.close()


TESTS = [pause_of_all, pause_file_damaged, drain_shared, drain_ended, purge_in_flight, reconnect,
         log_level, wait, wait_settled_under_load, wait_bounded]


def test(function, name, *arguments, **more):
    for kind in KINDS:
        def run(lab, kind=kind):
            function(lab, kind, *arguments, **more)
        run.__name__ = f"{name}_{kind}"
        TESTS.append(run)


test(pause_route, "pause_route")
test(pause_over_crash, "pause_over_crash")
test(pause_peer, "pause_peer")
test(drain, "drain")
test(purge, "purge")
test(purge, "purge_log", log_limit="1GiB", queue={"ring_size": "64KiB"})
test(send, "send")

if __name__ == "__main__":
    sys.exit(main(*TESTS))
