#!/usr/bin/env python3
"""usage: freeze.py PID

Stop the first thread of a process, and only that one, until a signal waits for it, which it then
gets, or until it has ended; or, imported, as long as a block lasts."""
import contextlib
import ctypes
import os
import sys
import time

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000  # waitpid(2): of any thread

libc = ctypes.CDLL(None, use_errno=True)


def ptrace(request, pid):
    if libc.ptrace(request, pid, None, None) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x}")


@contextlib.contextmanager
def frozen(pid):
    ptrace(PTRACE_SEIZE, pid)
    try:
        ptrace(PTRACE_INTERRUPT, pid)
        os.waitpid(pid, WALL)
        yield
    finally:
        with contextlib.suppress(OSError):  # it may have ended
            ptrace(PTRACE_DETACH, pid)


def fields(path):
    with open(path, encoding="ascii") as status:
        return dict(line.split(":\t", 1) for line in status)


def has_signal(pid):
    """Does one wait for the process?"""
    return int(fields(f"/proc/{pid}/status")["ShdPnd"], 16) != 0


def threads(pid):
    """{thread: (state, how often it went to sleep)} of all but the first."""
    found = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        if int(thread) == pid:
            continue
        status = fields(f"/proc/{pid}/task/{thread}/status")
        found[thread] = (status["State"][0], int(status["voluntary_ctxt_switches"]))
    return found


def main(pid):
    with frozen(pid):
        states = {state for state, _ in threads(pid).values()}
        print("frozen" if states and states <= set("SR") else f"no other thread runs: {states}",
              flush=True)
        with contextlib.suppress(OSError):
            while not has_signal(pid):
                time.sleep(0.05)


if __name__ == "__main__":
    main(int(sys.argv[1]))
