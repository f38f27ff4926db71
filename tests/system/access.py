#!/usr/bin/env python3
"""No open door: who is not named does not get in, who may not send does not, and a bad
configuration does not start."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main, require
from harness.programs import until

QUIET_COUNT = 50


def pair_with(lab, **of_b):
    """a sends to b/in; members of b's settings replaced by of_b. Both started."""
    a, b = lab.pair(
        {"queues": [{"name": "out", "uri": "posix:/out"}],
         "routes": [{"name": "main", "from": "out", "to": "b/in"}]},
        {"queues": [{"name": "in", "uri": "posix:/in"},
                    {"name": "else", "uri": "posix:/else"}], **of_b})
    flow = lab.flow("flow", "posix:/out", "posix:/in")
    flow.create(4, 64)
    for daemon in (b, a):
        daemon.start()
    return flow, a, b


def refused(daemon):
    return daemon.route("main")["state"] == "refused"


def entry_that_is_not_listed_is_refused(lab):
    flow, a, _ = pair_with(lab, peers=[{"name": "a", "may_send_to": ["else"]}])
    flow.produce([0], "--size", 64, "--count", QUIET_COUNT)
    until(lambda: refused(a), 20, "the route to be refused")
    require(a.route("main")["reason"], "the refusal has no reason")
    flow.consume()
    flow.wait_sent(20)
    status = a.status()
    equal((flow.received(), status["backlog_records"]), (0, QUIET_COUNT),
          "delivered, and kept at the sender")


def unknown_peer_is_refused(lab):
    flow, a, b = pair_with(lab, peers=[{"name": "somebody", "may_send_to": ["in"]}])
    flow.produce([0], "--size", 64, "--count", QUIET_COUNT)
    flow.wait_sent(20)
    until(lambda: a.show("peers")[0]["reason"], 20, "the peer's refusal to be told")
    require(a.show("peers")[0]["state"] != "connected", "connected though not known")
    equal(b.status()["delivered_total"], 0, "delivered")


# Sent to a listener by a stranger, who then waits; from inside of the other host.
STRANGER = """
import socket, sys
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
socks = []
for _ in range(count):
    sock = socket.create_connection((host, port), 5)
    try:
        sock.sendall(bytes(100))
    except OSError:
        pass
    socks.append(sock)
for sock in socks:
    sock.settimeout(30)
    try:
        while sock.recv(4096):
            pass
    except ConnectionError:
        pass
print("closed")
"""


def strangers_are_closed_and_do_not_disturb(lab):
    flow, _, b = pair_with(lab, peers=[{"name": "a", "may_send_to": ["in"]}])
    address = lab.listen_address()[0].removeprefix("tcp://")
    host, port = address.rsplit(":", 1)
    stranger = lab.spawn(lab.a, [sys.executable, "-c", STRANGER, host, port, 100],
                         stdout=subprocess.PIPE, text=True)
    flow.consume()
    flow.produce([0, 5], "--max", 64, "--count", 2000)
    flow.wait_received(2000, 30)
    flow.wait_sent(10)
    flow.require_exact()
    equal(stranger.communicate(timeout=60)[0], "closed\n", "connections of strangers")
    b.require_running()


def check_of(lab, text):
    """mqbridged --check of a file with that content."""
    daemon = lab.daemon({})
    with open(daemon.conf, "w", encoding="utf-8") as conf:
        conf.write(text)
    return daemon, daemon.check()


def plain_tcp_beyond_loopback_is_a_fault(lab):
    for entry in ('listeners = ( { address = "tcp://0.0.0.0:7411"; } );',
                  'peers = ( { name = "p"; address = "tcp://192.0.2.1:7411"; } );'):
        daemon, (status, output) = check_of(lab, f'name = "x";\n{entry}\n')
        equal(status, 78, f"status of --check ({output})")
        require(f"{daemon.conf}:2:" in output and "insecure" in output,
                f"the fault is not explained: {output}")


def all_faults_are_told_with_file_and_line(lab):
    daemon, (status, output) = check_of(lab, 'nmae = "x";\nqueues = (\n'
                                        '  { name = "q"; uri = "posix:noslash"; },\n'
                                        '  { name = "r"; uri = "sysv:0"; }\n);\n')
    equal(status, 78, "status of --check")
    for line in (1, 3, 4):
        require(f"{daemon.conf}:{line}:" in output, f"nothing about line {line}: {output}")
    done = lab.spawn(lab.a, [daemon.program("mqbridged"), "--config", daemon.conf,
                             "--foreground"], stderr=subprocess.DEVNULL)
    equal(done.wait(20), 78, "status of starting with a bad configuration")


def good_configuration_is_told_what_it_needs(lab):
    daemon = lab.daemon({"queues": [{"name": "q", "uri": "posix:/q"}]})
    status, output = daemon.check()
    equal(status, 0, f"status of --check ({output})")
    require(output.strip(), "--check said nothing")


if __name__ == "__main__":
    sys.exit(main(entry_that_is_not_listed_is_refused, unknown_peer_is_refused,
                  strangers_are_closed_and_do_not_disturb,
                  plain_tcp_beyond_loopback_is_a_fault,
                  all_faults_are_told_with_file_and_line,
                  good_configuration_is_told_what_it_needs))
