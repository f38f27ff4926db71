#!/usr/bin/env python3
"""Messages that a killed daemon leaves in doubt, for each policy of their queue and both kinds of
queue: what is delivered, dropped and held adds up, and what is held can be resolved. A sender that
went back in time is refused until an operator lets it start anew."""
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main, require
from harness.programs import Failure, until

KINDS = {"posix": ("posix:/doubt-out", "posix:/doubt-in", (3, 7)),
         "sysv": ("sysv:0x61", "sysv:0x62", (3, 7))}
SIZE = 128
ROUNDS = 60   # of kills, until enough is in doubt
ENOUGH = 3    # messages in doubt that no queue could settle
WAIT_S = 30


def ctl(daemon, *words):
    """(exit status, items or the error) of a command."""
    done = subprocess.run(
        daemon.host.command([daemon.program("mqbridgectl"), "--socket", daemon.socket,
                             *map(str, words), "json"]),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        check=False)
    if not done.stdout:
        return done.returncode, done.stderr
    answer = json.loads(done.stdout)
    return done.returncode, answer.get("items", answer.get("error"))


def started(lab, kind, **policies):
    """A running pair whose destination queue has these policies, and traffic over it. All bodies
    are long enough to say which message they are, wherever they arrive."""
    source, destination, types = KINDS[kind]
    flow = lab.flow("doubt", source, destination)
    flow.create(4, SIZE)
    a, b = lab.pair(
        {"queues": [{"name": "out", "uri": source}],
         "routes": [{"name": "main", "from": "out", "to": "b/in"}]},
        {"queues": [{"name": "in", "uri": destination, **policies}]}, b_takes=["in"])
    for daemon in (a, b):
        daemon.start()
    flow.consume()
    flow.produce(types[:1], "--size", SIZE)
    return flow, a, b


def wait_flow(flow, messages=100):
    goal = flow.received() + messages
    until(lambda: flow.received() >= goal, WAIT_S, "messages to flow")


def wait_idle(flow, a):
    """All that was sent is settled, and the consumer has what was delivered."""
    flow.stop_producers()

    def idle():
        route = a.route("main")
        return route["waiting"] == 0 and route["in_flight"] == 0
    until(idle, WAIT_S, "the route to be idle")


def wait_received(flow, seen):
    """As many as the checker says there are, with what is not there accounted for."""
    def still():
        before = seen["n"]
        seen["n"] = flow.received()
        seen["same"] = seen["same"] + 1 if seen["n"] == before else 0
        return seen["same"] > 20
    until(still, WAIT_S, "the consumer to be idle")


def doubts(daemon, *outcomes):
    return [item for item in daemon.show("in-doubt") if item["outcome"] in outcomes]


def kill_until(flow, daemon, outcome):
    """Kill the receiver under load until so many of its doubts ended like that."""
    for _ in range(ROUNDS):
        wait_flow(flow)
        if len(doubts(daemon, outcome)) >= ENOUGH:
            return
        daemon.kill()
        daemon.start()
    raise Failure(f"no {ENOUGH} doubts were {outcome} after {ROUNDS} kills: "
                  f"{[item['outcome'] for item in daemon.show('in-doubt')]}")


def verdict(flow, *keys):
    wait_received(flow, {"n": -1, "same": 0})
    flow.consumer.stop()
    found = flow.verdict()
    for key in ("altered", "shortened", *keys):
        require(found[key] == 0, f"{key} {found[key]}: {json.dumps(found)[:600]}")
    return found


def listed(repeats, items):
    """Every repeated message was said to be in doubt."""
    seen = Counter((item["type"], item["length"]) for item in repeats)
    said = Counter((item["type"], item["length_bytes"]) for item in items)
    require(not seen - said, f"repeated, but not listed: {seen - said}")


def resend(lab, kind):
    flow, a, b = started(lab, kind)
    kill_until(flow, b, "resent")
    wait_idle(flow, a)
    items = doubts(b, "resent")
    equal(items[0]["policy"], "resend", "the policy that is shown")
    found = verdict(flow, "lost", "reordered")
    require(found["repeated"] <= len(items), f"repeated {found['repeated']}, in doubt "
            f"{len(items)}")
    listed(found["repeats"], items)


