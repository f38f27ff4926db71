"""Terminals: a pty of any size to run a command on, and tmux for programs that draw on one."""
import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import termios
import time

from harness.programs import Failure, Skipped, until

ESCAPES = re.compile(r"\033\[[0-9;?]*[A-Za-z]")


def plain(text):
    """Without colours and the like."""
    return ESCAPES.sub("", text)


def set_size(terminal, columns, lines=24):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


class OnPty:
    """A command whose standard streams are a terminal of so many columns."""

    def __init__(self, command, columns, environment=None):
        self.ours, theirs = pty.openpty()
        set_size(theirs, columns)
        env = {**os.environ, "TERM": "xterm", **(environment or {})}
        env.pop("NO_COLOR", None) if "NO_COLOR" not in (environment or {}) else None
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs,
                                        env=env, close_fds=True)
        os.close(theirs)
        os.set_blocking(self.ours, False)
        self.bytes = b""

    def read(self):
        """All that came so far."""
        try:
            while part := os.read(self.ours, 65536):
                self.bytes += part
        except (BlockingIOError, OSError):  # EIO: nobody has it open any more
            pass
        return self.bytes.decode().replace("\r\n", "\n")

    def finish(self, seconds=20):
        """(exit status, all that it printed)."""
        def ended():
            self.read()
            return self.process.poll() is not None
        try:
            until(ended, seconds, "the command on the terminal to end")
        finally:
            self.end()
        return self.process.returncode, self.bytes.decode().replace("\r\n", "\n")

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.read()
        os.close(self.ours)


class Tmux:
    """A terminal with a shell in it, which a test looks at and types on."""

    def __init__(self, directory, columns, lines, environment=None, utf8=True):
        if shutil.which("tmux") is None:
            raise Skipped("tmux is not installed")
        self.socket = os.path.join(directory, f"tmux-{time.monotonic_ns()}")
        env = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm"}
        self.run("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(lines),
                 "env", f"LC_ALL={'C.UTF-8' if utf8 else 'C'}", "PS1=prompt$ ",
                 *(f"{key}={value}" for key, value in (environment or {}).items()),
                 "sh", env=env)
        until(lambda: "prompt$" in self.screen(), 10, "the shell in tmux")

    def run(self, *words, env=None):
        done = subprocess.run(["tmux", "-u", "-S", self.socket, *words],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env=env, check=False)
        if done.returncode != 0:
            raise Failure(f"tmux {words[0]}: {done.stdout}")
        return done.stdout

    def screen(self):
        return self.run("capture-pane", "-p")

    def type(self, *keys):
        """Names of keys as tmux has them, or text."""
        self.run("send-keys", *keys)

    def resize(self, columns, lines):
        self.run("resize-window", "-x", str(columns), "-y", str(lines))

    def wait(self, condition, what, seconds=20):
        """Until condition(screen) holds; the screen."""
        last = []

        def holds():
            last[:] = [self.screen()]
            return condition(last[0])
        try:
            until(holds, seconds, what, step=0.05)
        except Failure as why:
            raise Failure(f"{why}; the screen is\n{last[0]}") from None
        return last[0]

    def end(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], stderr=subprocess.DEVNULL,
                       check=False)
