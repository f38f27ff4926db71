"""Where the programs under test are, how a test ends up in namespaces of its own, and how long it
may take."""
import contextlib
import os
import signal
import sys
import tempfile
import time

SKIP = 77     # exit status of a test that cannot run here
AGAIN_S = 5   # what was interrupted once may clear up, and hang in that
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PLACES = ("src", "src/daemon", "src/client", "src/tools", "tests/tools", "tests/torture/.libs",
          ".", "bin", "sbin")


class Failure(Exception):
    """A test found something wrong; the text says what."""


class Skipped(Exception):
    """A test cannot run here; the text says why."""


class Overdue(BaseException):
    """What was to be done in time is not; no Exception, for nobody shall take it for another."""


@contextlib.contextmanager
def limited(seconds):
    """Whatever the main thread waits for in here, it is interrupted when time is up."""
    def ring(_number, _frame):
        raise Overdue(f"not done after {seconds} s")
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def program(build, name):
    for place in PLACES:
        path = os.path.join(os.path.abspath(build), place, name)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    raise Failure(f"{name} is not built in {build}")


def enter_namespace():
    """Run this very command again in namespaces of its own, unless that is so already."""
    if os.environ.get("MQBRIDGE_NAMESPACE"):
        return
    wrapper = os.path.join(TESTS, "in-namespace")
    os.execv(sys.executable, [sys.executable, wrapper, sys.executable] + sys.argv)


def temporary(label):
    """A directory of the test's own; the caller removes it."""
    return tempfile.mkdtemp(prefix=f"mqbridge-{label}-")


def until(condition, seconds, what, step=0.01):
    """Wait until condition() is true and return its value, or fail saying what was awaited."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds} s in vain for {what}")
        time.sleep(step)