def drop(lab, kind):
    flow, a, b = started(lab, kind, in_doubt="drop")
    kill_until(flow, b, "dropped")
    wait_idle(flow, a)
    items = doubts(b, "dropped")
    found = verdict(flow, "repeated", "reordered")
    require(found["lost"] <= len(items), f"lost {found['lost']}, dropped {len(items)}")


def resolve(daemon, item, action):
    """As often as the queue is full."""
    def resolved():
        status, answer = ctl(daemon, "resolve", item["id"], action,
                             *(["yes"] if action == "drop" else []))
        if status == 1 and "full" in answer:
            return False
        equal(status, 0, f"resolve {item['id']} {action}: {answer}")
        return True
    until(resolved, WAIT_S, f"{action} of a held message")


def hold(lab, kind, actions):
    """actions: what is done with the held ones, in turn."""
    flow, a, b = started(lab, kind, in_doubt="hold")
    kill_until(flow, b, "held")
    wait_idle(flow, a)
    items = doubts(b, "held")
    # A restart keeps them.
    b.stop()
    b.start()
    equal(doubts(b, "held"), items, "what is held after a restart")
    for number, item in enumerate(items):
        resolve(b, item, actions[number % len(actions)])
    equal(doubts(b, "held"), [], "what is held after all is resolved")
    done = Counter(actions[number % len(actions)] for number in range(len(items)))
    found = verdict(flow)
    require(found["repeated"] <= done["resend"], f"repeated {found['repeated']}")
    require(found["lost"] <= len(items) - done["resend"], f"lost {found['lost']}")
    require(found["reordered"] <= done["resend"], f"reordered {found['reordered']}")
    listed(found["repeats"], items)
    equal(len(b.show("dead-letters")), done["dead-letter"], "dead letters")


def recovered(lab, kind):
    """The sending side is killed: what it recovers is held at the other."""
    flow, a, b = started(lab, kind, recovered="hold")
    for _ in range(ROUNDS):
        wait_flow(flow)
        if len(doubts(b, "held")) >= ENOUGH:
            break
        a.kill()
        a.start()
    wait_idle(flow, a)
    items = doubts(b, "held")
    require(len(items) >= ENOUGH, f"only {len(items)} recovered messages were held")
    equal({item["reason"] for item in items}, {"recovered-held"}, "the reason")
    for item in items:
        resolve(b, item, "resend")
    found = verdict(flow, "lost", "repeated")
    require(found["reordered"] <= len(items), f"reordered {found['reordered']}")


def refusals(lab, kind):
    """Wrong commands say so by their status, and change nothing."""
    flow, a, b = started(lab, kind, in_doubt="hold")
    kill_until(flow, b, "held")
    wait_idle(flow, a)
    held = doubts(b, "held")[0]["id"]
    for words, wanted in ((("nonsense", "resend"), 2), ((held, "send"), 2), ((held,), 2),
                          (("999999999", "resend"), 5), (("stream", "12", "forget"), 2),
                          (("stream", "0" * 32, "forget"), 5),
                          (("stream", "0" * 32, "resend"), 2)):
        status, why = ctl(b, "resolve", *words)
        equal(status, wanted, f"resolve {words}: {why}")
    status, _ = ctl(b, "resolve", held, "drop")
    require(status != 0, "a message was dropped without a yes")
    require(held in [item["id"] for item in doubts(b, "held")], "it is not held any more")


def back_in_time(lab, kind):
    """The sender is set back to a copy of its state: refused, until the receiver forgets."""
    flow, a, b = started(lab, kind)
    wait_flow(flow)
    a.stop()
    copy = a.state_directory + ".copy"
    shutil.copytree(a.state_directory, copy)
    a.start()
    wait_flow(flow, 1000)
    flow.stop_producers()
    wait_idle(flow, a)
    a.stop()
    a.wipe()
    shutil.rmtree(a.state_directory)
    shutil.copytree(copy, a.state_directory)
    a.start()
    flow.produce(KINDS[kind][2][1:], "--size", SIZE, "--count", 100)
    until(lambda: a.route("main")["state"] == "refused", WAIT_S, "the stream to be refused")
    with open(b.log, encoding="utf-8") as log:
        streams = re.findall(r"stream ([0-9a-f]{32}) to in refused: it went back", log.read())
    require(streams, "b does not say which stream went back in time")
    status, why = ctl(b, "resolve", "stream", streams[0], "forget")
    require(status != 0, "it was forgotten without a yes")
    status, why = ctl(b, "resolve", "stream", streams[0], "forget", "yes")
    equal(status, 0, f"resolve stream: {why}")
    wait_idle(flow, a)
    # Every new message arrives; old ones that the copy still had may come twice.
    verdict(flow, "lost")


