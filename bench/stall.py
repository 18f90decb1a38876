# SPDX-License-Identifier: ISC
"""How long a hub of 100,000 rules keeps others waiting while it has much to do.

Somebody asks `show neighbors` again and again, which is answered at once, while another program has all
rules shown, is told them as an enforcer is, or reads the metrics of rules that all have matched; and, with
one that follows the feed, while all rules go: by `withdraw all`, with a neighbor's session, or by a reload
of a file that has its rules no more, or its neighbor.  What counts is the longest of those short waits;
beside it the same with nothing else to do.
"""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(0, os.path.join(os.environ["HEADGATE_SRC"], "tests", "net"))
from change import announce, until
from peer import Peer, flow_reach

BUILD = os.environ["HEADGATE_BUILD"]
RULES = int(os.environ.get("BENCH_RULES", "100000"))
AT_A_TIME = 500  # rules of a report
IDLE = 2  # seconds
PATIENCE = 60
PORT = 11790
SUBSCRIBER = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"subscribe rules\\n")
while b'"commit"' not in s.recv(1 << 16): pass
"""
# Follows the feed, says that it has the rules, and ends when it has none any more.
FOLLOWER = """
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"subscribe rules\\n")
rules, ready = set(), False
for line in s.makefile():
    e = json.loads(line)
    if e.get("event") == "begin" and e["snapshot"]:
        rules.clear()
    elif e.get("event") == "rule":
        (rules.add if e["op"] == "add" else rules.discard)(e["nlri"])
    elif e.get("event") == "commit" and ready and not rules:
        break
    elif e.get("event") == "commit" and rules and not ready:
        ready = True
        print("ready", flush=True)
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


def say(what, worst, start):
    print(f"    {what:<24} {worst:7.1f} ms, all of it took {time.monotonic() - start:.2f} s", flush=True)


def during(path, what, command):
    start = time.monotonic()
    other = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    worst = longest(path, lambda: other.poll() is None)
    if other.returncode != 0:
        sys.exit(f"stall: {what} failed")
    say(what, worst, start)


def all_go(path, what, take_away):
    """From take_away() until one that follows the feed has no rule any more."""
    follower = subprocess.Popen([sys.executable, "-c", FOLLOWER, path], stdout=subprocess.PIPE)
    follower.stdout.readline()
    start = time.monotonic()
    end = start + PATIENCE
    take_away()
    worst = longest(path, lambda: follower.poll() is None and time.monotonic() < end)
    if follower.poll() is None:
        follower.kill()
        sys.exit(f"stall: {what}: rules are left")
    say(what, worst, start)


def neighbor(count):
    rules = "".join(f"route {{ match {{ destination 10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}/32; protocol udp; "
                    f"source-port ={n % 60000 + 1}; }} then {{ discard; }} }}\n" for n in range(count))
    return ("neighbor 127.0.0.2 { router-id 10.0.0.1; local-address 127.0.0.1; local-as 1; peer-as 1; passive;\n"
            f"family {{ ipv4 flow; }} flow {{ {rules} }} }}\n")


def routes(count):
    for n in range(0, count, 200):
        yield flow_reach([bytes([1, 32, 10, k >> 16 & 255, k >> 8 & 255, k & 255, 3, 0x81, 17])
                          for k in range(n, min(n + 200, count))])


def establish():
    return Peer("127.0.0.2", "127.0.0.1", PORT, 60).establish(hold=0)


def withdraw_all(path, kept):
    hub = socket.socket(socket.AF_UNIX)
    hub.connect(path)
    hub.sendall(b"withdraw all\n")
    kept.append(hub)


def all_ways(path, write):
    kept = []
    all_go(path, "withdraw all", lambda: withdraw_all(path, kept))
    peer = establish()
    for update in routes(RULES):
        peer.say(update)
    all_go(path, "a session falls", peer.close)
    reload = [f"{BUILD}/headgate", "-s", path, "reload"]
    for what, left in (("a reload without rules", neighbor(0)), ("... without the neighbor", "")):
        write(neighbor(RULES))
        subprocess.run(reload, check=True)
        write(left)
        during(path, what, reload)


def main(folder):
    path, conf = f"{folder}/control", f"{folder}/headgate.conf"

    def write(text):
        with open(conf, "w") as f:
            f.write(f"control {{ socket {path}; }}\n{text}")

    write(neighbor(0))
    hub = subprocess.Popen([f"{BUILD}/headgated", "-c", conf, "--bgp-port", str(PORT)],
                           stderr=subprocess.DEVNULL)
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
        all_ways(path, write)
    finally:
        hub.terminate()
        hub.wait()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as where:
        main(where)
