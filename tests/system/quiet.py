#!/usr/bin/env python3
"""A steady flow writes nothing to disk."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main
from harness.programs import until

COUNT = 50000


def written(daemon):
    """Bytes that the process caused to be written to disks."""
    with open(f"/proc/{daemon.process.pid}/io", encoding="ascii") as lines:
        return dict(line.split(": ") for line in lines.read().splitlines())["write_bytes"]


def steady_flow_writes_nothing_to_disk(lab):
    flows = [lab.flow("posix", "posix:/quiet", "posix:/quiet"),
             lab.flow("sysv", "sysv:0x71", "sysv:0x71")]
    daemons = lab.pair(
        {"queues": [{"name": flow.name, "uri": flow.source[1]} for flow in flows],
         "routes": [{"name": flow.name, "from": flow.name, "to": f"b/{flow.name}"}
                    for flow in flows]},
        {"queues": [{"name": flow.name, "uri": flow.destination[1]} for flow in flows]},
        b_takes=[flow.name for flow in flows])
    for flow in flows:
        flow.create(10, 256)
    for daemon in daemons:
        daemon.log = "/dev/null"  # where it logs to is not its concern
        daemon.start()
    for flow in flows:
        flow.consume()
        flow.produce([1, 2], "--max", 256)
        flow.wait_received(1000, 30)
    before = [written(daemon) for daemon in daemons]
    goal = [flow.received() + COUNT for flow in flows]
    until(lambda: all(flow.received() >= n for flow, n in zip(flows, goal)), 60,
          "a steady flow")
    equal([written(daemon) for daemon in daemons], before, "bytes written to disk")


if __name__ == "__main__":
    sys.exit(main(steady_flow_writes_nothing_to_disk))
