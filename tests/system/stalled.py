#!/usr/bin/env python3
"""A consumer that stops: its producer blocks after a bounded number of messages, other routes
go on, and everything arrives, in order, once it resumes."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import main, require
from harness.programs import until

SIZE = 512
DEPTH = 4
RING = 256 << 10
RECORD = 48          # bytes of a record beside its body
STOP_TIMEOUT_S = 20
RECEIVER = 64 << 20  # bytes that a receiver may hold for all its streams
KINDS = {"posix": (("posix:/slow", "posix:/slow"), ("posix:/other", "posix:/other"), (0, 7)),
         "sysv": (("sysv:0x51", "sysv:0x51"), ("sysv:0x52", "sysv:0x52"), (1, 7))}


def blocked(flow, seconds=0.5):
    """Until nothing has been sent for that long; how much was."""
    seen = [flow.sent(), time.monotonic()]

    def still():
        if flow.sent() != seen[0]:
            seen[:] = [flow.sent(), time.monotonic()]
        return time.monotonic() - seen[1] > seconds
    until(still, 60, "the producer to block")
    return seen[0]


def stall(lab, kind):
    slow_uris, other_uris, types = KINDS[kind]
    slow, other = lab.flow("slow", *slow_uris), lab.flow("other", *other_uris)
    for flow in (slow, other):
        flow.create(DEPTH, SIZE)
    a, b = lab.pair(
        {"stop_timeout": f"{STOP_TIMEOUT_S}s",
         "queues": [{"name": "slow", "uri": slow_uris[0], "ring_size": f"{RING}B"},
                    {"name": "other", "uri": other_uris[0]}],
         "routes": [{"name": "slow", "from": "slow", "to": "b/slow"},
                    {"name": "other", "from": "other", "to": "b/other"}]},
        {"queues": [{"name": "slow", "uri": slow_uris[1]},
                    {"name": "other", "uri": other_uris[1]}]}, b_takes=["slow", "other"])
    for daemon in (a, b):
        daemon.start()
    for flow in (slow, other):
        flow.consume()
    slow.consumer.pause()
    slow.produce(types, "--size", SIZE)
    accepted = blocked(slow)
    # Both queues, the ring, and one largest record more in every place.
    queues = 2 * (DEPTH if kind == "posix" else 16384 // SIZE)
    bound = queues + RING // (RECORD + SIZE) + RECEIVER // (RECORD + SIZE)
    require(accepted <= bound, f"{accepted} messages were accepted, at most {bound} may be")
    require(accepted * SIZE >= RING // 2, f"only {accepted} messages were accepted")
    other.produce(types, "--max", SIZE)
    other.wait_received(5000, 30)
    require(slow.sent() == accepted, "the blocked producer went on by itself")
    # What is in flight into the full queue is not acknowledged, so nothing is waited for.
    begun = time.monotonic()
    a.stop()
    took = time.monotonic() - begun
    require(took < STOP_TIMEOUT_S / 4, f"a clean stop took {took:.1f} s")
    a.start()
    slow.consumer.resume()
    slow.wait_received(accepted + 1000, 30)
    for flow in (slow, other):
        flow.stop_producers()
        flow.wait_received(flow.sent(), 30)
        flow.require_exact()


def stalled_posix_consumer_blocks_its_producer_alone(lab):
    stall(lab, "posix")


def stalled_sysv_consumer_blocks_its_producer_alone(lab):
    stall(lab, "sysv")


if __name__ == "__main__":
    sys.exit(main(stalled_posix_consumer_blocks_its_producer_alone,
                  stalled_sysv_consumer_blocks_its_producer_alone))
