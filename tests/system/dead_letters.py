#!/usr/bin/env python3
"""Messages that can never be delivered: kept whole, listed, exported and purged; and what a
route does when there is no room for them."""
import base64
import glob
import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main, require
from harness.programs import Failure, program, until

CLIENT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                      "harness", "client.py")
SMALL, LARGE = 64, 1024  # bytes that the destination and the source take
WAIT_S = 20
LOUD_S = 5  # for a daemon that is kept from nothing
KINDS = {
    "posix": ("plain_posix", "posix:/letters", "posix:/taken", (0, 7, 31)),
    "sysv": ("plain_sysv", "sysv:0x71", "sysv:0x72", (1, 77, 2 ** 63 - 1)),
}
# What would be spoiled by a wrong quote, escape, cut or encoding.
BODIES = (
    "größer ✓ 😀 ".encode() * 15,
    bytes(range(1, 128)) * 2 + b'"quoted" \\ and\r\n\ttabbed',
    bytes(range(256)) * 2,
    b"\xff" * 300,
    b"with a NUL\0 in it" * 20,
    "\u009b31m C1 control characters \x1b[31m".encode() * 9,
    b"x" * LARGE,
)


def ctl(daemon, *words, **how):
    """(status, output, complaints) of mqbridgectl."""
    done = subprocess.run(
        daemon.host.command([daemon.program("mqbridgectl"), "--socket", daemon.socket, *words]),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False, **how)
    return done.returncode, done.stdout, done.stderr


def done(daemon, *words):
    """The output of what must succeed."""
    status, out, err = ctl(daemon, *words)
    require(status in (0, 7) and err == "",  # 7: done, with warnings
            f"mqbridgectl {' '.join(words)}: status {status}: {err}")
    return out


def document(daemon, *words):
    return json.loads(done(daemon, *words, "json"))


def exported(daemon, *words):
    return [json.loads(line) for line in done(daemon, "export", "dead-letters", *words)
            .splitlines()]


def body_of(letter):
    if letter["encoding"] == "utf-8":
        return letter["body"].encode()
    equal(letter["encoding"], "base64", "encoding")
    return base64.b64decode(letter["body"], validate=True)


def send(lab, kind, messages):
    """messages: (body, priority or type) each; waits until the kernel has them all."""
    library, uri = KINDS[kind][:2]
    lines = [["open"], ["send", [(body.hex(), number) for body, number in messages]]]
    sent = subprocess.run(
        lab.a.command([sys.executable, CLIENT, library, uri.partition(":")[2]]),
        input="".join(json.dumps(line) + "\n" for line in lines), stdout=subprocess.PIPE,
        text=True, timeout=WAIT_S, check=True)
    for line in sent.stdout.splitlines():
        if "ok" not in json.loads(line):
            raise Failure(f"sending: {line}")


def make_queues(lab, kind):
    ipcq = program(lab.build, "ipcq")
    _, source, destination, _ = KINDS[kind]
    if kind == "posix":
        lab.a.run([ipcq, "create", source, "--max-messages", 4, "--message-size", LARGE])
        lab.b.run([ipcq, "create", destination, "--max-messages", 4, "--message-size", SMALL])
    else:
        lab.a.run([ipcq, "create", source])
        lab.b.run([ipcq, "create", destination, "--max-bytes", 4 * SMALL])


def route(lab, kind, more_a=None, more_route=None):
    """A pair with the route "main" that cannot carry what is larger than SMALL; not started."""
    make_queues(lab, kind)
    _, source, destination, _ = KINDS[kind]
    return lab.pair(
        {"queues": [{"name": "out", "uri": source}],
         "routes": [{"name": "main", "from": "out", "to": "b/in", **(more_route or {})}],
         "reserve_space": "0B", "reserve_percent": 0, **(more_a or {})},
        {"queues": [{"name": "in", "uri": destination}]}, b_takes=["in"])


def wait_letters(daemon, count):
    until(lambda: daemon.status()["dead_letters"] == count, WAIT_S, f"{count} dead letters")


def too_big(number, types, size=4 * SMALL + 1):
    return [(f"{i:04}".encode() + bytes([i % 256]) * (size - 4), types[i % len(types)])
            for i in range(number)]


