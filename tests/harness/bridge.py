"""One mqbridged: its configuration, its life, and what it says about itself."""
import json
import os
import shutil
import signal
import socket
import subprocess

from harness.hosts import run_directory
from harness.programs import Failure, program, until

START_S = 60  # with logs of gigabytes that are not in memory, on a busy machine
STOP_S = 40


def render(value):
    """Python values in libconfig's notation."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return "{ " + " ".join(f"{key} = {render(item)};" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "( " + ", ".join(render(item) for item in value) + " )"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


class Daemon:
    """settings: the groups of mqbridge.conf(5) as Python values; directories are added here."""

    def __init__(self, build, host, directory, settings, name=None):
        self.build, self.host = build, host
        self.name = name or host.name
        self.directory = os.path.join(directory, self.name)
        self.run_directory = run_directory(self.name)
        self.state_directory = os.path.join(self.directory, "state")
        self.conf = os.path.join(self.directory, "mqbridge.conf")
        self.log = os.path.join(self.directory, "log")
        self.socket = os.path.join(self.run_directory, "control")
        self.process = None
        self.binary = program(build, "mqbridged")
        self.environment = {}  # more of it, for the next start
        os.makedirs(self.state_directory, exist_ok=True)
        self.configure(settings)

    def configure(self, settings):
        full = {"name": self.name, "control": self.socket,
                "ring_directory": self.run_directory,
                "state_directory": self.state_directory, "stop_timeout": "500ms", **settings}
        with open(self.conf, "w", encoding="utf-8") as out:
            for key, value in full.items():
                out.write(f"{key} = {render(value)};\n")

    def program(self, name):
        return program(self.build, name)

    def check(self):
        """mqbridged --check: (exit status, what it printed)."""
        done = subprocess.run(
            self.host.command([self.program("mqbridged"), "--config", self.conf, "--check"]),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return done.returncode, done.stdout

    def start(self, wait=True):
        with open(self.log, "ab") as log:
            self.process = self.host.spawn(
                [self.binary, "--config", self.conf, "--foreground"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **self.environment})
        if wait:
            until(self.answers, START_S, f"daemon {self.name} to answer")

    def running(self):
        return self.process is not None and self.process.poll() is None

    def require_running(self):
        if not self.running():
            raise Failure(f"daemon {self.name} ended by itself with status "
                          f"{self.process.returncode}; its log ends with:\n{self.log_end()}")

    def waited_s(self):
        """How long the loop's thread was ready to run and other programs had the processors."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/schedstat"
        with open(path, encoding="ascii") as text:
            return int(text.read().split()[1]) / 1e9

    def answers(self):
        self.require_running()
        try:
            return bool(self.show("status"))
        except Failure:
            return False

    def answers_now(self):
        """The same, also while it may be ending."""
        try:
            return self.answers()
        except Failure:
            return False

    def stop(self):
        """A clean stop: SIGTERM, and status 0."""
        self.require_running()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            raise Failure(f"daemon {self.name} does not stop; its log ends with:\n"
                          f"{self.log_end()}") from None
        if status != 0:
            raise Failure(f"daemon {self.name} stopped with status {status}; its log ends "
                          f"with:\n{self.log_end()}")

    def kill(self):
        self.require_running()
        self.process.kill()
        self.process.wait()

    def end(self):
        """Whatever its state: gone afterwards. Never fails."""
        if self.running():
            self.process.kill()
            self.process.wait()

    def save(self):
        """What systemd does after a crash: mqbridge-spool save."""
        done = subprocess.run(
            self.host.command([self.program("mqbridge-spool"), "--config", self.conf, "save"]),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"mqbridge-spool save: status {done.returncode}: {done.stdout}")

    def wipe(self):
        """What a reboot does to the tmpfs."""
        shutil.rmtree(self.run_directory)
        os.makedirs(self.run_directory)

    def control(self, *words):
        """What mqbridgectl prints."""
        done = subprocess.run(
            self.host.command([self.program("mqbridgectl"), "--socket", self.socket, *words]),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode not in (0, 7):  # done, done with warnings
            raise Failure(f"mqbridgectl {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def ask(self, line):
        """The items of an answer, without a program in between: of a host whose /run is ours."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as to:
            to.settimeout(STOP_S)
            to.connect(self.socket)
            to.sendall(f"{line} json\n".encode())
            to.shutdown(socket.SHUT_WR)
            return json.loads(b"".join(iter(lambda: to.recv(65536), b"")))["items"]

    def show(self, what):
        """The items of `mqbridgectl show WHAT json`."""
        try:
            return json.loads(self.control("show", what, "json"))["items"]
        except (ValueError, KeyError) as why:
            raise Failure(f"mqbridgectl show {what}: not JSON with items: {why}") from why

    def status(self):
        return self.show("status")[0]

    def route(self, name):
        for item in self.show("routes"):
            if item["name"] == name:
                return item
        raise Failure(f"daemon {self.name} shows no route {name}")

    def log_end(self, lines=20):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-lines:])
