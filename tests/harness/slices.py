#!/usr/bin/env python3
"""usage: slices.py PID PAUSE SECONDS

Make a process as slow as on a machine that is much too small: it runs for a moment, and then
pauses, for so long; then it runs on. It begins with a process that has stopped itself, and lets it
run until it has a second thread, or with one that runs; or, imported, when slowed() is called."""
import contextlib
import os
import signal
import sys
import time

SLICE_S = 0.001


def paused(pid, pause_s):
    """Others may let it run on: systemd does when it stops a unit."""
    end = time.monotonic() + pause_s
    while time.monotonic() < end:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(SLICE_S)


def slowed(pid, pause_s, is_done):
    while not is_done():
        paused(pid, pause_s)
        os.kill(pid, signal.SIGCONT)
        time.sleep(SLICE_S)


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


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