def shown(lab, kind):
    _, source, _, types = KINDS[kind]
    sent = [(body, types[i % len(types)]) for i, body in enumerate(BODIES)]
    a, b = route(lab, kind)
    for daemon in (a, b):
        daemon.start()
    send(lab, kind, sent)
    wait_letters(a, len(sent))

    items = document(a, "show", "dead-letters")["items"]
    equal(document(a, "show", "dead-letters", "main")["items"], items, "those of the route")
    equal(sorted((item["type"], item["length_bytes"]) for item in items),
          sorted((number, len(body)) for body, number in sent), "types and lengths")
    for item in items:
        equal((item["route"], item["queue"], item["to"], item["reason"], item["flags"]),
              ("main", source, "b/in", "too-big", []), "a dead letter")
        require(item["detail"] and item["time"], f"no detail or time: {item}")

    letters = exported(a)
    equal(sorted((body_of(letter), letter["type"]) for letter in letters), sorted(sent),
          "exported bodies")
    equal([letter["id"] for letter in letters], [item["id"] for item in items], "exported ids")
    equal(exported(a, "main"), letters, "those of the route")
    for letter in letters:
        equal((letter["host"], letter["reason_number"] > 0), ("a", True), "an exported letter")
        one = document(a, "show", "dead-letter", letter["id"])["items"][0]
        equal({**one, "host": "a"}, letter, "one that is shown alone")
        equal(exported(a, letter["id"]), [letter], "one that is exported alone")
    one = done(a, "show", "dead-letter", str(letters[0]["number"]))
    require(f"id: {letters[0]['id']}\n" in one, f"by its number: {one}")
    equal(document(a, "show", "dead-letter", letters[0]["file"])["items"][0]["id"],
          letters[0]["id"], "by the name of its file")
    return a, b, letters


def purged(a, letters):
    equal(ctl(a, "purge", "dead-letters")[0], 2, "status of a purge of nothing")
    status, out, err = ctl(a, "purge", "dead-letters", "all")
    equal((status, out), (2, ""), "a purge that is not confirmed")
    require("--yes" in err and str(len(letters)) in err, f"it does not ask: {err}")
    equal(len(exported(a)), len(letters), "letters after a purge that was not confirmed")

    equal(document(a, "--yes", "purge", "dead-letters", letters[0]["id"])["items"],
          [{"purged": 1, "remaining": 0}], "a purge of one")
    equal(ctl(a, "show", "dead-letter", letters[0]["id"])[0], 5, "status of one that is gone")
    equal(exported(a), letters[1:], "letters after a purge of one")
    equal(document(a, "--yes", "pu", "d", letters[1]["id"], letters[2]["id"])["items"],
          [{"purged": 2, "remaining": 0}], "a purge of two")
    equal(ctl(a, "--yes", "purge", "dead-letters", "nosuch")[0], 5, "status without a route")
    equal(document(a, "--yes", "purge", "dead-letters", "main")["items"],
          [{"purged": len(letters) - 3, "remaining": 0}], "a purge of a route")
    equal(a.status()["dead_letters"], 0, "letters left")
    equal(exported(a), [], "an export of nothing")
    equal(done(a, "--json", "export", "dead-letters"), "", "the same with --json")
    equal(document(a, "purge", "dead-letters", "all")["items"], [{"purged": 0, "remaining": 0}],
          "a purge of nothing asks nothing")
    equal(glob.glob(os.path.join(a.state_directory, "dead-letters", "*")), [], "files left")


def posix_letters_are_shown_exported_and_purged(lab):
    a, _, letters = shown(lab, "posix")
    a.kill()
    a.start()
    equal(exported(a), letters, "letters after a kill")
    purged(a, letters)


def sysv_letters_are_shown_exported_and_purged(lab):
    a, _, letters = shown(lab, "sysv")
    a.stop()
    a.start()
    equal(exported(a), letters, "letters after a stop")
    purged(a, letters)


def answered_by_hand(daemon, answer, *words):
    """(status, what was on the terminal) of mqbridgectl with a person at it."""
    pid, terminal = pty.fork()
    if pid == 0:
        command = daemon.host.command([daemon.program("mqbridgectl"), "--socket",
                                       daemon.socket, *words])
        os.execvp(command[0], command)
    text = b""
    while True:
        if not select.select([terminal], [], [], WAIT_S)[0]:
            os.kill(pid, signal.SIGKILL)
            break
        try:
            text += os.read(terminal, 4096)
        except OSError:  # its end
            break
        if answer and text.endswith(b"[y/N] "):
            os.write(terminal, answer)
            answer = None
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode()


