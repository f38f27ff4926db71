"""In the place of the service manager: what a daemon tells it, and when."""
import os
import socket
import threading
import time


class Manager:
    """What is told is read at once, also by a daemon that has ended meanwhile: an unread
    message would hold the sockets that were given to keep."""

    def __init__(self, directory, name, reads=True):
        """Without reads it is deaf until read()."""
        self.path = os.path.join(directory, f"notify-{name}")
        self.told = []  # (seconds, field, value), in order
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        if reads:
            self.read()

    def fill(self):
        """So that nothing more can be sent until it reads."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            while True:
                try:
                    other.sendto(b"X_FILL=1", self.path)
                except BlockingIOError:
                    return

    def read(self):
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            text = self.socket.recv(8192).decode()
            now = time.monotonic()
            for line in text.splitlines():
                field, _, value = line.partition("=")
                self.told.append((now, field, value))

    def of(self, field, since=0):
        """[(seconds, value)] of a field."""
        return [(at, value) for at, name, value in list(self.told)
                if name == field and at >= since]

    def status(self):
        values = self.of("STATUS")
        return values[-1][1] if values else ""

    def deadline(self, begun, allowed_s):
        """Until when it would have waited for what began then, with all that it was asked for."""
        end = begun + allowed_s
        for at, usec in self.of("EXTEND_TIMEOUT_USEC", begun):
            if at <= end:
                end = max(end, at + int(usec) / 1e6)
        return end
