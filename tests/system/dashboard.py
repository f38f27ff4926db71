#!/usr/bin/env python3
"""The dashboard and the rules, in a real Prometheus that scrapes a real bridge with traffic: every
query of every panel gives data, and every rule can be evaluated."""
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main, require
from harness.programs import Failure, Skipped, until

MONITORING = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))), "docs", "monitoring")
SCRAPED, PROMETHEUS = 7412, 7490
WAIT_S = 90

# What Grafana puts in for the variables, with a scrape a second.
VARIABLES = {"$__rate_interval": "20s", "$instance": ".*", "$route": ".*", "$job": "mqbridge"}

# In the host's namespaces: the answers of the server to the paths of the input.
ASK = """
import sys, urllib.error, urllib.request
for path in sys.stdin:
    try:
        answer = urllib.request.urlopen(sys.argv[1] + path.strip(), timeout=20)
    except urllib.error.HTTPError as refusal:
        answer = refusal
    print(answer.read().decode().replace("\\n", " "))
"""


class Prometheus:
    def __init__(self, lab, host):
        if shutil.which("prometheus") is None:
            raise Skipped("prometheus is not installed")
        self.host, directory = host, os.path.join(lab.directory, "prometheus")
        os.makedirs(directory)
        for name in os.listdir(MONITORING):
            if name.endswith((".yml", ".json")):
                shutil.copy(os.path.join(MONITORING, name), directory)
        config = os.path.join(directory, "prometheus.yml")
        with open(config, encoding="utf-8") as text:
            shipped = text.read()
        require("scrape_interval: 15s" in shipped and f"127.0.0.1:{SCRAPED}" in shipped,
                "prometheus.yml is not as this test knows it")
        with open(config, "w", encoding="utf-8") as out:
            out.write("global:\n  evaluation_interval: 1s\n"
                      + shipped.replace("scrape_interval: 15s", "scrape_interval: 1s"))
        self.log = os.path.join(directory, "log")
        with open(self.log, "wb") as log:
            self.process = lab.spawn(
                host, ["prometheus", f"--config.file={config}",
                       f"--storage.tsdb.path={directory}/data",
                       f"--web.listen-address=127.0.0.1:{PROMETHEUS}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self.is_ready, WAIT_S, "prometheus to answer", 0.2)

    def ask(self, paths):
        """The data of each answer."""
        done = subprocess.run(
            self.host.command([sys.executable, "-c", ASK, f"http://127.0.0.1:{PROMETHEUS}"]),
            input="".join(path + "\n" for path in paths), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"prometheus: {done.stdout[-500:]}")
        try:
            answers = [json.loads(line) for line in done.stdout.splitlines()]
        except ValueError as why:  # while it starts it answers in plain words
            raise Failure(f"prometheus: {done.stdout[-500:]}") from why
        for answer in answers:
            equal(answer["status"], "success", f"status ({answer.get('error')})")
        return [answer["data"] for answer in answers]

    def is_ready(self):
        if self.process.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as text:
                raise Failure(f"prometheus ended: {text.read()[-2000:]}")
        try:
            return bool(self.ask(["/api/v1/status/buildinfo"]))
        except Failure:
            return False

    def without_data(self, queries):
        """Those of {what: expression} that give no series."""
        answers = self.ask(["/api/v1/query?query=" + quoted(text) for text in queries.values()])
        return sorted(what for what, data in zip(queries, answers) if not data["result"])


def quoted(text):
    return "".join(f"%{byte:02x}" for byte in text.encode())


def panels(value):
    """All panels, also those in rows."""
    for panel in value.get("panels", []):
        yield panel
        yield from panels(panel)


def filled(expression):
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    require("$" not in expression, f"a variable that this test does not know: {expression}")
    return expression


def queries_of_dashboard():
    """{panel and letter: expression}, with those of the variables."""
    with open(os.path.join(MONITORING, "mqbridge-dashboard.json"), encoding="utf-8") as text:
        dashboard = json.load(text)
    found = {f"{panel['title']} {target['refId']}": filled(target["expr"])
             for panel in panels(dashboard) for target in panel.get("targets", [])}
    require(len(found) > 30, f"a dashboard of {len(found)} queries")
    for variable in dashboard["templating"]["list"]:
        if variable["type"] != "query":
            continue
        series, label = re.fullmatch(r"label_values\((.*), (\w+)\)",
                                     variable["definition"]).groups()
        found[f"variable {variable['name']}"] = f'{filled(series)}'.replace(
            "}", f',{label}!=""}}') if "{" in series else f'{series}{{{label}!=""}}'
    return found


def recorded():
    with open(os.path.join(MONITORING, "mqbridge-recording.yml"), encoding="utf-8") as text:
        return {f"rule {name}": name for name in re.findall(r"record: (\S+)", text.read())}


def bridge(lab):
    """One route that flows, one that is refused, one into a full queue; a peer that is not there."""
    address, insecure = lab.listen_address()
    tool = os.path.join(lab.build, "tests", "tools", "traffic")
    for host, names in ((lab.a, ("a", "big", "local", "taken", "stuck")),
                        (lab.b, ("b", "full"))):
        for name in names:
            host.run([tool, "create", "--queue", f"posix:/{name}", "--messages", 4, "--size", 64])
    lab.b.run([tool, "create", "--queue", "posix:/narrow", "--messages", 4, "--size", 32])
    lost = {"name": "lost", "address": f"{address.rsplit(':', 1)[0]}:1", "insecure": insecure}
    near = {"name": "b", "address": address, "insecure": insecure, "heartbeat": "500ms"}
    a = lab.daemon({
        "metrics": f"http://127.0.0.1:{SCRAPED}",
        "queues": [{"name": name, "uri": f"posix:/{name}"}
                   for name in ("a", "big", "local", "taken", "stuck", "absent")],
        "peers": [near, lost],
        "routes": [{"name": "main", "from": "a", "to": "b/in"},
                   {"name": "refused", "from": "big", "to": "b/narrow"},
                   {"name": "local", "from": "local", "to": "taken"},
                   {"name": "none", "from": "absent", "to": "b/in"},
                   {"name": "stuck", "from": "stuck", "to": "b/full", "log_limit": "4MiB",
                    "durability": "disk", "sync_interval": "20ms"}]})
    b = lab.daemon({
        "queues": [{"name": "in", "uri": "posix:/b"}, {"name": "narrow", "uri": "posix:/narrow"},
                   {"name": "full", "uri": "posix:/full"}],
        "peers": [{"name": "a", "heartbeat": "500ms",
                   "may_send_to": ["in", "narrow", "full"]}],
        "listeners": [{"address": address, "insecure": insecure}]}, lab.b)
    for daemon in (b, a):
        daemon.start()
    for name, destination in (("a", (lab.b, "posix:/b")), ("local", (lab.a, "posix:/taken"))):
        flow = lab.flow(name, f"posix:/{name}", "-", (lab.a, lab.a))
        flow.destination = destination
        flow.consume()
        flow.produce([1], "--size", 64, "--rate", 50)
    for name in ("big", "stuck"):
        lab.flow(name, f"posix:/{name}", "-").produce([1], "--size", 64, "--rate", 10)
    until(lambda: a.route("stuck")["state"] == "stalled", WAIT_S, "a stalled route")
    return a, b


def every_panel_and_rule_has_data(lab):
    bridge(lab)
    server = Prometheus(lab, lab.a)
    queries = {**queries_of_dashboard(), **recorded()}
    last = []

    def all_have_data():
        last[:] = server.without_data(queries)
        return not last

    try:
        until(all_have_data, WAIT_S, "data", 0.5)
    except Failure:
        if not last:
            raise
        raise Failure(f"no data for: {', '.join(last)}") from None
    (rules,) = server.ask(["/api/v1/rules"])
    for group in rules["groups"]:
        for rule in group["rules"]:
            equal(rule["health"], "ok", f"health of {rule['name']} ({rule.get('lastError')})")


if __name__ == "__main__":
    sys.exit(main(every_panel_and_rule_has_data))
