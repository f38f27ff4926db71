#!/usr/bin/env python3
"""Every command's answer in JSON is as docs/control.schema.json says."""
import json
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main, require
from harness.programs import Skipped, program, until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE_S = 20

# Requests of the commands that take more than their own words, by how their rows begin; the
# others are asked as they are. ID is that of a dead letter.
REQUESTS = {
    "show route ": ["show route main", "show route nothing"],
    "show dead-letters ": ["show dead-letters", "show dead-letters main"],
    "show dead-letter ": ["show dead-letter ID"],
    "show events ": ["show events", "show events 3"],
    "export dead-letters ": ["export dead-letters"],
    "purge dead-letters ": ["purge dead-letters all", "purge dead-letters ID yes"],
    "purge ": ["purge route main", "purge route main yes"],
    "requeue ": ["requeue all"],
    "resolve stream ": ["resolve stream 00000000000000000000000000000000 forget yes"],
    "resolve ": ["resolve 1-00000000000000000000000000000000 drop yes"],
    "pause ": ["pause main", "pause peer b", "pause all"],
    "resume ": ["resume all", "resume nothing"],
    "drain ": ["drain main timeout 1s", "resume main"],
    "reconnect ": ["reconnect b"],
    "send ": ["send out text hello"],
    "wait ready ": ["wait ready timeout 5s"],
    "wait connected ": ["wait connected b timeout 5s"],
    "wait empty ": ["wait empty main timeout 1ms"],
    "wait settled ": ["wait settled timeout 1ms"],
    "log ": ["log info", "log debug link"],
    "help ": ["help", "help drain", "help nothing"],
    "explain ": ["explain out", "explain out priority 3 size 5", "explain nothing"],
    "reload": ["reload check"],
    "tap ": ["tap main count 1"],
}
# Those that answer until the client leaves, or not in JSON at all.
ENDLESS = ("events follow", "tap ")
NOT_JSON = ("metrics",)