def settled(lab):
    """Killed while a message waits for room: what lies in the queue at the start tells that it
    was not taken."""
    flow, a, b = started(lab, "sysv")
    for _ in range(ENOUGH):
        wait_flow(flow)
        flow.consumer.pause()
        until(lambda: b.show("queues")[0]["depth"] > b.show("queues")[0]["capacity"] - SIZE,
              WAIT_S, "the queue to be full")
        wait_received(flow, {"n": -1, "same": 0})
        b.kill()
        b.start()
        flow.consumer.resume()
    wait_flow(flow)
    wait_idle(flow, a)
    outcomes = Counter(item["outcome"] for item in b.show("in-doubt"))
    require(outcomes["settled-not-taken"] >= ENOUGH, f"the doubts ended so: {outcomes}")
    found = verdict(flow, "lost", "reordered")
    require(found["repeated"] <= outcomes["resent"], f"repeated {found['repeated']}")


def word(data, offset):
    return int.from_bytes(data[offset:offset + 8], "little")


def read(directory, start):
    """The only file there whose name begins so: (its path, its bytes)."""
    names = [name for name in os.listdir(directory) if name.startswith(start)]
    equal(len(names), 1, f"files {start}* in {directory}")
    path = os.path.join(directory, names[0])
    with open(path, "rb") as file:
        return path, file.read()


def damage_doubtful(a, b):
    """Both are dead. If a delivery is in doubt at b, change a bit of that record's body at a."""
    _, marks = read(b.run_directory, "marks")
    mark, intent = word(marks, 331776), word(marks, 331776 + 8)
    if intent != mark + 1:
        return False
    _, journal = read(a.run_directory, "stream-")
    if not word(journal, 4096) < intent < word(journal, 4104):
        return False
    place = word(journal, 8192 + 8 * (intent % 16384)) & ~(7 | 127 << 56)
    path, ring = read(a.run_directory, "ring-")
    at = word(ring, 32) + (place + 48) % word(ring, 40)
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(bytes([ring[at] ^ 1]))
    return True


def damaged(lab, kind):
    """The message in doubt is damaged at its sender before it can come again: the doubt is not
    taken for one about the message behind it, which drop would lose."""
    flow, a, b = started(lab, kind, in_doubt="drop")
    n = 0
    for _ in range(ROUNDS):
        wait_flow(flow)
        if n >= ENOUGH:
            break
        b.kill()
        a.kill()
        n += damage_doubtful(a, b)
        a.start()
        b.start()
    require(n >= ENOUGH, f"only {n} messages were in doubt")
    wait_idle(flow, a)
    outcomes = Counter(item["outcome"] for item in b.show("in-doubt"))
    equal(outcomes["gone"], n, f"doubts about damaged messages, of {outcomes}")
    found = verdict(flow, "repeated", "reordered")
    require(found["lost"] <= n, f"lost {found['lost']}, damaged {n}")


def both(*tests):
    """Each for POSIX and for System V, as tests with names of their own."""
    made = []
    for name, test in tests:
        for kind in KINDS:
            def run(lab, test=test, kind=kind):
                test(lab, kind)
            run.__name__ = f"{name}_{kind}"
            made.append(run)
    return made


if __name__ == "__main__":
    sys.exit(main(settled, *both(
        ("doubt_by_resend_loses_nothing", resend),
        ("doubt_by_drop_repeats_nothing", drop),
        ("doubt_held_and_resent_loses_nothing",
         lambda lab, kind: hold(lab, kind, ["resend"])),
        ("doubt_held_can_be_resolved_each_way",
         lambda lab, kind: hold(lab, kind, ["resend", "drop", "dead-letter"])),
        ("doubt_about_a_damaged_message_does_not_pass_to_the_next", damaged),
        ("recovered_held_and_resent_arrives_once", recovered),
        ("resolve_that_is_wrong_is_refused", refusals),
        ("sender_back_in_time_is_let_in_by_resolve", back_in_time))))
