#!/usr/bin/env python3
"""Every exit status of ipcq, and complaints that name the queue, the limit and the mend."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.ipcq_shell import (ABSENT, DENIED, FAILED, POSIX, SMALL, SYSV, UNREADY, USAGE, Shell,
                                python)
from harness.lab import equal, main, require
from harness.programs import Skipped

COMMANDS = ("create", "send", "receive", "peek", "stat", "list", "set", "remove", "notify",
            "limits")


def help_and_version_are_printed(lab):
    ipcq = Shell(lab)
    require(ipcq("--version").startswith(b"ipcq "), "the version is not told")
    overview = ipcq("--help").decode()
    for command in COMMANDS:
        require(f"\n  {command}" in overview, f"{command} is not in the help")
        told = ipcq(command, "--help").decode()
        require(told.startswith(f"usage: ipcq {command}"), f"help of {command}: {told}")
        equal(max(len(line) for line in told.splitlines()) <= 80, True,
              f"{command}: lines of help fit on a terminal")


def usage_is_status_2(lab):
    ipcq = Shell(lab)
    ipcq.small(POSIX)
    ipcq.small(SYSV)
    ipcq.complains(USAGE, ["255 bytes"], "create", "posix:/" + "n" * 256)
    for words in (
            (), ("unknown",), ("--unknown",), ("send",), ("list", POSIX), ("stat", POSIX, "more"),
            ("stat", POSIX, "--count", 1), ("stat", "/q"), ("stat", "posix:q"),
            ("stat", "posix:/a/b"), ("stat", "sysv:0"), ("stat", "sysv:0x100000000"),
            ("stat", "sysv:private"), ("stat", "posix:/" + "n" * 256), ("set", POSIX),
            ("create", POSIX, "--mode", "0999"),
            ("create", POSIX, "--max-messages", 0), ("create", POSIX, "--message-size", "1XB"),
            ("create", POSIX, "--max-bytes", 1), ("create", SYSV, "--message-size", 1),
            ("send", POSIX, "--priority", 32768, "x"), ("send", POSIX, "--priority", -1, "x"),
            ("send", POSIX, "--type", 1, "x"), ("send", SYSV, "--priority", 1, "x"),
            ("send", SYSV, "--type", 0, "x"), ("send", SYSV, "--type", 2 ** 63, "x"),
            ("send", SYSV, "--timeout", "1s", "--nonblock", "x"),
            ("send", SYSV, "--timeout", 1, "x"), ("send", SYSV, "--lines", "x"),
            ("receive", POSIX, "--type", 1), ("receive", SYSV, "--type", 1, "--except", 2),
            ("receive", SYSV, "--except", 0), ("receive", SYSV, "--count", 0),
            ("receive", SYSV, "--count", 1, "--all"), ("receive", SYSV, "--output", "xml"),
            ("receive", SYSV, "--output", "hex", "--json"), ("receive", SYSV, "--timeout")):
        ipcq.complains(USAGE, ["--help"], *words)
    equal([queue["messages"] for queue in ipcq.json("list")], [0, 0], "messages sent by that")


def absent_queues_are_status_5(lab):
    ipcq = Shell(lab)
    for uri in (POSIX, SYSV, "sysv:id:7", "sysv:/nowhere#1", "sysv:/tmp#9"):
        for words in (("send", uri, "x"), ("receive", uri), ("stat", uri), ("remove", uri),
                      ("set", uri, "--mode", "0600"), ("notify", uri)):
            ipcq.complains(ABSENT, [uri, "no such queue", "ipcq "], *words)
    ipcq.complains(ABSENT, [SYSV], "peek", SYSV)


def what_create_cannot_make_is_told(lab):
    ipcq = Shell(lab)
    ipcq.complains(FAILED, ["no such path /nowhere\n"], "create", "sysv:/nowhere#1")
    ipcq.complains(FAILED, ["sysv:id:7", "ipcq create sysv:private"], "create", "sysv:id:7")


def mode_may_let_nobody_in(lab):
    ipcq = Shell(lab)
    for uri in (POSIX, SYSV):
        ipcq("create", uri, "--mode", "0", *SMALL[uri])
        equal(ipcq.json("stat", uri)["mode"], "0000", f"mode of {uri}")


def owners_that_are_not_there_are_told(lab):
    ipcq = Shell(lab)
    for uri in (POSIX, SYSV):
        ipcq.small(uri)
        for option in ("--owner", "--group"):
            ipcq.complains(FAILED, [uri, "no such user or group"], "set", uri, option, 4000000000)
        equal(ipcq.json("stat", uri)["owner"], "root", "owner")


def nothing_is_taken_without_output(lab):
    ipcq = Shell(lab)
    closed = through(ipcq, "sh", "-c", 'exec "$@" >&-', "sh")
    for uri in (POSIX, SYSV):
        ipcq.small(uri)
        ipcq("send", uri, "kept")
        closed.complains(FAILED, [uri, "standard output is closed"], "receive", uri)
        closed.complains(FAILED, [uri, "standard output is closed"], "receive", uri, "--follow")
        equal(ipcq("receive", uri, "--nonblock"), b"kept\n", "message")
    # The queue does not become standard input either, from which it would be sent its status.
    through(ipcq, "sh", "-c", 'exec "$@" <&-', "sh").complains(
        FAILED, ["cannot read standard input"], "send", POSIX)
    ipcq("receive", POSIX, "--nonblock", status=UNREADY)


def private_queue_without_a_reader_of_its_name_is_not_left(lab):
    ipcq = Shell(lab)
    with open("/dev/full", "wb") as full:
        for words in (("create", "sysv:private"), ("create", "sysv:private", "--json")):
            equal(ipcq.spawn(*words, stdout=full, stderr=-3).wait(20), FAILED, "status")
    equal(ipcq.json("list"), [], "queues")
    equal(ipcq.json("create", "sysv:private")["uri"], ipcq.json("list")[0]["uri"], "name")
    equal(ipcq.json("create", SYSV), {"uri": SYSV}, "name of a queue with a key")


def signals_that_cannot_be_queued_are_told(lab):
    ipcq = Shell(lab)
    ipcq.small(SYSV)
    weak = through(ipcq, "prlimit", "--sigpending=0:0")
    for command in ("receive", "notify"):
        weak.complains(FAILED, [SYSV, "the 0 signals that RLIMIT_SIGPENDING", "ulimit -i 1",
                                "LimitSIGPENDING=1"], command, SYSV, "--timeout", "20ms")


def empty_and_full_are_status_6(lab):
    ipcq = Shell(lab)
    for uri, limit in ((POSIX, "max_messages is 4"), (SYSV, "max_bytes is 256")):
        ipcq.small(uri)
        for words in (("receive", uri, "--nonblock"), ("receive", uri, "--all"),
                      ("receive", uri, "--timeout", "20ms"),
                      ("notify", uri, "--timeout", "20ms")):
            ipcq.complains(UNREADY, [uri, "empty"], *words)
        for _ in range(4):
            ipcq("send", uri, "x" * 64)
        ipcq.complains(UNREADY, [uri, "full", limit, "4 messages"], "send", uri, "x",
                       "--nonblock")
        ipcq.complains(UNREADY, [uri, "full after 20ms", limit], "send", uri, "x",
                       "--timeout", "20ms")
        equal(ipcq("receive", uri, "--all").count(b"\n"), 4, "messages")


def exclusive_create_of_a_queue_that_is_there_fails(lab):
    ipcq = Shell(lab)
    for uri in (POSIX, SYSV):
        ipcq.small(uri)
        ipcq.complains(FAILED, [uri, "exists"], "create", uri, "--exclusive")


def create_says_what_a_queue_keeps(lab):
    ipcq = Shell(lab)
    ipcq.small(POSIX)
    answer = ipcq.try_("create", POSIX, "--max-messages", 5, "--message-size", 64, "--mode",
                       "0644")
    equal(answer.status, 0, "status")
    require("max_messages 4" in answer.err and "mode 0600" in answer.err,
            f"not said: {answer.err}")
    require("message_size" not in answer.err, f"said for nothing: {answer.err}")


def bodies_that_are_too_large_name_the_limit(lab):
    ipcq = Shell(lab)
    ipcq.small(POSIX)
    ipcq.complains(FAILED, [POSIX, "65 bytes", "message_size is 64", "--message-size"], "send",
                   POSIX, "x" * 65)
    ipcq.complains(FAILED, [POSIX, "has more than 64 bytes", "message_size is 64"], "send", POSIX,
                   stdin=b"x" * 100000)
    ipcq.small(SYSV)
    ipcq.complains(FAILED, [SYSV, "257 bytes", "max_bytes of the queue is 256",
                            f"ipcq set {SYSV} --max-bytes 257"],
                   "send", SYSV, "x" * 257)
    ipcq("create", "sysv:0x72")
    ipcq.complains(FAILED, ["sysv:0x72", "kernel.msgmax is 8192", "sysctl -w kernel.msgmax=8193"],
                   "send", "sysv:0x72", "x" * 8193)


def through(ipcq, *wrapper):
    """An ipcq that is started by another program, which takes something from it."""
    if shutil.which(wrapper[0]) is None:
        raise Skipped(f"{wrapper[0]} is not installed")
    weak = Shell(ipcq.lab)
    weak.words = lambda words: [*wrapper, *ipcq.words(words)]
    return weak


def without_rights(ipcq, *kept):
    """Without those of root, but for some: "+sys_admin"."""
    return through(ipcq, "setpriv", "--bounding-set=" + ",".join(("-all", *kept)),
                   "--inh-caps=-all")


def limits_of_making_are_named_with_their_mend(lab):
    ipcq = without_rights(Shell(lab))
    ipcq.complains(FAILED, [POSIX, "11", "fs.mqueue.msg_max allows 10",
                            "sysctl -w fs.mqueue.msg_max=11"],
                   "create", POSIX, "--max-messages", 11, "--message-size", 8)
    ipcq.complains(FAILED, [POSIX, "8193", "sysctl -w fs.mqueue.msgsize_max=8193"],
                   "create", POSIX, "--message-size", 8193, "--max-messages", 1)
    ipcq.complains(FAILED, [POSIX, "16777217", "16777216"], "create", POSIX,
                   "--message-size", 16777217, "--max-messages", 1)
    ipcq.complains(DENIED, [SYSV, "16385", "kernel.msgmnb allows 16384",
                            "sysctl -w kernel.msgmnb=16385"], "create", SYSV, "--max-bytes", 16385)
    equal(ipcq.complains(FAILED, [], "create", POSIX, "--max-messages", 65537).count("\n"), 1,
          "lines of a complaint")
    through(Shell(lab), "prlimit", "--msgqueue=100:100").complains(
        FAILED, [POSIX, "RLIMIT_MSGQUEUE allows 100 bytes", "LimitMSGQUEUE=420 ",
                 "prlimit --msgqueue=420 ", "ulimit -q"], "create", POSIX,
        "--max-messages", 2, "--message-size", 64)


def no_right_is_status_4(lab):
    ipcq = Shell(lab)
    for uri in (POSIX, SYSV):
        ipcq.small(uri)
        ipcq("send", uri, "x")
        ipcq("set", uri, "--mode", "0000")
    # Without a mqueue file system mounted, that right is needed to list.
    weak = without_rights(ipcq, "+sys_admin")
    for uri in (POSIX, SYSV):
        for words in (("send", uri, "x"), ("receive", uri), ("notify", uri)):
            weak.complains(DENIED, [uri, "not permitted", "ipcq stat"], *words)
        shown = weak.json("stat", uri)
        equal((shown["mode"], shown["owner"]), ("0000", "root"), f"what is seen of {uri}")
    require(weak.json("stat", POSIX)["messages"] is None, "messages that nobody may count")
    ipcq("set", SYSV, "--mode", "0600")
    weak("set", SYSV, "--max-bytes", 100)
    weak.complains(DENIED, [SYSV, "kernel.msgmnb"], "set", SYSV, "--max-bytes", 2 ** 30)


def queue_that_nobody_may_see_names_the_mount(lab):
    ipcq = Shell(lab)
    ipcq.small(POSIX)
    ipcq("set", POSIX, "--mode", "0000")
    hidden = through(ipcq, "unshare", "-m", "sh", "-c",
                     "umount /dev/mqueue 2>/dev/null; exec setpriv --bounding-set=-all "
                     '--inh-caps=-all "$@"', "sh")
    answer = hidden.complains(DENIED, [POSIX, "mount -t mqueue none /dev/mqueue"], "stat", POSIX)
    require("ipcq stat" not in answer, f"points at itself: {answer}")


def output_that_cannot_be_written_is_status_1(lab):
    ipcq = Shell(lab)
    ipcq.small(POSIX)
    ipcq("send", POSIX, "x")
    with open("/dev/full", "wb") as full:
        for words in (("list",), ("limits",), ("stat", POSIX), ("--help",), ("receive", POSIX)):
            equal(ipcq.spawn(*words, stdout=full, stderr=-3).wait(20), FAILED,
                  f"status of {words}")
        for number in range(60):  # more than a buffer
            ipcq("create", f"sysv:{number + 1}")
        process = ipcq.spawn("list", "--json", stdout=full, stderr=subprocess.PIPE)
        err = process.communicate(timeout=20)[1].decode()
    require("No space left" in err, f"said: {err}")


def limits_are_shown_with_what_raises_them(lab):
    ipcq = Shell(lab)
    ipcq.small(SYSV)
    rows = {row["name"]: row for row in ipcq.json("limits")}
    equal(sorted(rows), sorted((
        "fs.mqueue.queues_max", "fs.mqueue.msg_max", "fs.mqueue.msgsize_max",
        "fs.mqueue.msg_default", "fs.mqueue.msgsize_default", "RLIMIT_MSGQUEUE",
        "kernel.msgmni", "kernel.msgmax", "kernel.msgmnb")), "limits")
    read = "import sys; print(open('/proc/sys/' + sys.argv[1].replace('.', '/')).read())"
    text = ipcq("limits").decode()
    for name, row in rows.items():
        if "." in name:
            equal(row["value"], int(python(lab.a, read, name)), name)
        require(f"{name}: {row['value']}" in text, f"{name} is not in the text")
    require(rows["kernel.msgmni"]["raise"].startswith("sysctl -w kernel.msgmni="),
            f"line that raises: {rows['kernel.msgmni']}")
    require("LimitMSGQUEUE=" in rows["RLIMIT_MSGQUEUE"]["raise"],
            f"line that raises: {rows['RLIMIT_MSGQUEUE']}")
    equal(rows["kernel.msgmni"]["used"], 1, "System V queues used")


if __name__ == "__main__":
    sys.exit(main(help_and_version_are_printed, usage_is_status_2, absent_queues_are_status_5,
                  what_create_cannot_make_is_told, mode_may_let_nobody_in,
                  owners_that_are_not_there_are_told, nothing_is_taken_without_output,
                  private_queue_without_a_reader_of_its_name_is_not_left,
                  signals_that_cannot_be_queued_are_told,
                  queue_that_nobody_may_see_names_the_mount,
                  empty_and_full_are_status_6, exclusive_create_of_a_queue_that_is_there_fails,
                  create_says_what_a_queue_keeps, bodies_that_are_too_large_name_the_limit,
                  limits_of_making_are_named_with_their_mend, no_right_is_status_4,
                  output_that_cannot_be_written_is_status_1,
                  limits_are_shown_with_what_raises_them))
