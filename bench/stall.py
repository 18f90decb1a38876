# SPDX-License-Identifier: ISC
"""How long a hub of 100,000 rules keeps others waiting while it gives a long answer.

Somebody asks `show neighbors` again and again, which is answered at once, while another program has all
rules shown, is told them as an enforcer is, or reads the metrics of rules that all have matched.  What
counts is the longest of those short waits; beside it the same with nothing else to do.
"""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
from change import announce, until

BUILD = os.environ["HEADGATE_BUILD"]
RULES = int(os.environ.get("BENCH_RULES", "100000"))
AT_A_TIME = 500  # rules of a report
IDLE = 2  # seconds
SUBSCRIBER = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"subscribe rules\\n")
while b'"commit"' not in s.recv(1 << 16): pass
"""


def answer(lines):
    while True:
        line = lines.readline()
        if not line:
            sys.exit("stall: the hub has gone")
        if line.startswith('{"ok":'):
            return line


def told(path):
    """The NLRIs of all rules, as the feed has them."""
    nlris = []
    with socket.socket(socket.AF_UNIX) as hub, hub.makefile("r") as lines:
        hub.connect(path)
        hub.sendall(b"subscribe rules\n")
        for line in lines:
            event = json.loads(line)
            if event.get("event") == "commit":
                return nlris
            if event.get("op") == "add":
                nlris.append((event["family"], event["nlri"]))
    return nlris


class Enforcer:
    """One that says of every rule that it is in force and has matched."""

    def __init__(self, path, nlris):
        self.hub = socket.socket(socket.AF_UNIX)
        self.hub.connect(path)
        lines = self.hub.makefile("r")
        for at in range(0, len(nlris), AT_A_TIME):
            rules = [{"family": family, "nlri": nlri, "state": "enforced", "packets": 1, "octets": 60,
                      "dropped-packets": 1, "dropped-octets": 60} for family, nlri in nlris[at:at + AT_A_TIME]]
            self.hub.sendall(b"report " + json.dumps({"enforcer": "r2", "rules": rules}).encode() + b"\n")
            answer(lines)
        lines.close()


def longest(path, busy):
    """The longest wait for a short answer while busy() is true, in ms."""
    worst = 0
    with socket.socket(socket.AF_UNIX) as hub, hub.makefile("r") as lines:
        hub.connect(path)
        while busy():
            start = time.monotonic()
            hub.sendall(b"show neighbors\n")
            answer(lines)
            worst = max(worst, time.monotonic() - start)
    return 1000 * worst


def during(path, what, command):
    start = time.monotonic()
    other = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    worst = longest(path, lambda: other.poll() is None)
    if other.returncode != 0:
        sys.exit(f"stall: {what} failed")
    print(f"    {what:<24} {worst:7.1f} ms, all of it took {time.monotonic() - start:.2f} s")


def main(folder):
    path, conf = f"{folder}/control", f"{folder}/headgate.conf"
    with open(conf, "w") as f:
        f.write(f"control {{ socket {path}; }}\n")
    hub = subprocess.Popen([f"{BUILD}/headgated", "-c", conf, "--bgp-port", "11790"], stderr=subprocess.DEVNULL)
    try:
        until(lambda: os.path.exists(path), "the hub")
        announce(path, RULES)
        enforcer = Enforcer(path, told(path))
        end = time.monotonic() + IDLE
        print(f"{RULES} rules, the longest wait for another answer\n    {'nothing else to do':<24} "
              f"{longest(path, lambda: time.monotonic() < end):7.1f} ms")
        during(path, "show rules", [f"{BUILD}/headgate", "-s", path, "-j", "show", "rules"])
        during(path, "metrics", [f"{BUILD}/headgate", "-s", path, "metrics"])
        during(path, "subscribe rules", [sys.executable, "-c", SUBSCRIBER, path])
        enforcer.hub.close()
        end = time.monotonic() + IDLE
        print(f"    {'an enforcer goes':<24} {longest(path, lambda: time.monotonic() < end):7.1f} ms")
    finally:
        hub.terminate()
        hub.wait()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as where:
        main(where)
