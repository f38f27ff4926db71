#!/usr/bin/env python3
"""ipcq waits as long as it was told, whatever the wall clock does, ends when it is told, and
loses no message by that."""
import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.ipcq_shell import DONE, FAILED, POSIX, SYSV, UNREADY, Shell
from harness.lab import equal, main, require
from harness.programs import Skipped, until

WAIT_S, GRANT_S = 0.3, 5
COUNT, TURNS = 5000, 20
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def sleeping(process):
    """Is it waiting in the kernel, its handlers set?"""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as lines:
        status = dict(line.split(":\t", 1) for line in lines.read().splitlines() if ":\t" in line)
    caught = int(status["SigCgt"], 16) >> (signal.SIGTERM - 1) & 1
    return caught and status["State"].startswith("S")


def follower(ipcq, uri, *words, **how):
    how.setdefault("stdout", subprocess.PIPE)
    process = ipcq.spawn("receive", uri, *words, stderr=subprocess.PIPE, **how)
    until(lambda: sleeping(process), 10, "the receiver to wait")
    return process


def follow_ends_by_signal_with_status_0(lab):
    ipcq = Shell(lab)
    for uri in (POSIX, SYSV):
        ipcq.small(uri)
        for number in ENDING:
            process = follower(ipcq, uri, "--follow")
            for body in (b"one", b"two"):
                ipcq("send", uri, stdin=body)
                equal(process.stdout.readline(), body + b"\n", "message")
            process.send_signal(number)
            out, err = process.communicate(timeout=GRANT_S)
            equal((process.returncode, out, err), (DONE, b"", b""), f"end by signal {number}")
            idle = follower(ipcq, uri, "--follow")
            idle.send_signal(number)
            equal(idle.wait(GRANT_S), DONE, "status without any message")
        ipcq("send", uri, "later")
        equal(ipcq("receive", uri, "--nonblock"), b"later\n", "message sent afterwards")


def waiting_for_one_dies_by_the_signal(lab):
    ipcq = Shell(lab)
    for uri in (POSIX, SYSV):
        ipcq.small(uri)
        for words in ((), ("--timeout", "20s")):
            process = follower(ipcq, uri, *words)
            process.send_signal(signal.SIGTERM)
            equal(process.wait(GRANT_S), -signal.SIGTERM, "status")
        waiting = ipcq.spawn("notify", uri)
        until(lambda: sleeping(waiting), 10, "who waits to be notified")
        waiting.send_signal(signal.SIGINT)
        equal(waiting.wait(GRANT_S), -signal.SIGINT, "status of notify")


def ending_at_any_instant_loses_nothing(lab):
    """A receiver is ended again and again while messages come; together they have all."""
    ipcq = Shell(lab)
    for uri in (POSIX, SYSV):
        ipcq.small(uri)
        sender = ipcq.spawn("send", uri, "--lines", stdin=subprocess.PIPE)
        sender.stdin.write(b"".join(b"%d\n" % number for number in range(COUNT)))
        sender.stdin.close()
        got, path = [], os.path.join(lab.directory, "got")
        for turn in range(TURNS):
            with open(path, "wb") as out:
                process = ipcq.spawn("receive", uri, "--follow", stdout=out)
                until(lambda: sleeping(process) or os.path.getsize(path) > turn * 4, 10,
                      "a message")
                process.send_signal(ENDING[turn % 3])
                process.wait(GRANT_S)
            with open(path, "rb") as lines:
                got += lines.read().split()
        until(lambda: sender.poll() is not None or ipcq.json("stat", uri)["messages"], 10,
              "what is left")
        while sender.poll() is None:
            got += ipcq("receive", uri, "--all", "--timeout", "100ms").split()
        got += ipcq.try_("receive", uri, "--all").out.split()
        equal([int(number) for number in got], list(range(COUNT)), "messages received")


def lines_of(count):
    """As many bytes each as fit into a message of the small queues."""
    return [b"%063d" % number for number in range(count)]


