#!/usr/bin/env python3
"""Python programs on the usual queue packages, unchanged, on both sides of a bridge.

Each package is used if an interpreter finds it: Debian's, which sees Debian's packages, or the
one that runs this. PYTHONPATH is honoured. The tests "plain" need none.
"""
import json
import os
import random
import select
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.client import LARGEST, LIBRARIES, MESSAGES, NO_PACKAGE, SIZE
from harness.lab import equal, main, require
from harness.programs import TESTS, Failure, Skipped, until

CLIENT = os.path.join(TESTS, "harness", "client.py")
INTERPRETERS = ("/usr/bin/python3", sys.executable)
LIMIT_S = 20
REATTACH_S = 1  # promised; a little more is granted to a machine that is busy
GRANT_S = 2
OBJECTS = 300
REQUESTS, ASKERS = 50, 3

NAMES = ("/with two spaces", "/ ", "/a:b", "/posix:x", "/user@host", "/100%", "/%s%n%2F%00",
         "/größe ✓ 消息 🚚", "/#!$&*()[]{};'~", '/"quoted" \\ back', "/..hidden", "/tab\tline\n",
         "/" + "n" * 255, "/" + "ü" * 127 + "x")
KEYS = {"sysv:0x80000000": "0x80000000", "sysv:0xffffffff": "0xffffffff",
        "sysv:4294967294": "0xfffffffe", "sysv:0x7fffffff": "0x7fffffff", "sysv:1": "1"}

# Lengths of messages that wait in one queue together. System V queues hold 16384 bytes.
LENGTHS = ((0, 1, LARGEST, 7, 0, 64, 8, 4095, 0, 2), (LARGEST - 1, 0, 9, 255, 256, 257, 3, 0),
           (0,) * MESSAGES, (LARGEST, LARGEST))
# What a relay may mistake for free space or for an end: zeros, and bytes not found in text.
ENDINGS = (b"", b"\0\0", b"\xf5\xf5\xf5", b"\xfd", b"\xff\xff", bytes(range(0xf5, 0xfe)))


class Client:
    """A running harness/client.py."""
    found = {}  # the interpreter of each library

    def __init__(self, lab, host, library, queue):
        tried = [Client.found[library]] if library in Client.found else INTERPRETERS
        for interpreter in tried:
            self.process = lab.spawn(host, [interpreter, CLIENT, library, queue],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            if self.process.stdout.readline():
                Client.found[library] = interpreter
                return
            if self.process.wait() != NO_PACKAGE:
                raise Failure(f"a program on {library} does not start")
        raise Skipped(f"{LIBRARIES[library].package} is not installed")

    def begin(self, verb, *arguments):
        self.process.stdin.write(json.dumps([verb, *arguments]) + "\n")
        self.process.stdin.flush()
        self.verb = verb

    def reply(self):
        if not select.select([self.process.stdout], [], [], LIMIT_S)[0]:
            raise Failure(f"{self.verb}: waited {LIMIT_S} s in vain")
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"{self.verb}: the program ended with status {self.process.wait()}")
        return json.loads(line)

    def result(self):
        reply = self.reply()
        if "error" in reply:
            raise Failure(f"{self.verb}: {': '.join(reply['error'])}")
        return reply["ok"]

    def call(self, verb, *arguments):
        self.begin(verb, *arguments)
        return self.result()

    def opened(self, messages=MESSAGES, size=SIZE):
        self.call("open", messages, size)
        return self


def bridge(lab, there, back=()):
    """Two running daemons, and a queue each of these URIs on both hosts, carried from a to b
    or back. Entries and routes are called "there0" and so on."""
    there = {f"there{number}": uri for number, uri in enumerate(there)}
    back = {f"back{number}": uri for number, uri in enumerate(back)}

    def side(out, peer):
        return {"queues": [{"name": name, "uri": uri} for name, uri in (there | back).items()],
                "routes": [{"name": name, "from": name, "to": f"{peer}/{name}"} for name in out]}

    daemons = lab.pair(side(there, "b"), side(back, "a"), a_takes=back, b_takes=there)
    for daemon in daemons:
        daemon.start()
    return daemons


