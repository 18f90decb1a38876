# SPDX-License-Identifier: ISC
"""How fast a controller tells one neighbor the rules of its file: headgated beside exabgp.

The same file for both.  A neighbor opens the session, and the clock runs from its last KEEPALIVE of
the handshake to the last rule's arrival.  Reading the file is measured apart: from the start of the
process to the session.  Memory is the peak of the process (VmHWM).
"""
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ["HEADGATE_SRC"], "tests", "net"))
from peer import KEEPALIVE, OPEN, Peer, message, open_message

BUILD = os.environ["HEADGATE_BUILD"]
SIZES = [int(n) for n in os.environ.get("BENCH_RULES", "1000 10000").split()]


def file_of(count):
    routes = "\n".join(
        f"    route r{n} {{ match {{ destination 10.{n >> 8 & 255}.{n & 255}.0/24; protocol udp; "
        f"source-port ={n % 60000 + 1}; }} then {{ discard; }} }}" for n in range(count))
    return (f"neighbor 127.0.0.2 {{ router-id 10.0.0.1; local-address 127.0.0.1; local-as 1; peer-as 1;\n"
            f"  family {{ ipv4 flow; }}\n  flow {{\n{routes}\n  }}\n}}\n")


def peak(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) / 1024


def count_rules(buffer):
    """Rules in the whole messages of buffer, and what is left of it."""
    rules = at = 0
    while len(buffer) - at >= 19:
        length = buffer[at + 16] << 8 | buffer[at + 17]
        if len(buffer) - at < length:
            break
        if buffer[at + 18] == 2:
            rules += rules_of(buffer[at + 19:at + length])
        at += length
    return rules, buffer[at:]


def rules_of(body):
    attributes, rules = body[4:], 0
    while attributes:
        wide = attributes[0] & 0x10
        size = int.from_bytes(attributes[2:4], "big") if wide else attributes[2]
        value = attributes[4 if wide else 3:][:size]
        if attributes[1] == 14:
            at = 5 + value[3]
            while at < len(value):
                at += 1 + value[at]  # the rules of this file are short
                rules += 1
        attributes = attributes[(4 if wide else 3) + size:]
    return rules


def measure(command, environment, count):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.2", 179))
    listener.listen()
    listener.settimeout(60)
    begin = time.monotonic()
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        connection, _ = listener.accept()
        p = Peer(None, None, connection=connection, timeout=300)
        p.say(open_message(router_id="10.0.0.2", hold=0, families=("ipv4-flow",)))
        p.hear_kind(OPEN, 300)
        p.say(message(KEEPALIVE))
        p.hear_kind(KEEPALIVE, 300)
        up = time.monotonic()
        rules, buffer = count_rules(p.heard)
        connection.settimeout(300)
        while rules < count:
            more, buffer = count_rules(buffer + connection.recv(1 << 20))
            rules += more
        return up - begin, time.monotonic() - up, peak(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        listener.close()


def main():
    print("announce: rules of a file to one neighbor")
    print(f"{'rules':>8} {'program':<10} {'start s':>8} {'send s':>8} {'rules/s':>10} {'MiB':>7}")
    for count in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "bench.conf")
            with open(file, "w") as f:
                f.write(file_of(count))
            ours = measure([f"{BUILD}/headgated", "-c", file, "-s", os.path.join(folder, "control")],
                           {}, count)
            theirs = measure(["/usr/sbin/exabgp", file], {
                "exabgp.daemon.user": "root", "exabgp.api.cli": "false", "exabgp.log.level": "CRIT",
                "exabgp.daemon.drop": "false"}, count)
        for name, (start, send, memory) in (("headgated", ours), ("exabgp", theirs)):
            print(f"{count:8} {name:<10} {start:8.3f} {send:8.3f} {count / send:10.0f} {memory:7.1f}")
        print(f"{'':8} ratio      {theirs[0] / ours[0]:8.1f} {theirs[1] / ours[1]:8.1f} "
              f"{'':10} {theirs[2] / ours[2]:7.1f}")


main()
