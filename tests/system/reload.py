#!/usr/bin/env python3
"""Reloading: what is said, what is applied, and that nothing else is touched."""
import json
import os
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import PORT, equal, main, require
from harness.programs import until

SIZE = 64
DEPTH = 4


def ask(daemon, *words):
    """(status, output with errors) of mqbridgectl."""
    done = subprocess.run(
        daemon.host.command([daemon.program("mqbridgectl"), "--socket", daemon.socket, *words]),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def reload(daemon, settings, *words):
    """Configure it so and reload: (status, the document)."""
    daemon.configure(settings)
    status, text = ask(daemon, "reload", *words, "json")
    return status, json.loads(text)


def changes(document):
    return sorted((item["object"], item["name"], item["change"], *item["keys"])
                  for item in document["items"])


def line_of(daemon, text):
    with open(daemon.conf, encoding="utf-8") as conf:
        return next(number for number, line in enumerate(conf, 1) if text in line)


class Bench:
    """Two hosts, and flows between equally numbered queues of them, one route each."""

    def __init__(self, lab, n):
        self.lab, self.n = lab, n
        address, insecure = lab.listen_address()
        self.settings_a = {
            "peers": [{"name": "b", "address": address, "insecure": insecure,
                       "heartbeat": "500ms"}],
            "queues": [{"name": f"out{i}", "uri": f"posix:/out{i}"} for i in range(n)],
            "routes": [{"name": f"r{i}", "from": f"out{i}", "to": f"b/in{i}"}
                       for i in range(n)]}
        self.settings_b = {
            "peers": [{"name": "a", "heartbeat": "500ms",
                       "may_send_to": [f"in{i}" for i in range(n)]}],
            "listeners": [{"address": address, "insecure": insecure}],
            "queues": [{"name": f"in{i}", "uri": f"posix:/in{i}"} for i in range(n)]}
        self.flows = [lab.flow(f"f{i}", f"posix:/out{i}", f"posix:/in{i}")
                      for i in range(n)]
        for flow in self.flows:
            flow.create(DEPTH, SIZE)
        self.a = lab.daemon(self.settings_a, lab.a, "a")
        self.b = lab.daemon(self.settings_b, lab.b, "b")
        for daemon in (self.b, self.a):
            daemon.start()
        for flow in self.flows:
            flow.consume()

    def produce(self, *numbers):
        for i in numbers:
            self.flows[i].produce([1], "--max", SIZE)

    def moves(self, *numbers, messages=200):
        for i in numbers:
            self.flows[i].wait_received(self.flows[i].received() + messages, 20)

    def exact(self, *numbers):
        for i in numbers:
            self.flows[i].stop_producers()
            self.flows[i].wait_received(self.flows[i].sent(), 20)
            self.flows[i].require_exact()

    def connections(self):
        """What tells whether a connection was touched."""
        return [(side.name, peer["name"], peer["reconnects_total"])
                for side in (self.a, self.b) for peer in side.show("peers")]


def faults_change_nothing_and_are_the_answer(lab):
    bench = Bench(lab, 1)
    bench.produce(0)
    bench.moves(0)
    before = bench.connections()
    good = bench.settings_a
    with open(bench.a.conf, "a", encoding="utf-8") as conf:
        conf.write("rout = ( );\nroutes = 7;\n")
    line = line_of(bench.a, "rout = ( );")
    status, text = ask(bench.a, "reload")
    equal(status, 1, "status of a refused reload")
    require(f"{bench.a.conf}:{line}: rout: there is no such key; did you mean routes?"
            in text or f"{bench.a.conf}:{line + 1}: syntax: " in text,
            f"the fault is not the answer: {text}")
    faulty = (
        ({**good, "name": "other"}, "name: cannot change while the daemon runs: all peers "
         "know this daemon by it; restart the daemon", 'name = "other"'),
        ({**good, "ring_directory": "/run/mqbridge/elsewhere"},
         "ring_directory: cannot change while the daemon runs: the messages that are under "
         "way are in the old one; restart the daemon", "ring_directory ="),
        ({**good, "queues": [{"name": "out0", "uri": "posix:/out0", "ring_size": "1KiB"}]},
         "queues.out0.ring_size: ", "queues ="),
        ({**good, "queues": good["queues"] * 2},
         'queues.out0.name: "out0" is used twice', "queues ="),
        ({**good, "nonsense": 1}, "nonsense: there is no such key", "nonsense ="),
        ({**good, "listeners": [{"address": f"unix://{lab.directory}/none/socket"}]},
         "listeners[0].address: cannot listen at ", "listeners ="),
        ({**good, "queues": [{"name": "out0", "uri": "posix:/out0", "ring_size": "16GiB"},
                             {"name": "big", "uri": "posix:/big", "ring_size": "63GiB"}],
          "routes": good["routes"] + [{"name": "big", "from": "big", "to": "b/in0"}]},
         "queues.big.ring_size: new rings need ", "queues ="),
    )
    for settings, why, at in faulty:
        status, document = reload(bench.a, settings)
        equal(status, 1, f"status with the fault {why}")
        where = f"{bench.a.conf}:{line_of(bench.a, at)}: {why}"
        require(any(fault.startswith(where) for fault in document["warnings"]),
                f"wanted {where}, found {document}")
        require("nothing was changed" in document["error"], f"error {document['error']}")
        bench.moves(0)
    equal(bench.connections(), before, "connections after faults")
    status, document = reload(bench.a, good)
    equal((status, document["items"]), (0, []), "a reload without a difference")
    bench.exact(0)


def fault_found_late_undoes_all(lab):
    """A log that cannot be made, when queues, peers and routes were made already."""
    bench = Bench(lab, 2)
    bench.produce(0, 1)
    bench.moves(0, 1)
    before = bench.connections()
    full = bench.settings_a
    state = bench.a.state_directory
    with open(f"{state}/logs", "w", encoding="utf-8"):
        pass
    rings = sorted(os.listdir(bench.a.run_directory))
    wrong = {**full, "peers": full["peers"] + [{"name": "c", "address": "tcp://127.0.0.1:9"}],
             "listeners": [{"address": f"unix://{lab.directory}/late"}],
             "queues": [full["queues"][0], {"name": "new", "uri": "posix:/new"},
                        {"name": "renamed", "uri": "posix:/out1"}],
             "routes": [full["routes"][0],
                        {"name": "new", "from": "new", "to": "c/x"},
                        {"name": "more", "from": "out0", "to": "b/in1"},
                        {"name": "again", "from": "renamed", "to": "b/in1"},
                        {"name": "last", "from": "new", "to": "b/in0"},
                        {"name": "logged", "from": "out0", "to": "c/y",
                         "log_limit": "1MiB"}]}
    for _ in range(3):
        status, document = reload(bench.a, wrong)
        equal((status, document["warnings"]),
              (1, [f"{bench.a.conf}:{line_of(bench.a, 'routes =')}: routes.logged: cannot be "
                   "set up: Not a directory"]), "the fault")
        bench.moves(0, 1)
    equal(sorted(os.listdir(bench.a.run_directory)), rings, "files in the ring directory")
    require(not os.path.exists(f"{lab.directory}/late"), "the listener is there")
    equal(sorted(item["name"] for item in bench.a.show("routes")), ["r0", "r1"], "routes")
    equal(bench.connections(), before, "connections")
    os.unlink(f"{state}/logs")
    bench.exact(0, 1)


def all_faults_are_told_at_once(lab):
    bench = Bench(lab, 1)
    status, document = reload(bench.a, {**bench.settings_a, "name": "other",
                                        "state_directory": "/var/empty/state",
                                        "listeners": [{"address": "unix:///none/none"}]})
    equal((status, len(document["warnings"])), (1, 3), f"faults in {document}")
    require("not reloaded: " in bench.a.log_end(), "the refusal is not in the log")


def reload_check_changes_nothing(lab):
    bench = Bench(lab, 2)
    settings = {**bench.settings_a, "routes": bench.settings_a["routes"][:1]}
    status, document = reload(bench.a, settings, "check")
    equal(changes(document), [("route", "r1", "removed")], "what would change")
    equal(status, 0, "status of reload check")
    equal(len(bench.a.show("routes")), 2, "routes after reload check")
    status, document = reload(bench.a, {**settings, "name": "x"}, "check")
    equal((status, len(document["warnings"])), (1, 1), "status of a faulty reload check")


def reload_check_tries_what_it_can_and_tells_the_rest(lab):
    bench = Bench(lab, 1)
    a, b = bench.settings_a, bench.settings_b
    path = f"{lab.directory}/metrics"
    logs = f"{bench.a.state_directory}/logs"
    with open(logs, "w", encoding="utf-8"):
        pass
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        other.listen()
        status, document = reload(bench.a, {
            **a, "metrics": f"unix://{path}",
            "routes": [*a["routes"], {"name": "logged", "from": "out0", "to": "b/x",
                                      "log_limit": "1MiB"}]}, "check")
    equal((status, [text.split(": ", 1)[1] for text in document["warnings"]]),
          (1, ["metrics: Address already in use",
               "routes.logged: cannot be set up: Not a directory"]), "what was tried")
    os.unlink(logs)
    os.unlink(path)
    more = {**a, "metrics": "http://127.0.0.1:7412", "metrics_insecure": True}
    equal(reload(bench.a, more, "check")[0], 0, "status of a check")
    equal(reload(bench.a, more)[0], 0, "status")
    status, document = reload(
        bench.a, {**more, "metrics": "http://0.0.0.0:7412"}, "check")
    equal((status, [text.split(": ", 1)[1] for text in document["warnings"]]),
          (7, ["metrics: not tried: to listen there, for which the one in use must stop"]),
          "what was not tried of the metrics")
    wide = f"tcp://0.0.0.0:{PORT}"
    status, document = reload(
        bench.b, {**b, "listeners": [{"address": wide, "insecure": True}]}, "check")
    equal((status, [text.split(": ", 1)[1] for text in document["warnings"]]),
          (7, [f"listeners[0].address: not tried: to listen at {wide}, for which "
               f"{b['listeners'][0]['address']} must stop"]), "what was not tried of b")


def routes_come_and_go_beside_others(lab):
    bench = Bench(lab, 3)
    bench.produce(0, 1, 2)
    bench.moves(0, 1, 2)
    before = bench.connections()
    full = bench.settings_a
    status, document = reload(bench.a, {**full, "queues": full["queues"][:2],
                                        "routes": full["routes"][:2]})
    equal(changes(document), [("queue", "out2", "removed"), ("route", "r2", "removed")],
          "what was removed")
    bench.moves(0, 1)
    status, document = reload(bench.a, full)
    equal(status, 0, "status of the reload that adds it again")
    equal(changes(document), [("queue", "out2", "added"), ("route", "r2", "added")],
          "what was added")
    bench.moves(0, 1, 2)
    equal(bench.connections(), before, "connections")
    bench.exact(0, 1, 2)


def backlog_of_removed_route_is_kept_and_taken_up(lab):
    bench = Bench(lab, 2)
    bench.flows[1].consumer.pause()
    bench.produce(0, 1)
    until(lambda: bench.a.route("r1")["waiting"] > 50, 20, "a backlog")
    full = bench.settings_a
    status, document = reload(bench.a, {**full, "routes": full["routes"][:1]})
    equal(status, 7, "status with a warning")
    require("messages are kept until a route from out1 to b/in1 is there again"
            in document["warnings"][0], f"warnings {document['warnings']}")
    orphans = [item for item in bench.a.show("routes") if item["to"] == "b/in1"]
    equal([item["state"] for item in orphans], ["orphan"], "state of what is kept")
    held = orphans[0]["waiting"] + orphans[0]["in_flight"]
    require(held > 50, f"the orphan has {held} messages")
    bench.moves(0)
    bench.flows[1].consumer.resume()
    # Under another name: what counts is from where to where.
    renamed = [full["routes"][0], {**full["routes"][1], "name": "again"}]
    status, document = reload(bench.a, {**full, "routes": renamed})
    equal(status, 0, f"status of adding it again ({document})")
    bench.moves(0, 1)
    bench.exact(0, 1)
    equal([item["state"] for item in bench.a.show("routes") if item["state"] == "orphan"],
          [], "orphans at the end")


def kept_backlog_survives_restart(lab):
    bench = Bench(lab, 1)
    bench.flows[0].consumer.pause()
    bench.produce(0)
    until(lambda: bench.a.route("r0")["waiting"] > 50, 20, "a backlog")
    full = bench.settings_a
    reload(bench.a, {**full, "routes": []})
    bench.flows[0].stop_producers()
    bench.a.stop()
    bench.a.start()
    bench.flows[0].consumer.resume()
    equal(reload(bench.a, full)[0], 0, "status of adding it after a restart")
    bench.exact(0)


def route_renamed_under_load_goes_on(lab):
    bench = Bench(lab, 1)
    bench.produce(0)
    bench.moves(0)
    full = bench.settings_a
    for name in ("x", "y", "r0"):
        status, document = reload(
            bench.a, {**full, "routes": [{**full["routes"][0], "name": name}]})
        equal(status, 0, f"status of renaming it to {name} ({document})")
        bench.moves(0)
    renamed = {**full, "queues": [{**full["queues"][0], "name": "else"}],
               "routes": [{**full["routes"][0], "from": "else"}]}
    equal(reload(bench.a, renamed)[0], 0, "status of renaming the queue")
    bench.moves(0)
    bench.exact(0)


def peer_address_changes_without_loss(lab):
    bench = Bench(lab, 1)
    bench.produce(0)
    bench.moves(0)
    address, insecure = lab.listen_address()
    other = address.replace(str(PORT), str(PORT + 1))
    listener = {"address": other, "insecure": insecure}
    b = bench.settings_b
    status, document = reload(bench.b, {**b, "listeners": b["listeners"] + [listener]})
    equal((status, changes(document)), (0, [("listener", other, "added")]), "a listener")
    bench.moves(0)
    a = bench.settings_a
    before = bench.connections()
    status, document = reload(
        bench.a, {**a, "peers": [{**a["peers"][0], "address": other}]})
    equal((status, changes(document)), (0, [("peer", "b", "changed", "address")]),
          "another address")
    bench.moves(0)
    equal(bench.a.show("peers")[0]["address"], other, "the address in show peers")
    require(bench.connections() != before, "the connection was kept")
    before = bench.connections()
    status, document = reload(bench.b, {**b, "listeners": [listener]})
    equal((status, changes(document)), (0, [("listener", address, "removed")]),
          "the old listener")
    bench.moves(0)
    equal(bench.connections(), before, "connections after the removal of a listener")
    bench.exact(0)


def listener_moves_to_an_address_that_holds_the_former(lab):
    bench = Bench(lab, 1)
    bench.produce(0)
    bench.moves(0)
    before = bench.connections()
    b, address = bench.settings_b, bench.settings_b["listeners"][0]["address"]
    wide = {"address": f"tcp://0.0.0.0:{PORT}", "insecure": True}
    there_and_back = ({**b, "listeners": [wide]}, b)
    for settings in there_and_back * 2:
        equal(reload(bench.b, settings)[0], 0, "status")
        bench.moves(0)
    equal(bench.connections(), before, "connections")
    # Another process listens at a part of it: refused, and the former listens on.
    other = lab.spawn(lab.b, [sys.executable, "-c", "import socket, time\n"
                              "with socket.socket() as s:\n"
                              " s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
                              f" s.bind(('127.0.0.1', {PORT})); s.listen(); print('there')\n"
                              " import sys; sys.stdout.flush(); time.sleep(600)"],
                      stdout=subprocess.PIPE)
    other.stdout.readline()
    status, document = reload(bench.b, {**b, "listeners": [wide]})
    equal(status, 1, "status with the address in use")
    require("listeners[0].address: cannot listen at" in document["warnings"][0],
            f"the fault: {document}")
    equal(bench.connections(), before, "connections")
    equal(ask(bench.a, "reconnect", "b")[0], 0, "status of reconnect")
    until(lambda: bench.connections() != before, 20, f"a new connection to {address}")
    bench.moves(0)
    bench.exact(0)


def attributes_change_in_place(lab):
    bench = Bench(lab, 1)
    bench.produce(0)
    bench.moves(0)
    before = bench.connections()
    a, b = bench.settings_a, bench.settings_b
    status, document = reload(bench.a, {
        **a, "receive_memory": "8MiB", "reserve_space": "1MiB", "stop_timeout": "1s",
        "dead_letter_limit": "8MiB",
        "peers": [{**a["peers"][0], "heartbeat": "300ms"}],
        "queues": [{**a["queues"][0], "ring_size": "8MiB"}],
        "routes": [{**a["routes"][0], "log_limit": "4MiB", "sync_interval": "50ms",
                    "dead_letter_limit": "1MiB"}]})
    equal((status, changes(document)), (0, [
        ("daemon", "a", "changed", "receive_memory", "dead_letter_limit", "reserve_space",
         "stop_timeout"),
        ("peer", "b", "changed", "heartbeat"), ("queue", "out0", "changed", "ring_size"),
        ("route", "r0", "changed", "log_limit", "sync_interval",
         "dead_letter_limit")]),
          "changes in place")
    bench.moves(0)
    bench.flows[0].stop_producers()
    until(lambda: "its ring is of another size now" in bench.a.log_end(), 20,
          "the ring to be larger")
    bench.flows[0].produce([2], "--max", SIZE)
    status, document = reload(bench.b, {
        **b, "queues": [{**b["queues"][0], "in_doubt": "hold", "recovered": "hold"}]})
    equal((status, changes(document)),
          (0, [("queue", "in0", "changed", "in_doubt", "recovered")]), "changes at b")
    bench.moves(0)
    status, _ = reload(bench.a, a)
    equal(status, 0, "status of the way back")
    bench.moves(0)
    equal(bench.connections(), before, "connections")
    bench.exact(0)


def queue_that_exists_is_not_made_anew(lab):
    bench = Bench(lab, 1)
    queue = bench.settings_a["queues"][0]
    made = {**bench.settings_a, "queues": [{**queue, "create": {"max_messages": 8}}]}
    for words in (("check",), ()):
        status, document = reload(bench.a, made, *words)
        equal((status, document["warnings"]),
              (7, ["queue out0 exists and stays as it is: create.* counts when it is made next"]),
              "status and warnings")
    equal(reload(bench.a, {**made, "stop_timeout": "1s"})[0], 0, "status without such a change")


def permission_taken_away_closes_that_stream_alone(lab):
    bench = Bench(lab, 2)
    bench.produce(0, 1)
    bench.moves(0, 1)
    before = bench.connections()
    b = bench.settings_b
    status, document = reload(
        bench.b, {**b, "peers": [{**b["peers"][0], "may_send_to": ["in0"]}]})
    equal((status, changes(document)), (0, [("peer", "a", "changed", "may_send_to")]),
          "the permission")
    until(lambda: bench.a.route("r1")["state"] == "refused", 20, "r1 to be refused")
    bench.moves(0)
    equal(reload(bench.b, b)[0], 0, "status of giving it back")
    bench.moves(0, 1)
    equal(bench.connections(), before, "connections")
    bench.exact(0, 1)


def destination_queue_changes_under_load(lab):
    bench = Bench(lab, 2)
    bench.produce(0)
    bench.moves(0)
    before = bench.connections()
    b = bench.settings_b
    status, document = reload(bench.b, {**b, "queues": [
        b["queues"][0], {"name": "in1", "uri": "posix:/other",
                         "create": {"max_messages": DEPTH, "message_size": f"{SIZE}B"}}]})
    equal((status, changes(document)),
          (0, [("queue", "in1", "changed", "uri", "create")]), "the destination")
    bench.moves(0)
    equal(reload(bench.b, b)[0], 0, "status of the way back")
    bench.produce(1)
    bench.moves(0, 1)
    equal(bench.connections(), before, "connections")
    bench.exact(0, 1)


def unix_listener_changes_mode_and_users(lab):
    bench = Bench(lab, 1)
    path = os.path.join(lab.directory, "peers")
    b = bench.settings_b
    one = {"address": f"unix://{path}", "mode": "0600"}
    equal(reload(bench.b, {**b, "listeners": b["listeners"] + [one]})[0], 0, "status")
    inode = os.stat(path).st_ino
    status, document = reload(bench.b, {**b, "listeners": b["listeners"] + [
        {**one, "mode": "0660", "users": ["root"]}]})
    equal((status, changes(document)),
          (0, [("listener", one["address"], "changed", "mode", "users")]), "the change")
    equal((os.stat(path).st_mode & 0o777, os.stat(path).st_ino), (0o660, inode),
          "mode and file")
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)
    equal(reload(bench.b, b)[0], 0, "status of the removal")
    require(not os.path.exists(path), "the file of a removed listener is there")