def purge_asks_the_person_at_the_terminal(lab):
    a, b = route(lab, "posix")
    for daemon in (a, b):
        daemon.start()
    send(lab, "posix", too_big(3, (1,)))
    wait_letters(a, 3)
    for answer in (b"n\n", b"\n", b"yesterday\n", b"\x04"):
        status, text = answered_by_hand(a, answer, "purge", "dead-letters", "all")
        equal(status, 1, f"status after {answer} ({text})")
        require("delete all 3 dead letters for ever?" in text, f"it asks: {text}")
        equal(a.status()["dead_letters"], 3, f"letters after {answer}")
    status, text = answered_by_hand(a, b"y\n", "purge", "dead-letters", "all")
    equal((status, a.status()["dead_letters"]), (0, 0), f"after yes ({text})")


def goes_on(lab, kind, daemon, free, reason):
    """The route is stopped for that reason, others flow; free() mends it: nothing is lost."""
    _, source, destination, types = KINDS[kind]
    until(lambda: daemon.route("main")["state"] == "stopped", WAIT_S, "the route to stop")
    require(reason in daemon.route("main")["detail"], f"detail: {daemon.route('main')}")
    equal(daemon.status()["state"], "degraded", "state of the daemon")
    flow = lab.flow("after", source, destination)
    flow.consume()
    flow.produce(types, "--max", SMALL, "--count", 50)
    time_end = time.monotonic() + 1
    while time.monotonic() < time_end:  # it stays so
        equal(daemon.route("main")["state"], "stopped", "state")
    equal(flow.received(), 0, "messages that came through a route that is stopped")
    free()
    flow.wait_received(50, WAIT_S)
    flow.wait_sent(WAIT_S)
    until(lambda: daemon.route("main")["state"] in ("idle", "flowing"), WAIT_S, "it to flow")
    flow.require_exact()


def full_route(lab, kind):
    types = KINDS[kind][3]
    sent = too_big(3, types)
    a, b = route(lab, kind, more_route={"dead_letter_limit": "8KiB"})
    for daemon in (a, b):
        daemon.start()
    send(lab, kind, sent)
    saved = []

    def free():
        saved.extend(exported(a))
        equal(len(saved), 2, "letters that fit")
        done(a, "--yes", "purge", "dead-letters", "main")
    goes_on(lab, kind, a, free, "dead_letter_limit")
    wait_letters(a, 1)
    saved.extend(exported(a))
    equal(sorted((body_of(letter), letter["type"]) for letter in saved), sorted(sent),
          "letters before and after")


def posix_route_that_is_full_stops_and_goes_on(lab):
    full_route(lab, "posix")


def sysv_route_that_is_full_stops_and_goes_on(lab):
    full_route(lab, "sysv")


def limit_of_all_stops_each_route_that_needs_it(lab):
    """256 letters of a block each are 1 MiB, which is the limit."""
    sent = too_big(257, (1, 2), LARGE)
    a, b = route(lab, "posix", {"dead_letter_limit": "1MiB"})
    for daemon in (a, b):
        daemon.start()
    send(lab, "posix", sent)
    saved = []

    def free():
        saved.extend(exported(a))
        equal(len(saved), 256, "letters that fit")
        done(a, "--yes", "purge", "dead-letters", saved[0]["id"])
    goes_on(lab, "posix", a, free, "dead_letter_limit")
    wait_letters(a, 256)
    found = {letter["id"]: body_of(letter) for letter in saved + exported(a)}
    equal(sorted(found.values()), sorted(body for body, _ in sent), "bodies")


def reserve_of_the_file_system_is_kept(lab):
    sent = too_big(2, (1, 2))
    a, b = route(lab, "posix", {"reserve_space": "1024GiB"})
    for daemon in (a, b):
        daemon.start()
    send(lab, "posix", sent)
    before = a.conf

    def free():
        """A limit that is raised is one of the next start."""
        a.kill()
        text = open(before, encoding="utf-8").read()
        with open(before, "w", encoding="utf-8") as out:
            out.write(text.replace("1024GiB", "0B"))
        a.start()
    goes_on(lab, "posix", a, free, "reserve_space")
    wait_letters(a, 2)
    equal(sorted(body_of(letter) for letter in exported(a)), sorted(b for b, _ in sent),
          "bodies")


