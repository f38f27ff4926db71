#!/usr/bin/env python3
"""Names of any bytes, and words too many: what a command means, and what it must not take it for."""
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main, require
from harness.programs import until
from harness.steering import ABSENT, DONE, USAGE, ask, items, require_status

WAIT_S = 20
NAMES = ("orders", "orders eu", " lead", "json", "yes", 'say "a\\b" ', "\x01\x7f", "\u0085ö",
         "timeout", '"orders"')
SHAPE = {"max_messages": 2, "message_size": "64B"}


def bed(lab):
    """A route and a queue of each name; the queues are not those of the routes, so nothing moves."""
    queues = [{"name": name, "uri": f"posix:/{i}", "create": SHAPE}
              for i, name in enumerate(NAMES)]
    routes = [{"name": name, "from": name, "to": f"gone/{i}"} for i, name in enumerate(NAMES)]
    daemon = lab.daemon({"queues": queues, "routes": routes, "peers": [{"name": "gone"}],
                         "reserve_percent": 0, "reserve_space": "0B"})
    daemon.start()
    return daemon


def request(daemon, line):
    """The answer to a line, as it is on the socket."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(WAIT_S)
        sock.connect(daemon.socket)
        sock.sendall(line if isinstance(line, bytes) else line.encode() + b"\n")
        with sock.makefile(encoding="utf-8") as file:
            return "".join(iter(file.readline, "\n"))


def paused(daemon):
    return {route["name"] for route in daemon.show("routes") if route["state"] == "paused"}


def each_name_is_steered_alone(lab):
    daemon = bed(lab)
    for name in NAMES:
        equal([item["name"] for item in items(daemon, "pause", name)], [name], "paused")
        equal(paused(daemon), {name}, f"paused by that of {name!r}")
        equal([item["name"] for item in items(daemon, "show", "route", name)], [name],
              f"shown of {name!r}")
        # Once it would be the form of the answer, and "route" the name.
        require_status(daemon, DONE, "resume", "route", *[name] * (1 + (name == "json")))
        equal(paused(daemon), set(), f"paused after a resume of {name!r}")
        require_status(daemon, DONE, "wait", "empty", name, "timeout", "5s")
        require_status(daemon, DONE, "--yes", "purge", "route", name)
        require_status(daemon, DONE, "purge", "route", name, "yes")
        require_status(daemon, DONE, "purge", "route", name, "yes", "json")
        require_status(daemon, USAGE, "purge", "route", name)
    require_status(daemon, ABSENT, "pause", "orders us")
    require_status(daemon, ABSENT, "pause", "lead")
    equal(paused(daemon), set(), "paused by names that nothing has")


def a_body_goes_to_the_queue_that_is_named(lab):
    daemon = bed(lab)
    for body in ("eu body", '"a b" c', 'two  blanks', '"', '5" pipe \\x41', "yes"):
        for name in NAMES:
            before = daemon.route(name)["backlog"]
            item = items(daemon, "send", name, body)[0]
            equal((item["queue"], item["length_bytes"]), (name, len(body)),
                  f"sent to {name!r}")
            until(lambda n=name, b=before: daemon.route(n)["backlog"] == b + 1, WAIT_S,
                  f"the message of {name!r}")
    require_status(daemon, ABSENT, "send", "orders us", "body")
    equal(request(daemon, 'send "orders eu" "a  b"').split(), ["queue:", "orders", "eu", "bytes:",
          "6", "priority:", "0", "type:", "-"], "a body in quotes")


def too_many_words_are_refused(lab):
    daemon = bed(lab)
    for words in (("orders", "json", "yes"), ("orders", "eu"), ("route", "orders", "eu"),
                  ("peer", "gone", "x"), ("all", "orders"), ("orders", "")):
        for verb in ("pause", "resume", "drain"):
            require_status(daemon, USAGE, verb, *words)
    for words in (("show", "route", "orders", "eu"), ("reconnect", "gone", "x"),
                  ("log", "info", "endpoint", "x"), ("purge", "route", "orders", "eu", "yes"),
                  ("show", "status", "x"),
                  ("wait", "empty", "orders", "eu"), ("reload", "x"), ("events", "follow", "x"),
                  ("tap", "orders", "eu"), ("explain", "orders", "eu"), ("show", "events", "1", "2")):
        require_status(daemon, USAGE, *words)
    equal(paused(daemon), set(), "paused")


def quotes_on_the_socket(lab):
    daemon = bed(lab)
    for line in ('"orders', '"orders"x', '""', '"\\x00"', '"\\q"', '"a\\x4"', '"orders eu'):
        require("begins with a quote" in request(daemon, "pause " + line), f"pause {line} was taken")
    equal(paused(daemon), set(), "paused by bad quotes")
    require(request(daemon, 'pause "\\x6frders\\x20eu"').startswith("OBJECT"), "refused")
    equal(paused(daemon), {"orders eu"}, "paused")
    require("error" in request(daemon, 'purge route "yes"'), "a name was taken for a confirmation")
    require("error" not in request(daemon, 'purge route "yes" yes'), "the confirmed one")


def the_last_words_swapped_are_told(lab):
    daemon = bed(lab)
    status, out, err = ask(daemon, "purge", "dead-letters", "all", "json", "yes")
    equal(status, USAGE, "status")
    require('"json" is the last word' in out + err, f"it does not say so: {out}{err}")
    require_status(daemon, DONE, "purge", "dead-letters", "all", "yes", "json")


TESTS = (each_name_is_steered_alone, a_body_goes_to_the_queue_that_is_named,
         too_many_words_are_refused, quotes_on_the_socket, the_last_words_swapped_are_told)

if __name__ == "__main__":
    sys.exit(main(*TESTS))
