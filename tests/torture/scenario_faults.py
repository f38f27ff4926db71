"""Calls of the C library fail in a daemon, once or for ever, from its start to its stop.

In each round one daemon is started with tests/torture/fault.c loaded, which lets the n-th call
of one kind fail, or all from the n-th on. The daemon must not crash and, in a build with
sanitizers, not say anything of theirs. It may go on: then all that was sent arrives once the
fault is over. Or it may end, also before it has begun: then with a status that says so and an
error in its log. And a normal start afterwards goes on with everything."""
import errno
import os
import re
import signal
import struct
import time

from harness.programs import Failure, program, until
from torture.scenario import Scenario

SHORT_ROUNDS = 14
LONG_ROUNDS = 600
FIRST = 8        # calls of a start, or of its beginning
WITH_FAULT_S = 0.7
FLOWING = 20
FLOW_S = 30
STOP_S = 60
FOR_EVER = 2**63 - 1

# What may come back from each kind of call (fault.c has the names).
CALLS = {
    "memory": (errno.ENOMEM,),
    "open": (errno.EMFILE, errno.EACCES),
    "read": (errno.EIO,),
    "pread": (errno.EIO,),
    "write": (errno.ENOSPC, errno.EIO),
    "pwrite": (errno.ENOSPC, errno.EIO),
    "pwritev": (errno.ENOSPC, errno.EIO),
    "fsync": (errno.EIO,),
    "fdatasync": (errno.EIO,),
    "fstat": (errno.EIO,),
    "rename": (errno.ENOSPC, errno.EACCES),
    "unlink": (errno.EROFS,),
    "mkdir": (errno.ENOSPC,),
    "ftruncate": (errno.EIO,),
    "fallocate": (errno.ENOSPC,),
    "mmap": (errno.ENOMEM,),
    "mq_open": (errno.EMFILE, errno.EACCES),
    "mq_getattr": (errno.EBADF,),
    "mq_send": (errno.EAGAIN, errno.EBADF),
    "mq_receive": (errno.EAGAIN, errno.EBADF),
    "msgget": (errno.EACCES,),
    "msgctl": (errno.EACCES,),
    "msgsnd": (errno.EAGAIN, errno.ENOMEM),
    "msgrcv": (errno.ENOMSG, errno.EACCES),
    "socket": (errno.EMFILE, errno.ENOBUFS),
    "setsockopt": (errno.ENOBUFS,),
    "bind": (errno.EADDRINUSE,),
    "listen": (errno.EADDRINUSE,),
    "connect": (errno.ECONNREFUSED, errno.ENETUNREACH),
    "accept": (errno.EMFILE, errno.ECONNABORTED),
    "recv": (errno.ECONNRESET, errno.ENOMEM),
    "send": (errno.ECONNRESET, errno.ENOBUFS),
    "eventfd": (errno.EMFILE,),
    "thread": (errno.EAGAIN,),
}
QUEUES = {"posix": ("mq_",), "sysv": ("msg", "thread")}

ENTRY = struct.Struct("<24sQQ")  # as in fault.c
HEAD = struct.Struct("<QQ")
KINDS = 64

SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:")


class Counts:
    """The file that the loaded library counts in."""

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as out:
            out.write(bytes(HEAD.size + KINDS * ENTRY.size))

    def lift(self):
        with open(self.path, "r+b") as out:
            out.write(HEAD.pack(1, KINDS)[:8])

    def of(self, call):
        """(calls, those that failed)"""
        with open(self.path, "rb") as counts:
            data = counts.read()
        for at in range(HEAD.size, len(data), ENTRY.size):
            name, calls, failed = ENTRY.unpack_from(data, at)
            if name.rstrip(b"\0").decode() == call:
                return calls, failed
        return 0, 0


