# SPDX-License-Identifier: ISC
"""Nanoseconds a packet, and microseconds a change, by the number of rules: plan.c says how.

The classifier runs in the kernel's test run, so no driver and no queue is in the figures; they are
ratios to the same program without rules.  Arguments: numbers of rules.
"""
import os
import subprocess
import sys

FOLDER = os.path.join(os.environ["HEADGATE_BUILD"], "bench")

subprocess.run([os.path.join(FOLDER, "plan_bench"), os.path.join(FOLDER, "plan.bpf.o"), *sys.argv[1:]], check=True)
