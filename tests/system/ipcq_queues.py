#!/usr/bin/env python3
"""Making, listing, changing and removing queues with ipcq."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.ipcq_shell import ABSENT, POSIX, SYSV, Shell
from harness.lab import equal, main, require

POSIX_MEMBERS = {"uri", "kind", "messages", "max_messages", "message_size", "bytes",
                 "max_bytes", "mode", "owner", "group", "notify_pid"}
SYSV_MEMBERS = {"uri", "kind", "messages", "message_size", "bytes", "max_bytes", "mode",
                "owner", "group", "id", "key", "last_sender", "last_receiver", "last_send",
                "last_receive", "last_change"}


def key(uri):
    """That of a System V queue, however it is written."""
    return int(uri.removeprefix("sysv:"), 0)


def attributes_are_those_asked_for(lab):
    ipcq = Shell(lab)
    os.umask(0o077)
    ipcq("create", POSIX, "--max-messages", 3, "--message-size", "1KiB", "--mode", "0624")
    ipcq("create", SYSV, "--max-bytes", "1KiB", "--mode", "0642")
    shown = ipcq.json("stat", POSIX)
    equal(set(shown), POSIX_MEMBERS, "members")
    equal((shown["kind"], shown["max_messages"], shown["message_size"], shown["mode"]),
          ("posix", 3, 1024, "0624"), "attributes")
    shown = ipcq.json("stat", SYSV)
    equal(set(shown), SYSV_MEMBERS, "members")
    equal((shown["kind"], shown["max_bytes"], shown["mode"], shown["key"]),
          ("sysv", 1024, "0642", "0x71"), "attributes")


def keys_of_all_forms_are_one_queue(lab):
    ipcq = Shell(lab)
    for number in (1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1):
        ipcq("create", f"sysv:{number:#x}")
        by_id = f"sysv:id:{ipcq.json('stat', f'sysv:{number}')['id']}"
        ipcq("send", by_id, "x")
        equal(ipcq.json("stat", f"sysv:{number}")["messages"], 1, f"messages of key {number:#x}")
        for form in ("0{}", "{:#x}", "{}"):
            shown = ipcq.json("stat", "sysv:id:" + form.format(int(by_id[8:])))
            equal((shown["key"], shown["last_sender"] is None), (f"{number:#x}", False),
                  f"what is known by an id written as {form}")
        equal(key(ipcq.json("list")[0]["uri"]), number, "key in the name that is listed")
        ipcq("remove", by_id)
    path = f"sysv:{lab.directory}#7"
    ipcq("create", path)
    equal(ipcq.json("stat", path)["key"], ipcq.json("list")[0]["key"], "key")
    ipcq("remove", path)


def private_queue_tells_its_name(lab):
    ipcq = Shell(lab)
    first, second = (ipcq("create", "sysv:private").decode().strip() for _ in range(2))
    require(first.startswith("sysv:id:") and first != second, f"names {first}, {second}")
    ipcq("send", first, "x")
    equal([ipcq.json("stat", uri)["messages"] for uri in (first, second)], [1, 0], "messages")
    equal({queue["uri"] for queue in ipcq.json("list")}, {first, second}, "listed")
    equal([queue["key"] for queue in ipcq.json("list")], [None, None], "keys")


def list_shows_both_kinds(lab):
    ipcq = Shell(lab)
    equal(ipcq.json("list"), [], "queues of a new namespace")
    equal(len(ipcq("list").splitlines()), 1, "lines: the headings")
    ipcq.small(POSIX)
    ipcq.small(SYSV)
    for uri in (POSIX, SYSV):
        ipcq("send", uri, "body")
    listed = {queue["uri"]: queue for queue in ipcq.json("list")}
    posix, sysv = sorted(listed)
    equal((posix, key(sysv)), (POSIX, key(SYSV)), "queues")
    equal([set(listed[uri]) for uri in (posix, sysv)], [POSIX_MEMBERS, SYSV_MEMBERS], "members")
    equal([listed[uri]["messages"] for uri in (posix, sysv)], [1, 1], "messages")
    require(listed[sysv]["last_sender"] > 0 and listed[sysv]["last_receiver"] is None,
            f"parties: {listed[sysv]}")
    for uri in (posix, sysv):
        equal([listed[uri]["bytes"], ipcq.json("stat", uri)["bytes"]], [4, 4], f"bytes of {uri}")
    rows = ipcq("list").decode().splitlines()
    equal([row.split()[-1] for row in rows], ["uri", posix, sysv], "names in the table")
    equal([row.split()[3] for row in rows], ["messages", "1", "1"], "messages in the table")
    lines = dict(line.split(": ", 1) for line in ipcq("stat", POSIX).decode().splitlines())
    equal((lines["uri"], lines["messages"], lines["max_messages"]), (POSIX, "1", "4"), "text")


def set_changes_what_is_given(lab):
    ipcq = Shell(lab)
    for uri in (POSIX, SYSV):
        ipcq.small(uri)
        ipcq("set", uri, "--mode", "0640")
        ipcq("set", uri, "--owner", "root", "--group", 0)
        shown = ipcq.json("stat", uri)
        equal((shown["mode"], shown["owner"], shown["group"]), ("0640", "root", "root"), uri)
    ipcq("set", SYSV, "--max-bytes", 512)
    equal(ipcq.json("stat", SYSV)["max_bytes"], 512, "bytes")


def remove_is_not_close(lab):
    ipcq = Shell(lab)
    for uri in (POSIX, SYSV):
        ipcq.small(uri)
        ipcq("send", uri, "x")
        equal(ipcq.json("stat", uri)["messages"], 1, "messages after the sender has gone")
        ipcq("remove", uri)
        ipcq("stat", uri, status=ABSENT)


if __name__ == "__main__":
    sys.exit(main(attributes_are_those_asked_for, keys_of_all_forms_are_one_queue,
                  private_queue_tells_its_name, list_shows_both_kinds,
                  set_changes_what_is_given, remove_is_not_close))