class Faults(Scenario):
    flows = {
        "posix": (("mixed", "ab", ("--max", 1024), ((0, 1, 31, 32767),)),
                  ("always", "ab", ("--max", 512), ((0, 7),)),
                  ("back", "ba", ("--size", 64), ((0, 7),))),
        "sysv": (("mixed", "ab", ("--max", 1024), ((1, 2, 2**63 - 1),)),
                 ("always", "ab", ("--max", 512), ((1, 7),)),
                 ("back", "ba", ("--size", 64), ((3, 4),))),
    }

    def __init__(self):
        super().__init__((LONG_ROUNDS, SHORT_ROUNDS))
        self.turn, self.usual, self.struck = [], {}, 0
        self.ended = self.went_on = 0

    def prepare(self, bed):
        self.turn, self.usual = [], {}
        self.struck = self.ended = self.went_on = 0

    def configure(self, bed, side, settings):
        for route in settings["routes"]:
            if route["name"] == "fixed":
                continue
            route.update(log_limit="4MiB", durability="disk", sync_interval="20ms")
            if route["name"] == "always":
                route["sync"] = "always"

    def calls(self, kind):
        other = QUEUES["sysv" if kind == "posix" else "posix"]
        return [call for call in CALLS if not call.startswith(other)]

    def choose(self, bed):
        """(call, side, first, last, error)"""
        if not self.turn:
            self.turn = [call for call in self.calls(bed.options.kind)
                         if re.search(bed.options.only, call)]
            bed.random.shuffle(self.turn)
        call = self.turn.pop()
        side = bed.random.choice([side for side in "ab" if self.usual[side][call]] or "ab")
        most = max(1, self.usual[side][call])
        number = (bed.random.randint(1, min(FIRST, most)) if bed.random.random() < 0.4
                  else int(most ** bed.random.random()))
        last = bed.random.choice((number, FOR_EVER))
        return call, side, number, last, bed.random.choice(CALLS[call])

    def start(self, bed, daemon, fault=None):
        counts = Counts(os.path.join(bed.directory, "faults"))
        daemon.environment = {
            "LD_PRELOAD": program(bed.options.build, "fault.so"),
            "MQBRIDGE_FAULT_FILE": counts.path,
            "ASAN_OPTIONS": "verify_asan_link_order=0:allocator_may_return_null=1",
        }
        if fault:
            daemon.environment["MQBRIDGE_FAULT"] = fault
        daemon.start(wait=False)
        daemon.environment = {}
        return counts

    def learn(self, bed):
        """How many calls of each kind there are."""
        for side, daemon in bed.sides.items():
            self.wait_flowing(bed)
            bed.stop(side)
            counts = self.start(bed, daemon)
            self.wait_flowing(bed)
            bed.stop(side)
            self.usual[side] = {call: counts.of(call)[0] for call in CALLS}
            bed.start(side)

    def play(self, bed, number):
        if number == 0:
            self.learn(bed)
        call, side, first, last, error = self.choose(bed)
        what = (f"{call} {first}{' and later' if last > first else ''}: "
                f"{errno.errorcode[error]} on {side}")
        daemon = bed.sides[side]
        self.wait_flowing(bed)
        bed.stop(side)
        log_from = os.path.getsize(daemon.log)
        counts = self.start(bed, daemon, f"{call}:{first}:{last}:{error}")
        try:
            outcome = self.watch(bed, daemon, counts,
                                 last == first or bed.random.random() < 0.5)
        except Failure as why:
            raise Failure(f"{what}: {why}") from why
        failed = counts.of(call)[1]
        self.struck += failed > 0
        with open(daemon.log, encoding="utf-8", errors="replace") as log:
            log.seek(log_from)
            text = log.read()
        self.judge(what, daemon.process.returncode, failed, text)
        print(f"{what}: failed {failed}, {outcome}, status {daemon.process.returncode}"
              f"{last_error(text)}", flush=True)
        bed.start(side)

    def watch(self, bed, daemon, counts, lifted):
        """With the fault, until the daemon has ended."""
        end = time.monotonic() + WITH_FAULT_S
        while daemon.running() and time.monotonic() < end:
            time.sleep(0.01)
        if not daemon.running():
            self.ended += 1
            return "ended"
        if lifted:
            counts.lift()
            self.wait_flowing(bed, daemon)
            self.went_on += daemon.running()
        if daemon.running():
            daemon.process.send_signal(signal.SIGTERM)
        until(lambda: not daemon.running(), STOP_S, f"{daemon.name} to stop")
        return "went on" if lifted else "stopped"

    def judge(self, what, status, failed, text):
        if status < 0:
            raise Failure(f"{what}: ended by signal {-status}:\n{text[-3000:]}")
        if SANITIZER.search(text):
            raise Failure(f"{what}: {text[-6000:]}")
        if status > 0 and failed == 0:
            raise Failure(f"{what}: status {status}, but nothing failed:\n{text[-3000:]}")
        if status > 0 and " error " not in text:
            raise Failure(f"{what}: status {status}, and no error in the log:\n"
                          f"{text[-3000:]}")

    def wait_flowing(self, bed, daemon=None):
        """Every flow delivers; the one with the fault may also end."""
        goals = [(flow, flow.received() + FLOWING) for flow in bed.flows]

        def flowing():
            if daemon is None:
                bed.poll()
            elif not daemon.running():
                return True
            return all(flow.received() >= goal for flow, goal in goals)
        until(flowing, FLOW_S, "messages to flow")

    def summary(self):
        return f", rounds with a fault {self.struck}, ended {self.ended}"


def last_error(text):
    found = re.findall(r"Z error (.*)", text)
    return "".join(f"\n    {line[:160]}" for line in found[:4])


SCENARIOS = {"faults": Faults()}
