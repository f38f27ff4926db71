#!/usr/bin/env python3
"""Steering a running bridge: pause, resume, drain, purge, reconnect, send, tap, wait, log."""
import json
import os
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main, require
from harness.programs import until

SIZE = 64
DEPTH = 4
WAIT_S = 60
MANY = 100000  # of a backlog
IN_RING = 20000  # that a ring holds, and more than may be in flight
RATE = 3000  # a second: the ring has room for all that is sent while a route is paused
DONE, REFUSED, USAGE, ABSENT, UNREACHED, WARNED = 0, 1, 2, 5, 6, 7
FOLLOWERS = 16
SLICE_S, SLICES, ATTEMPTS, LEAST = 0.25, 12, 4, 0.9  # of the measurement of a tap
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
    return json.loads(require_status(daemon, DONE, *words, "json").splitlines()[-1])["items"]


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

def drain(lab, kind):
    bridge = Bridge(lab, kind, b_runs=False, log_limit="1GiB")
    bridge.produce("--count", MANY)
    until(lambda: bridge.left() >= MANY, WAIT_S, "the backlog")
    require_status(bridge.a, UNREACHED, "drain", "main", "timeout", "300ms")
    require(bridge.route()["state"] not in ("paused", "draining"), "it is not as it was")
    line = Line(bridge.a, "drain main")
    first = line.next()
    require(first.startswith(f"main: {MANY} left, "), f"progress: {first}")
    equal(bridge.route()["state"], "draining", "state")
    require_status(bridge.a, REFUSED, "drain", "main")
    bridge.flow.consume()
    bridge.b.start()
    lines = line.rest()
    line.close()
    require("drained" in lines[-1], f"the answer: {lines}")
    equal(bridge.left(), 0, "messages that are left")
    equal(bridge.route()["state"], "paused", "state of a drained route")
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
    until(lambda: bridge.route()["state"] != "draining", WAIT_S, "the drain to end")
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


# ---- tap -----------------------------------------------------------------------------------------

def tap(lab, kind):
    bridge = Bridge(lab, kind)
    bridge.flow.consume()
    line = Line(bridge.a, "tap main body count 3 json")
    bridge.produce("--count", 20000)
    lines = [json.loads(text) for text in line.rest()]
    line.close()
    equal(len(lines), 3, "lines")
    for item in lines:
        equal((item["route"], item["origin"], item["size_bytes"]), ("main", "a/out", SIZE), "item")
        require("body" in item or "body_base64" in item, "no body")
        require((item["priority"] is None) == (kind == "sysv"), "priority")
    equal([item["sequence"] for item in lines], [1, 2, 3], "sequences")
    bridge.finish(20000)
    line = Line(bridge.a, "tap main every 1000 count 5 json")
    bridge.flow.consume()
    bridge.produce("--count", 20000)
    lines = [json.loads(text) for text in line.rest()]
    line.close()
    steps = [b["sequence"] - a["sequence"] for a, b in zip(lines, lines[1:])]
    equal(steps, [1000] * 4, "steps")
    equal([item["left_out"] for item in lines[1:]], [999] * 4, "left out")
    require(all("body" not in item for item in lines), "a body that nobody asked for")
    for words in (("tap",), ("tap", "main", "every", "0"), ("tap", "main", "heads")):
        require_status(bridge.a, USAGE, *words)
    require_status(bridge.a, ABSENT, "tap", "nobody")


def tap_slow(lab):
    """A client that reads nothing loses lines, and only those."""
    bridge = Bridge(lab)
    bridge.flow.consume()
    line = Line(bridge.a, "tap main body every 1 json")
    bridge.produce()
    bridge.flow.wait_received(10000, WAIT_S)
    time.sleep(2)
    before = bridge.flow.received()
    bridge.flow.wait_received(before + 10000, WAIT_S)
    bridge.flow.stop_producers()
    bridge.finish(bridge.flow.sent())
    line.close()
    until(lambda: ask(bridge.a, "wait", "ready", "timeout", "5s")[0] == DONE, WAIT_S, "answers")


def rate(bridge):
    """Messages that the daemon sends in a second of its own time on a processor, so that what else
    the machine does counts little."""
    def now():
        with open(f"/proc/{bridge.a.process.pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0]) / 1e9
    before, begun = bridge.route()["sent_total"], now()
    time.sleep(SLICE_S)
    return (bridge.route()["sent_total"] - before) / (now() - begun)


def tapped_rate(bridge):
    line = Line(bridge.a, "tap main")
    line.next()
    reader = threading.Thread(target=lambda: line.file.read(), daemon=True)
    reader.start()
    found = rate(bridge)
    line.socket.shutdown(socket.SHUT_RDWR)
    reader.join()
    line.close()
    return found


def tap_ratio(bridge):
    """Slices in turn without and with a tap. Of each the upper quarter is compared: what else the
    machine does makes slices slower, never faster."""
    plain, tapped = [], []
    for _ in range(SLICES):
        plain.append(rate(bridge))
        tapped.append(tapped_rate(bridge))
    return sorted(tapped)[SLICES * 3 // 4] / sorted(plain)[SLICES * 3 // 4]


def tap_costs_nothing(lab):
    """A busy machine may hide it; a tap that costs something shows each time."""
    bridge = Bridge(lab, "sysv")  # whose queues hold more, so that turns are alike
    bridge.flow.consume()
    bridge.produce()
    bridge.flow.wait_received(1000, WAIT_S)
    ratios = []
    while not ratios or (ratios[-1] < LEAST and len(ratios) < ATTEMPTS):
        ratios.append(tap_ratio(bridge))
    print(f"# tap: {', '.join(f'{ratio:.3f}' for ratio in ratios)} of the rate without", flush=True)
    require(ratios[-1] >= LEAST, f"rate with a tap to that without: {ratios}")
    bridge.flow.stop_producers()
    bridge.finish(bridge.flow.sent())


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


TESTS = [pause_file_damaged, drain_shared, drain_ended, purge_in_flight, reconnect, log_level,
         tap_slow, tap_costs_nothing, wait, wait_settled_under_load, wait_bounded]


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
test(tap, "tap")

if __name__ == "__main__":
    sys.exit(main(*TESTS))
