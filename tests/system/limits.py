#!/usr/bin/env python3
"""Nothing that hangs holds up the tests: it fails by its name, and the others are run."""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.lab import equal, main, require
from harness.programs import TESTS, until

LIMIT_S = 3
PATIENCE_S = 60  # the process that runs what hangs must itself end
HANGING = f"""#!/usr/bin/env python3
import os, sys, time
sys.path.insert(0, {TESTS!r})
from harness import lab

def hangs(bench):
    bench.daemon({{}}).start()
    os.read(os.pipe()[0], 1)

def hangs_and_takes_it_for_a_failure(bench):
    while True:
        try:
            time.sleep(1000)
        except Exception:
            pass

def goes_on(bench):
    pass

def is_left_out(bench):
    pass

lab.TEST_S = {LIMIT_S}
sys.exit(lab.main(hangs, hangs_and_takes_it_for_a_failure, goes_on, is_left_out))
"""
# What coreutils' timeout does not end: it is in a session and namespaces of its own, and deaf.
DEAF = """#!/bin/sh
# harness: none
echo "ok before"
setsid unshare --user --pid --fork sh -c 'trap "" TERM; sleep 4711 & sleep 4711; wait' &
wait
"""
RUNNER = "#!/bin/sh\necho 'ok one'\necho '1 passed, 0 failed, 0 skipped'\n"
UNIT = """#!/bin/sh
echo 'ok first'
echo 'not ok second: for a reason'
setsid sleep 4712 &
wait
"""


def script(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    os.chmod(path, 0o755)


def run(*command, **environment):
    """(status, what it said)"""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S, check=False,
                          env={**os.environ, **environment})
    return done.returncode, done.stdout


def answers(said):
    return re.findall(r"^((?:not ok|ok|skip) [a-z-]*)", said, re.MULTILINE)


def sleepers(seconds):
    """Processes that sleep so long."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as words:
                if words.read() == b"sleep\0%d\0" % seconds:
                    found.append(name)
        except OSError:
            pass  # it has just ended
    return found


def test_that_hangs_fails_by_name_with_the_logs(lab):
    path = os.path.join(lab.directory, "hanging.py")
    script(path, HANGING)
    status, said = run(path, "--build", lab.build, "--without", "is-left-out")
    equal(answers(said), ["not ok hangs", "not ok hangs-and-takes-it-for-a-failure", "ok goes-on"],
          said)
    equal(status, 1, "status")
    for part in (f"Overdue: not done after {LIMIT_S} s", "os.read(", "log of a:", "a is ready"):
        require(part in said, f"{part!r} is not said: {said}")


def file_that_hangs_fails_by_name_and_leaves_nothing(lab):
    tests = os.path.join(lab.directory, "tests")
    for name in ("limited", "in-namespace", "system/run"):
        path = os.path.join(tests, name)
        with open(os.path.join(TESTS, name), encoding="utf-8") as text:
            script(path, re.sub(r"^LIMIT_S = \d+", f"LIMIT_S = {LIMIT_S}", text.read(),
                                flags=re.MULTILINE))
    script(os.path.join(tests, "system", "deaf.sh"), DEAF)
    script(os.path.join(tests, "system", "well.sh"), "#!/bin/sh\n# harness: none\nexit 0\n")
    status, said = run(os.path.join(tests, "system", "run"))
    equal(answers(said), ["ok before", "not ok deaf", "ok well"], said)
    equal((status, said.splitlines()[-1]), (1, "2 passed, 1 failed, 0 skipped"), "the end")
    until(lambda: not sleepers(4711), 5, "what it started to end")


def check_ends_in_time_and_repeats_what_failed(lab):
    """With the groups replaced by others, of which the second hangs."""
    tree = os.path.join(lab.directory, "tree")
    for name in ("scripts/check", "tests/limited"):
        os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
        shutil.copy(os.path.join(os.path.dirname(TESTS), name), os.path.join(tree, name))
    for name in ("scripts/build", "scripts/install-packages"):
        script(os.path.join(tree, name), "#!/bin/sh\n")
    groups = re.findall(r"tests/[a-z]*/(?:run|short)", open(os.path.join(
        tree, "scripts/check"), encoding="utf-8").read().partition("full_tests()")[0])
    for name in groups:
        script(os.path.join(tree, name), RUNNER)
    script(os.path.join(tree, "tests/unit/run"), UNIT)
    status, said = run(os.path.join(tree, "scripts/check"), MQBRIDGE_CHECK_S="6")
    end = said.splitlines()[-5:]
    # packages and the build are no tests; lints, fuzz, library and the build with crash points
    # pass, unit has one of each kind and hangs, system and torture are not run.
    equal(end, ["failed: second (unit)", "failed: unit", "failed: system", "failed: torture",
                "5 passed, 4 failed, 0 skipped"], said)
    equal(status, 1, "status")
    for part in ("not ok unit: ended, for it was not done after", "not ok torture: not run, for"):
        require(part in said, f"{part!r} is not said: {said}")
    until(lambda: not sleepers(4712), 5, "what it started to end")


if __name__ == "__main__":
    sys.exit(main(test_that_hangs_fails_by_name_with_the_logs,
                  file_that_hangs_fails_by_name_and_leaves_nothing,
                  check_ends_in_time_and_repeats_what_failed))
