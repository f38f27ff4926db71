"""Clean stops and upgrades in the middle of a backlog that never ends in between."""
import os
import shutil

from torture.scenario import Scenario

BACKLOG = {True: 1_000_000, False: 20_000}  # messages, of the long and of the short form
LONG_ROUNDS = 50
BODY = 64
RECORD = 48
FILL_S = 300

FLOWS = (("backlog", "ab", ("--size", BODY), ((1, 2),)),
         ("back", "ba", ("--max", 512), ((3, 4),)))


class Restart(Scenario):
    """The consumers stand still until all of the backlog is in the bridge. Then in each round a
    part of it passes, and in the middle of that a daemon, or both, are stopped and started
    again, every other time from a binary in another place."""
    flows = {kind: FLOWS for kind in ("posix", "sysv")}

    def __init__(self, rounds):
        super().__init__(rounds)
        self.backlog, self.binaries = 0, {}

    def prepare(self, bed):
        self.backlog = BACKLOG[bed.options.rounds >= LONG_ROUNDS]

    def configure(self, bed, side, settings):
        if bed.options.log:
            return
        for queue in settings["queues"]:
            if queue["name"] == "backlog-out":
                queue["ring_size"] = f"{self.backlog * (RECORD + BODY) * 11 // 10 // 1024}KiB"

    def producer_options(self, flow):
        return ["--count", self.backlog] if flow.name == "backlog" else []

    def fill(self, bed):
        flow = bed.flows[0]
        flow.consumer.pause()
        bed.until(lambda: flow.sent() == self.backlog, FILL_S, "the backlog to be taken")

    def play(self, bed, number):
        flow = bed.flows[0]
        if number == 0:
            self.fill(bed)
            self.upgrade(bed)
        flow.consumer.resume()
        goal = self.backlog * (number + 1) // (bed.options.rounds + 1)
        bed.until(lambda: flow.received() >= goal, FILL_S, "a part of the backlog to pass")
        names = ("a", "b", "ab", "ba")[number % 4]
        for name in names:
            bed.stop(name)
        for name in names:
            old, new = self.binaries[name]
            bed.sides[name].binary = new if number // 4 % 2 == 0 else old
            bed.start(name)

    def upgrade(self, bed):
        """A second installation."""
        for name, side in bed.sides.items():
            place = os.path.join(bed.directory, f"upgrade-{name}")
            os.makedirs(place, exist_ok=True)
            self.binaries[name] = (side.binary, shutil.copy2(side.binary, place))


SCENARIOS = {"restart-storm": Restart((50, 4))}