def export_to_a_slow_reader_holds_up_nobody(lab):
    count = 400
    a, b = route(lab, "posix")
    for daemon in (a, b):
        daemon.start()
    send(lab, "posix", too_big(count, (1, 2), LARGE))
    wait_letters(a, count)
    slow = socket.socket(socket.AF_UNIX)
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(a.socket)
    slow.sendall(b"export dead-letters\n")
    for _ in range(20):
        begun = time.monotonic()
        equal(len(exported(a, "main")), count, "letters of another export")
        require(time.monotonic() - begun < LOUD_S, "another client waited")
    flow = lab.flow("meanwhile", *KINDS["posix"][1:3])
    flow.consume()
    flow.produce([1, 2], "--max", SMALL, "--count", 200)
    flow.wait_received(200, WAIT_S)
    flow.require_exact()
    # Purged under its eyes: what it gets is whole all the same, and comes to an end.
    done(a, "--yes", "purge", "dead-letters", "all")
    slow.settimeout(WAIT_S)
    text = b""
    while not text.endswith(b"\n\n"):
        more = slow.recv(65536)
        require(more, "the export was broken off")
        text += more
    slow.close()
    got = [json.loads(line) for line in text.decode().split("\n")[:-2]]
    require(0 < len(got) < count, f"{len(got)} letters came: the socket held all of them")
    for letter in got:
        equal(len(body_of(letter)), LARGE, "length of a body")


def damaged_letter_is_set_aside_and_named(lab):
    a, b = route(lab, "posix")
    for daemon in (a, b):
        daemon.start()
    send(lab, "posix", too_big(3, (1,)))
    wait_letters(a, 3)
    letters = exported(a)
    path = os.path.join(a.state_directory, "dead-letters", letters[1]["file"])
    with open(path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"!")
    with open(path, "rb") as file:
        damaged = file.read()
    lines = [json.loads(line) for line in done(a, "export", "dead-letters").splitlines()]
    equal([lines[0], lines[2]], [letters[0], letters[2]], "the others")
    require(letters[1]["id"] in lines[1]["warning"], f"no warning: {lines[1]}")
    aside = os.path.join(os.path.dirname(path), "damaged-" + letters[1]["file"])
    with open(aside, "rb") as file:
        equal(file.read(), damaged, "the file that was set aside")
    require(os.path.basename(aside) in a.log_end(), "the log does not name it")
    answer = document(a, "show", "dead-letters")
    equal(len(answer["items"]), 2, "letters listed")
    require("set aside" in answer["warnings"][0], f"no warning: {answer}")
    equal(ctl(a, "show", "dead-letter", letters[1]["id"])[0], 5, "status of the damaged one")


def enlarge(lab, kind, daemon):
    """The destination is made anew, and takes what it could not."""
    daemon.stop()
    ipcq = program(lab.build, "ipcq")
    destination = KINDS[kind][2]
    lab.b.run([ipcq, "remove", destination])
    if kind == "posix":
        lab.b.run([ipcq, "create", destination, "--max-messages", 4, "--message-size", LARGE])
    else:
        lab.b.run([ipcq, "create", destination])
    daemon.start()
    until(lambda: daemon.show("queues")[0]["state"] == "attached", WAIT_S, "the new queue")


class Reader:
    """Takes from the destination as long as it runs."""

    def __init__(self, lab, kind):
        library, _, uri = KINDS[kind][:3]
        self.process = lab.spawn(
            lab.b, [sys.executable, CLIENT, library, uri.partition(":")[2]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()
        self.call("open", 0, LARGE)

    def call(self, *line):
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], WAIT_S)[0]:
            raise Failure(f"{line}: waited {WAIT_S} s in vain")
        return json.loads(self.process.stdout.readline())["ok"]

    def receive(self, count):
        return [(bytes.fromhex(body), kind) for body, kind in self.call("receive", count)]


