"""A headless Chromium in the network of a host, driven over the WebDriver protocol."""
import base64
import ctypes
import http.client
import json
import os
import shutil
import socket
import subprocess

from harness.programs import Failure, Skipped, until

CLONE_NEWNET = 0x40000000
START_S = 60
ANSWER_S = 60
NOISE = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-default-apps", "--disable-extensions", "--disable-dev-shm-usage",
         "--disable-features=Translate,OptimizationHints,MediaRouter,DialMediaRouteProvider",
         "--hide-scrollbars", "--mute-audio")
libc = ctypes.CDLL(None, use_errno=True)


def connect(host, port):
    """A connection to a port of that host's loopback; made in its network, used from ours."""
    address = ("127.0.0.1", port)
    if "--net" not in host.kinds:
        return socket.create_connection(address, ANSWER_S)
    ours = os.open("/proc/self/ns/net", os.O_RDONLY)
    theirs = os.open(f"/proc/{host.holder.pid}/ns/net", os.O_RDONLY)
    try:
        if libc.setns(theirs, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            return socket.create_connection(address, ANSWER_S)
        finally:
            libc.setns(ours, CLONE_NEWNET)
    finally:
        os.close(ours)
        os.close(theirs)


class HostConnection(http.client.HTTPConnection):
    """HTTP to a port of a host's loopback."""

    def __init__(self, host, port):
        super().__init__("127.0.0.1", port, timeout=ANSWER_S)
        self.in_host = host

    def connect(self):
        self.sock = connect(self.in_host, self.port)


def get(host, port, path, headers=None):
    """(status, headers, body) of a GET."""
    connection = HostConnection(host, port)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


class Browser:
    DRIVER_PORT = 9515

    def __init__(self, host, directory):
        for name in ("chromium", "chromedriver"):
            if not shutil.which(name):
                raise Skipped(f"there is no {name}")
        self.host = host
        self.session = None
        self.log = open(os.path.join(directory, "chromedriver.log"), "wb")
        self.home = os.path.join(directory, "chromium")
        os.makedirs(self.home, exist_ok=True)
        self.driver = host.spawn(
            ["chromedriver", f"--port={self.DRIVER_PORT}"], stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log,
            env={**os.environ, "HOME": self.home, "TMPDIR": self.home})
        try:
            until(self.is_ready, START_S, "chromedriver", 0.1)
            self.session = self.begin()
        except BaseException:
            self.end()
            raise

    def begin(self):
        options = {"args": [*NOISE, f"--user-data-dir={self.home}/data"],
                   "perfLoggingPrefs": {"enableNetwork": True, "enablePage": False}}
        return self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})["sessionId"]

    def is_ready(self):
        try:
            return self.call("GET", "/status")["ready"]
        except (OSError, http.client.HTTPException):
            return False

    def call(self, method, path, body=None):
        connection = HostConnection(self.host, self.DRIVER_PORT)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json"})
            value = json.loads(connection.getresponse().read())["value"]
        finally:
            connection.close()
        if isinstance(value, dict) and "error" in value:
            raise Failure(f"WebDriver {path}: {value['error']}: {value.get('message')}")
        return value

    def do(self, method, path, body=None):
        return self.call(method, f"/session/{self.session}{path}", body)

    def devtools(self, command, **parameters):
        return self.do("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, url):
        self.do("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """Of the body of a function in the page: what it returns."""
        return self.do("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def until(self, script, seconds, what, *arguments):
        return until(lambda: self.run(script, *arguments), seconds, what, 0.1)

    def size(self, width, height, phone=False):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height,
                      deviceScaleFactor=1, mobile=phone)

    def prefer(self, **features):
        """prefer(color_scheme="dark", reduced_motion="reduce")"""
        self.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-" + name.replace("_", "-"), "value": value}
            for name, value in features.items()])

    def press(self, *keys):
        """WebDriver's keys: "\\ue004" is Tab, "\\ue007" Enter, "\\ue008" Shift, held until the end."""
        held = [key for key in keys if key == "\ue008"]
        actions = [{"type": "keyDown", "value": key} for key in held]
        for key in (key for key in keys if key not in held):
            actions += [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        actions += [{"type": "keyUp", "value": key} for key in held]
        self.do("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def picture(self, path, whole=False):
        """A screenshot, of the window or of the whole page."""
        if whole:
            data = self.devtools("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        else:
            data = self.do("GET", "/screenshot")
        with open(path, "wb") as out:
            out.write(base64.b64decode(data))

    def messages(self):
        """What the console has said since the last call: errors, violations of the policy."""
        return [f"{entry['level']}: {entry['message']}" for entry in
                self.do("POST", "/se/log", {"type": "browser"})]

    def requests(self):
        """The addresses that were asked for since the last call."""
        found = []
        for entry in self.do("POST", "/se/log", {"type": "performance"}):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                found.append(event["params"]["request"]["url"])
        return found

    def end(self):
        if self.session is not None:
            try:
                self.do("DELETE", "")
            except (Failure, OSError, http.client.HTTPException, ValueError):
                pass  # it is ended below
            self.session = None
        if self.driver.poll() is None:
            self.driver.terminate()
            try:
                self.driver.wait(10)
            except subprocess.TimeoutExpired:
                self.driver.kill()
                self.driver.wait()
        self.log.close()
