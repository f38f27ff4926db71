#!/usr/bin/env python3
"""Reloading with another address for metrics: who is connected stays so."""
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main, require
from reload import Bench, reload


class Visitor:
    """One connection to the metrics of a daemon, for as long as it is not hung up."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)

    def get(self):
        self.socket.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        text = b""
        while b"\r\n\r\n" not in text:
            more = self.socket.recv(65536)
            require(more, "the connection was hung up")
            text += more
        head, body = text.split(b"\r\n\r\n", 1)
        require(b" 200 " in head, f"answer {head}")
        length = int(next(line.split(b":")[1] for line in head.split(b"\r\n")
                          if line.lower().startswith(b"content-length:")))
        while len(body) < length:
            body += self.socket.recv(65536)


def refused_reload_hangs_up_on_nobody(lab):
    """What is no route or queue is not touched either, when the fault is found last."""
    bench = Bench(lab, 1)
    path = f"{lab.directory}/metrics"
    good = {**bench.settings_a, "metrics": f"unix://{path}"}
    equal(reload(bench.a, good)[0], 0, "status")
    visitor = Visitor(path)
    visitor.get()
    with open(f"{bench.a.state_directory}/logs", "w", encoding="utf-8"):
        pass
    late = {"routes": [*good["routes"], {"name": "logged", "from": "out0", "to": "b/x",
                                         "log_limit": "1MiB"}]}
    other = f"{lab.directory}/other"
    for more in ({"metrics": f"unix://{other}"}, {"metrics_names": ("a.example",)}):
        equal(reload(bench.a, {**good, **late, **more})[0], 1, f"status with {more}")
        visitor.get()
    faulty = {**good, **late}
    del faulty["metrics"]
    equal(reload(bench.a, faulty)[0], 1, "status without metrics")
    visitor.get()
    require(not os.path.exists(other), "the other socket is there")
    # Names alone change without a new connection.
    equal(reload(bench.a, {**good, "metrics_names": ("a.example",)})[0], 0, "status")
    visitor.get()
    equal(reload(bench.a, {**good, "metrics": f"unix://{other}"})[0], 0, "status")
    Visitor(other).get()
    require(not os.path.exists(path), "the former socket is there")


VISIT = """
import http.client, sys
visitor = http.client.HTTPConnection("127.0.0.1", 7412, timeout=20)
visitor.connect()
visitor.auto_open = 0
for _ in sys.stdin:
    visitor.request("GET", "/metrics")
    answer = visitor.getresponse()
    answer.read()
    print(answer.status, flush=True)
"""


class HostVisitor:
    """The same to port 7412 of that host."""

    def __init__(self, lab, host):
        self.process = lab.spawn(host, [sys.executable, "-c", VISIT], text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def get(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        equal(self.process.stdout.readline(), "200\n", "status of /metrics")


def metrics_move_to_an_address_that_holds_the_former(lab):
    bench = Bench(lab, 1)
    good = {**bench.settings_a, "metrics": "http://127.0.0.1:7412",
            "metrics_insecure": True}
    wide = {**good, "metrics": "http://0.0.0.0:7412"}
    for settings in (good, wide) * 2 + (good,):
        equal(reload(bench.a, settings)[0], 0, "status")
        HostVisitor(lab, lab.a).get()
    visitor = HostVisitor(lab, lab.a)
    visitor.get()
    with open(f"{bench.a.state_directory}/logs", "w", encoding="utf-8"):
        pass
    late = {"routes": [*good["routes"], {"name": "logged", "from": "out0", "to": "b/x",
                                         "log_limit": "1MiB"}]}
    equal(reload(bench.a, {**wide, **late})[0], 1, "status with a late fault")
    visitor.get()
    HostVisitor(lab, lab.a).get()
    other = lab.spawn(lab.a, [sys.executable, "-c", "import socket, time\n"
                              "with socket.socket() as s:\n"
                              " s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
                              " s.bind(('127.0.0.2', 7412)); s.listen(); print('there')\n"
                              " import sys; sys.stdout.flush(); time.sleep(600)"],
                      stdout=subprocess.PIPE)
    other.stdout.readline()
    status, document = reload(bench.a, wide)
    equal(status, 1, "status with the address in use")
    require("metrics: Address already in use" in document["warnings"][0],
            f"the fault: {document}")
    visitor.get()
    HostVisitor(lab, lab.a).get()


if __name__ == "__main__":
    sys.exit(main(refused_reload_hangs_up_on_nobody,
                  metrics_move_to_an_address_that_holds_the_former))
