#!/usr/bin/env python3
"""usage: slices.py PID PAUSE SECONDS

Make a process as slow as on a machine that is much too small: it works for a moment, and then
pauses, for so long; then it runs on. It begins with a process that has stopped itself, and lets it
run until it has a second thread, or with one that runs; or, imported, when slowed() is called."""
import contextlib
import os
import signal
import sys
import time

SLICE_S = 0.001
GRACE_S = 0.1  # to begin to work, where others have the processors


def worked_s(pid):
    """What all its threads had of the processors."""
    return time.clock_gettime(~pid << 3 | 2)  # CPUCLOCK_SCHED of linux/posix-timers.h


def turns(pid):
    """{(thread, how often it was given a processor)}"""
    found = set()
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as text:
            found.add((thread, text.read().split()[2]))
    return found


def paused(pid, pause_s):
    """Others may let it run on: systemd does when it stops a unit."""
    end = time.monotonic() + pause_s
    while time.monotonic() < end:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(SLICE_S)


def slowed(pid, pause_s, is_done):
    """Where others have the processors a moment lasts until each thread had its turn."""
    while not is_done():
        paused(pid, pause_s)
        with contextlib.suppress(OSError):  # it may have ended, which the next signal tells
            before, worked, end = turns(pid), worked_s(pid), time.monotonic() + GRACE_S
            os.kill(pid, signal.SIGCONT)
            time.sleep(SLICE_S)
            while time.monotonic() < end and (
                    worked_s(pid) < worked + SLICE_S / 2 or before & turns(pid)):
                time.sleep(SLICE_S / 4)


def field(pid, name):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return dict(line.split(":\t", 1) for line in status)[name].strip()


def main(pid, pause_s, seconds):
    with contextlib.suppress(OSError):
        os.nice(-20)  # the moments would be long otherwise where much else runs
    end = time.monotonic() + seconds
    if int(field(pid, "Threads")) == 1:
        while field(pid, "State")[0] != "T":
            time.sleep(0.01)
        os.kill(pid, signal.SIGCONT)
        while int(field(pid, "Threads")) == 1:
            pass
    with contextlib.suppress(ProcessLookupError):  # it has ended
        if seconds > 0:
            os.kill(pid, signal.SIGSTOP)
            print("slow from now on", flush=True)
        slowed(pid, pause_s, lambda: time.monotonic() >= end)
        os.kill(pid, signal.SIGCONT)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
