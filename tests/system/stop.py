#!/usr/bin/env python3
"""A stop keeps everything: the image of a clean stop, what mqbridge-spool saves after a crash,
and the tmpfs state that a killed daemon goes on from."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main, require
from harness.programs import Skipped, until

COUNT = 2000


def image(daemon):
    return os.path.exists(os.path.join(daemon.state_directory, "image"))


def backlog(lab):
    """Messages that wait in the sender because the receiver is not there yet."""
    flow = lab.flow("flow", "posix:/a", "posix:/b")
    flow.create(4, 256)
    a, b = lab.pair(
        {"queues": [{"name": "out", "uri": "posix:/a"}],
         "routes": [{"name": "main", "from": "out", "to": "b/in"}]},
        {"queues": [{"name": "in", "uri": "posix:/b"}]}, b_takes=["in"])
    a.start()
    flow.produce([0, 9], "--max", 256, "--count", COUNT)
    flow.wait_sent(30)
    until(lambda: a.status()["backlog_records"] == COUNT, 20, "everything to be taken")
    return flow, a, b


def finish(flow, a, b):
    """Everything arrives after all."""
    a.start()
    require(not image(a), "the image is still there after the start")
    equal(a.status()["backlog_records"], COUNT, "backlog after the start")
    b.start()
    flow.consume()
    flow.wait_received(COUNT, 30)
    flow.require_exact()
    b.stop()
    a.stop()


def clean_stop_survives_a_reboot(lab):
    flow, a, b = backlog(lab)
    a.stop()
    require(image(a), "a clean stop left no image")
    a.wipe()
    finish(flow, a, b)


def crash_and_save_survive_a_reboot(lab):
    flow, a, b = backlog(lab)
    a.kill()
    a.save()
    require(image(a), "mqbridge-spool save left no image")
    a.save()  # as often as one likes
    a.wipe()
    finish(flow, a, b)


def crash_alone_goes_on_from_the_tmpfs_state(lab):
    flow, a, b = backlog(lab)
    for _ in range(3):
        a.kill()
        a.start()
    a.kill()
    finish(flow, a, b)


def second_daemon_on_the_same_directory_is_refused(lab):
    _, a, _ = backlog(lab)
    second = lab.spawn(lab.a, [a.program("mqbridged"), "--config", a.conf, "--foreground"],
                       stderr=subprocess.DEVNULL)
    require(second.wait(20) != 0, "two daemons share one runtime directory")
    a.require_running()
    equal(a.status()["backlog_records"], COUNT, "backlog of the first")


def on_disk(path):
    """Is it surely not on tmpfs?"""
    kind = subprocess.run(["stat", "-f", "-c", "%T", path], stdout=subprocess.PIPE,
                          text=True, check=True).stdout.strip()
    return kind != "tmpfs"


def ring_directory_that_is_no_tmpfs_is_refused(lab):
    # /tmp itself is a tmpfs on many machines. The daemon writes nothing into one that it refuses.
    places = [path for path in (lab.directory, "/var/tmp", "/usr") if on_disk(path)]
    if not places:
        raise Skipped("no directory here is on a disk")
    a = lab.daemon({"ring_directory": places[0]})
    process = lab.spawn(lab.a, [a.program("mqbridged"), "--config", a.conf, "--foreground"],
                        stderr=subprocess.PIPE, text=True)
    _, said = process.communicate(timeout=20)
    require(process.returncode != 0, "a ring directory on disk was accepted")
    require("tmpfs" in said, f"the refusal does not speak of tmpfs: {said}")


if __name__ == "__main__":
    sys.exit(main(clean_stop_survives_a_reboot, crash_and_save_survive_a_reboot,
                  crash_alone_goes_on_from_the_tmpfs_state,
                  second_daemon_on_the_same_directory_is_refused,
                  ring_directory_that_is_no_tmpfs_is_refused))
