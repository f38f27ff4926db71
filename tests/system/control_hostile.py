#!/usr/bin/env python3
# harness: alone
"""64 hostile clients on the control socket: routes keep their rate, an honest client is served,
and memory stays bounded.

The clients (tests/tools/hostile) are one process that waits for the daemon most of the time and
runs at the lowest priority, so that their own processor time, which is printed, is hardly taken
from the daemons; nothing is discounted for it. They are at work and stopped in turn, in short
spells, since the rate itself drifts up to threefold within seconds on a machine that has other
work. With --full the median of five such runs counts.
"""
import json
import os
import signal
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import main, require
from harness.programs import Failure, program, until

CLIENTS = 64
PATIENCE_S = 20
ROUTES = 8            # beside the one that is measured: an answer has a size
SPELL_S = 0.4
REST_S = 0.1          # in which what the clients had asked before is answered
SPELLS = 16
KEEPS, ATTEMPTS = 0.8, 4
FULL_RUNS = 5
FULL_KEEPS = 0.95
HONEST_S = 8.0        # for an honest client among the hostile ones
GROWS = 48 << 20      # bytes: 16 MiB of answers that wait, and what makes them


def resident(process):
    """(bytes now, bytes at most so far) of a daemon's memory."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        lines = dict(line.split(":", 1) for line in file if ":" in line)
    return tuple(int(lines[key].split()[0]) << 10 for key in ("VmRSS", "VmHWM"))


def descendant(process, name):
    """The pid of the program that a command was to start, which may have a parent."""
    try:
        with open(f"/proc/{process.pid}/comm", encoding="ascii") as file:
            require(file.read().startswith(name[:15]), f"pid {process.pid} is no {name}")
    except FileNotFoundError:
        raise Failure(f"{name} is not there") from None
    return process


def busy_pair(lab):
    flow = lab.flow("flow", "posix:/a", "posix:/b")
    flow.create(10, 64)
    routes = [{"name": "main", "from": "out", "to": "b/in"}]
    queues = [{"name": "out", "uri": "posix:/a"}]
    for number in range(ROUTES):
        queues.append({"name": f"spare {number}", "uri": f"posix:/spare{number}"})
        routes.append({"name": f"spare {number}", "from": f"spare {number}", "to": "b/in"})
    a, b = lab.pair({"queues": queues, "routes": routes},
                    {"queues": [{"name": "in", "uri": "posix:/b"}]}, b_takes=["in"])
    for daemon in (a, b):
        daemon.start()
    flow.consume()
    flow.produce([1], "--size", 64)
    flow.wait_received(5000, PATIENCE_S)
    return a, flow


def rate_of(flow, seconds):
    count, begun = flow.received(), time.monotonic()
    time.sleep(seconds)  # what is measured lasts that long
    return (flow.received() - count) / (time.monotonic() - begun)


class Attack:
    def __init__(self, lab, daemon):
        self.process = lab.spawn(daemon.host, [
            "nice", "-n", "19", program(lab.build, "hostile"), daemon.socket, str(CLIENTS)],
            stdout=-1)
        self.begun = time.monotonic()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=PATIENCE_S)
        found = json.loads(out)
        found["cpu_share"] = found["cpu_s"] / (time.monotonic() - self.begun)
        for kind in ("flood", "slow", "half", "long"):
            require(found[kind] > 0, f"no client was of the kind {kind}: {found}")
        return found


def status_of(daemon):
    try:
        return daemon.status()
    except Failure as why:
        if "too many clients" in str(why):
            return None
        raise


def honest_client_is_served(daemon):
    """How long that takes; as all are of one user here, it may have to come again."""
    begun = time.monotonic()
    found = until(lambda: status_of(daemon), PATIENCE_S, "the status")
    took = time.monotonic() - begun
    require(found["name"] == daemon.name, f"the status is {found}")
    require(took < HONEST_S, f"an honest client waited for {took:.1f} s")
    return took


def settle(a, flow, before):
    """What must hold when the clients have gone."""
    after, most = resident(a.process)
    print(f"    memory {before >> 10} KiB, then {after >> 10}, at most {most >> 10}", flush=True)
    require(most - before < GROWS, f"memory grew from {before} to {most} bytes")
    until(lambda: honest_client_is_served(a) < 1.0, PATIENCE_S, "the socket to be free again")
    flow.stop_producers()
    flow.wait_received(flow.sent(), PATIENCE_S)
    flow.require_exact()


def keeps(lab, a, flow):
    """What is left of the rate in a run: spells with the clients at work and stopped in turn, of
    which the sums count, so that what else the machine does is alike for both."""
    attack = Attack(lab, a)
    quiet = loud = 0
    for _ in range(SPELLS):
        time.sleep(REST_S)
        loud += rate_of(flow, SPELL_S)
        attack.process.send_signal(signal.SIGSTOP)
        time.sleep(REST_S)
        quiet += rate_of(flow, SPELL_S)
        attack.process.send_signal(signal.SIGCONT)
    took = honest_client_is_served(a)
    print(f"    {quiet / SPELLS:.0f}/s, {loud / SPELLS:.0f}/s with {CLIENTS} hostile clients: "
          f"{loud / quiet:.3f}; {attack.end()}; an honest one waited {took:.2f} s", flush=True)
    return loud / quiet


def routes_keep_their_rate_under_hostile_clients(lab):
    a, flow = busy_pair(lab)
    before = resident(descendant(a.process, "mqbridged"))[0]
    # What else the machine does may hit the wrong spells; what the clients cost shows each time.
    kept = []
    while len(kept) < ATTEMPTS and (not kept or kept[-1] < KEEPS):
        kept.append(keeps(lab, a, flow))
    settle(a, flow, before)
    require(kept[-1] >= KEEPS, f"the rate fell to {[round(one, 3) for one in kept]} of what it is")


def routes_keep_nearly_all_of_their_rate(lab):
    a, flow = busy_pair(lab)
    before = resident(descendant(a.process, "mqbridged"))[0]
    kept = [keeps(lab, a, flow) for _ in range(FULL_RUNS)]
    settle(a, flow, before)
    require(statistics.median(kept) >= FULL_KEEPS,
            f"the rates fell to {[round(one, 3) for one in kept]}")


if __name__ == "__main__":
    # The command is run again in a namespace, without what is not main()'s.
    if "--full" in sys.argv:
        sys.argv.remove("--full")
        os.environ["HOSTILE_FULL"] = "1"
    sys.exit(main(routes_keep_nearly_all_of_their_rate if "HOSTILE_FULL" in os.environ
                  else routes_keep_their_rate_under_hostile_clients))
