"""The scenario `power-cut`: no daemons and no traffic, but the program that records what a store does
to its disk, cuts that off at every call, and lets the spool recover what may be there then,
tests/torture/power_cut.c."""
import argparse
import os
import random
import subprocess

from harness.programs import Failure, program

ROUNDS = (60000, 2000)  # states, long and short
# The long form plays all states of each cut, up to so many.
MOST = 65536


def main(arguments):
    parser = argparse.ArgumentParser(prog="run power-cut")
    parser.add_argument("--rounds", type=int, default=ROUNDS[0])
    parser.add_argument("--build", default=os.getcwd())
    parser.add_argument("--seed", type=int, default=random.getrandbits(32))
    options = parser.parse_args(arguments)
    try:
        path = program(os.path.join(options.build, "tests/torture"), "power_cut")
    except Failure as why:
        print(why)
        return 1
    print(f"power-cut: {options.rounds} states, seed {options.seed}", flush=True)
    most = [str(MOST)] if options.rounds >= ROUNDS[0] else []
    done = subprocess.run([path, str(options.rounds), str(options.seed), *most], check=False)
    if done.returncode < 0:
        print(f"power-cut: the recovery crashed: signal {-done.returncode}")
    return 0 if done.returncode == 0 else 1
