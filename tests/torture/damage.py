"""The scenario `damage`: no daemons and no traffic, but the program that damages a store and lets
the spool recover it, tests/torture/damage.c."""
import argparse
import os
import random
import subprocess

from harness.programs import Failure, program

ROUNDS = (10000, 500)  # cases, long and short


def main(arguments):
    parser = argparse.ArgumentParser(prog="run damage")
    parser.add_argument("--rounds", type=int, default=ROUNDS[0])
    parser.add_argument("--build", default=os.getcwd())
    parser.add_argument("--seed", type=int, default=random.getrandbits(32))
    options = parser.parse_args(arguments)
    try:
        path = program(os.path.join(options.build, "tests/torture"), "damage")
    except Failure as why:
        print(why)
        return 1
    print(f"damage: {options.rounds} cases, seed {options.seed}", flush=True)
    done = subprocess.run([path, str(options.rounds), str(options.seed)], check=False)
    if done.returncode < 0:
        print(f"damage: the recovery crashed: signal {-done.returncode}")
    return 0 if done.returncode == 0 else 1
