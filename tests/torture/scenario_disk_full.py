"""The disk runs full, and the tmpfs of the rings.

Both directories of the sending host are small file systems of their own. Its overflow logs have no
limit that fits, so with the consumers standing still they fill the disk: the producers are
blocked, and the routes say why. Then room is made, by somebody who deletes a file or by the peer,
which takes what waits; within a second messages are taken again. Or the tmpfs of the rings is
full: what has its files goes on, and a daemon that is killed meanwhile either starts all the
same or says why not, and starts once there is room."""
import os
import time

from harness.programs import Failure, until
from torture.bed import FLOWS
from torture.scenario import Scenario

STATE, BALLAST = "8M", "3M"
RUNTIME = "32M"
FULL_S = 40       # until the disk is full
RECOVERS_S = 1.0  # until messages are taken again,
LATE = 20         # but once, and once more in so many times, as other programs have the machine too,
LATEST_S = 10     # it may take that long
EMPTY_S = 40      # until all that waits is delivered
END_S = 10
NO_SPACE = "No space left"


class DiskFull(Scenario):
    # One route: of several the first to see the room takes it all.
    flows = {kind: flows[:1] for kind, flows in FLOWS.items()}

    def __init__(self, rounds):
        super().__init__(rounds, both_ways=False)
        self.places, self.took, self.refused = None, None, 0

    def configure(self, bed, side, settings):
        if side != "a":
            return
        settings.update(reserve_percent=0, reserve_space="0B")
        for route in settings["routes"]:
            route["log_limit"] = "64MiB"  # segments of 4 MiB

    def prepare(self, bed):
        self.took, self.refused = [], 0
        self.places = {"state": os.path.join(bed.directory, "a", "state"),
                       "run": "/run/mqbridge/a"}
        for name, size in (("state", STATE), ("run", RUNTIME)):
            os.makedirs(self.places[name], exist_ok=True)
            bed.hosts["a"].run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755",
                                "none", self.places[name]])
        self.fill(bed, "state", BALLAST)

    def fill(self, bed, place, size=None):
        """With a file of that size as soon as it fits, or to the last byte."""
        path = os.path.join(self.places[place], "ballast")
        command = (f"fallocate -l {size} {path} 2>/dev/null" if size else
                   f"dd if=/dev/zero of={path} bs=4096 2>/dev/null; true")
        until(lambda: bed.hosts["a"].spawn(["sh", "-c", command]).wait() == 0, EMPTY_S,
              "room for the ballast")

    def free(self, bed, place):
        bed.hosts["a"].run(["rm", os.path.join(self.places[place], "ballast")])

    def play(self, bed, number):
        bed.wait_flow()
        if number % 3 == 2:
            self.fill_runtime(bed)
            return
        bed.pause_consumers()
        self.wait_full(bed)
        sent, begun = bed.flows[0].sent(), time.monotonic()
        if number % 3 == 0:
            self.free(bed, "state")
            self.wait_taken(bed, sent, begun)
            bed.resume_consumers()
        else:
            bed.resume_consumers()
            self.wait_taken(bed, sent, begun)
        bed.wait_flow()
        self.wait_empty(bed)
        if number % 3 == 0:
            self.fill(bed, "state", BALLAST)
        for flow in bed.flows:
            for producer in flow.producers:
                producer.resume()

    @staticmethod
    def wait_full(bed):
        """Every route says so, and no producer goes on."""
        def full():
            return all(route["log_reason"] == "disk-full" and
                       route["state"] != "flowing" for route in bed.sides["a"].show("routes"))
        bed.until(full, FULL_S, "the routes to say that the disk is full")
        bed.wait_standstill(0.3)
        if not full():
            bed.until(full, LATEST_S, "the routes to say still that the disk is full")

    def wait_taken(self, bed, sent, begun):
        """Since begun there is room, and then that many had been sent."""
        bed.until(lambda: bed.flows[0].sent() > sent, LATEST_S, "messages to be taken again")
        self.took.append(time.monotonic() - begun)

    @staticmethod
    def wait_empty(bed):
        for flow in bed.flows:
            for producer in flow.producers:
                producer.pause()
        bed.until(lambda: all(route["waiting"] + route["in_flight"] + route["log_bytes"] == 0
                              and route["log_reason"] is None
                              for route in bed.sides["a"].show("routes")),
                  EMPTY_S, "the logs to be empty, and the routes not to speak of their disk")

    def fill_runtime(self, bed):
        daemon = bed.sides["a"]
        self.fill(bed, "run")
        bed.wait_flow()
        bed.kill("a")
        daemon.start(wait=False)
        started = self.starts(daemon)
        sent, begun = bed.flows[0].sent(), time.monotonic()
        self.free(bed, "run")
        if not started:
            self.refused += 1
            if NO_SPACE not in daemon.log_end():
                raise Failure("a daemon that did not start did not say why: " +
                              daemon.log_end())
            bed.start("a")
            begun = time.monotonic()
        self.wait_taken(bed, sent, begun)

    @staticmethod
    def starts(daemon):
        """It answers, or it ends."""
        until(lambda: not daemon.running() or daemon.answers_now(), END_S,
              "a daemon to start or to end")
        return daemon.running()

    def finish(self, bed):
        """A clean stop needs room for its image, and says so where there is none."""
        bed.hosts["a"].run(["rm", "-f", os.path.join(self.places["state"], "ballast")])

    def faults(self, bed):
        late = [took for took in self.took if took > RECOVERS_S]
        if len(late) <= 1 + len(self.took) // LATE:
            return []
        return [f"of {len(self.took)} times messages were taken again, {len(late)} were late: "
                f"after {', '.join(f'{took:.1f}' for took in late)} s"]

    def summary(self):
        if not self.took:
            return ""
        return (f", taken again within {max(self.took) * 1000:.0f} ms, "
                f"starts refused {self.refused}")


SCENARIOS = {"disk-full": DiskFull((100, 5))}
