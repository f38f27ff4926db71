"""Two hosts on one machine: each an IPC, mount and network namespace, joined by a veth pair."""
import os
import shutil
import subprocess

from harness.programs import Failure

END_S = 10

# Furnishes the namespaces and then holds them open until its standard input is closed.
HOLD = """
ip link set lo up 2>/dev/null
test -d /dev/mqueue && mount -t mqueue none /dev/mqueue
echo ready
exec cat
"""


class Host:
    """One host. Everything started in it runs under the holder's namespaces."""

    def __init__(self, name, own_network):
        self.name = name
        self.kinds = ["--ipc", "--mount"] + (["--net"] if own_network else [])
        self.address = "127.0.0.1"
        self.interface = None
        self.holder = subprocess.Popen(["unshare", *self.kinds, "sh", "-c", HOLD],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.holder.stdout.readline() != b"ready\n":
            raise Failure(f"host {name} could not be made")

    def command(self, arguments):
        return ["nsenter", f"--target={self.holder.pid}", *self.kinds, "--",
                *map(str, arguments)]

    def spawn(self, arguments, **how):
        return subprocess.Popen(self.command(arguments), **how)

    def run(self, arguments, **how):
        return subprocess.run(self.command(arguments), check=True, **how)

    def link(self, state):
        """Interface up or down."""
        self.run(["ip", "link", "set", self.interface, state])

    def end(self):
        self.holder.stdin.close()
        self.holder.stdout.close()
        try:
            self.holder.wait(END_S)
        except subprocess.TimeoutExpired:  # a program still holds its standard input
            self.holder.kill()
            self.holder.wait()


def _quietly(arguments):
    return subprocess.run(arguments, stderr=subprocess.DEVNULL, check=False).returncode == 0


def _join(hosts):
    """A veth pair between the two; False where that is not permitted."""
    pids = [host.holder.pid for host in hosts]
    if not _quietly(["ip", "link", "add", "name", "mqb0", "netns", str(pids[0]),
                     "type", "veth", "peer", "name", "mqb1", "netns", str(pids[1])]):
        return False
    for number, host in enumerate(hosts):
        host.interface = f"mqb{number}"
        host.address = f"10.77.0.{number + 1}"
        host.run(["ip", "address", "add", f"{host.address}/24", "dev", host.interface])
        host.link("up")
    return True


def two_hosts():
    """[a, b]: joined by veth where permitted, else both on one loopback."""
    if shutil.which("ip") and _quietly(["unshare", "--net", "true"]):
        hosts = [Host("a", True), Host("b", True)]
        if _join(hosts):
            return hosts
        for host in hosts:
            host.end()
    return [Host("a", False), Host("b", False)]


def connections_cut(host):
    """Reset every TCP connection of a host; False where the kernel cannot."""
    if not shutil.which("ss"):
        return False
    done = subprocess.run(host.command(["ss", "--kill", "--no-header", "--tcp",
                                        "state", "established"]),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return done.returncode == 0 and bool(done.stdout.strip())


def run_directory(name):
    """A directory on the tmpfs of tests/in-namespace."""
    path = os.path.join("/run/mqbridge", name)
    os.makedirs(path, exist_ok=True)
    return path
