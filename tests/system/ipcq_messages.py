#!/usr/bin/env python3
"""ipcq carries every body, priority, type and name exactly, in every form of output."""
import base64
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.ipcq_shell import ABSENT, FAILED, POSIX, SYSV, UNREADY, USAGE, Shell
from harness.lab import equal, main, require

BODIES = (b"", b"\0", b"text", b"line\nline\n", b"\xff\xfe\0\x80", bytes(range(64)),
          "Grüße, 世界".encode(), b'"\\\x01\x7f', b"\xed\xa0\x80", b"-", b"\n")
MEMBER = {POSIX: "priority", SYSV: "type"}


def odd_bodies_arrive_exactly(lab):
    ipcq = Shell(lab)
    for uri in (POSIX, SYSV):
        ipcq.small(uri)
        for body in BODIES:
            ipcq("send", uri, "-", stdin=body)
            equal(ipcq("receive", uri, "--output", "raw"), body, f"{uri}: raw")


def forms_of_output_agree(lab):
    ipcq = Shell(lab)
    for uri in (POSIX, SYSV):
        ipcq.small(uri)
        for body in BODIES:
            for _ in range(4):
                ipcq("send", uri, stdin=body)
            equal(ipcq("receive", uri), body + b"\n", "text")
            equal(ipcq("receive", uri, "--output", "hex"), body.hex().encode() + b"\n", "hex")
            line = ipcq("receive", uri, "--output", "json")
            equal(ipcq("receive", uri, "--json"), line, "the two ways to ask for JSON")
            equal(line.count(b"\n"), 1, "lines of JSON")
            shown = json.loads(line)
            try:
                wanted = {"body": body.decode()}
            except UnicodeDecodeError:
                wanted = {"body_base64": base64.b64encode(body).decode()}
            wanted.update({"length": len(body), MEMBER[uri]: 0 if uri == POSIX else 1})
            equal(shown, wanted, f"JSON of {body!r}")


def priorities_and_types_are_exact(lab):
    ipcq = Shell(lab)
    for uri, option, values in ((POSIX, "--priority", (0, 1, 32767)),
                                (SYSV, "--type", (1, 2 ** 31, 2 ** 63 - 1))):
        ipcq.small(uri)
        for value in values:
            ipcq("send", uri, "x", option, value)
            equal(ipcq.json("receive", uri),
                  {"body": "x", MEMBER[uri]: value, "length": 1}, "message")


def lines_become_messages(lab):
    ipcq = Shell(lab)
    for uri in (POSIX, SYSV):
        ipcq.small(uri)
        ipcq("send", uri, "--lines", stdin=b"one\n\nthree\0\nlast without newline")
        got = [json.loads(line)["body"] for line in ipcq("receive", uri, "--all", "--json")
               .splitlines()]
        equal(got, ["one", "", "three\0", "last without newline"], "messages")
        ipcq("send", uri, "--lines", stdin=b"")
        ipcq("receive", uri, "--nonblock", status=UNREADY)


def lines_that_do_not_fit_are_accounted_for(lab):
    ipcq = Shell(lab)
    ipcq.small(POSIX)
    answer = ipcq.try_("send", POSIX, "--lines", stdin=b"a\nb\n" + b"x" * 65 + b"\nc\n")
    equal(answer.status, FAILED, "status")
    require("message_size is 64" in answer.err and "line 3" in answer.err and
            "2 messages were sent" in answer.err, f"said: {answer.err}")
    equal(ipcq("receive", POSIX, "--all"), b"a\nb\n", "messages sent")
    answer = ipcq.try_("send", POSIX, "--lines", "--nonblock", stdin=b"1\n2\n3\n4\n5\n")
    equal(answer.status, UNREADY, "status")
    require("line 5" in answer.err and "4 messages were sent" in answer.err,
            f"said: {answer.err}")


def files_are_sent_whole(lab):
    ipcq = Shell(lab)
    ipcq.small(SYSV)
    path = os.path.join(lab.directory, "a file")
    body = bytes(range(256))
    with open(path, "wb") as out:
        out.write(body)
    ipcq("send", SYSV, "--file", path)
    equal(ipcq("receive", SYSV, "--output", "raw"), body, "message")
    ipcq.complains(FAILED, ["nowhere"], "send", SYSV, "--file", "/nowhere")
    ipcq.complains(USAGE, ["--file"], "send", SYSV, "--file", path, "message")


def large_body_is_split(lab):
    ipcq = Shell(lab)
    body = bytes(range(256)) * 1000
    for uri, size in ((POSIX, 64), (SYSV, 256)):
        ipcq.small(uri)
        sender = ipcq.spawn("send", uri, "--split", stdin=subprocess.PIPE)
        sender.stdin.write(body)
        sender.stdin.close()
        got = b""
        while len(got) < len(body):
            got += ipcq("receive", uri, "--all", "--timeout", "5s" if not got else "100ms",
                        "--output", "raw")
        equal((sender.wait(5), got == body), (0, True), "what arrived in pieces")
        answer = ipcq.try_("send", uri, "--split", "--nonblock", stdin=body[:300])
        equal(answer.status, UNREADY, "status")
        require(f"{256} bytes of 300 in {256 // size} messages were sent" in answer.err,
                f"said: {answer.err}")
        equal(ipcq("receive", uri, "--all", "--output", "raw"), body[:256], "what was sent")
    ipcq.complains(USAGE, ["--lines", "--split"], "send", SYSV, "--lines", "--split")


