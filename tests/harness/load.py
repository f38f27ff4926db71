"""Programs that know nothing of the bridge (tests/tools/traffic), and the check of what came."""
import json
import os
import signal
import struct
import subprocess

from harness.programs import Failure, program, until

END_S = 10


# Words at the start of a ledger or log.
COUNT, REMOVALS, GONE = 1, 6, 7
WORDS = 8


def _word(path, index):
    try:
        with open(path, "rb") as ledger:
            words = ledger.read(8 * WORDS)
    except FileNotFoundError:
        return 0
    return struct.unpack(f"<{WORDS}Q", words)[index] if len(words) == 8 * WORDS else 0


def span(path):
    """(messages, seconds between the first and the last) of a ledger or log."""
    with open(path, "rb") as ledger:
        _, count, first, last = struct.unpack("<QQQQ", ledger.read(32))
    return count, (last - first) / 1e9


class Program:
    """A running producer or consumer; it is only ever asked to end."""

    def __init__(self, host, arguments, path):
        self.path = path
        if os.path.exists(path):
            os.unlink(path)
        self.process = host.spawn(arguments)

    def count(self):
        if self.process.poll() not in (None, 0):
            raise Failure(f"{os.path.basename(self.path)} ended with status "
                          f"{self.process.returncode}")
        return _word(self.path, COUNT)

    def removals(self):
        return _word(self.path, REMOVALS)

    def gone(self):
        """Messages that were destroyed with the queue."""
        return _word(self.path, GONE)

    def tell(self, number):
        self.process.send_signal(number)

    def pause(self):
        self.tell(signal.SIGSTOP)

    def resume(self):
        self.tell(signal.SIGCONT)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGTERM)
        if self.process.wait(END_S) != 0:
            raise Failure(f"{os.path.basename(self.path)} ended with status "
                          f"{self.process.returncode}")

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Flow:
    """One source queue, one destination queue, producers of the one, a consumer of the other."""

    def __init__(self, build, directory, name, places):
        """places: ((host, uri) of the source, (host, uri) of the destination)."""
        self.build, self.directory, self.name = build, directory, name
        self.source, self.destination = places
        self.tool = program(build, "traffic")
        self.producers, self.consumer = [], None

    def create(self, messages=10, size=1024):
        for host, uri in (self.source, self.destination):
            host.run([self.tool, "create", "--queue", uri, "--messages", messages,
                      "--size", size])

    def consume(self, *more):
        path = os.path.join(self.directory, f"{self.name}.taken")
        host, uri = self.destination
        self.consumer = Program(host, [self.tool, "consume", "--queue", uri, "--log", path,
                                       *more], path)

    def produce(self, types, *more):
        """more: --size or --max, --random, --seed, --count, --rate."""
        number = len(self.producers) + 1
        path = os.path.join(self.directory, f"{self.name}.sent{number}")
        host, uri = self.source
        self.producers.append(Program(
            host, [self.tool, "produce", "--queue", uri, "--ledger", path, "--producer",
                   number, "--types", ",".join(map(str, types)), *more], path))

    def sent(self):
        return sum(producer.count() for producer in self.producers)

    def gone(self):
        return sum(producer.gone() for producer in self.producers)

    def received(self):
        return self.consumer.count()

    def wait_received(self, count, seconds):
        until(lambda: self.received() >= count, seconds,
              f"{self.name}: {count} messages to arrive")

    def wait_sent(self, seconds):
        """Until producers with a --count have sent it."""
        until(lambda: all(p.process.poll() is not None for p in self.producers), seconds,
              f"{self.name}: the producers to end")

    def stop_producers(self):
        for producer in self.producers:
            producer.stop()

    def verdict(self):
        """After the consumer was stopped: what the checker found, as a dictionary."""
        done = subprocess.run(
            [self.tool, "check", "--log", self.consumer.path,
             *[producer.path for producer in self.producers]],
            stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode not in (0, 1):
            raise Failure(f"{self.name}: the checker ended with status {done.returncode}")
        return json.loads(done.stdout)

    def require_exact(self):
        """Stop all and require that every message came once, in order, as it was."""
        self.stop_producers()
        self.consumer.stop()
        found = self.verdict()
        if any(found[key] for key in ("lost", "repeated", "reordered", "altered", "shortened")):
            raise Failure(f"{self.name}: {json.dumps(found)[:500]}")
        return found

    def end(self):
        for tool in self.producers + ([self.consumer] if self.consumer else []):
            tool.end()
