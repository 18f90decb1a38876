# SPDX-License-Identifier: ISC
"""From a word on the control socket to the verdict of the next packet, with 100,000 rules in force.

The real hub and the real enforcer, on one end of a veth pair: change.c says a rule and sends its packet
until the verdict has changed.  Before that, how long the enforcer takes from its start until all rules of the
hub's snapshot are in force, and what both keep in memory.
"""
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.environ["HEADGATE_BUILD"]
RULES = int(os.environ.get("BENCH_RULES", "100000"))
ROUNDS = 1000
PATIENCE = 60
QUIET = RULES / 20000  # seconds, for the first reports of all rules
CHANGE = os.path.join(BUILD, "bench", "change_bench")


def conf_of(folder):
    return f"control {{ socket {folder}/control; }}\nenforce {{ interface change0; }}\n"


def announce(path, count):
    """As a person's script would, a line a rule; all answers are read."""
    lines = "".join(
        f"announce flow route {{ match {{ destination 10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}/32; protocol udp; "
        f"source-port ={n % 60000 + 1}; }} then {{ discard; }} }}\n" for n in range(count)).encode()
    with socket.socket(socket.AF_UNIX) as hub, hub.makefile("r") as answers:
        hub.connect(path)
        threading.Thread(target=hub.sendall, args=(lines,)).start()
        for _ in range(count):
            said = answers.readline()
            if said != '{"ok":true}\n':
                sys.exit(f"change: the hub says {said}")


def memory(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) / 1024


def until(happened, what):
    end = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > end:
            sys.exit(f"change: {what} has not come in {PATIENCE} s")
        time.sleep(0.005)


def links(pins):
    return [name for name in os.listdir(pins) if name.startswith("link")] if os.path.isdir(pins) else []


def main(folder):
    pins, path = f"{folder}/bpf/headgate", f"{folder}/control"
    conf = os.path.join(folder, "headgate.conf")
    with open(conf, "w") as f:
        f.write(conf_of(folder))
    os.mkdir(f"{folder}/bpf")
    for command in (f"mount -t bpf bpf {folder}/bpf", "ip link add change0 type veth peer name change1",
                    "ip link set change0 up", "ip link set change1 up"):
        subprocess.run(command.split(), check=True)
    hub = subprocess.Popen([f"{BUILD}/headgated", "-c", conf, "--bgp-port", "11790"], stderr=subprocess.DEVNULL)
    enforcer = None
    try:
        until(lambda: os.path.exists(path), "the hub")
        start = time.monotonic()
        announce(path, RULES)
        print(f"{RULES} rules\n    announced {time.monotonic() - start:.2f} s, a line each on the control socket")
        start = time.monotonic()
        enforcer = subprocess.Popen([f"{BUILD}/headgate-enforce", "-c", conf, "--pin-dir", pins],
                                    stderr=subprocess.DEVNULL)
        until(lambda: links(pins), "the enforcer")
        link = f"{pins}/{links(pins)[0]}"
        last = RULES - 1
        subprocess.run([CHANGE, link, "10", str(last >> 16 & 255), str(last >> 8 & 255), str(last & 255),
                        str(last % 60000 + 1)], check=True)
        print(f"    in force  {time.monotonic() - start:.2f} s after the enforcer's start")
        time.sleep(QUIET)
        subprocess.run([CHANGE, link, path, str(ROUNDS)], check=True)
        print(f"    memory    hub {memory(hub.pid):.0f} MiB, enforcer {memory(enforcer.pid):.0f} MiB")
    finally:
        for process in (enforcer, hub):
            if process:
                process.terminate()
                process.wait()
        subprocess.run([f"{BUILD}/headgate-enforce", "--flush", "--pin-dir", pins], check=False)
        subprocess.run(["ip", "link", "delete", "change0"], check=False)
        subprocess.run(["umount", f"{folder}/bpf"], check=False)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as where:
        main(where)
