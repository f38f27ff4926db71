#!/usr/bin/env python3
"""Sockets that a service manager passes, over reloads: while the daemon does not use one it can be
taken again, for nobody else can listen there. This test is the manager."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import PORT, equal, main, require
from harness.programs import until
from reload import Bench, reload
from reload_metrics import Visitor

# Binds, then becomes the daemon: LISTEN_PID must be its own. A child has the sockets as long as that
# lives, as the service manager has those of its units.
PASSING = """#!{python}
import ctypes, os, signal, socket, sys
names = []
for at, (name, family, address) in enumerate({sockets!r}):
    new = socket.socket(getattr(socket, family))
    new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    new.bind(tuple(address) if isinstance(address, list) else address)
    new.listen()
    os.dup2(new.fileno(), 100 + at)
    names.append(name)
for at in range(len(names)):
    os.dup2(100 + at, 3 + at)
os.closerange(3 + len(names), 200)
if os.fork() == 0:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    signal.pause()
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(names)),
                  LISTEN_FDNAMES=":".join(names))
os.execv({binary!r}, [{binary!r}, *sys.argv[1:]])
"""


def passing(daemon, *sockets):
    """From its next start on it is passed (name, family, address)."""
    path = os.path.join(daemon.directory, "passing")
    with open(path, "w", encoding="utf-8") as out:
        out.write(PASSING.format(python=sys.executable, sockets=sockets, binary=daemon.binary))
    os.chmod(path, 0o755)
    daemon.binary = path


def inode(path):
    """Of who listens there, None: nobody."""
    with open("/proc/net/unix", encoding="ascii") as table:
        lines = [line.split() for line in table if line.rstrip().endswith(" " + path)]
    return next((line[6] for line in lines if line[3] == "00010000"), None)


def listener_is_taken_again(lab):
    bench = Bench(lab, 1)
    bench.b.stop()
    passing(bench.b, ("listener", "AF_INET", [lab.b.address, PORT]))
    bench.b.start()
    bench.produce(0)
    bench.moves(0)
    full = bench.settings_b
    without = {key: value for key, value in full.items() if key != "listeners"}
    for _ in range(3):
        equal(reload(bench.b, without)[0], 0, "status without the listener")
        bench.moves(0)
        before = bench.connections()
        equal(reload(bench.b, full)[0], 0, "status with it again")
        bench.a.control("reconnect", "b")
        until(lambda: bench.connections() != before, 20, "a new connection")
        bench.moves(0)
    bench.exact(0)


def metrics_socket_is_kept_over_reloads(lab):
    bench = Bench(lab, 1)
    path, other = f"{lab.directory}/passed", f"{lab.directory}/own"
    bench.a.stop()
    passing(bench.a, ("metrics", "AF_UNIX", path))
    good = {**bench.settings_a, "metrics": f"unix://{path}"}
    bench.a.configure(good)
    bench.a.start()
    visitor, first = Visitor(path), inode(path)
    visitor.get()
    with open(f"{bench.a.state_directory}/logs", "w", encoding="utf-8"):
        pass
    late = [*good["routes"], {"name": "logged", "from": "out0", "to": "b/x",
                              "log_limit": "1MiB"}]
    equal(reload(bench.a, {**good, "metrics": f"unix://{other}", "routes": late})[0], 1,
          "status of a refused reload")
    visitor.get()
    for settings in ({**good, "metrics": f"unix://{other}"}, bench.settings_a) * 2:
        equal(reload(bench.a, settings)[0], 0, "status")
        require(inode(path) == first, "the passed socket was closed")
        # Who comes meanwhile waits, and is answered when it is used again.
        early = Visitor(path)
        equal(reload(bench.a, good)[0], 0, "status of the way back")
        early.get()
        Visitor(path).get()
        require(not os.path.exists(other), "our own socket is there still")
    equal(inode(path), first, "what listens there")


if __name__ == "__main__":
    sys.exit(main(listener_is_taken_again, metrics_socket_is_kept_over_reloads))
