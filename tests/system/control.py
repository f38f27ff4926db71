#!/usr/bin/env python3
"""What a daemon says of itself on its control socket."""
import json
import os
import socket
import stat
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main, require
from harness.programs import until

# What scripts may rely on, by kind.
MEMBERS = {
    "status": ("name", "version", "state", "received_total", "delivered_total",
               "backlog_records", "dead_letters", "in_doubt_total", "recovered_total"),
    "queues": ("name", "uri", "state", "ring_records", "received_total"),
    "routes": ("name", "from", "to", "state", "waiting", "in_flight", "resent_total"),
    "peers": ("name", "state", "reconnects_total"),
    "dead-letters": (),
    "in-doubt": (),
}


def ask(daemon, *words):
    """(status, output) of mqbridgectl."""
    done = subprocess.run(
        daemon.host.command([daemon.program("mqbridgectl"), "--socket", daemon.socket, *words]),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def explain(daemon, *words):
    """What it says of the first route."""
    status, text = ask(daemon, "explain", *words, "json")
    equal(status, 0, f"status of explain ({text})")
    return json.loads(text)["items"][0]


def flowing(lab):
    flow = lab.flow("flow", "posix:/a", "posix:/b")
    flow.create(4, 64)
    daemons = lab.one_way("posix:/a", "posix:/b")
    flow.consume()
    flow.produce([1], "--size", 64, "--count", 100)
    flow.wait_received(100, 20)
    return daemons


def every_show_answers_as_text_and_json(lab):
    for daemon in flowing(lab):
        for kind, members in MEMBERS.items():
            status, text = ask(daemon, "show", kind)
            equal(status, 0, f"status of show {kind} ({text})")
            status, text = ask(daemon, "show", kind, "json")
            equal(status, 0, f"status of show {kind} json")
            document = json.loads(text)
            equal((document["schema"], document["kind"], document["name"]),
                  ("org.mqbridge/1", kind, daemon.name), "document")
            for item in document["items"]:
                for member in members:
                    require(member in item, f"show {kind}: no {member} in {item}")


def numbers_are_right(lab):
    a, b = flowing(lab)
    equal(a.status()["received_total"], 100, "received by the sender")
    equal(b.status()["delivered_total"], 100, "delivered by the receiver")
    equal(a.status()["peers_up"], 1, "peers up")


def help_and_version_answer(lab):
    a, _ = flowing(lab)
    status, text = ask(a, "help")
    equal(status, 0, "status of help")
    for kind in MEMBERS:
        require(f"show {kind}" in text, f"help does not name show {kind}: {text}")
    equal(ask(a, "show", "version")[0], 0, "status of show version")


def refusals_have_their_status(lab):
    a, _ = flowing(lab)
    require(ask(a, "show", "nonsense")[0] != 0, "nonsense was accepted")
    a.stop()
    equal(ask(a, "show", "status")[0], 3, "status without a daemon")


def message_of_which_nothing_is_taken_stays(lab):
    """Asked of queues that are not there, and of one that is too small for it."""
    a, _ = lab.pair(
        {"queues": [{"name": "none", "uri": "posix:/none"},
                    {"name": "small", "uri": "sysv:0x77", "create": {"max_bytes": "512B"}}],
         "routes": [{"name": "r0", "from": "none", "to": "b/in"},
                    {"name": "r1", "from": "small", "to": "b/in"}]},
        {"queues": [{"name": "in", "uri": "posix:/b"}]}, b_takes=["in"])
    a.start()
    said = explain(a, "none")
    equal((said["result"], said["state"], said["reason"], said["route"]),
          ("stays", "waiting", "queue-absent", "r0"), "what becomes of it")
    require(said["mend"], "what to do is not said")
    equal(explain(a, "small", "size", "512")["result"], "waits", "what fits")
    for size, outcome in ((513, "EAGAIN"), (1 << 30, "EINVAL")):
        said = explain(a, "small", "size", str(size))
        equal(said["result"], "refused", f"result of {size} bytes")
        require(outcome in said["why"], f"{size} bytes: {said['why']}")


def socket_is_closed_to_others(lab):
    a, _ = flowing(lab)
    equal(stat.S_IMODE(os.stat(a.socket).st_mode), 0o660, "mode of the control socket")


def places_that_are_taken_are_shown(lab):
    a, _ = flowing(lab)

    def taken():
        return next(item["used"] for item in a.show("limits") if item["name"] == "clients")
    until(lambda: taken() == 1, 20, "no client but the one that asks")
    there = [socket.socket(socket.AF_UNIX) for _ in range(5)]
    for client in there:
        client.connect(a.socket)
    until(lambda: taken() == 6, 20, "five more to be counted")
    for client in there:
        client.close()
    until(lambda: taken() == 1, 20, "them to be gone")


if __name__ == "__main__":
    sys.exit(main(every_show_answers_as_text_and_json, numbers_are_right,
                  help_and_version_answer, refusals_have_their_status,
                  message_of_which_nothing_is_taken_stays, socket_is_closed_to_others, places_that_are_taken_are_shown))