def slow_reader(ipcq, uri, blocks):
    """What comes through a pipe that is full when the receiver is told to end."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writing, blocks)
    process = ipcq.spawn("receive", uri, "--follow", stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    # With something in the pipe the receiver has begun, and knows what to do with a signal.
    until(lambda: select.select([reading], [], [], 0)[0], 20, "the first message")
    until(lambda: ipcq.json("stat", uri)["messages"] == 4, 20, "a full queue behind a full pipe")
    process.send_signal(signal.SIGTERM)
    with os.fdopen(reading, "rb") as out:
        got = out.read()
    equal((process.wait(GRANT_S), process.stderr.read()), (DONE, b""), "end of the receiver")
    return got.split()


def slow_reader_loses_nothing(lab):
    """Also where the pipe does not block: the message that is taken is written whole."""
    ipcq = Shell(lab)
    sent = lines_of(200)
    for uri in (POSIX, SYSV):
        ipcq.small(uri)
        for blocks in (True, False):
            sender = ipcq.spawn("send", uri, "--lines", stdin=subprocess.PIPE)
            sender.stdin.write(b"\n".join(sent))
            sender.stdin.close()
            got = slow_reader(ipcq, uri, blocks)
            while sender.poll() is None:
                got += ipcq("receive", uri, "--all", "--timeout", "100ms").split()
            got += ipcq.try_("receive", uri, "--all").out.split()
            equal(got, sent, f"{uri}, blocking {blocks}: messages")


def ignored_signals_stay_ignored(lab):
    ipcq = Shell(lab)
    ipcq.small(POSIX)
    process = follower(
        ipcq, POSIX, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.send_signal(signal.SIGHUP)
    ipcq("send", POSIX, "still here")
    equal(process.communicate(timeout=GRANT_S)[0], b"still here\n", "message")
    equal(process.returncode, DONE, "status")


def stopping_and_going_on_loses_nothing(lab):
    ipcq = Shell(lab)
    for uri in (POSIX, SYSV):
        ipcq.small(uri)
        process = follower(ipcq, uri, "--timeout", "15s")
        for _ in range(5):
            process.send_signal(signal.SIGSTOP)
            process.send_signal(signal.SIGCONT)
        ipcq("send", uri, "x")
        equal(process.communicate(timeout=GRANT_S)[0], b"x\n", "message")


def reader_that_goes_ends_following(lab):
    ipcq = Shell(lab)
    for uri in (POSIX, SYSV):
        ipcq.small(uri)
        process = follower(ipcq, uri, "--follow")
        ipcq("send", uri, "seen")
        equal(process.stdout.readline(), b"seen\n", "message")
        process.stdout.close()
        equal(process.wait(GRANT_S), DONE, "status")
        ipcq("send", uri, "kept")
        equal(ipcq("receive", uri, "--nonblock"), b"kept\n", "message sent afterwards")


def nothing_is_taken_for_a_reader_that_is_gone(lab):
    ipcq = Shell(lab)
    for uri in (POSIX, SYSV):
        ipcq.small(uri)
        ipcq("send", uri, "kept")
        equal(into_closed_pipe(ipcq, "receive", uri), -signal.SIGPIPE, "status")
        equal(into_closed_pipe(ipcq, "receive", uri, "--follow"), DONE, "status of following")
        equal(ipcq("receive", uri, "--nonblock"), b"kept\n", "message")
    equal(into_closed_pipe(ipcq, "list"), FAILED, "status of a list that nobody reads")


def into_closed_pipe(ipcq, *words):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return ipcq.spawn(*words, stdout=writing).wait(GRANT_S)
    finally:
        os.close(writing)


def message_that_outgrows_the_buffer_is_received(lab):
    """The limits of the queue are raised while somebody waits."""
    ipcq = Shell(lab)
    ipcq.small(SYSV)
    process = follower(ipcq, SYSV)
    ipcq("set", SYSV, "--max-bytes", 4096)
    ipcq("send", SYSV, "x" * 4096)
    equal(process.communicate(timeout=GRANT_S)[0], b"x" * 4096 + b"\n", "message")
    equal(process.returncode, DONE, "status")


def messages_that_cannot_be_written_are_told(lab):
    ipcq = Shell(lab)
    ipcq.small(POSIX)
    ipcq("send", POSIX, "x")
    with open("/dev/full", "wb") as full:
        process = ipcq.spawn("receive", POSIX, stdout=full, stderr=subprocess.PIPE)
        err = process.communicate(timeout=GRANT_S)[1].decode()
    equal(process.returncode, FAILED, "status")
    require(POSIX in err and "no longer in the queue" in err and err.count("\n") == 1,
            f"said: {err}")


def took(ipcq, *words):
    begun = time.monotonic()
    ipcq(*words, "--timeout", f"{WAIT_S * 1000:.0f}ms", status=UNREADY)
    return time.monotonic() - begun


def fill(ipcq, uri):
    ipcq.small(uri)
    for _ in range(4):
        ipcq("send", uri, "x" * 64)


def require_waits(ipcq):
    for uri in (POSIX, SYSV):
        for words in (("send", uri, "x"), ("receive", uri, "--type", 9), ("receive", uri),
                      ("notify", uri)):
            if "--type" in words and uri == POSIX:
                continue
            if words == ("receive", uri):
                ipcq("receive", uri, "--all")
            seconds = took(ipcq, *words)
            require(WAIT_S <= seconds < WAIT_S + GRANT_S, f"{words} waited {seconds:.3f} s")


def timeouts_are_kept(lab):
    ipcq = Shell(lab)
    for uri in (POSIX, SYSV):
        fill(ipcq, uri)
    require_waits(ipcq)


# Wall clock time jumps by an hour, forth and back, from one look at it to the next; a call that
# would wait for a time of it ends the process.
STEPS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <mqueue.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
static long steps;
static long jump(void) { return (++steps % 2) ? 3600 : -3600; }
int clock_gettime(clockid_t id, struct timespec *at)
{
	int (*next)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
	int rc = next(id, at);
	if (rc == 0 && id == CLOCK_REALTIME)
		at->tv_sec += jump();
	return rc;
}
int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
	struct timespec now;
	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	at->tv_sec = now.tv_sec;
	at->tv_usec = now.tv_nsec / 1000;
	return 0;
}
time_t time(time_t *at)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (at)
		*at = now.tv_sec;
	return now.tv_sec;
}
ssize_t mq_timedreceive(mqd_t q, char *restrict b, size_t n, unsigned *restrict p,
    const struct timespec *restrict t) { abort(); }
int mq_timedsend(mqd_t q, const char *b, size_t n, unsigned p, const struct timespec *t)
{ abort(); }
"""


