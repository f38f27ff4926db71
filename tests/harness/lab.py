"""The bench on which a system test builds what it needs; and the running of such tests.

A test file defines functions that take a Lab, and ends in `sys.exit(main(one, another))`.
"""
import argparse
import os
import shutil
import sys
import time
import traceback

from harness.bridge import Daemon
from harness.hosts import two_hosts
from harness.load import Flow
from harness.programs import Failure, Overdue, Skipped, enter_namespace, limited, temporary

PORT = 7411
TEST_S = 120   # for one test; the slowest take 20 on a quiet machine
BENCH_S = 60   # to make or to clear the bench


class Lab:
    def __init__(self, build, directory):
        self.build, self.directory = build, directory
        self.daemons, self.flows, self.processes = [], [], []
        self.a, self.b = two_hosts()

    def listen_address(self):
        """(address of the second host's listener, whether it must be called insecure)"""
        return (f"tcp://{self.b.address}:{PORT}",
                not self.b.address.startswith("127."))

    def daemon(self, settings, host=None, name=None):
        daemon = Daemon(self.build, host or self.a, self.directory, settings, name)
        self.daemons.append(daemon)
        return daemon

    def pair(self, a, b, a_takes=(), b_takes=()):
        """Two daemons, of which a dials b. a, b: queues and routes of each; takes: the entries
        that the other may send to. Not started."""
        address, insecure = self.listen_address()
        peer_of_a = {"name": "b", "address": address, "insecure": insecure,
                     "heartbeat": "500ms", "may_send_to": list(a_takes)}
        peer_of_b = {"name": "a", "heartbeat": "500ms", "may_send_to": list(b_takes)}
        listener = {"address": address, "insecure": insecure}
        return (self.daemon({"peers": [peer_of_a], **a}, self.a),
                self.daemon({"peers": [peer_of_b], "listeners": [listener], **b}, self.b))

    def one_way(self, source, destination, **more):
        """A started pair with one route "main" from a's queue to b's. more: members of
        the source queue's entry."""
        pair = self.pair(
            {"queues": [{"name": "out", "uri": source, **more}],
             "routes": [{"name": "main", "from": "out", "to": "b/in"}]},
            {"queues": [{"name": "in", "uri": destination}]}, b_takes=["in"])
        for daemon in pair:
            daemon.start()
        return pair

    def flow(self, name, source, destination, places=None):
        """From a queue of host a to one of host b, unless places says otherwise."""
        source_host, destination_host = places or (self.a, self.b)
        flow = Flow(self.build, self.directory, name,
                    ((source_host, source), (destination_host, destination)))
        self.flows.append(flow)
        return flow

    def spawn(self, host, arguments, **how):
        process = host.spawn(arguments, **how)
        self.processes.append(process)
        return process

    def end(self):
        for flow in self.flows:
            flow.end()
        for daemon in self.daemons:
            daemon.end()
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        for host in (self.a, self.b):
            host.end()

    def logs(self):
        return "".join(f"log of {daemon.name}:\n{daemon.log_end()}"
                       for daemon in self.daemons if os.path.exists(daemon.log))


def require(condition, what):
    if not condition:
        raise Failure(what)


def equal(found, wanted, what):
    if found != wanted:
        raise Failure(f"{what}: found {found!r}, wanted {wanted!r}")


def _attempt(test, lab):
    """None, or the text of what went wrong."""
    try:
        with limited(TEST_S):
            test(lab)
        return None
    except Failure as why:
        return f"{why}\n{lab.logs()}"
    except Skipped:
        raise
    except (Exception, Overdue):  # a mistake of the test itself must not hide the others
        return traceback.format_exc() + lab.logs()


def _run(test, build):
    """The same, on a bench of its own."""
    directory = temporary("system")
    try:
        with limited(BENCH_S):
            lab = Lab(build, directory)
        try:
            return _attempt(test, lab)
        finally:
            with limited(BENCH_S):
                lab.end()
    except (Failure, Overdue):
        return "the bench: " + traceback.format_exc()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        shutil.rmtree("/run/mqbridge", ignore_errors=True)


def main(*tests):
    """Run them all, or those that the command line tells: ok, not ok or skip for each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.environ.get("MQBRIDGE_BUILD", os.getcwd()))
    parser.add_argument("--without", nargs="+", default=[])
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    enter_namespace()
    known = {test.__name__.replace("_", "-") for test in tests}
    unknown = sorted({*options.names, *options.without} - known)
    for name in unknown:
        print(f"not ok {name}: there is no such test", flush=True)
    failed = bool(unknown)
    for test in tests:
        name = test.__name__.replace("_", "-")
        if name in options.without or (options.names and name not in options.names):
            continue
        begun = time.monotonic()
        try:
            fault = _run(test, options.build)
        except Skipped as why:
            print(f"skip {name}: {why}", flush=True)
            continue
        took = f"({time.monotonic() - begun:.1f} s)"
        if fault is None:
            print(f"ok {name} {took}", flush=True)
            continue
        failed = True
        print(f"not ok {name} {took}")
        sys.stdout.write("".join(f"    {line}\n" for line in fault.splitlines()))
        sys.stdout.flush()
    return 1 if failed else 0
