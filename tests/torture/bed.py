"""The test bed of a torture run: two hosts, a bridge in each, programs that never stop."""
import os
import random
import signal
import subprocess
import time

from harness.bridge import Daemon
from harness.hosts import connections_cut, two_hosts
from harness.load import Flow
from harness.programs import Failure, program, until
from torture.doubts import Doubts

PORT = 7411
FLOW_S = 30      # until messages flow again after a restart
DRAIN_S = 60     # without progress, when waiting for the last ones
PLAIN_DRAIN_S = 2  # the same over the plain relay, which never catches up
SOCAT_BYTES = 64  # of every message that socat is to carry
PROGRESS_S = 5   # between two lines of progress
LOG_LIMIT = "8GiB"

# Per flow: name, direction, then traffic's options for the bodies and the types of each of
# its producers. The fixed one is a queue whose messages all have one length.
FLOWS = {
    "posix": (
        ("mixed", "ab", ("--max", 1024), ((0, 1, 31, 32767), (5, 900))),
        ("fixed", "ab", ("--size", 64), ((0, 3),)),
        ("back", "ba", ("--max", 512), ((0, 7),)),
    ),
    "sysv": (
        ("mixed", "ab", ("--max", 1024), ((1, 2, 2**63 - 1), (7, 2**31, 2**32))),
        ("fixed", "ab", ("--size", 64), ((1,),)),
        ("back", "ba", ("--max", 512), ((3, 4),)),
    ),
}


def uri(kind, number, side):
    if kind == "posix":
        return f"posix:/torture-{side}-{number}"
    return f"sysv:0x{0x4d510000 + 2 * number + (side == 'in'):x}"


def is_open(address):
    """Is it beyond loopback?"""
    return not address.startswith("tcp://127.")


class Relay:
    """The plain relay in place of one daemon: one process per queue."""

    def __init__(self, build, host):
        self.host, self.name = host, host.name
        self.tool = program(build, "relay")
        self.commands, self.processes = [], []

    def start(self):
        self.processes = [self.host.spawn([self.tool, *command])
                          for command in self.commands]

    def kill(self):
        for process in self.processes:
            process.kill()
            process.wait()

    stop = end = kill

    def require_running(self):
        for process in self.processes:
            if process.poll() is not None:
                raise Failure(f"a relay ended with status {process.returncode}")


def socat_is_able():
    """Does the socat of PATH know POSIX queues? 1.8 does, 1.7 does not."""
    try:
        done = subprocess.run(["socat", "-V"], stdout=subprocess.PIPE, text=True, check=False)
    except OSError:
        return False
    return "define WITH_POSIXMQ 1" in done.stdout


class Socat(Relay):
    """socat(1) in place of one daemon, begun again whenever it ends. A stream has no messages: they keep
    their bounds as long as each read gets one whole, so all have the size of its buffer."""

    AGAIN = 'while :; do socat "$@"; sleep 0.05; done'

    def __init__(self, host):
        self.host, self.name = host, host.name
        self.commands, self.processes = [], []

    def start(self):
        self.processes = []
        for way, *words in self.commands:
            if way == "in":
                queue, there, port = words
                ends = [f"POSIXMQ-READ:{name_of(queue)}",
                        f"TCP4:{there}:{port},nodelay"]
            else:
                there, port, queue = words
                ends = [f"TCP4-LISTEN:{port},bind={there},reuseaddr",
                        f"POSIXMQ-SEND:{name_of(queue)}"]
            self.processes.append(self.host.spawn(
                ["sh", "-c", self.AGAIN, "-", "-u", "-lf", "/dev/null", "-b",
                 str(SOCAT_BYTES), *ends], start_new_session=True))

    def kill(self):
        for process in self.processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.processes = []

    stop = end = kill


def told(ask):
    try:
        return ask()
    except Failure as why:
        return why


def name_of(uri_text):
    return uri_text.removeprefix("posix:")