def requeued(lab, kind):
    types = KINDS[kind][3]
    sent = [(body, types[i % len(types)]) for i, body in enumerate(BODIES)]
    a, b = route(lab, kind, more_route={"log_limit": "1MiB"})
    for daemon in (a, b):
        daemon.start()
    send(lab, kind, sent)
    wait_letters(a, len(sent))
    letters = exported(a)
    # Nothing has changed: it comes back, as another letter.
    equal(document(a, "requeue", letters[0]["id"])["items"][0]["requeued"], 1, "requeued")
    until(lambda: letters[0]["id"] not in {letter["id"] for letter in exported(a)}
          and a.status()["dead_letters"] == len(sent), WAIT_S, "it to come back")
    enlarge(lab, kind, b)
    until(lambda: a.show("peers")[0]["state"] == "connected", WAIT_S, "the peer")
    reader = Reader(lab, kind)
    equal(document(a, "requeue", "main")["items"],
          [{"requeued": len(sent), "refused": 0, "remaining": 0}], "requeued")
    equal(sorted(reader.receive(len(sent))), sorted(sent), "what came")
    equal(exported(a), [], "letters left")
    until(lambda: a.route("main")["state"] == "idle", WAIT_S, "the route to be idle")
    for daemon in (a, b):
        daemon.stop()
        daemon.start()
    until(lambda: a.route("main")["state"] == "idle", WAIT_S, "the route to be idle")
    equal((exported(a), reader.call("waiting")), ([], 0), "after a stop")


def posix_letters_are_requeued(lab):
    requeued(lab, "posix")


def sysv_letters_are_requeued(lab):
    requeued(lab, "sysv")


def requeue_of_what_cannot_be_sent_says_why(lab):
    a, b = route(lab, "posix")
    for daemon in (a, b):
        daemon.start()
    send(lab, "posix", too_big(2, (1,)))
    wait_letters(a, 2)
    status, _, err = ctl(a, "requeue", exported(a)[0]["id"])
    equal(status, 1, "status without a log")
    require("log_limit" in err, f"it does not say what is missing: {err}")
    equal(ctl(a, "requeue", "all")[0], 1, "status of all without a log")
    equal(ctl(a, "requeue", "12345")[0], 5, "status of none")
    equal(ctl(a, "requeue")[0], 2, "status without a word")
    equal(a.status()["dead_letters"], 2, "letters left")


def killed_while_requeueing(lab, kind):
    """Each message is in force once: as a letter, in the log, or delivered."""
    types = KINDS[kind][3]
    sent = too_big(150, types)
    a, b = route(lab, kind, more_route={"log_limit": "1MiB"})
    for daemon in (a, b):
        daemon.start()
    send(lab, kind, sent)
    wait_letters(a, len(sent))
    enlarge(lab, kind, b)
    until(lambda: a.show("peers")[0]["state"] == "connected", WAIT_S, "the peer")
    reader = Reader(lab, kind)
    delay, middle, came = 0.004, 0, []
    left = len(sent)
    while left > 0:
        asking = lab.spawn(a.host, [a.program("mqbridgectl"), "--socket", a.socket, "requeue",
                                    "all"], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        time.sleep(delay)  # not a wait: the moment of the kill
        a.kill()
        asking.wait()
        a.start()
        came += reader.receive(reader.call("waiting"))
        before, left = left, a.status()["dead_letters"]
        middle += 0 < left < before
        delay *= 1.15
    require(middle > 0, "there was no kill in the middle")

    def all_came():
        came.extend(reader.receive(reader.call("waiting")))
        return a.route("main")["state"] == "idle" and reader.call("waiting") == 0
    until(all_came, WAIT_S, "the route to be idle")
    equal(sorted(came), sorted(sent), "what came")
    equal((reader.call("waiting"), exported(a)), (0, []), "and nothing else")


def posix_requeue_that_is_killed_loses_and_repeats_nothing(lab):
    killed_while_requeueing(lab, "posix")


def sysv_requeue_that_is_killed_loses_and_repeats_nothing(lab):
    killed_while_requeueing(lab, "sysv")


if __name__ == "__main__":
    sys.exit(main(posix_letters_are_requeued, sysv_letters_are_requeued,
                  requeue_of_what_cannot_be_sent_says_why,
                  posix_requeue_that_is_killed_loses_and_repeats_nothing,
                  sysv_requeue_that_is_killed_loses_and_repeats_nothing,
                  posix_letters_are_shown_exported_and_purged,
                  sysv_letters_are_shown_exported_and_purged,
                  purge_asks_the_person_at_the_terminal,
                  posix_route_that_is_full_stops_and_goes_on,
                  sysv_route_that_is_full_stops_and_goes_on,
                  limit_of_all_stops_each_route_that_needs_it,
                  reserve_of_the_file_system_is_kept,
                  export_to_a_slow_reader_holds_up_nobody,
                  damaged_letter_is_set_aside_and_named))