def hangup_reloads(lab):
    bench = Bench(lab, 2)
    bench.a.configure({**bench.settings_a, "routes": bench.settings_a["routes"][:1]})
    bench.a.process.send_signal(signal.SIGHUP)
    until(lambda: "r1" not in [item["name"] for item in bench.a.show("routes")], 20,
          "the route to be gone")
    require("reloaded: 1 route removed" in bench.a.log_end(), "it is not in the log")
    bench.a.configure({**bench.settings_a, "nonsense": 1})
    bench.a.process.send_signal(signal.SIGHUP)
    until(lambda: "not reloaded: " in bench.a.log_end(), 20, "the refusal in the log")
    bench.produce(0)
    bench.moves(0)
    bench.exact(0)


def pauses_survive_a_reload(lab):
    bench = Bench(lab, 2)
    status, text = ask(bench.a, "pause", "r1")
    equal(status, 0, f"status of pause ({text})")
    bench.produce(0, 1)
    bench.moves(0)
    full = bench.settings_a
    equal(reload(bench.a, {**full, "stop_timeout": "2s"})[0], 0, "status")
    equal(bench.a.route("r1")["state"], "paused", "state after another reload")
    changed = [full["routes"][0], {**full["routes"][1], "dead_letter_limit": "1MiB"}]
    equal(reload(bench.a, {**full, "routes": changed})[0], 0, "status")
    equal(bench.a.route("r1")["state"], "paused", "state after its own reload")
    equal(ask(bench.a, "resume", "r1")[0], 0, "status of resume")
    bench.moves(0, 1)
    bench.exact(0, 1)