class Bed:
    """options: the parsed command line of tests/torture/run."""

    def __init__(self, options, directory, scenario):
        self.options, self.scenario = options, scenario
        self.random = random.Random(options.seed)
        self.directory = directory
        self.plain = options.relay != "bridge"
        self.hosts = dict(zip("ab", two_hosts()))
        self.flows, self.sides = [], {}
        self.address = f"tcp://{self.hosts['b'].address}:{PORT}"
        self.dial_address = self.address  # where a finds b
        self.doubts = Doubts()
        self.rounds_done = 0
        self.last_line = (time.monotonic(), 0)
        flows = (scenario.flows or FLOWS)[options.kind]
        flows = [flow for flow in flows if scenario.both_ways or flow[1] == "ab"]
        if options.relay == "socat":
            # It carries no priorities.
            flows = [(*flow[:3], ((0,),)) for flow in flows
                     if flow[2] == ("--size", SOCAT_BYTES)]
        for number, flow in enumerate(flows):
            self._add_flow(number, *flow)
        scenario.prepare(self)
        self._add_sides()
        for side in "ba":
            self.start(side)
        for flow in self.flows:
            flow.begin()

    def _add_flow(self, number, name, direction, bodies, producers):
        kind = self.options.kind
        places = [(self.hosts[direction[0]], uri(kind, number, "out")),
                  (self.hosts[direction[1]], uri(kind, number, "in"))]
        flow = Flow(self.options.build, self.directory, name, places)
        flow.direction = direction
        flow.excused = False  # not all of it need arrive any more
        flow.create(*((10, SOCAT_BYTES) if self.options.relay == "socat" else ()))
        more = [*bodies, "--seed", self.random.getrandbits(32)]
        if self.options.body == "random":
            more.append("--random")

        def begin():
            common = self.scenario.program_options(flow)
            flow.consume(*common)
            for types in producers:
                flow.produce(types, *more, *common, *self.scenario.producer_options(flow))
        flow.begin = begin
        self.flows.append(flow)

    def _add_sides(self):
        if self.plain:
            self.sides = {name: Socat(host) if self.options.relay == "socat"
                          else Relay(self.options.build, host)
                          for name, host in self.hosts.items()}
            for number, flow in enumerate(self.flows):
                source, destination = flow.direction
                there, port = self.hosts[destination].address, PORT + number
                self.sides[source].commands.append(
                    ["in", flow.source[1], there, port])
                self.sides[destination].commands.append(
                    ["out", there, port, flow.destination[1]])
            return
        for name, host in self.hosts.items():
            self.sides[name] = Daemon(self.options.build, host, self.directory,
                                      self._settings(name))

    def _settings(self, name):
        other = "b" if name == "a" else "a"
        queues, routes, entries = [], [], []
        for flow in self.flows:
            if flow.direction[0] == name:
                queues.append({"name": f"{flow.name}-out", "uri": flow.source[1],
                               "ring_size": "1MiB"})
                routes.append({"name": flow.name, "from": f"{flow.name}-out",
                               "to": f"{other}/{flow.name}-in"})
                if self.options.log:
                    routes[-1]["log_limit"] = LOG_LIMIT
            else:
                queues.append({"name": f"{flow.name}-in", "uri": flow.destination[1]})
                entries.append(f"{flow.name}-in")
        peer = {"name": other, "heartbeat": "500ms", "may_send_to": entries}
        settings = {"queues": queues, "routes": routes, "peers": [peer]}
        if name == "a":
            peer.update(address=self.dial_address, insecure=is_open(self.dial_address))
        else:
            settings["listeners"] = [{"address": self.address,
                                      "insecure": is_open(self.address)}]
        self.scenario.configure(self, name, settings)
        return settings

    # What scenarios do to it.

    def start(self, name):
        self.sides[name].start()
        if not self.plain:
            self.doubts.started(self.sides[name])

    def stop(self, name):
        self.sides[name].stop()

    def kill(self, name):
        self.sides[name].kill()
        self.doubts.killed(sum(flow.direction[1] == name for flow in self.flows))

    def wipe(self, name):
        """The state directory keeps its image, the tmpfs loses everything."""
        if not self.plain:
            self.sides[name].wipe()

    def save(self, name):
        if not self.plain:
            self.sides[name].save()

    def note_doubts(self):
        if not self.plain:
            for side in self.sides.values():
                self.doubts.note(side)

    def cut_connections(self):
        return connections_cut(self.hosts["b"])

    def pause_consumers(self):
        for flow in self.flows:
            flow.consumer.pause()

    def resume_consumers(self):
        for flow in self.flows:
            flow.consumer.resume()

    def log_count(self, name, text):
        """Lines of that daemon's log with that text."""
        with open(self.sides[name].log, encoding="utf-8", errors="replace") as log:
            return sum(text in line for line in log)

    # What they wait for.

    def received(self):
        return sum(flow.received() for flow in self.flows)

    def poll(self):
        """To be called in every wait: notices what ended by itself, shows progress."""
        for side in self.sides.values():
            side.require_running()
        for flow in self.flows:
            flow.sent()  # fails when a program has
        now, (then, count) = time.monotonic(), self.last_line
        if now - then < PROGRESS_S:
            return
        received = self.received()
        self.last_line = (now, received)
        print(f"{self.options.scenario} {self.options.kind}: round {self.rounds_done} of "
              f"{self.options.rounds}, {received} messages received, "
              f"{(received - count) / (now - then):.0f}/s", flush=True)

    def until(self, condition, seconds, what):
        def polled():
            self.poll()
            return condition()
        return until(polled, seconds, what)

    def wait_flow(self, messages=200):
        """Every flow delivers again."""
        goals = [(flow, flow.received() + messages) for flow in self.flows
                 if not flow.excused]
        self.until(lambda: all(flow.received() >= goal for flow, goal in goals),
                   FLOW_S, "messages to flow")

    def wait_standstill(self, seconds):
        """Nothing is sent or received any more for that long."""
        seen = [None, time.monotonic()]

        def still():
            state = [(flow.sent(), flow.received()) for flow in self.flows]
            if state != seen[0]:
                seen[:] = [state, time.monotonic()]
            return time.monotonic() - seen[1] >= seconds
        self.until(still, FLOW_S, "a standstill")

    def live(self, seconds):
        """Let the traffic run on for a random time: when the blow falls is what is tortured."""
        end = time.monotonic() + self.random.uniform(0, seconds)
        while time.monotonic() < end:
            self.poll()
            time.sleep(max(0.0, min(0.05, end - time.monotonic())))

    # The end.

    def _drained(self):
        return all(flow.excused or flow.received() + flow.gone() >= flow.sent()
                   for flow in self.flows)

    def _settled(self):
        excused = [flow.name for flow in self.flows if flow.excused]
        return all(route["waiting"] == 0 and route["in_flight"] == 0
                   for side in self.sides.values() for route in side.show("routes")
                   if route["name"] not in excused)

    def drain(self):
        """Producers end; what they sent arrives, or the time for it runs out."""
        for flow in self.flows:
            flow.stop_producers()
        patience = PLAIN_DRAIN_S if self.plain else DRAIN_S
        best, since = self.received(), time.monotonic()
        while not self._drained() and time.monotonic() - since < patience:
            self.poll()
            if self.received() > best:
                best, since = self.received(), time.monotonic()
            time.sleep(0.02)
        if not self.plain and self._drained():
            self.until(self._settled, FLOW_S, "the routes to be idle")
            self.wait_standstill(0.3)
            self.note_doubts()

    def verdicts(self):
        """Stops everything; what the checker says per flow."""
        self.scenario.finish(self)
        self.drain()
        if not self.plain:
            for side in self.sides.values():
                side.stop()
        for flow in self.flows:
            flow.consumer.stop()
        return [(flow, flow.verdict()) for flow in self.flows]

    def end(self):
        self.scenario.end(self)
        for flow in self.flows:
            flow.end()
        for side in self.sides.values():
            side.end()
        for host in self.hosts.values():
            host.end()

    def log_ends(self):
        if self.plain:
            return ""
        return "".join(f"--- log of {name}:\n{side.log_end()}"
                       for name, side in self.sides.items()
                       if os.path.exists(side.log)) + self.states()

    def states(self):
        """What each flow sent, and what the daemons say of their routes, queues and peers."""
        asked = [(f"{flow.name}, sent and received",
                  lambda flow=flow: (flow.sent(), flow.received()))
                 for flow in self.flows]
        asked += [(f"{what} of {name}", lambda side=side, what=what: side.show(what))
                  for name, side in self.sides.items()
                  for what in ("routes", "queues", "peers")]
        return "".join(f"--- {what}: {told(ask)}\n" for what, ask in asked)
