#!/usr/bin/env python3
"""Messages cross between two hosts, and between two queues of one host, exactly as they were."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import main

COUNT = 5000
SIZE = 1024
PRIORITIES = (0, 1, 900, 32767)
TYPES = (1, 2, 2**31, 2**63 - 1)
# What a name may hold and still be one name: all but the slash, 254 bytes after the first.
NAMES = ("/with space", "/colon:and@at", "/100%", "/gr\u00f6\u00dfe-\u2713", '/quo"te\\', "/" + "n" * 254)
KEYS = (0x80000000, 0xffffffff, 1)


def cross(lab, source, destination, types, count=COUNT):
    """Texts of every length, and random bytes of another producer."""
    flow = lab.flow("flow", source, destination)
    flow.create(4, SIZE)
    lab.one_way(source, destination)
    flow.consume()
    flow.produce(types[:2], "--max", SIZE, "--count", count)
    flow.produce(types[2:], "--max", SIZE, "--count", count, "--random")
    flow.wait_received(2 * count, 60)
    flow.wait_sent(10)
    flow.require_exact()


def posix_queues_across_hosts_are_exact(lab):
    cross(lab, "posix:/source", "posix:/destination", PRIORITIES)


def sysv_queues_across_hosts_are_exact(lab):
    cross(lab, "sysv:0x4d51", "sysv:0x4d52", TYPES)


def many(lab, pairs, types):
    """One route per pair of queues; both ends have the same odd names, on different hosts."""
    flows, queues_a, queues_b, routes, entries = [], [], [], [], []
    for number, (source, destination) in enumerate(pairs):
        flow = lab.flow(f"flow{number}", source, destination)
        flow.create(4, 64)
        flows.append(flow)
        queues_a.append({"name": f"out{number}", "uri": source})
        queues_b.append({"name": f"in{number}", "uri": destination})
        routes.append({"name": f"route {number}", "from": f"out{number}", "to": f"b/in{number}"})
        entries.append(f"in{number}")
    for daemon in lab.pair({"queues": queues_a, "routes": routes}, {"queues": queues_b},
                           b_takes=entries):
        daemon.start()
    for flow in flows:
        flow.consume()
        flow.produce(types, "--max", 64, "--count", 200)
    for flow in flows:
        flow.wait_received(200, 30)
        flow.require_exact()


def posix_names_of_any_characters_work(lab):
    many(lab, [(f"posix:{name}", f"posix:{name}") for name in NAMES], (0, 5))


def sysv_keys_beyond_2_31_work(lab):
    many(lab, [(f"sysv:0x{key:x}", f"sysv:{key}") for key in KEYS], (1, 5))


def posix_to_sysv_on_one_host_makes_priorities_types(lab):
    flow = lab.flow("flow", "posix:/local", "sysv:0x77", (lab.a, lab.a))
    flow.create(4, SIZE)
    daemon = lab.daemon({
        "queues": [{"name": "out", "uri": "posix:/local"}, {"name": "in", "uri": "sysv:0x77"}],
        "routes": [{"name": "local", "from": "out", "to": "in"}]})
    daemon.start()
    # A type is at least 1, a priority at least 0, so types are one higher.
    flow.consume("--shift", 1)
    flow.produce(PRIORITIES, "--max", SIZE, "--count", COUNT)
    flow.wait_received(COUNT, 60)
    flow.wait_sent(10)
    flow.require_exact()


if __name__ == "__main__":
    sys.exit(main(posix_queues_across_hosts_are_exact, sysv_queues_across_hosts_are_exact,
                  posix_names_of_any_characters_work, sysv_keys_beyond_2_31_work,
                  posix_to_sysv_on_one_host_makes_priorities_types))