def words_that_look_like_options_are_sent(lab):
    ipcq = Shell(lab)
    ipcq.small(POSIX)
    ipcq("send", POSIX, "--", "--json")
    equal(ipcq("receive", POSIX), b"--json\n", "message")


NAMES = ("posix:/a b", "posix:/a:b@c%20d", "posix:/Grüße", "posix:/'\"$`\\", "posix:/\x01\n",
         "posix:/" + "n" * 255, "posix:/-", "posix:/*", "posix:/{}", os.fsdecode(b"posix:/\xff"))


def odd_names_are_names(lab):
    ipcq = Shell(lab)
    for name in NAMES:
        ipcq("create", name, "--max-messages", 1, "--message-size", 8)
        ipcq("send", name, "body")
        equal(ipcq("receive", name), b"body\n", f"message of {name!r}")
        for shown in (ipcq.json("stat", name), *ipcq.json("list")):
            found = shown["uri"].encode() if "uri" in shown else \
                base64.b64decode(shown["uri_base64"])
            equal(found, os.fsencode(name), "name")
        require(ipcq("list").count(b"\n") == 2, "one queue is not one line")
        ipcq("remove", name)
        ipcq.complains(ABSENT, [], "stat", name)


def selection_of_types(lab):
    ipcq = Shell(lab)
    ipcq.small(SYSV)
    for kind in (5, 3, 9, 3):
        ipcq("send", SYSV, f"t{kind}", "--type", kind)
    equal(ipcq("receive", SYSV, "--type", -4), b"t3\n", "the lowest type up to 4")
    equal(ipcq("receive", SYSV, "--except", 5), b"t9\n", "another type than 5")
    ipcq.complains(UNREADY, [SYSV, "of that type", "2 messages"], "receive", SYSV, "--type", 7,
                   "--nonblock")
    equal(ipcq("receive", SYSV, "--all"), b"t5\nt3\n", "what is left")


def peek_takes_nothing(lab):
    ipcq = Shell(lab)
    ipcq.small(SYSV)
    for number, body in enumerate(("", "two", "three")):
        ipcq("send", SYSV, body, "--type", number + 1)
    equal(ipcq("peek", SYSV), b"\n", "the oldest")
    equal(ipcq("peek", SYSV, "--position", 2), b"three\n", "the third")
    equal(ipcq.json("peek", SYSV, "--position", 1), {"body": "two", "type": 2, "length": 3},
          "the second")
    equal(ipcq("peek", SYSV, "--all"), b"\ntwo\nthree\n", "all")
    ipcq.complains(UNREADY, [SYSV, "position 3", "only 3 wait"], "peek", SYSV, "--position", 3)
    answer = ipcq.try_("peek", SYSV, "--count", 4)
    equal((answer.status, answer.out), (UNREADY, b"\ntwo\nthree\n"), "one more than there are")
    equal(ipcq("receive", SYSV, "--count", 3), b"\ntwo\nthree\n", "all of them are there")
    ipcq.small(POSIX)
    ipcq.complains(FAILED, [POSIX], "peek", POSIX)


def notify_takes_nothing_that_is_there(lab):
    """A message without a body can only be waited for by taking it."""
    ipcq = Shell(lab)
    ipcq.small(SYSV)
    for _ in range(10):
        ipcq("send", SYSV, "")
        ipcq("send", SYSV, "second")
        ipcq("notify", SYSV)
        equal(ipcq("receive", SYSV, "--all"), b"\nsecond\n", "messages in their order")


def count_takes_so_many(lab):
    ipcq = Shell(lab)
    for uri in (POSIX, SYSV):
        ipcq.small(uri)
        ipcq("send", uri, "--lines", stdin=b"1\n2\n3\n")
        equal(ipcq("receive", uri, "--count", 2), b"1\n2\n", "two messages")
        answer = ipcq.try_("receive", uri, "--count", 2, "--timeout", "50ms")
        equal((answer.status, answer.out), (UNREADY, b"3\n"), "one, and none in time")
        ipcq("receive", uri, "--all", status=UNREADY)


if __name__ == "__main__":
    sys.exit(main(odd_bodies_arrive_exactly, forms_of_output_agree,
                  priorities_and_types_are_exact, lines_become_messages,
                  lines_that_do_not_fit_are_accounted_for, files_are_sent_whole, large_body_is_split,
                  words_that_look_like_options_are_sent, odd_names_are_names,
                  selection_of_types, peek_takes_nothing,
                  notify_takes_nothing_that_is_there, count_takes_so_many))
