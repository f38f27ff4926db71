#!/usr/bin/env python3
"""Dead letters when the disk has no room for them: the route stops and says so, and goes on by itself
as soon as there is room. What the overflow log does then is tortured by tests/torture/run
disk-full."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from dead_letters import body_of, exported, goes_on, route, send, too_big, wait_letters, KINDS
from harness.lab import equal, main, require

DISK = "1M"
GOES_ON_S, ATTEMPTS = 1.0, 3  # in one of them: what else the machine does may hit the others


def disk_full(lab, kind):
    sent, took = [], []
    a, b = route(lab, kind)
    ballast = os.path.join(a.state_directory, "ballast")
    a.host.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", a.state_directory])
    for daemon in (a, b):
        daemon.start()

    def free():
        begun = time.monotonic()
        a.host.run(["rm", ballast])
        wait_letters(a, len(sent))
        took.append(time.monotonic() - begun)
    while len(took) < ATTEMPTS and (not took or took[-1] >= GOES_ON_S):
        a.host.run(["sh", "-c", f"dd if=/dev/zero of={ballast} bs=4096 2>/dev/null; true"])
        more = too_big(3, KINDS[kind][3])
        send(lab, kind, more)
        sent += more
        goes_on(lab, kind, a, free, "room")
    require(took[-1] < GOES_ON_S, f"it went on only after {took} s")
    equal(sorted((body_of(letter), letter["type"]) for letter in exported(a)), sorted(sent),
          "letters")


def posix_dead_letters_wait_for_the_disk(lab):
    disk_full(lab, "posix")


def sysv_dead_letters_wait_for_the_disk(lab):
    disk_full(lab, "sysv")


if __name__ == "__main__":
    sys.exit(main(posix_dead_letters_wait_for_the_disk, sysv_dead_letters_wait_for_the_disk))
