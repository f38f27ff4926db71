"""The daemon kills itself at a named step: every CRASH_POINT() of the source, on the side that
takes it, in running traffic, at a stop, at a start, and in the recovery from another crash.

Needs a build of its own, configured with --enable-crash-points, as --crash-build. A step that
no run reached is a failure: either it is not taken any more, or the traffic lacks something."""
import os
import re
import shutil
import signal
import time

from harness.load import Flow
from harness.programs import TESTS, Failure, program, until
from torture.scenario import Scenario

SHORT_ROUNDS = 20
REACH_S = 6      # for a step of the running daemon
START_S = 20     # for one of its start, on a busy machine
STOP_S = 40
LIVE_S = 0.2     # before a stop
FLOWING = 20     # messages of each flow that show that it goes on
FLOW_S = 30
PROVOKE_S = 0.3
REQUEUED = 3
PURGED_RATE = 500  # messages a second
GROWN_STEP = 8   # bytes
LIMIT = "1MiB"   # of the logs: their segments are small then, and end often

POINT = re.compile(r'CRASH_POINT\("([a-z_.]+)"\)')

# A step belongs to the sender (a), to the receiver (b), or to both: the first that matches.
SIDES = (
    (r"(delivery|marks|marks_file)\.", "b"),
    (r"(file|image|image_load|runtime|daemon|session)\.", "ab"),
    (r".", "a"),
)

# What the daemon is doing when it gets there; else it runs, after a crash, under load.
WAYS = (
    (r"(image\.|daemon\.(stopp|saved)|log_sync\.dir)", "stop"),
    (r"(image_load|runtime\.image)", "reboot"),
    (r"log_recover\.(slots|published)", "forget"),
    (r"(ring_file|journal|marks_file)\.(allocated|filled|written|renamed)", "forget"),
    (r"marks\.slot_", "forget"),
    (r"(log_files|log)\.(logs_made|dir_made|about_|cursor_)", "forget-all"),
)

# The crash that leaves to recovery what this step is about.
BEFORE = (
    (r"ring_recover\.(flagged|length|sealed)", "ring.received"),
    (r"ring_recover\.(captured|resealed)", "ring.length"),
    (r"stream_resume\.in_log", "log_append.committed"),
    (r"stream_resume\.repointed", "log_append.sent_committed"),
    (r"log_recover\.cut", "log_write.written"),
    (r"marks\.doubt_", "delivery.sent"),
    (r"deadletter\.requeue_settled", "deadletter.unlinking"),
)

# Those that a life of the daemon comes to only once, or may.
ONCE = re.compile(r"(marks\.(doubt|calls|slot)|marks_file|runtime|image|daemon|ring_file|"
                  r"(ring|log)_recover|log_files|log\.|stream_resume)")

# Only System V queues have a type slot, and tell who sent last.
SYSV_ONLY = re.compile(r"ring\.type_|marks\.(call|sent)_noted")

# Types, option for the bodies, messages a second. The first one's queue is empty now and then, as
# it must be for a message without a body to come by the type slot.
SMALL, LARGE = 64, 700
REFUSED_PRODUCERS = (((1,), ("--max", SMALL), 200), ((2,), ("--size", LARGE), 2),
                     ((100000,), ("--size", SMALL), 2))


def names():
    """All steps of the source."""
    found = set()
    for directory, _, files in os.walk(os.path.join(os.path.dirname(TESTS), "src")):
        for name in files:
            with open(os.path.join(directory, name), encoding="utf-8") as source:
                found.update(POINT.findall(source.read()))
    return sorted(found)


def first(table, name, default=None):
    return next((what for pattern, what in table if re.match(pattern, name)), default)


def cases(kind):
    """(step, side)"""
    return [(name, side) for name in names()
            if kind == "sysv" or not SYSV_ONLY.match(name) for side in first(SIDES, name)]


class Refused(Flow):
    """Some of its messages are too large for the destination, which the sender knows, and some
    have a type that only the receiver finds to be none of its queue. Those become dead
    letters, each exactly one."""
    direction, excused = "ab", False

    def begin(self):
        self.consume("--shift", -1)  # types became priorities
        for types, bodies, rate in REFUSED_PRODUCERS:
            self.produce(types, *bodies, "--rate", rate)

    def letters(self):
        path = os.path.join(self.state_directory, "dead-letters")
        return sum(re.fullmatch(r"[0-9a-f-]+", name) is not None
                   for name in os.listdir(path)) if os.path.isdir(path) else 0

    def gone(self):
        return self.letters()

    def verdict(self):
        refused = sum(producer.count() for producer in self.producers[1:])
        if self.letters() != refused:
            raise Failure(f"{refused} messages were refused, {self.letters()} dead letters "
                          "are there")
        all_producers, self.producers = self.producers, self.producers[:1]
        try:
            return super().verdict()
        finally:
            self.producers = all_producers