def replaced_route_ends_what_waits_for_the_former(lab):
    """A route of the same name that takes from elsewhere never settles what the former held."""
    bench = Bench(lab, 2)
    bench.produce(0, 1)
    bench.moves(0, 1, messages=500)  # sequences that the other one does not reach
    bench.flows[1].consumer.pause()
    until(lambda: bench.a.route("r1")["waiting"] > 50, 20, "a backlog")
    waits = [subprocess.Popen(
        bench.a.host.command([bench.a.program("mqbridgectl"), "--socket", bench.a.socket,
                              *words]), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True) for words in (["wait", "settled", "r1", "timeout", "30s"],
                                 ["drain", "r1", "timeout", "30s", "json"])]
    until(lambda: bench.a.route("r1")["state"] == "draining"
          or "being drained" in (bench.a.route("r1")["detail"] or ""), 20, "the drain")
    full = bench.settings_a
    other = {"name": "out1", "uri": "posix:/other",
             "create": {"max_messages": DEPTH, "message_size": f"{SIZE}B"}}
    equal(reload(bench.a, {**full, "queues": [full["queues"][0], other]})[0], 7, "status")
    text = [wait.communicate(timeout=60)[0] for wait in waits]
    equal([wait.returncode for wait in waits], [5, 0], f"statuses of wait and drain: {text}")
    require("a reload has taken r1 away" in text[0], f"the wait says {text[0]}")
    item = json.loads(text[1].splitlines()[-1])["items"][0]
    equal((item["settled"], item["left"]), (0, 0), "what the drain tells")
    bench.flows[1].consumer.resume()
    equal(reload(bench.a, full)[0], 0, "status")
    equal(ask(bench.a, "resume", "r1")[0], 0, "status of resume")
    bench.exact(0, 1)


