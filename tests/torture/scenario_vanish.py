"""Queues are removed in the middle of the traffic and made anew, at either end.

The programs remove them: a producer between two of its messages, a consumer between two of its
own. So it is known of every message where it was. A POSIX queue that was unlinked is read to
its end by who has it open: nothing may be missing. With a System V queue what waits in it is
destroyed. Whatever was in there had not been taken yet, or was delivered, so it is no loss of
ours, but it must be known what it was: the daemon beside it stands still while its queue is
read out or counted, and removed. Every other time a producer waits instead until its queue is
empty, and the daemon runs.

The queue is made anew by the program itself or, `made-by-us`, by the daemon."""
import os
import signal
import time

from torture.scenario import Scenario

REMOVED = "was removed"
NOTICE_S = 1.0
REMOVED_S = 10  # until the program has done it
# Of lines of the log that repeat so many are written in so many seconds.
LINES, LINES_S = 5, 10.5

POSIX_TYPES, SYSV_TYPES = ((0, 1, 31, 32767),), ((1, 2, 2**63 - 1),)


def flows(types):
    return (("made-by-them", "ab", ("--max", 1024), types),
            ("made-by-us", "ab", ("--max", 512), types))


class Vanish(Scenario):
    flows = {"posix": flows(POSIX_TYPES), "sysv": flows(SYSV_TYPES)}

    def __init__(self, rounds):
        super().__init__(rounds, both_ways=False, may_repeat=True)
        self.removed, self.noticed, self.gone = None, None, 0
        self.told = {}  # when removals of a queue were last told

    def prepare(self, bed):
        self.removed = {"a": 0, "b": 0}
        self.noticed, self.told = [], {}

    def configure(self, bed, side, settings):
        for queue in settings["queues"]:
            if queue["name"].startswith("made-by-us"):
                queue["create"] = ({"max_messages": 10, "message_size": "1KiB"}
                                   if bed.options.kind == "posix" else {})

    def program_options(self, flow):
        return ["--remake"] if flow.name == "made-by-them" else []

    def play(self, bed, number):
        bed.wait_flow()
        bed.live(0.1)
        flow = bed.flows[number // 2 % 2]
        first = number // 4 % 2 == 0
        if first:
            self.fill(bed)
        if number % 2:
            self.strike(bed, flow.consumer, "b", True)
            # The one message whose delivery met the removal may come again.
            bed.doubts.killed(1)
        else:
            self.strike(bed, flow.producers[0], "a", first)
        bed.resume_consumers()

    @staticmethod
    def fill(bed):
        """Everything up to the brim: no queue is empty when it goes, nor soon, and the delivery
        of a message into it waits for room."""
        bed.pause_consumers()
        bed.wait_standstill(0.1)

    def strike(self, bed, program, side, at_once):
        """at_once: whatever waits in the queue."""
        self.wait_telling(bed, program)
        daemon, before = bed.sides[side].process, program.removals()
        still = at_once and bed.options.kind == "sysv"
        if still:
            stand_still(bed, daemon)
        if side == "b":
            program.resume()
        program.tell(signal.SIGUSR1 if at_once else signal.SIGUSR2)
        bed.until(lambda: program.removals() > before, REMOVED_S,
                  "a program to remove its queue")
        if still:
            daemon.send_signal(signal.SIGCONT)
        begun = time.monotonic()
        self.removed[side] += 1
        bed.until(lambda: bed.log_count(side, REMOVED) >= self.removed[side], NOTICE_S,
                  f"daemon {side} to notice that its queue was removed")
        self.noticed.append(time.monotonic() - begun)
        self.told[program].append(time.monotonic())

    def wait_telling(self, bed, program):
        """Until one more removal of its queue is sure to be written to the log."""
        told = self.told.setdefault(program, [])
        bed.until(lambda: len(told) < LINES or time.monotonic() > told[-LINES] + LINES_S,
                  2 * LINES_S, "the log to tell of one more removal")

    def finish(self, bed):
        self.gone = sum(flow.gone() for flow in bed.flows)

    def faults(self, bed):
        counted = {side: bed.log_count(side, REMOVED) for side in "ab"}
        if counted == self.removed:
            return []
        return [f"removals {self.removed}, but in the logs there are {counted}"]

    def summary(self):
        if not self.noticed:
            return ""
        return (f", removals {sum(self.removed.values())}, noticed within "
                f"{max(self.noticed) * 1000:.0f} ms, destroyed in a queue {self.gone}")


def stand_still(bed, process):
    """All its threads."""
    def still():
        for thread in os.listdir(f"/proc/{process.pid}/task"):
            with open(f"/proc/{process.pid}/task/{thread}/stat", encoding="ascii") as stat:
                if stat.read().rsplit(")", 1)[1].split()[0] != "T":
                    return False
        return True
    process.send_signal(signal.SIGSTOP)
    bed.until(still, REMOVED_S, "a daemon to stand still")


SCENARIOS = {"vanish": Vanish((500, 12))}
