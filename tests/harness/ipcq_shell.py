"""Running ipcq in a host of a test."""
import json
import subprocess
import sys

from harness.lab import equal
from harness.programs import Failure, program

DONE, FAILED, USAGE, DENIED, ABSENT, UNREADY = 0, 1, 2, 4, 5, 6
LIMIT_S = 20

POSIX, SYSV = "posix:/q", "sysv:0x71"
SMALL = {POSIX: ("--max-messages", 4, "--message-size", 64), SYSV: ("--max-bytes", 256)}


class Answer:
    def __init__(self, done):
        self.status, self.out = done.returncode, done.stdout
        self.err = done.stderr.decode()

    def lines(self):
        return self.out.decode().splitlines()

    def json(self):
        return json.loads(self.out)


class Shell:
    """ipcq in host a. A call that is not done in time is a failure."""

    def __init__(self, lab):
        self.lab = lab
        self.path = program(lab.build, "ipcq")

    def words(self, words):
        return [self.path, *map(str, words)]

    def try_(self, *words, stdin=b"", **how):
        try:
            return Answer(subprocess.run(
                self.lab.a.command(self.words(words)), input=stdin, timeout=LIMIT_S,
                check=False, capture_output=True, **how))
        except subprocess.TimeoutExpired as why:
            raise Failure(f"ipcq {' '.join(map(str, words))}: not done in time") from why

    def __call__(self, *words, stdin=b"", status=DONE):
        """What is printed; fails when the exit status is another one."""
        answer = self.try_(*words, stdin=stdin)
        if answer.status != status:
            raise Failure(f"ipcq {' '.join(map(str, words))}: status {answer.status}, wanted "
                          f"{status}: {answer.err}")
        if status == DONE:
            equal(answer.err, "", "complaints")
        return answer.out

    def json(self, *words):
        return json.loads(self(*words, "--json"))

    def spawn(self, *words, **how):
        return self.lab.spawn(self.lab.a, self.words(words), **how)

    def small(self, uri):
        """A small queue, as RLIMIT_MSGQUEUE is one for all tests."""
        self("create", uri, *SMALL[uri])

    def complains(self, status, parts, *words, stdin=b""):
        """It fails so, prints nothing, and its one complaint has these parts."""
        answer = self.try_(*words, stdin=stdin)
        what = f"ipcq {' '.join(map(str, words))}"
        equal(answer.status, status, f"status of {what}: {answer.err}")
        equal(answer.out, b"", f"output of {what}")
        for part in parts:
            if part not in answer.err:
                raise Failure(f"{what}: {part!r} is not in {answer.err!r}")
        if not answer.err.startswith("ipcq: "):
            raise Failure(f"{what}: complains anonymously: {answer.err!r}")
        return answer.err


def python(host, code, *arguments, **how):
    """Python code in the host; its output."""
    return subprocess.run(host.command([sys.executable, "-c", code, *arguments]), check=True,
                          stdout=subprocess.PIPE, timeout=LIMIT_S, **how).stdout