class Session:
    """One connection to a control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def ask(self, request):
        """The lines of an answer."""
        self.socket.sendall(request.encode() + b"\n")
        lines = []
        while True:
            line = self.file.readline()
            require(line.endswith(b"\n"), f"{request}: the daemon hung up")
            if line == b"\n":
                return lines
            lines.append(line.decode())

    def document(self, request):
        return json.loads(self.ask(request + " json")[-1])

    def close(self):
        self.file.close()
        self.socket.close()


def validator():
    try:
        import jsonschema
    except ImportError:
        raise Skipped("python3-jsonschema is not installed") from None
    with open(os.path.join(ROOT, "docs", "control.schema.json"), encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def faults_of(check, document):
    """What is wrong, of the kind that the document says it is: oneOf tells less."""
    if check.is_valid(document):
        return []
    rules = check.schema["$defs"].get(document.get("kind"))
    if rules is None or "items" not in document:
        return [error.message for error in check.iter_errors(document)]
    part = check.evolve(schema={**rules, "$defs": check.schema["$defs"]})
    return [f"{'.'.join(map(str, error.path))}: {error.message}"
            for item in document["items"] for error in part.iter_errors(item)] or \
        [error.message for error in check.iter_errors(document)]


def judge(check, request, lines):
    """The answer is lines of JSON; those that are documents, by the schema. Returns their kinds."""
    kinds = set()
    for line in lines:
        document = json.loads(line)
        if "schema" not in document:
            continue
        faults = faults_of(check, document)
        require(not faults, f"{request}: {faults[:5]} in {line[:2000]}")
        kinds.add(document.get("kind"))
    return kinds


def requests_of(command):
    for beginning, requests in REQUESTS.items():
        if (command + " ").startswith(beginning):
            return requests
    require(not any(letter.isupper() for letter in command) and "[" not in command,
            f"{command}: this test knows no request for it")
    return [command]


def with_dead_letters(lab):
    """Two daemons with a route that has made dead letters: the messages are too big there. With
    a log they can be sent again."""
    for host, uri, size in ((lab.a, "posix:/a", 128), (lab.b, "posix:/b", 64)):
        host.run([program(lab.build, "ipcq"), "create", uri, "--max-messages", "4",
                  "--message-size", str(size)])
    a, b = lab.pair(
        {"queues": [{"name": "out", "uri": "posix:/a"}],
         "routes": [{"name": "main", "from": "out", "to": "b/in", "log_limit": "1MiB"}]},
        {"queues": [{"name": "in", "uri": "posix:/b"}]}, b_takes=["in"])
    for daemon in (a, b):
        daemon.start()
    for _ in range(2):
        lab.a.run([program(lab.build, "ipcq"), "send", "posix:/a", "x" * 100])
    until(lambda: a.status()["dead_letters"] == 2, PATIENCE_S, "two dead letters")
    return a, b


def every_answer_is_as_the_schema_says(lab):
    check = validator()
    a, _ = with_dead_letters(lab)
    session = Session(a.socket)
    letter = session.document("show dead-letters")["items"][0]["id"]
    kinds = set()
    for item in session.document("help")["items"]:
        command = item["command"]
        if command.startswith(ENDLESS + NOT_JSON):
            continue
        for request in requests_of(command):
            request = request.replace("ID", letter)
            kinds |= judge(check, request, session.ask(request + " json"))
    known = {one["properties"]["kind"]["const"]
             for one in check.schema["$defs"]["document"]["oneOf"]}
    # No message is held here, and no stream went back in time. The client makes two by itself.
    equal(known - kinds, {"check", "doctor", "resolved", "resolved-stream"},
          "kinds that no command answered")
    session.close()


def answers_of_a_daemon_in_trouble_are_as_the_schema_says(lab):
    check = validator()
    a, b = lab.pair(
        {"queues": [{"name": "out", "uri": "posix:/a"}, {"name": "none", "uri": "sysv:0x77"}],
         "routes": [{"name": "main", "from": "out", "to": "b/in"},
                    {"name": "other", "from": "none", "to": "b/nothing"}]},
        {"queues": [{"name": "in", "uri": "posix:/b"}]})
    a.start()
    session = Session(a.socket)
    for when in ("without its peer", "with a peer that refuses"):
        for what in ("status", "queues", "routes", "peers", "route main", "route other"):
            request = f"show {what} json"
            judge(check, f"{request} {when}", session.ask(request))
        if not b.running():
            b.start()
            until(lambda: a.status()["peers_up"] == 1, PATIENCE_S, "the peer")
    session.close()


def errors_are_as_the_schema_says(lab):
    check = validator()
    a, _ = lab.one_way("posix:/a", "posix:/b")
    session = Session(a.socket)
    for request in ("frob json", "show json", "json", "show route nothing json",
                    "resume nothing json", "\x01 json"):
        lines = session.ask(request)
        require("error" in json.loads(lines[-1]), f"{request!r} is no error: {lines}")
        judge(check, request, lines)
    session.close()


def schema_is_strict(lab):
    check = validator()
    a, _ = lab.one_way("posix:/a", "posix:/b")
    session = Session(a.socket)
    document = session.document("show routes")
    equal(faults_of(check, document), [], "faults")
    for spoil in (lambda item: item.update(more=1), lambda item: item.pop("to"),
                  lambda item: item.update(state="well"),
                  lambda item: item.update(sent_total=-1),
                  lambda item: item.update(reason="no idea")):
        wrong = json.loads(json.dumps(document))
        spoil(wrong["items"][0])
        require(faults_of(check, wrong), f"nothing is found in {wrong}")
    session.close()


if __name__ == "__main__":
    sys.exit(main(every_answer_is_as_the_schema_says,
                  answers_of_a_daemon_in_trouble_are_as_the_schema_says,
                  errors_are_as_the_schema_says, schema_is_strict))