def timeouts_do_not_ask_the_wall_clock(lab):
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise Skipped("there is no C compiler")
    library = os.path.join(lab.directory, "steps.so")
    subprocess.run([compiler, "-shared", "-fPIC", "-x", "c", "-o", library, "-"], check=True,
                   input=STEPS.encode())
    ipcq = Shell(lab)
    for uri in (POSIX, SYSV):
        fill(ipcq, uri)
    plain = ipcq.words
    ipcq.words = lambda words: ["env", f"LD_PRELOAD={library}",
                                "ASAN_OPTIONS=verify_asan_link_order=0", *plain(words)]
    require_waits(ipcq)


def who_waits_is_told_that_the_queue_goes(lab):
    ipcq = Shell(lab)
    ipcq.small(SYSV)
    process = follower(ipcq, SYSV)
    ipcq("remove", SYSV)
    err = process.communicate(timeout=GRANT_S)[1].decode()
    equal(process.returncode, 5, "status")
    require("removed meanwhile" in err, f"said: {err}")


if __name__ == "__main__":
    sys.exit(main(follow_ends_by_signal_with_status_0, waiting_for_one_dies_by_the_signal,
                  ending_at_any_instant_loses_nothing, slow_reader_loses_nothing, ignored_signals_stay_ignored, stopping_and_going_on_loses_nothing,
                  reader_that_goes_ends_following,
                  nothing_is_taken_for_a_reader_that_is_gone,
                  message_that_outgrows_the_buffer_is_received, messages_that_cannot_be_written_are_told,
                  timeouts_are_kept, timeouts_do_not_ask_the_wall_clock,
                  who_waits_is_told_that_the_queue_goes))
