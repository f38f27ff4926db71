#!/usr/bin/env python3
# harness: alone tap-costs-nothing
"""Following a running bridge, message by message and event by event: what it costs, and what a slow
reader is told."""
import json
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main, require
from harness.steering import (ABSENT, DONE, KINDS, SIZE, USAGE, WAIT_S, Bridge, Line, items,
                              require_status)

RATE = 3000  # messages a second, of which at most a thousand are shown
SLICE_S, SLICES, ATTEMPTS = 0.25, 12, 4  # of the measurement of a tap
# By processor and by clock. Unread, a tap still writes a thousand lines a second.
LEAST, LEAST_UNREAD = (0.9, 0.7), (0.8, 0.7)
EVENTS = 3000  # more than are kept, and than the buffers between two processes hold


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
    """A client that reads nothing for a while is told how many lines it lost, no more and no less;
    the route goes on."""
    bridge = Bridge(lab)
    bridge.flow.consume()
    line = Line(bridge.a, "tap main body every 1 json")
    bridge.produce("--rate", RATE)
    bridge.flow.wait_received(5 * RATE, WAIT_S)  # more lines than all buffers hold
    before = bridge.flow.received()
    bridge.flow.wait_received(before + RATE, WAIT_S)
    last = json.loads(line.next())["sequence"]
    lost = left_out = 0
    while lost == 0 or last < before + RATE:
        item = json.loads(line.next())
        if "sequence" not in item:  # a sign of life
            continue
        equal(item["lost"] + item["left_out"], item["sequence"] - last - 1,
              f"messages that are told to be missing before {item}")
        last, lost, left_out = item["sequence"], lost + item["lost"], left_out + item["left_out"]
    require(left_out > 0, "at most a thousand a second were to be shown")
    line.close()
    bridge.flow.stop_producers()
    bridge.finish(bridge.flow.sent())
    require_status(bridge.a, DONE, "wait", "ready", "timeout", "5s")


def rates(bridge):
    """Messages that the daemon sends in a second: of its own time on a processor, and of all time
    in which it did not wait for one. So what else the machine does counts little."""
    def now():
        with open(f"/proc/{bridge.a.process.pid}/schedstat", encoding="ascii") as file:
            ran, waited = (int(word) / 1e9 for word in file.read().split()[:2])
        return ran, time.monotonic() - waited
    before, begun = bridge.route()["sent_total"], now()
    time.sleep(SLICE_S)
    sent = bridge.route()["sent_total"] - before
    return [sent / (after - at) for at, after in zip(begun, now())]


def tapped_rates(bridge, is_read):
    line = Line(bridge.a, "tap main" if is_read else "tap main body every 1")
    line.next()
    reader = threading.Thread(target=line.file.read, daemon=True)
    if is_read:
        reader.start()
    found = rates(bridge)
    line.socket.shutdown(socket.SHUT_RDWR)
    if is_read:
        reader.join()
    line.close()
    return found


def tap_ratios(bridge, is_read):
    """Slices in turn without and with a tap. Of each the upper quarter is compared: what else the
    machine does makes slices slower, never faster."""
    plain, tapped = [], []
    for _ in range(SLICES):
        plain.append(rates(bridge))
        tapped.append(tapped_rates(bridge, is_read))

    def upper(slices):
        return [sorted(values)[SLICES * 3 // 4] for values in zip(*slices)]
    return [with_tap / without for with_tap, without in zip(upper(tapped), upper(plain))]


def tap_costs_nothing(lab):
    """A busy machine may hide it; a tap that costs something shows each time."""
    bridge = Bridge(lab, "sysv")  # whose queues hold more, so that turns are alike
    bridge.flow.consume()
    bridge.produce()
    bridge.flow.wait_received(1000, WAIT_S)
    for is_read, least in ((True, LEAST), (False, LEAST_UNREAD)):
        tried = []
        while len(tried) < ATTEMPTS and not (tried and good(tried[-1], least)):
            tried.append(tap_ratios(bridge, is_read))
        print(f"# tap{'' if is_read else ' unread'} to none, by processor and by clock: "
              + ", ".join(f"{cpu:.3f} {clock:.3f}" for cpu, clock in tried), flush=True)
        require(good(tried[-1], least), f"rate with a tap to that without: {tried}")
    bridge.flow.stop_producers()
    bridge.finish(bridge.flow.sent())


def good(ratios, least):
    return all(ratio >= limit for ratio, limit in zip(ratios, least))


# ---- events --------------------------------------------------------------------------------------

def events_follow_slow(lab):
    """A client that reads nothing for a while is told how many events it missed."""
    bridge = Bridge(lab)
    line = Line(bridge.a, "events follow json")
    asking = Line(bridge.a, "pause nobody")
    asking.rest()
    first = json.loads(line.next())["number"]
    for number in range(EVENTS):
        asking.socket.sendall(f"pause {'x' * 400}-{number}\n".encode())
        asking.rest()
    asking.close()
    end = items(bridge.a, "show", "events", "1")[0]["number"]
    require(end >= first + EVENTS, f"only {end - first} events")
    at, missing = first, 0
    while at < end:
        item = json.loads(line.next())
        if item["event"] != "missing":
            equal(item["number"], at + 1, f"number of the event, with {missing} missing before")
            at += 1
            continue
        missing += item["repeated"]
        at += item["repeated"]
    equal(at, end, "the last event")
    require(missing > 0, "nothing is missing: all was read in time")
    line.close()


def tap_posix(lab):
    tap(lab, "posix")


def tap_sysv(lab):
    tap(lab, "sysv")


if __name__ == "__main__":
    sys.exit(main(tap_posix, tap_sysv, tap_slow, tap_costs_nothing, events_follow_slow))