class Growing(Flow):
    """Its queue is made anew again and again, each time for larger messages: so is its ring."""
    direction, excused, size = "ab", False, SMALL

    def begin(self):
        self.consume()
        self.grow()

    def grow(self):
        if self.received() < self.sent():
            return
        host, uri = self.source
        self.size += GROWN_STEP
        host.run([program(self.build, "ipcq"), "remove", uri])
        if uri.startswith("sysv:"):
            host.run(["sh", "-c", f"echo {8192 + self.size} >/proc/sys/kernel/msgmax"])
        host.run([self.tool, "create", "--queue", uri, "--messages", 4, "--size", self.size])
        self.produce((len(self.producers) % 30000 + 1,), "--size", SMALL, "--count", 3)


class Purged(Flow):
    """Its route is paused, and purged, again and again: what is purged is lost, and nothing else is
    wrong with it."""
    direction, excused = "ab", True

    def begin(self):
        self.consume()
        self.produce((0, 3), "--size", SMALL, "--rate", PURGED_RATE)

    def verdict(self):
        return {**super().verdict(), "lost": 0}


class CrashPoints(Scenario):
    flows = {
        "posix": (("mixed", "ab", ("--max", 1024), ((0, 1, 31, 32767), (5, 900))),
                  ("fixed", "ab", ("--size", 64), ((0, 3),)),
                  ("always", "ab", ("--max", 512), ((0, 7),))),
        "sysv": (("mixed", "ab", ("--max", 1024), ((1, 2, 2**63 - 1), (7, 2**31, 2**32))),
                 ("fixed", "ab", ("--size", 64), ((1,),)),
                 ("always", "ab", ("--max", 512), ((3, 4),))),
    }

    needs_crash_build = True

    def __init__(self):
        super().__init__((len(cases("sysv")), SHORT_ROUNDS), both_ways=False, may_repeat=True)
        self.cases, self.missed, self.reached = [], [], 0
        self.refused = self.growing = self.purged = None
        self.provoked = 0.0

    def prepare(self, bed):
        self.missed, self.reached = [], 0
        self.cases = [case for case in cases(bed.options.kind)
                      if re.search(bed.options.only, case[0])]
        if bed.options.rounds < len(self.cases):
            self.cases = bed.random.sample(self.cases, bed.options.rounds)
        self.refused = Refused(bed.options.build, bed.directory, "refused",
                               [(bed.hosts["a"], "sysv:0x4d51f0"),
                                (bed.hosts["b"], "posix:/torture-refused")])
        self.refused.state_directory = os.path.join(bed.directory, "a", "state")
        self.refused.create(messages=4, size=LARGE - 1)
        name = "posix:/torture-growing" if bed.options.kind == "posix" else "sysv:0x4d51f1"
        self.growing = Growing(bed.options.build, bed.directory, "growing",
                               [(bed.hosts["a"], name), (bed.hosts["b"], name)])
        self.growing.create(messages=4, size=SMALL)
        self.purged = Purged(bed.options.build, bed.directory, "purged",
                             [(bed.hosts[side], "posix:/torture-purged") for side in "ab"])
        self.purged.create(messages=4, size=SMALL)
        bed.flows += [self.refused, self.growing, self.purged]

    def configure(self, bed, side, settings):
        for route in settings["routes"]:
            if route["name"] != "fixed":
                route.update(log_limit=LIMIT, durability="disk", sync_interval="20ms")
            if route["name"] == "always":
                route["sync"] = "always"

    # ---- one case -----------------------------------------------------------------------

    def play(self, bed, number):
        if number == 0:
            for side in bed.sides.values():
                side.binary = program(bed.options.crash_build, "mqbridged")
        if number >= len(self.cases):
            return
        name, side = self.cases[number]
        way = first(WAYS, name, "crash")
        counts = (bed.random.randint(1, 5), 1)
        if ONCE.match(name):
            # What the crash before it leaves is a matter of chance.
            counts = (1, 1, 1) if first(BEFORE, name) else (1,)
        for count in counts:
            self.wait_flowing(bed)
            reached = (self.get_ready(bed, name, side, way) and
                       self.strike(bed, side, f"{name}:{count}", way))
            bed.start(side)
            if reached:
                self.reached += 1
                return
        print(f"{name} was not reached on {side}", flush=True)
        self.missed.append(f"{name} on {side}")

    def get_ready(self, bed, name, side, way):
        """Let the daemon end so that its next life comes to that step: did it work?"""
        if way.startswith("forget"):
            self.forget(bed, side, way == "forget-all")
        elif way in ("reboot", "stop"):
            bed.stop(side)
            if way == "reboot":
                bed.wipe(side)
        else:
            return self.crash_before(bed, side, first(BEFORE, name))
        return True

    def crash_before(self, bed, side, before):
        if before:
            # Something is in flight in its ring, and must move to its log.
            self.refused.consumer.pause()
            bed.live(LIVE_S)
        bed.kill(side)
        ret = not before or self.strike(bed, side, f"{before}:{bed.random.randint(1, 2)}",
                                        "crash")
        self.refused.consumer.resume()
        return ret

    def forget(self, bed, side, with_logs):
        """All has arrived; then nothing is left of that side's state."""
        for flow in bed.flows:
            for producer in flow.producers:
                if producer.process.poll() is None:
                    producer.pause()
        bed.until(bed._drained, FLOW_S, "everything to arrive")
        bed.until(bed._settled, FLOW_S, "the routes to be idle")
        bed.wait_standstill(0.2)
        bed.doubts.forget(bed.sides[side])
        bed.stop(side)
        bed.wipe(side)
        os.unlink(os.path.join(bed.sides[side].state_directory, "image"))
        if with_logs:
            shutil.rmtree(os.path.join(bed.sides[side].state_directory, "logs"))
        for flow in bed.flows:
            for producer in flow.producers:
                if producer.process.poll() is None:
                    producer.resume()

    def strike(self, bed, side, point, way):
        """Start it to die at that point: did it?"""
        daemon = bed.sides[side]
        daemon.environment = {"MQBRIDGE_CRASH": point}
        daemon.start(wait=False)
        daemon.environment = {}
        try:
            if way == "stop":
                until(lambda: not daemon.running() or daemon.answers_now(), START_S,
                      "an answer or the crash")
            else:
                self.live(bed, daemon, START_S if way == "reboot" else REACH_S)
            if daemon.running():
                daemon.process.send_signal(signal.SIGTERM)
            status = daemon.process.wait(STOP_S)
        finally:
            bed.doubts.killed(sum(flow.direction[1] == side for flow in bed.flows))
        if status not in (0, -signal.SIGKILL):
            raise Failure(f"{point}: daemon {side} ended with status {status}; its log ends "
                          f"with:\n{daemon.log_end()}")
        return status == -signal.SIGKILL

    # ---- what goes on meanwhile -----------------------------------------------------------

    def live(self, bed, daemon, seconds):
        """Until it is dead, at most so long."""
        end = time.monotonic() + seconds
        while daemon.running() and time.monotonic() < end:
            self.provoke(bed)
            time.sleep(0.01)

    def provoke(self, bed):
        """Rings that grow, letters that are sent again and a route that is purged, a few times a
        second."""
        if time.monotonic() < self.provoked + PROVOKE_S:
            return
        self.provoked = time.monotonic()
        self.growing.grow()
        try:
            for words in (["--yes", "purge", "route"], ["resume"], ["pause"]):
                bed.sides["a"].control(*words, "purged")
        except Failure:
            pass  # it is just not running
        try:
            letters = bed.sides["a"].show("dead-letters")[-REQUEUED:]
            bed.sides["a"].control("requeue", *[letter["id"] for letter in letters])
        except Failure:
            pass  # it is just not running, or there are none

    def wait_flowing(self, bed):
        goals = [(flow, flow.received() + FLOWING) for flow in bed.flows
                 if flow not in (self.growing, self.purged)]
        bed.until(lambda: all(flow.received() >= goal for flow, goal in goals), FLOW_S,
                  "messages to flow")

    def faults(self, bed):
        return [f"step not reached: {name}" for name in self.missed]

    def summary(self):
        return f", steps reached {self.reached}"


SCENARIOS = {"crash-points": CrashPoints()}
