#!/usr/bin/env python3
"""Requests and replies over one System V queue, as classic programs do it: requests have type
1, a reply has the process id of who asked. A bridge that took every type would steal the
replies; `take` makes it leave them."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main
from harness.programs import Skipped

ROUNDS = 200
CLIENTS = 3
KEY = 0x5250

# Runs as a program of its own, with Debian's python3-sysv-ipc.
CLIENT = """
import os, sys, sysv_ipc
queue = sysv_ipc.MessageQueue(int(sys.argv[1]))
for number in range(int(sys.argv[2])):
    queue.send(b"%d %d" % (os.getpid(), number), type=1)
    body, kind = queue.receive(type=os.getpid())
    assert kind == os.getpid() and body == b"done %d" % number, (kind, body)
"""
SERVER = """
import sys, sysv_ipc
queue = sysv_ipc.MessageQueue(int(sys.argv[1]))
while True:
    body, kind = queue.receive(type=1)
    asker, number = body.split()
    queue.send(b"done " + number, type=int(asker))
"""


def requests_and_replies_share_one_queue(lab):
    python = "/usr/bin/python3"
    probe = lab.spawn(lab.a, [python, "-c", "import sysv_ipc"], stderr=subprocess.DEVNULL)
    if probe.wait() != 0:
        raise Skipped("python3-sysv-ipc is not installed")
    uri = f"sysv:0x{KEY:x}"
    lab.flow("queues", uri, uri).create()
    daemons = lab.pair(
        {"queues": [{"name": "all", "uri": uri, "take": "1"}],
         "routes": [{"name": "requests", "from": "all", "to": "b/all"}]},
        {"queues": [{"name": "all", "uri": uri, "take": "not 1"}],
         "routes": [{"name": "replies", "from": "all", "to": "a/all"}]},
        a_takes=["all"], b_takes=["all"])
    for daemon in daemons:
        daemon.start()
    lab.spawn(lab.b, [python, "-c", SERVER, KEY])
    clients = [lab.spawn(lab.a, [python, "-c", CLIENT, KEY, ROUNDS])
               for _ in range(CLIENTS)]
    for client in clients:
        equal(client.wait(60), 0, "status of a client")
    equal(daemons[0].route("requests")["settled_total"], CLIENTS * ROUNDS,
          "requests carried")


if __name__ == "__main__":
    sys.exit(main(requests_and_replies_share_one_queue))
