#!/usr/bin/env python3
"""What the service manager is told by a daemon that hangs, starts slowly or drains for long, and by
one to which it does not listen; this test is the manager."""
import contextlib
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.freeze import frozen, threads
from harness.lab import main, require
from harness.manager import Manager
from harness.programs import until
from harness.slices import slowed
from harness.steering import DONE, require_status

FEED_S = 0.2   # half of what the watchdog allows
ALLOWED_S = 5  # to start, without asking for more; the daemon asks every 2 s
DRAINS = 6     # at most, until one takes long


def managed(lab, daemon, reads=True, **more):
    manager = Manager(lab.directory, daemon.name, reads)
    daemon.environment = {"NOTIFY_SOCKET": manager.path, **more}
    return manager


# ---- the watchdog -------------------------------------------------------------------------

def thread_has_run(pid, before):
    return any(after[1] > before[thread][1] for thread, after in threads(pid).items())


def loop_that_is_blocked_is_not_fed(lab):
    flow = lab.flow("main", "sysv:0x71", "posix:/in", (lab.a, lab.a))
    flow.create(4, 64)
    a = lab.daemon({"queues": [{"name": "out", "uri": "sysv:0x71"},
                               {"name": "in", "uri": "posix:/in"}],
                    "routes": [{"name": "main", "from": "out", "to": "in"}]})
    manager = managed(lab, a, WATCHDOG_USEC=str(int(2e6 * FEED_S)))
    a.start()
    pid = a.process.pid
    until(lambda: len(manager.of("WATCHDOG")) >= 3, 20, "the watchdog to be fed")
    before = threads(pid)
    with frozen(pid):
        stopped = time.monotonic()
        # The thread that waits for messages of this queue goes on.
        flow.produce([1], "--size", 64, "--count", 1)
        until(lambda: thread_has_run(pid, before), 20, "another thread to run")
        time.sleep(10 * FEED_S)  # what must not happen has this long to happen
        require(all(state in "SR" for state, _ in threads(pid).values()), "all threads stopped")
        fed = manager.of("WATCHDOG", stopped + 0.1)
        require(not fed, f"the watchdog was fed {len(fed)} times while the loop was stopped")
    until(lambda: manager.of("WATCHDOG", stopped + 0.1), 20, "the watchdog to be fed again")
    flow.consume()
    flow.wait_received(1, 20)
    a.stop()


# ---- more time ----------------------------------------------------------------------------

def slow_start(daemon, manager, pause_s):
    """When it was begun, and when the daemon was ready."""
    begun = time.monotonic()
    daemon.start(wait=False)
    until(lambda: threads(daemon.process.pid), 20, "the thread that asks", 0.001)
    slowed(daemon.process.pid, pause_s, lambda: manager.of("READY", begun)
           or time.monotonic() > begun + 2.5 * ALLOWED_S)
    until(lambda: manager.of("READY", begun), 60, "the daemon to be ready")
    return begun, manager.of("READY", begun)[0][0]


def start_that_takes_long_asks_for_more_time(lab):
    flow = lab.flow("main", "posix:/out", "posix:/in")
    flow.create(8, 8192)
    a = lab.daemon({"queues": [{"name": "out", "uri": "posix:/out", "ring_size": "64MiB"}],
                    "peers": [{"name": "b", "address": "tcp://127.0.0.1:9"}],
                    "routes": [{"name": "main", "from": "out", "to": "b/in"}]})
    a.start()
    flow.produce([0], "--size", 8192, "--count", 6000)
    flow.wait_sent(60)
    until(lambda: a.status()["backlog_records"] == 6000, 20, "everything to be taken")
    a.stop()
    manager = managed(lab, a)
    for pause_s in 0.5, 1, 1.5:  # machines differ
        begun, ready = slow_start(a, manager, pause_s)
        require(ready < manager.deadline(begun, ALLOWED_S),
                f"ready after {ready - begun:.1f} s: a manager would have ended it before")
        a.stop()
        if ready > begun + ALLOWED_S:
            break
    require(ready > begun + ALLOWED_S, f"ready after {ready - begun:.1f} s: not slow enough")


READER = """
import ctypes, os, time
libc, to = ctypes.CDLL(None), ctypes.create_string_buffer(64)
queue = libc.mq_open(b"/in", os.O_RDONLY)
while libc.mq_receive(queue, to, 64, None) >= 0:
    time.sleep(0.02)
"""


@contextlib.contextmanager
def slow_reader(host):
    """Takes a message now and then, so that acknowledgements come all the time."""
    process = host.spawn([sys.executable, "-c", READER])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def drained_s(lab, a, manager):
    """A stop with messages in flight, of which one is acknowledged now and then."""
    until(lambda: a.route("main")["in_flight"] > 100, 20, "messages in flight")
    before = a.route("main")["settled_total"]
    with slow_reader(lab.b):
        until(lambda: a.route("main")["settled_total"] > before + 4, 20, "acknowledgements")
        begun = time.monotonic()
        a.stop()
        ended = time.monotonic()
    require(ended < manager.deadline(begun, 1),
            f"stopped after {ended - begun:.1f} s: a manager would have ended it before")
    return ended - begun


def stop_that_drains_for_long_asks_for_more_time(lab):
    flow = lab.flow("main", "posix:/out", "posix:/in")
    flow.create(4, 64)
    a, b = lab.one_way("posix:/out", "posix:/in")
    a.stop()
    with open(a.conf, encoding="utf-8") as conf:
        text = conf.read()
    with open(a.conf, "w", encoding="utf-8") as conf:
        conf.write(text.replace('"500ms"', '"4s"'))
    manager = managed(lab, a)
    took = []
    # A drain ends when nothing was acknowledged for 200 ms, which a busy machine may need.
    while not took or (max(took) < 1 and len(took) < DRAINS):
        a.start()
        flow.produce([0], "--size", 64, "--count", 400)
        flow.wait_sent(20)
        took.append(drained_s(lab, a, manager))
    require(max(took) > 1, f"stopped after {took} s: that was no long drain")
    b.stop()


# ---- a manager that does not read --------------------------------------------------------

def manager_that_does_not_read_stops_nothing(lab):
    flow = lab.flow("main", "sysv:0x71", "posix:/in", (lab.a, lab.a))
    flow.create(4, 64)
    a = lab.daemon({"queues": [{"name": "out", "uri": "sysv:0x71"},
                               {"name": "in", "uri": "posix:/in"}],
                    "routes": [{"name": "main", "from": "out", "to": "in"}]})
    manager = managed(lab, a, reads=False, WATCHDOG_USEC=str(int(2e6 * FEED_S)))
    manager.fill()
    a.start()
    flow.consume()
    flow.produce([1], "--size", 64, "--count", 1000)
    flow.wait_received(1000, 20)
    require_status(a, DONE, "show", "version")
    manager.read()
    until(lambda: manager.of("READY"), 20, "the daemon to be ready once the manager reads")
    until(manager.status, 20, "a status")
    until(lambda: manager.of("WATCHDOG"), 20, "the watchdog to be fed")
    a.stop()
    until(lambda: manager.of("STOPPING"), 20, "the end")


if __name__ == "__main__":
    sys.exit(main(loop_that_is_blocked_is_not_fed, start_that_takes_long_asks_for_more_time,
                  stop_that_drains_for_long_asks_for_more_time,
                  manager_that_does_not_read_stops_nothing))
