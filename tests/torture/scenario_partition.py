"""The network between the two hosts fails: for a moment or for seconds, with a word or without."""
import math
import os
import subprocess
import sys
import time

from harness.programs import Failure, until
from torture.scenario import Scenario

PROXY_PORT = 7499
HEARTBEAT_MS = 300
SHORTEST_S, LONGEST_S = 0.01, 5.0
SHORT_ROUNDS, SHORT_LONGEST_S = 50, 1.5  # fewer rounds than that are a short form
# Beside three heartbeats: the loads of the machine, and our own looking.
GRACE_S = 0.3
# What was sent and lost before a cut comes once more, and is heard then.
SENT_AGAIN_S = 1.5
KINDS = ("silent", "reset", "stall both", "half", "stall up", "finish", "stall down",
         "interface")


class Proxy:
    """tests/torture/proxy.py in a's network, on the way to b."""

    def __init__(self, bed):
        here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "proxy.py")
        self.process = bed.hosts["a"].spawn(
            [sys.executable, here, "127.0.0.1", PROXY_PORT, bed.hosts["b"].address,
             bed.address.rsplit(":", 1)[1]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer("ready")

    def _answer(self, wanted):
        answer = self.process.stdout.readline()
        if answer.strip() != wanted:
            raise Failure(f"the proxy says {answer!r}")

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        self._answer("ok")

    def end(self):
        self.process.kill()
        self.process.wait()


class Packets:
    """tests/torture/packets.py between the two, below the proxy, where TUN devices can be made: then b
    is reached over these."""

    def __init__(self, bed):
        self.process, self.why, hosts = None, "", [bed.hosts[name] for name in "ab"]
        if not hosts[1].interface:
            self.why = "no network namespaces"
            return
        here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "packets.py")
        words = [word for number, host in enumerate(hosts)
                 for word in (f"/proc/{host.holder.pid}/ns/net", f"mqbt{number}")]
        self.process = subprocess.Popen(
            [sys.executable, here, *words, str(bed.random.getrandbits(32))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        answer = self.process.stdout.readline().strip()
        if answer != "ready":
            self.why = answer.removeprefix("skip: ")
            self.end()
            return
        for number, host in enumerate(hosts):
            host.interface, host.address = f"mqbt{number}", f"10.78.0.{number + 1}"
            host.run(["ip", "address", "add", f"{host.address}/24", "dev", host.interface])
            host.link("up")
        bed.address = f"tcp://{hosts[1].address}:{bed.address.rsplit(':', 1)[1]}"

    def tell(self, command):
        if self.process is None:
            return ""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def worsen(self, chance, number):
        """Every other round another network, else a good one. Is it a bad one?"""
        if number % 2 == 0 or self.process is None:
            self.tell("bad 0 0 0 0 0")
            return False
        most = chance.choice((0, 0, 2, 10))
        if self.tell(f"bad {chance.choice((0, 1, 10, 30))} {chance.choice((0, 0, 10))} "
                     f"{chance.choice((0, 20, 100))} {most / 2} {most}") not in ("", "ok"):
            raise Failure("the forwarder of packets does not answer")
        return True

    def summary(self):
        if self.process is None:
            return f", skipped: loss below TCP: {self.why}"
        packets, lost, repeated, late = self.tell("counts").split()
        return (f", {packets} packets, of them lost {lost}, sent twice {repeated}, overtaken or "
                f"late {late}")

    def end(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = None


class Partition(Scenario):
    def __init__(self, rounds):
        super().__init__(rounds)
        self.proxy, self.packets, self.noticed = None, None, []
        self.counted, self.bad = "", False

    def prepare(self, bed):
        self.packets = Packets(bed)
        self.proxy, self.noticed = Proxy(bed), []
        bed.dial_address = f"tcp://127.0.0.1:{PROXY_PORT}"

    def configure(self, bed, side, settings):
        for peer in settings["peers"]:
            peer["heartbeat"] = f"{HEARTBEAT_MS}ms"

    def play(self, bed, number):
        bed.wait_flow()
        bed.live(0.2)
        kind = KINDS[number % len(KINDS)]
        if kind == "interface" and not bed.hosts["b"].interface:
            kind = "silent"
        self.bad = self.packets.worsen(bed.random, number)
        self.proxy.tell(f"delay 0 {bed.random.choice((0, 0, 5, 30))}")
        self.cut(bed, kind, self.length(bed, number))

    def length(self, bed, number):
        """Seconds; short ones as often as long ones. The first is long enough to be noticed."""
        longest = SHORT_LONGEST_S if bed.options.rounds < SHORT_ROUNDS else LONGEST_S
        if number == 0:
            return longest
        return math.exp(bed.random.uniform(math.log(SHORTEST_S), math.log(longest)))

    def cut(self, bed, kind, seconds):
        begun = time.monotonic()
        if kind == "interface":
            bed.hosts["b"].link("down")
        else:
            self.proxy.tell(kind)
        self.wait(bed, kind, begun, seconds)
        if kind == "interface":
            bed.hosts["b"].link("up")
        else:
            self.proxy.tell("heal")

    @staticmethod
    def left(bed, name):
        """Asked for, as of lines of the log that repeat only some are written."""
        return bed.sides[name].ask("show peers")[0]["state"] != "connected"

    @staticmethod
    def waited_s(bed, name):
        """How long that daemon and we waited for a processor: nobody notices anything meanwhile."""
        with open("/proc/self/schedstat", encoding="ascii") as text:
            return bed.sides[name].waited_s() + int(text.read().split()[1]) / 1e9

    def wait(self, bed, kind, begun, seconds):
        """Until the cut is over. Who hears nothing must notice in time, if there is time."""
        deaf = {"silent": "ab", "stall both": "ab", "interface": "ab", "half": "b",
                "stall up": "b", "stall down": "a"}.get(kind, "")
        limit = 3 * HEARTBEAT_MS / 1000 + GRACE_S + (SENT_AGAIN_S if self.bad else 0)
        noticed, waited = {}, {name: self.waited_s(bed, name) for name in deaf}
        while time.monotonic() - begun < seconds:
            for name in deaf:
                if name not in noticed and self.left(bed, name):
                    noticed[name] = (time.monotonic() - begun -
                                     (self.waited_s(bed, name) - waited[name]))
            bed.poll()
            time.sleep(0.01)
        if seconds <= limit:
            return
        for name in deaf:
            late = self.waited_s(bed, name) - waited[name]
            if noticed.get(name, seconds - late) > limit:
                raise Failure(f"{kind}: {name} took {noticed.get(name, 'more than ' + str(seconds))} "
                              f"s to notice that it is cut off, at most {limit} s are allowed")
        if not self.bad:
            self.noticed += noticed.values()

    def summary(self):
        if not self.noticed:
            return self.counted
        return (f"{self.counted}, silence noticed {len(self.noticed)} times within "
                f"{max(self.noticed) * 1000:.0f} ms (three heartbeats: {3 * HEARTBEAT_MS} ms)")

    def finish(self, bed):
        self.counted = self.packets.summary()

    def end(self, bed):
        if self.proxy:
            self.proxy.end()
        if self.packets:
            self.packets.end()


SCENARIOS = {"partition": Partition((500, 8))}