def two_queues(library):
    """(scheme, the queue there, the queue back)"""
    return ("posix:", "/there", "/back") if LIBRARIES[library].posix else \
        ("sysv:", "0x7069", "0x706a")


def plain(library):
    return "plain_posix" if LIBRARIES[library].posix else "plain_sysv"


# ---- objects ----------------------------------------------------------------------


def require_objects(got, library, what):
    kinds = LIBRARIES[library].kinds
    equal([number for number, intact, _ in got if not intact], [], f"damaged objects {what}")
    equal(sorted(number for number, _, _ in got), list(range(OBJECTS)), f"objects {what}")
    if LIBRARIES[library].tells_kind:
        equal([kind for _, _, kind in got], [kinds[number % len(kinds)] for number, _, _ in got],
              f"priorities or types {what}")
    if not LIBRARIES[library].posix:
        equal([number for number, _, _ in got], list(range(OBJECTS)), f"order {what}")
    for start in range(len(kinds)):
        of_kind = [number for number, _, _ in got if number % len(kinds) == start]
        equal(of_kind, sorted(of_kind), f"order of objects of kind {kinds[start]} {what}")


def objects_both_ways(lab, library):
    """Pickled objects, sent and received by the same package, both ways at once. The programs
    make the queues."""
    scheme, there, back = two_queues(library)
    senders = [Client(lab, host, library, queue).opened()
               for host, queue in ((lab.a, there), (lab.b, back))]
    receivers = [Client(lab, host, library, queue).opened()
                 for host, queue in ((lab.b, there), (lab.a, back))]
    bridge(lab, [scheme + there], [scheme + back])
    for sender in senders:
        sender.begin("put", 0, OBJECTS, LIBRARIES[library].kinds)
    for receiver in receivers:
        receiver.begin("get", OBJECTS)
    for client in senders:
        client.result()
    for receiver, what in zip(receivers, ("from a to b", "from b to a")):
        require_objects(receiver.result(), library, what)


# ---- bodies -----------------------------------------------------------------------


def body(length, number):
    ending = ENDINGS[number % len(ENDINGS)]
    text = random.Random(number).randbytes(length)
    return (text[:max(0, length - len(ending))] + ending)[:length].hex()


