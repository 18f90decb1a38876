# SPDX-License-Identifier: ISC
"""What a rate limit lets pass in a second, against what it says, under load from two CPUs: rate.c says how.

Arguments: how many rounds, and which case, if not all.
"""
import os
import subprocess
import sys

RATE = os.path.join(os.environ["HEADGATE_BUILD"], "bench", "rate_bench")
GOAL = 2  # percent
ENOUGH = 1.5  # times the limit has to be offered

with subprocess.Popen([RATE, *sys.argv[1:]], stdout=subprocess.PIPE, text=True) as process:
    worst = 0.0
    for line in process.stdout:
        name, *words = line.rstrip("\n").split("\t")
        limit, offered, passed, steady, first = map(float, words)
        if offered < ENOUGH * limit:
            print(f"    {name:28}offered only {offered:,.0f}: this machine is too slow, or too busy")
            continue
        worst = max(worst, abs(steady))
        print(f"    {name:28}offered {offered:14,.0f}   passed {passed:13,.0f}   "
              f"error {steady:+6.2f} %   first second {first:+6.2f} %", flush=True)
if process.returncode != 0:
    raise SystemExit(process.returncode)
print(f"    worst error {worst:.2f} %, goal {GOAL} %")
