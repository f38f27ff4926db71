#!/usr/bin/env python3
"""Python programs on the usual packages, unchanged, on both sides: pickled objects arrive
intact, in order, with their priority or type."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.client import LIBRARIES, SIZE, kind_of
from harness.lab import equal, main
from harness.programs import SKIP, TESTS, Skipped

COUNT = 300
CLIENT = os.path.join(TESTS, "harness", "client.py")


def interpreter():
    """Debian's packages are seen by Debian's interpreter only."""
    return "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable


def carry(lab, library):
    posix = LIBRARIES[library].posix
    name = "/pickles" if posix else "0x7069"
    uri = ("posix:" if posix else "sysv:") + name
    lab.flow("queues", uri, uri).create(10, SIZE)
    lab.one_way(uri, uri)
    sender, receiver = (
        lab.spawn(host, [interpreter(), CLIENT, library, verb, name, COUNT], stdout=subprocess.PIPE,
                  text=True)
        for host, verb in ((lab.a, "send"), (lab.b, "receive")))
    if sender.wait(60) == SKIP:
        raise Skipped(f"{library.split('-')[0]} is not installed")
    equal(sender.returncode, 0, "status of the sender")
    output = receiver.communicate(timeout=60)[0]
    equal(receiver.returncode, 0, "status of the receiver")
    got = [json.loads(line) for line in output.splitlines()]
    equal(len(got), COUNT, "objects received")
    equal([number for _, number, intact in got if not intact], [], "damaged objects")
    equal(sorted(number for _, number, _ in got), list(range(COUNT)), "objects")
    for kind, number, _ in got:
        if kind is not None:
            equal(kind, kind_of(number, posix), f"priority or type of object {number}")
    for kind in range(3):
        of_kind = [number for _, number, _ in got if number % 3 == kind]
        equal(of_kind, sorted(of_kind), f"order of objects of kind {kind}")
    if not posix:
        equal([number for _, number, _ in got], list(range(COUNT)), "order")


def with_posix_ipc(lab):
    carry(lab, "posix_ipc")


def with_mood_mqueue(lab):
    carry(lab, "mood.mqueue")


def with_ipcqueue_posix(lab):
    carry(lab, "ipcqueue-posix")


def with_ipcqueue_sysv(lab):
    carry(lab, "ipcqueue-sysv")


def with_sysv_ipc(lab):
    carry(lab, "sysv_ipc")


def with_ctypes(lab):
    carry(lab, "ctypes")


if __name__ == "__main__":
    sys.exit(main(with_posix_ipc, with_mood_mqueue, with_ipcqueue_posix, with_ipcqueue_sysv,
                  with_sysv_ipc, with_ctypes))