def require_exact(sender, receiver, daemon, route):
    """Messages of all lengths and kinds. Each round is read only when all of it is there, so
    that its order is known to the last message. sender, receiver: (client, library)."""
    kinds, sent = LIBRARIES[sender[1]].kinds, 0
    for number, lengths in enumerate(LENGTHS):
        messages = [[body(length, 100 * number + place), kinds[place % len(kinds)]]
                    for place, length in enumerate(lengths)]
        sender[0].call("send", messages)
        sent += len(messages)
        until(lambda: daemon.route(route)["settled_total"] == sent, 20, f"{sent} on {route}")
        if LIBRARIES[sender[1]].posix:
            messages.sort(key=lambda message: -message[1])
        got = receiver[0].call("receive", len(messages))
        if not LIBRARIES[receiver[1]].tells_kind:
            messages = [[text, None] for text, _ in messages]
        equal([(len(text) // 2, kind) for text, kind in got],
              [(len(text) // 2, kind) for text, kind in messages],
              f"lengths and kinds of round {number} on {route}")
        require(got == messages, f"a body of round {number} on {route} was altered")


def bodies_both_ways(lab, library):
    """Raw bodies, sent by the package and looked at without it, and the other way round."""
    scheme, there, back = two_queues(library)
    witness = plain(library)
    clients = [Client(lab, host, name, queue).opened(MESSAGES, LARGEST)
               for host, name, queue in ((lab.a, library, there), (lab.b, witness, there),
                                         (lab.b, witness, back), (lab.a, library, back))]
    a, b = bridge(lab, [scheme + there], [scheme + back])
    require_exact((clients[0], library), (clients[1], witness), a, "there0")
    require_exact((clients[2], witness), (clients[3], library), b, "back0")


# ---- names and keys -----------------------------------------------------------------


def through(lab, library, names):
    """One message of its own through each queue."""
    sender, receiver = (Client(lab, host, library, "-") for host in (lab.a, lab.b))
    for number, name in enumerate(names):
        for client in (sender, receiver):
            client.call("open", 2, 64, name)
        text = f"through queue {number}".encode().hex()
        kind = LIBRARIES[library].kinds[-1]
        sender.call("send", [[text, kind]])
        got = receiver.call("receive", 1)[0]
        equal(got, [text, kind if LIBRARIES[library].tells_kind else None],
              f"what came through {name!r}")
        for client in (sender, receiver):
            client.call("close")


def all_names(lab, library):
    bridge(lab, ["posix:" + name for name in NAMES])
    through(lab, library, NAMES)


def all_keys(lab, library):
    bridge(lab, KEYS)
    through(lab, library, KEYS.values())


# ---- requests and replies -------------------------------------------------------------


def requests_and_replies(lab, library):
    """Over one queue of each host, by type: the bridge takes the requests of one side and the
    replies of the other."""
    queues = [{"name": "all", "uri": "sysv:0x5251"}]
    server = Client(lab, lab.b, library, "0x5251").opened()
    askers = [Client(lab, lab.a, library, "0x5251").opened() for _ in range(ASKERS)]
    daemons = lab.pair(
        {"queues": [{**queues[0], "take": "1"}],
         "routes": [{"name": "requests", "from": "all", "to": "b/all"}]},
        {"queues": [{**queues[0], "take": "not 1"}],
         "routes": [{"name": "replies", "from": "all", "to": "a/all"}]},
        a_takes=["all"], b_takes=["all"])
    for daemon in daemons:
        daemon.start()
    server.begin("reply", ASKERS * REQUESTS)
    for asker in askers:
        asker.begin("ask", REQUESTS)
    for client in (*askers, server):
        client.result()
    for daemon, route in zip(daemons, ("requests", "replies")):
        until(lambda: daemon.route(route)["settled_total"] == ASKERS * REQUESTS, 10,
              f"all {route} to be counted")


# ---- queues made for their readers ------------------------------------------------------


def ipcqueue_reads_a_queue_made_for_its_buffer(lab):
    """It reads with a buffer of 1024 bytes unless told, and so nothing at all from a queue whose
    message size is larger; hence the attributes of a created queue are the operator's to set."""
    daemons = lab.pair(
        {"queues": [{"name": name, "uri": f"posix:/{name}"} for name in ("fit", "wide")],
         "routes": [{"name": name, "from": name, "to": f"b/{name}"}
                    for name in ("fit", "wide")]},
        {"queues": [{"name": name, "uri": f"posix:/{name}",
                     "create": {"max_messages": MESSAGES, "message_size": f"{size}B"}}
                    for name, size in (("fit", SIZE), ("wide", SIZE + 1))]},
        b_takes=["fit", "wide"])
    for daemon in daemons:
        daemon.start()
    for name in ("fit", "wide"):
        # Only opened: the class makes a queue with its own defaults where there is none.
        sender = Client(lab, lab.a, "ipcqueue_posix", "/" + name).opened(0)
        sender.call("put", 0, 5, [0])
        until(lambda: daemons[0].route(name)["settled_total"] == 5, 20, f"5 on {name}")
    reader = Client(lab, lab.b, "ipcqueue_posix", "/fit").opened(0)
    equal(reader.call("get", 5), [[number, True, None] for number in range(5)], "objects")
    reader = Client(lab, lab.b, "ipcqueue_posix", "/wide").opened(0)
    reader.begin("get", 1)
    equal(reader.reply().get("error", ["none"])[0], "QueueError", "answer of a wider queue")
    equal(reader.call("waiting"), 5, "messages left there by the error")
    told = Client(lab, lab.b, "ipcqueue_posix", "/wide").opened(MESSAGES, SIZE + 1)
    equal(told.call("get", 5), [[number, True, None] for number in range(5)], "objects")


# ---- queues that their program removes --------------------------------------------------


def numbers(got):
    equal([number for number, intact, _ in got if not intact], [], "damaged objects")
    return [number for number, _, _ in got]


def require_soon(begun, what):
    took = time.monotonic() - begun
    require(took < REATTACH_S + GRANT_S, f"{what} {took:.1f} s after the queue was made")


def removed_by_its_producer(lab, library):
    """close() removes the queue: mood.mqueue's if it made it, ipcqueue's of System V always.
    What was sent before arrives, also when close() follows at once, where the kernel permits."""
    scheme, there, _ = two_queues(library)
    bridge(lab, [scheme + there])
    receiver = Client(lab, lab.b, plain(library), there).opened()
    producer = Client(lab, lab.a, library, there)
    for first in range(0, 5 * MESSAGES, MESSAGES):
        begun = time.monotonic()
        producer.opened().call("put", first, 1, [1])
        equal(numbers(receiver.call("get", 1)), [first], "the first object")
        require_soon(begun, "the first object came")
        producer.call("put", first + 1, MESSAGES - 1, [1])
        if not LIBRARIES[library].posix:  # IPC_RMID destroys what it finds in the queue
            until(lambda: producer.call("waiting") == 0, 10, "the queue to be empty")
        producer.call("close")
        equal(numbers(receiver.call("get", MESSAGES - 1)),
              list(range(first + 1, first + MESSAGES)), "objects sent before close()")


def removed_by_its_consumer(lab, library):
    """What is sent while the queue is not there waits for the next one."""
    scheme, there, _ = two_queues(library)
    a, _ = bridge(lab, [scheme + there])
    producer = Client(lab, lab.a, plain(library), there).opened()
    consumer = Client(lab, lab.b, library, there)
    for first in range(0, 5 * MESSAGES, MESSAGES):
        producer.call("put", first, MESSAGES, [1])
        begun = time.monotonic()
        consumer.opened()
        equal(numbers(consumer.call("get", MESSAGES)), list(range(first, first + MESSAGES)),
              "objects")
        require_soon(begun, "all objects came")
        consumer.call("close")
    until(lambda: a.route("there0")["settled_total"] == 5 * MESSAGES, 10,
          "all messages to be settled")


def removed_while_full(lab, library):
    """The bridge waits for room, and the queue goes: the waiting messages come in the next one,
    from the one on that had no room."""
    scheme, there, _ = two_queues(library)
    a, _ = bridge(lab, [scheme + there])
    producer = Client(lab, lab.a, plain(library), there).opened()
    consumer = Client(lab, lab.b, library, there).opened(2)
    count = 60  # of System V, more bytes than a queue holds
    producer.call("put", 0, count, [1])

    def blocked():
        settled = a.route("there0")["settled_total"]
        return settled and a.route("there0")["sent_total"] > settled and \
            consumer.call("waiting") == settled

    until(blocked, 20, "the destination to be full")
    held = consumer.call("waiting")
    consumer.call("close")
    consumer.opened()
    got = numbers(consumer.call("get", count - held))
    equal(got, list(range(held, count)), f"objects after the first {held}")


def each(test, *libraries):
    """The test once with each library, named after both."""
    def bound(library):
        def run(lab):
            test(lab, library)
        run.__name__ = f"{library}_{test.__name__}"
        return run
    return [bound(library) for library in libraries]


POSIX = ("posix_ipc", "mood_mqueue", "ipcqueue_posix", "plain_posix")
SYSV = ("sysv_ipc", "ipcqueue_sysv", "plain_sysv")
REMOVERS = ("mood_mqueue", "ipcqueue_sysv")

if __name__ == "__main__":
    sys.exit(main(*each(objects_both_ways, *POSIX, *SYSV), *each(bodies_both_ways, *POSIX, *SYSV),
                  *each(all_names, *POSIX), *each(all_keys, *SYSV),
                  *each(requests_and_replies, *SYSV),
                  ipcqueue_reads_a_queue_made_for_its_buffer,
                  *each(removed_by_its_producer, *REMOVERS),
                  *each(removed_by_its_consumer, *REMOVERS),
                  *each(removed_while_full, *REMOVERS)))