def nothing_else_makes_a_system_call(lab):
    """While a route of another queue comes and goes, an idle one does nothing."""
    bench = Bench(lab, 2)
    full = bench.settings_a
    since = {item["name"]: item["since_s"] for item in bench.a.show("peers")}
    begun = time.monotonic()
    for routes in (full["routes"][:1], full["routes"]) * 5:
        require(reload(bench.a, {**full, "routes": routes})[0] in (0, 7), "status")
    for item in bench.a.show("peers"):
        require(item["since_s"] >= since[item["name"]] + int(time.monotonic() - begun) - 1,
                "the connection was made anew")
    with open(bench.a.log, encoding="utf-8") as log:
        lines = [line for line in log if "out0" in line and "receiving from" in line]
    equal(len(lines), 1, f"the other queue was opened again: {lines}")


if __name__ == "__main__":
    sys.exit(main(faults_change_nothing_and_are_the_answer, fault_found_late_undoes_all,
                  all_faults_are_told_at_once,
                  reload_check_changes_nothing,
                  reload_check_tries_what_it_can_and_tells_the_rest, routes_come_and_go_beside_others,
                  backlog_of_removed_route_is_kept_and_taken_up,
                  kept_backlog_survives_restart, route_renamed_under_load_goes_on,
                  peer_address_changes_without_loss,
                  listener_moves_to_an_address_that_holds_the_former,
                  attributes_change_in_place,
                  queue_that_exists_is_not_made_anew,
                  permission_taken_away_closes_that_stream_alone,
                  destination_queue_changes_under_load,
                  unix_listener_changes_mode_and_users, hangup_reloads,
                  pauses_survive_a_reload,
                  replaced_route_ends_what_waits_for_the_former,
                  nothing_else_makes_a_system_call))
