#!/usr/bin/env python3
"""The dialogues by which the usual Python packages explain themselves, held in a shell."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.ipcq_shell import DONE, FAILED, UNREADY, Shell
from harness.lab import equal, main
from harness.programs import until


def size(ipcq, uri):
    return ipcq.json("stat", uri)["messages"]


def ipcqueue_posix_priorities(lab):
    ipcq = Shell(lab)
    ipcq("create", "posix:/foo", "--max-messages", 10, "--message-size", 64)
    equal(size(ipcq, "posix:/foo"), 0, "messages in the new queue")
    ipcq("send", "posix:/foo", '[1, "A"]', "--priority", 1)
    ipcq("send", "posix:/foo", '[2, "B"]', "--priority", 2)
    ipcq("send", "posix:/foo", '[3, "C"]', "--priority", 1)
    equal(size(ipcq, "posix:/foo"), 3, "messages")
    got = [ipcq("receive", "posix:/foo") for _ in range(3)]
    equal(got, [b'[2, "B"]\n', b'[1, "A"]\n', b'[3, "C"]\n'], "messages received")
    ipcq("remove", "posix:/foo")


def ipcqueue_posix_presets(lab):
    ipcq = Shell(lab)
    ipcq("create", "posix:/foo", "--max-messages", 10, "--message-size", 64)
    ipcq("send", "posix:/foo", "A")
    ipcq("send", "posix:/foo", "B", "--priority", 2)
    ipcq("send", "posix:/foo", "C", "--priority", 0)
    equal(ipcq("receive", "posix:/foo", "--all").split(), [b"B", b"A", b"C"], "messages")


def ipcqueue_sysv_types(lab):
    ipcq = Shell(lab)
    ipcq("create", "sysv:1")
    equal(size(ipcq, "sysv:1"), 0, "messages in the new queue")
    for body, kind in (("[1, 'A']", 1), ("[2, 'B']", 2), ("[3, 'C']", 2), ("[4, 'D']", 1)):
        ipcq("send", "sysv:1", body, "--type", kind)
    equal(size(ipcq, "sysv:1"), 4, "messages")
    got = [ipcq("receive", "sysv:1", "--type", kind) for kind in (2, 0, 0, 0)]
    equal(got, [b"[2, 'B']\n", b"[1, 'A']\n", b"[3, 'C']\n", b"[4, 'D']\n"],
          "messages received")
    ipcq("remove", "sysv:1")


def ipcqueue_nonblock_and_timeout(lab):
    ipcq = Shell(lab)
    for uri, how in (("posix:/t", ("--max-messages", 1, "--message-size", 8)),
                     ("sysv:2", ("--max-bytes", 8))):
        ipcq("create", uri, *how)
        for wait in (("--nonblock",), ("--timeout", "50ms")):
            ipcq("receive", uri, *wait, status=UNREADY)
        ipcq("send", uri, "12345678", "--nonblock")
        for wait in (("--nonblock",), ("--timeout", "50ms")):
            ipcq("send", uri, "12345678", *wait, status=UNREADY)


def mood_mqueue_open_send_receive(lab):
    ipcq = Shell(lab)
    how = ("--mode", "0640", "--max-messages", 2, "--message-size", 16)
    ipcq("create", "posix:/mood", "--exclusive", *how)
    ipcq("create", "posix:/mood", "--exclusive", *how, status=FAILED)
    ipcq("create", "posix:/mood", *how)
    ipcq("receive", "posix:/mood", "--nonblock", status=UNREADY)
    ipcq("send", "posix:/mood", "message")
    equal(ipcq("receive", "posix:/mood", "--output", "raw"), b"message", "message")
    shown = ipcq.json("stat", "posix:/mood")
    equal({name: shown[name] for name in ("uri", "mode", "max_messages", "message_size")},
          {"uri": "posix:/mood", "mode": "0640", "max_messages": 2, "message_size": 16},
          "attributes")


def mood_mqueue_notify(lab):
    ipcq = Shell(lab)
    ipcq("create", "posix:/mood", "--max-messages", 2, "--message-size", 16)
    ipcq("notify", "posix:/mood", "--timeout", "50ms", status=UNREADY)
    waiting = ipcq.spawn("notify", "posix:/mood", "--timeout", "15s")
    until(lambda: ipcq.json("stat", "posix:/mood")["notify_pid"], 10, "the registration")
    ipcq.complains(FAILED, ["registered already"], "notify", "posix:/mood")
    ipcq("send", "posix:/mood", "message")
    equal(waiting.wait(20), DONE, "status of who was notified")
    equal(size(ipcq, "posix:/mood"), 1, "messages that are still there")
    ipcq("notify", "posix:/mood", "--timeout", "15s")


if __name__ == "__main__":
    sys.exit(main(ipcqueue_posix_priorities, ipcqueue_posix_presets, ipcqueue_sysv_types,
                  ipcqueue_nonblock_and_timeout, mood_mqueue_open_send_receive,
                  mood_mqueue_notify))
