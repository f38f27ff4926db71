#!/usr/bin/env python3
"""Queues that come and go, and messages that cannot be delivered."""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main, require
from harness.programs import until

SIZE = 256
ATTACH_S = 5
REATTACH_S = 1  # promised; a little more is granted to a machine that is busy
GRANT_S = 2
KINDS = {"posix": ("posix:/come", "posix:/go", (0, 3)),
         "sysv": ("sysv:0x61", "sysv:0x62", (1, 3))}

# Runs inside of a host.
REMOVE = """
import ctypes, sys
libc = ctypes.CDLL("librt.so.1", use_errno=True)
scheme, name = sys.argv[1].split(":", 1)
if scheme == "posix":
    sys.exit(libc.mq_unlink(name.encode()))
sys.exit(libc.msgctl(libc.msgget(ctypes.c_int(int(name, 0)), 0), 0, None))
"""


def remove(host, uri):
    host.run([sys.executable, "-c", REMOVE, uri])


def state(daemon, name):
    return next(item["state"] for item in daemon.show("queues") if item["name"] == name)


def wait_attached(daemon, name, seconds=ATTACH_S):
    until(lambda: state(daemon, name) == "attached", seconds, f"{name} to be attached")


def some(lab, name, source, destination, types):
    """A hundred messages through, exactly."""
    flow = lab.flow(name, source, destination)
    flow.consume()
    flow.produce(types, "--max", SIZE, "--count", 100)
    flow.wait_received(100, 20)
    flow.wait_sent(10)
    flow.require_exact()


def come_and_go(lab, kind):
    source, destination, types = KINDS[kind]
    a, b = lab.one_way(source, destination)
    require(state(a, "out") == "waiting", "a queue that is not there is not waited for")
    lab.flow("create", source, destination).create(4, SIZE)
    wait_attached(a, "out")
    wait_attached(b, "in")
    some(lab, "first", source, destination, types)
    remove(lab.a, source)
    remove(lab.b, destination)
    lab.flow("again", source, destination).create(4, SIZE)
    begun = time.monotonic()
    some(lab, "second", source, destination, types)
    took = time.monotonic() - begun
    require(took < REATTACH_S + GRANT_S, f"messages flowed again after {took:.1f} s")


def posix_queues_removed_and_made_again_are_attached(lab):
    come_and_go(lab, "posix")


def sysv_queues_removed_and_made_again_are_attached(lab):
    come_and_go(lab, "sysv")


def created_queues_have_their_attributes_whatever_the_umask(lab):
    daemon = lab.daemon({
        "queues": [{"name": "p", "uri": "posix:/made",
                    "create": {"max_messages": 3, "message_size": "100B", "mode": "0662"}},
                   {"name": "s", "uri": "sysv:0x63", "create": {"mode": "0606"}}],
        "routes": [{"name": "r", "from": "p", "to": "s"}]})
    daemon.start()
    for name in "ps":
        wait_attached(daemon, name)
    probe = """
import ctypes, os
rt = ctypes.CDLL("librt.so.1", use_errno=True)
queue = rt.mq_open(b"/made", os.O_RDONLY)
attr = (ctypes.c_long * 8)()
rt.mq_getattr(queue, attr)
line = next(l.split() for l in open("/proc/sysvipc/msg") if l.split()[0] == "99")
print(oct(os.fstat(queue).st_mode & 0o777), attr[1], attr[2], line[2])
"""
    done = lab.a.run([sys.executable, "-c", probe], stdout=subprocess.PIPE, text=True)
    equal(done.stdout.split(), ["0o662", "3", "100", "606"], "attributes")


def too_big_message_goes_to_the_dead_letters_and_the_route_goes_on(lab):
    big = lab.flow("big", "posix:/big", "posix:/small")
    big.source[0].run([big.tool, "create", "--queue", "posix:/big", "--messages", 4,
                       "--size", 4 * SIZE])
    big.destination[0].run([big.tool, "create", "--queue", "posix:/small", "--messages", 4,
                            "--size", SIZE])
    a, _ = lab.one_way("posix:/big", "posix:/small")
    big.produce([9], "--size", SIZE + 1, "--count", 3)
    until(lambda: len(a.show("dead-letters")) == 3, 20, "three dead letters")
    for item in a.show("dead-letters"):
        equal((item["route"], item["type"], item["length_bytes"]), ("main", 9, SIZE + 1),
              "a dead letter")
        require(item["reason"] and item["detail"], f"a dead letter without reason: {item}")
    equal(a.status()["dead_letters"], 3, "dead letters counted")
    flow = lab.flow("rest", "posix:/big", "posix:/small")
    flow.consume()
    flow.produce([9, 2], "--max", SIZE, "--count", 500)
    flow.wait_received(500, 20)
    flow.wait_sent(10)
    flow.require_exact()
    a.kill()
    a.start()
    equal(len(a.show("dead-letters")), 3, "dead letters after a kill")


if __name__ == "__main__":
    sys.exit(main(posix_queues_removed_and_made_again_are_attached,
                  sysv_queues_removed_and_made_again_are_attached,
                  created_queues_have_their_attributes_whatever_the_umask,
                  too_big_message_goes_to_the_dead_letters_and_the_route_goes_on))
