"""The lists behind tests/torture/short and tests/torture/long."""
import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from harness.programs import SKIP, TESTS
from torture import damage, power_cut
from torture.scenarios import SCENARIOS

PLAIN_ROUNDS = 8  # one kill loses something more often than not
NAMES = ("text", "random")
AT_ONCE = 2  # of the short form
LIMIT_S = (6 * 3600, 240)  # of the long form, and of the short one: then it has failed


def logged_cases(form):
    """Kills with a backlog in the overflow log."""
    for number, scenario in enumerate(("kill-sender", "kill-receiver", "kill-both")):
        # The short form takes the kinds in turn, the long one both.
        kinds = ("posix", "sysv")[number % 2:][:1] if form else ("posix", "sysv")
        for kind in kinds:
            yield (f"torture-{scenario}-log-{kind}",
                   [scenario, "--rounds", SCENARIOS[scenario].rounds[form], "--kind", kind,
                    "--body", "text", "--log"], False)


def cases(form):
    """(name, arguments of run, must it fail?)"""
    for number, (scenario, about) in enumerate(SCENARIOS.items()):
        for turn, kind in enumerate(("posix", "sysv")):
            # The short form takes the bodies in turn, the long one both.
            bodies = (NAMES[(number + turn) % 2],) if form else NAMES
            for body in bodies:
                yield (f"torture-{scenario}-{kind}-{body}",
                       [scenario, "--rounds", about.rounds[form], "--kind", kind,
                        "--body", body], False)
    yield from logged_cases(form)
    yield ("torture-damage", ["damage", "--rounds", damage.ROUNDS[form]], False)
    yield ("torture-power-cut", ["power-cut", "--rounds", power_cut.ROUNDS[form]], False)
    for kind in ("posix", "sysv"):
        yield (f"torture-plain-relay-loses-{kind}",
               ["kill-sender", "--rounds", PLAIN_ROUNDS, "--kind", kind, "--relay",
                "plain"], True)


def run(arguments, build, crash_build, limit):
    """(exit status, output, seconds)"""
    begun = time.monotonic()
    crash = []
    if crash_build and arguments[0] in SCENARIOS:
        crash = ["--crash-build", crash_build]
    command = [sys.executable, os.path.join(TESTS, "torture", "run"),
               *map(str, arguments), "--build", build, *crash]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True) as process:
        try:
            output, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()  # and the kernel ends its namespaces with it
            output = process.communicate()[0] + f"it had not ended after {limit} s\n"
    return process.returncode, output, time.monotonic() - begun


def reported_losses(output):
    """Over the plain relay only losses count as the right kind of failure."""
    return "not allowed: lost" in output


def main(usage, form):
    parser = argparse.ArgumentParser(usage=usage)
    parser.add_argument("--build", default=os.getcwd())
    parser.add_argument("--crash-build")
    options = parser.parse_args()
    passed = failed = skipped = 0
    # The short ones mostly wait; the long ones are to have the machine for themselves.
    pool = ThreadPoolExecutor(AT_ONCE if form else 1)
    jobs = [(name, must_fail, pool.submit(run, arguments, options.build,
                                     options.crash_build, LIMIT_S[form]))
            for name, arguments, must_fail in cases(form)]
    for name, must_fail, job in jobs:
        status, output, seconds = job.result()
        lines = output.strip().splitlines() or [""]
        took = f"({seconds:.1f} s)"
        if status == SKIP:
            skipped += 1
            print(f"skip {name}: {lines[-1]}", flush=True)
        elif (status == 1 and reported_losses(output)) if must_fail else status == 0:
            passed += 1
            print(f"ok {name} {took}\n    {lines[-1]}", flush=True)
        else:
            failed += 1
            print(f"not ok {name} {took}\n" + "".join(f"    {line}\n" for line in lines),
                  flush=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0
