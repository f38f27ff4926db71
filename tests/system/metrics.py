#!/usr/bin/env python3
"""The metrics: their formats, that their figures are true, and what is made of them."""
import json
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.exposition import Exposition, promtool
from harness.lab import equal, main, require
from harness.programs import Skipped, until

MONITORING = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))), "docs", "monitoring")
PORT = 7412
MESSAGES = 200
WAIT_S = 20
OPEN = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"

# In the host's namespaces: status, content type and body of /metrics.
FETCH = """
import sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"Accept": sys.argv[2]})
with urllib.request.urlopen(request, timeout=10) as answer:
    print(answer.status, answer.headers["Content-Type"])
    sys.stdout.write(answer.read().decode())
"""

NO_PACKAGE = 77
READ = """
import sys
try:
    from prometheus_client.openmetrics import parser
except ImportError:
    sys.exit(77)
assert len(list(parser.text_string_to_metric_families(sys.stdin.read()))) > 20
"""


def verb(daemon):
    return Exposition(daemon.control("metrics"), "text")


def fetch(daemon, accept):
    """(content type, body)"""
    done = subprocess.run(
        daemon.host.command([sys.executable, "-c", FETCH, f"http://127.0.0.1:{PORT}/metrics",
                             accept]),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    head, _, body = done.stdout.partition("\n")
    require(done.returncode == 0 and head.startswith("200 "), f"/metrics: {done.stdout[-500:]}")
    return head[4:], body


def flowing(lab, size=64, destination_size=64, **settings):
    """Two daemons and what they carry: MESSAGES that have arrived."""
    flow = lab.flow("flow", "posix:/a", "posix:/b")
    for (host, uri), bytes_ in zip((flow.source, flow.destination), (size, destination_size)):
        host.run([flow.tool, "create", "--queue", uri, "--messages", 4, "--size", bytes_])
    daemons = lab.pair(
        {"queues": [{"name": "out", "uri": "posix:/a"}], **settings,
         "routes": [{"name": "main", "from": "out", "to": "b/in"}]},
        {"queues": [{"name": "in", "uri": "posix:/b"}]}, b_takes=["in"])
    for daemon in daemons:
        daemon.start()
    return flow, *daemons


def carried(lab, **settings):
    flow, a, b = flowing(lab, **settings)
    flow.consume()
    flow.produce([1, 2, 3], "--size", 64, "--count", MESSAGES)
    flow.wait_received(MESSAGES, WAIT_S)
    until(lambda: a.route("main")["settled_total"] == MESSAGES, WAIT_S, "acknowledgements")
    return a, b


def text_passes_promtool(lab):
    for daemon in carried(lab):
        found = promtool("check", "metrics", text=daemon.control("metrics"))
        equal(found, "", "what promtool check metrics finds")
        verb(daemon)


def openmetrics_is_strict(lab):
    a, b = carried(lab, metrics=f"http://127.0.0.1:{PORT}")
    # Both are asked one after the other: what is not told at first is to be there by then.
    until(lambda: "mqbridge_peer_round_trip_seconds" in verb(a).samples, WAIT_S, "a heartbeat")
    kind, body = fetch(a, OPEN)
    equal(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8", "content type")
    found = Exposition(body, "open")
    equal(found.value("mqbridge_route_settled_messages_total", route="main"), MESSAGES, "settled")
    kind, body = fetch(a, "text/plain")
    equal(kind, "text/plain; version=0.0.4; charset=utf-8", "content type")
    equal(set(Exposition(body, "text").samples), set(found.samples), "names in both formats")
    read_by_prometheus_client(body_of(a))
    del b


def body_of(daemon):
    return fetch(daemon, OPEN)[1]


def read_by_prometheus_client(body):
    """The same by the reader that the format's authors wrote."""
    for interpreter in (sys.executable, "/usr/bin/python3"):
        done = subprocess.run([interpreter, "-c", READ], input=body, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != NO_PACKAGE:
            require(done.returncode == 0, f"prometheus_client: {done.stdout[-1000:]}")
            return
    raise Skipped("python3-prometheus-client is not installed; our own reader passed")


def counters_agree_with_what_was_sent_and_with_show(lab):
    begun = time.time()
    a, b = carried(lab)
    at_a, at_b = verb(a), verb(b)
    for found, name, labels in (
            (at_a, "mqbridge_queue_received_messages_total", {"queue": "out"}),
            (at_b, "mqbridge_queue_delivered_messages_total", {"queue": "in"}),
            (at_a, "mqbridge_route_sent_messages_total", {"route": "main"}),
            (at_a, "mqbridge_route_settled_messages_total", {"route": "main"}),
            (at_a, "mqbridge_route_transit_seconds_count", {"route": "main"})):
        equal(found.value(name, **labels), MESSAGES, name)
    require(0 < at_a.value("mqbridge_route_transit_seconds_sum", route="main")
            < MESSAGES * (time.time() - begun), "the sum of transit times is not possible")
    for name, value in (("waiting", 0), ("in_flight", 0), ("backlog", 0)):
        equal(at_a.value(f"mqbridge_route_{name}_messages", route="main"), value, name)
    route, (peer,) = a.route("main"), a.show("peers")
    equal(at_a.one_of("mqbridge_route_state", "state", route="main"), route["state"], "state")
    equal(at_a.one_of("mqbridge_state", "state"), a.status()["state"], "state of the daemon")
    equal(at_a.value("mqbridge_peer_up", peer="b"), 1, "peer up")
    require(0 < at_a.value("mqbridge_peer_sent_bytes_total", peer="b")
            <= peer["sent_bytes_total"], "bytes sent")
    equal(at_a.value("mqbridge_queue_capacity_messages", queue="out"), 4, "capacity")
    require(abs(at_a.value("process_start_time_seconds") - begun) < 60, "start of the process")
    require(at_a.value("process_resident_memory_bytes") > 1 << 20, "resident memory")
    require(at_a.value("process_open_fds") > 5, "open descriptors")
    require(at_a.value("mqbridge_loop_turn_seconds_count") > 10, "turns of the loop")


def counters_never_fall(lab):
    a, _ = carried(lab)
    before, after = verb(a), verb(a)
    for name, samples in before.samples.items():
        if not name.endswith(("_total", "_count", "_bucket")):
            continue
        for labels, value in samples.items():
            require(float(after.samples[name][labels]) >= float(value), f"{name} fell")


def full_destination_is_named_and_timed(lab):
    flow, a, b = flowing(lab)
    flow.produce([1], "--size", 64, "--count", 50)
    until(lambda: b.show("queues")[0]["delivered_total"] == 4, WAIT_S, "a full queue")
    until(lambda: a.route("main")["state"] == "stalled", WAIT_S, "a stalled route")
    at_a, at_b, route = verb(a), verb(b), a.route("main")
    equal(at_a.one_of("mqbridge_route_state", "state", route="main"), "stalled", "state")
    equal(at_a.one_of("mqbridge_route_reason", "reason", route="main"), route["reason"], "reason")
    equal(at_a.value("mqbridge_route_backlog_messages", route="main"), 46, "backlog")
    until(lambda: verb(a).value("mqbridge_route_oldest_age_seconds", route="main") >= 1, WAIT_S,
          "the oldest message to be a second old")
    equal(at_b.value("mqbridge_queue_messages", queue="in"), 4, "messages in the queue")
    first = at_b.value("mqbridge_queue_full_seconds_total", queue="in")
    require(first > 0.5, f"full for {first} s")
    until(lambda: verb(b).value("mqbridge_queue_full_seconds_total", queue="in") > first, WAIT_S,
          "the time to go on")
    flow.consume()
    flow.wait_received(50, WAIT_S)
    until(lambda: not at(a, "backlog"), WAIT_S, "an empty backlog")
    stopped = verb(b).value("mqbridge_queue_full_seconds_total", queue="in")
    equal(verb(b).value("mqbridge_queue_full_seconds_total", queue="in"), stopped,
          "time full of an empty queue")


def at(daemon, name):
    return verb(daemon).value(f"mqbridge_route_{name}_messages", route="main")


def reasons_of_peers(found):
    return [dict(key)["reason"] for key in found.samples.get("mqbridge_peer_reason", {})]


def lost_peer_is_down_and_blocks(lab):
    flow, a, b = flowing(lab)
    until(lambda: verb(a).value("mqbridge_peer_up", peer="b") == 1, WAIT_S, "a connection")
    b.stop()
    flow.produce([1], "--size", 64, "--count", 20)
    until(lambda: at(a, "backlog") == 20, WAIT_S, "a backlog")
    equal(verb(a).value("mqbridge_peer_up", peer="b"), 0, "peer up")
    # It was closed, and soon is refused: the two are not asked at once.
    until(lambda: reasons_of_peers(verb(a)) == [a.show("peers")[0]["reason"]], WAIT_S,
          "the same reason in metrics and peers")
    until(lambda: verb(a).value("mqbridge_route_blocked_seconds_total", route="main") > 0.2,
          WAIT_S, "the time blocked")
    b.start()
    flow.consume()
    flow.wait_received(20, WAIT_S)
    until(lambda: at(a, "backlog") == 0, WAIT_S, "an empty backlog")
    found = verb(a)
    equal(found.value("mqbridge_peer_reconnects_total", peer="b"), 1, "reconnects")
    require(found.value("mqbridge_peer_last_progress_timestamp_seconds", peer="b")
            > time.time() - 10, "last progress")
    equal(verb(a).value("mqbridge_route_blocked_seconds_total", route="main"),
          found.value("mqbridge_route_blocked_seconds_total", route="main"),
          "time blocked of an idle route")


def refused_messages_are_counted_by_reason(lab):
    flow, a, b = flowing(lab, size=64, destination_size=32)
    flow.produce([1], "--size", 64, "--count", 3)
    until(lambda: a.status()["dead_letters"] == 3, WAIT_S, "dead letters")
    found = verb(a)
    equal(found.value("mqbridge_route_refused_messages_total", route="main", reason="too-big"), 3,
          "refused")
    equal(found.value("mqbridge_dead_letters"), 3, "dead letters")
    require(found.value("mqbridge_spool_bytes", store="dead-letters") > 0, "bytes")
    equal(found.value("mqbridge_route_transit_seconds_count", route="main"), 0, "transits")
    del b


def kills_under_load_leave_true_sums(lab):
    """Each message settled was timed, or its acknowledgement was lost with the daemon."""
    flow, a, b = flowing(lab)
    flow.consume()
    flow.produce([1], "--size", 64, "--rate", 3000)
    for _ in range(3):
        until(lambda: a.answers_now() and at(a, "backlog") >= 0,
              WAIT_S, "an answer")
        before = flow.received()
        flow.wait_received(before + 500, WAIT_S)
        a.process.send_signal(signal.SIGKILL)
        a.process.wait()
        a.start()
    flow.wait_received(flow.received() + 500, WAIT_S)
    flow.stop_producers()
    until(lambda: at(a, "backlog") == 0 and a.show("queues")[0]["depth"] == 0, WAIT_S, "the end")
    found = verb(a)
    settled, transits, duplicates = (
        found.value(f"mqbridge_route_{name}", route="main")
        for name in ("settled_messages_total", "transit_seconds_count",
                     "duplicates_dropped_messages_total"))
    equal(settled, transits + duplicates, f"settled ({transits} timed, {duplicates} known)")
    require(settled > 0, "nothing was settled")
    del b


def overflow_log_and_its_disk_are_shown(lab):
    flow, a, b = flowing(lab)
    a.stop()
    b.stop()
    with open(a.conf, encoding="utf-8") as text:
        conf = text.read()
    with open(a.conf, "w", encoding="utf-8") as out:
        out.write(conf.replace('to = "b/in";', 'to = "b/in"; log_limit = "4MiB"; '
                                               'durability = "disk"; sync_interval = "20ms";'))
    a.start()
    flow.produce([1], "--size", 64, "--count", 50)
    until(lambda: verb(a).value("mqbridge_route_log_messages", route="main") > 0, WAIT_S,
          "messages in the log")
    until(lambda: verb(a).value("mqbridge_disk_sync_seconds_count") > 0, WAIT_S, "a sync")
    found = verb(a)
    equal(found.value("mqbridge_route_log_limit_bytes", route="main"), 4 << 20, "limit")
    require(found.value("mqbridge_spool_bytes", store="logs") > 0, "bytes of logs")
    require(found.value("mqbridge_directory_free_bytes", directory="state") > 0, "free bytes")


def names_with_any_character_come_through(lab):
    name = 'a "b" \\c ü{}'
    flow = lab.flow("flow", "posix:/a", "posix:/b", (lab.a, lab.a))
    flow.create(4, 64)
    a = lab.daemon({"queues": [{"name": "out", "uri": "posix:/a"},
                               {"name": "in", "uri": "posix:/b"}],
                    "routes": [{"name": name, "from": "out", "to": "in"}]})
    a.start()
    flow.consume()
    flow.produce([1], "--size", 64, "--count", 5)
    flow.wait_received(5, WAIT_S)
    found = verb(a)
    equal(found.value("mqbridge_route_settled_messages_total", route=name), 5, "settled")
    equal(found.value("mqbridge_route_info", route=name, **{"from": "out"}, to="in"), 1, "info")
    equal(promtool("check", "metrics", text=a.control("metrics")), "", "what promtool finds")


def json_is_refused(lab):
    a, _ = carried(lab)
    done = subprocess.run(
        a.host.command([a.program("mqbridgectl"), "--socket", a.socket, "metrics", "json"]),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    equal(done.returncode, 2, "status")
    require("text only" in done.stdout, done.stdout)


def manual_has_every_metric(lab):
    """The table of README.md, and nothing else, is what there is."""
    a, _ = carried(lab)
    found = verb(a)
    with open(os.path.join(MONITORING, "README.md"), encoding="utf-8") as text:
        rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \|", text.read(), re.MULTILINE)
    documented = {name: (kind, set(re.findall(r"`(\w+)`", labels)))
                  for name, kind, labels in rows}
    there = {}
    for name, family in found.families.items():
        labels = {label for samples in found.of(name).values() for key in samples
                  for label, _ in key} - {"le"}
        there[name] = (family.type, labels)
    equal(sorted(documented), sorted(there), "names")
    for name, (kind, labels) in there.items():
        equal(documented[name][0], kind, f"type of {name}")
        require(not found.of(name)[name] or documented[name][1] == labels,
                f"labels of {name}: {labels}, documented {documented[name][1]}")


def used_names(path):
    with open(path, encoding="utf-8") as text:
        content = text.read()
    if path.endswith(".json"):
        content = "\n".join(expressions(json.loads(content)))
    return set(re.findall(r"(?<![\w:/.-])(?:mqbridge|process)_[a-z_]+", content))


def expressions(value):
    """All queries of a dashboard."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("expr", "query", "definition") and isinstance(item, str):
                yield item
            else:
                yield from expressions(item)
    elif isinstance(value, list):
        for item in value:
            yield from expressions(item)


def dashboard_and_rules_name_what_there_is(lab):
    a, _ = carried(lab)
    text = a.control("metrics")
    there = set(Exposition(text, "text").samples)
    # What has no sample as long as all is well, and no log.
    for name, family in Exposition(text, "text").families.items():
        there.add(name)
        if family.type == "histogram":
            there |= {name + "_bucket", name + "_count", name + "_sum"}
    for name in ("mqbridge-dashboard.json", "mqbridge-alerts.yml", "mqbridge-recording.yml"):
        used = used_names(os.path.join(MONITORING, name))
        require(len(used) > 4, f"{name} names no metrics")
        require(used <= there, f"{name} names what there is not: {sorted(used - there)}")


def rules_pass_their_tests(lab):
    del lab
    for name in ("mqbridge-alerts.yml", "mqbridge-recording.yml"):
        promtool("check", "rules", os.path.join(MONITORING, name))
    promtool("check", "config", "--syntax-only", os.path.join(MONITORING, "prometheus.yml"))
    found = promtool("test", "rules", os.path.join(MONITORING, "mqbridge-alerts-test.yml"))
    require("SUCCESS" in found, found)
    with open(os.path.join(MONITORING, "mqbridge-alerts.yml"), encoding="utf-8") as text:
        alerts = re.findall(r"- alert: (\w+)", text.read())
    with open(os.path.join(MONITORING, "mqbridge-alerts-test.yml"), encoding="utf-8") as text:
        tested = re.findall(r"alertname: (\w+)", text.read())
    for alert in alerts:
        equal(tested.count(alert), 2, f"tests of {alert}: one that fires and one that does not")


if __name__ == "__main__":
    sys.exit(main(text_passes_promtool, openmetrics_is_strict,
                  counters_agree_with_what_was_sent_and_with_show, counters_never_fall,
                  full_destination_is_named_and_timed, lost_peer_is_down_and_blocks,
                  refused_messages_are_counted_by_reason, kills_under_load_leave_true_sums,
                  overflow_log_and_its_disk_are_shown, names_with_any_character_come_through,
                  json_is_refused, manual_has_every_metric,
                  dashboard_and_rules_name_what_there_is, rules_pass_their_tests))
