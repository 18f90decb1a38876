# SPDX-License-Identifier: ISC
"""headgated, headgate-enforce and `headgate verify` together, with the kernel's maps in reach.

Usage: verify_cases.py [ROUNDS [SEED]]     of kill -9, by default 10
"""
import ctypes
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(__file__))
from hub import BUILD, Hub, Tap, until

tap = Tap()
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 10
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
ENFORCE = os.environ.get("HEADGATE_ENFORCE", f"{BUILD}/headgate-enforce")
CONF = "enforce { interface hgv0; }\n"
VRF_CONF = "enforce { interface hgv0; vrf red { import target:65000:1; interface hgv1; } }\n"
SLOT_OCTETS, RECORD_OCTETS = 64, 32


def announced(destination, more="", action="discard;", rd=""):
    return f"{{ {rd} match {{ destination {destination}; {more} }} then {{ {action} }} }}"


def clear_map(path, size):
    """Zeros over the first entry: BPF_OBJ_GET and BPF_MAP_UPDATE_ELEM; bpftool takes no value so long."""
    libbpf = ctypes.CDLL("libbpf.so.1", use_errno=True)
    fd = libbpf.bpf_obj_get(path.encode())
    assert fd >= 0, os.strerror(ctypes.get_errno())
    key = ctypes.c_uint32(0)
    done = libbpf.bpf_map_update_elem(fd, ctypes.byref(key), bytes(size), ctypes.c_uint64(0))
    os.close(fd)
    assert done == 0, os.strerror(ctypes.get_errno())


NFTABLES = "enforce { interface hgv0; backend nftables; }\n"


class Stage:
    """A hub and an enforcer on a pair of interfaces; both end with it, and so do the pins."""

    def __init__(self, conf=CONF):
        self.conf = conf

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="headgate-verify-")
        self.bpf = os.path.join(self.folder.name, "bpf")
        self.pins = os.path.join(self.bpf, "pins")
        os.mkdir(self.bpf)
        subprocess.run(["mount", "-t", "bpf", "bpf", self.bpf], check=True)
        subprocess.run("ip link add hgv0 type veth peer name hgv1 && ip link set hgv0 up && ip link set hgv1 up",
                       shell=True, check=True)
        self.log = open(os.path.join(self.folder.name, "log"), "w+b")
        self.enforcer = None
        self.hub = Hub(self.conf)
        return self

    def __exit__(self, *why):
        if self.enforcer is not None:
            self.end(signal.SIGTERM)
        subprocess.run([ENFORCE, "--flush", "--pin-dir", self.pins], check=False)
        self.hub.__exit__(*why)
        subprocess.run(["ip", "link", "del", "hgv0"], check=False)
        subprocess.run(["umount", self.bpf], check=False)
        self.log.close()
        self.folder.cleanup()

    def start(self):
        self.enforcer = subprocess.Popen(
            [ENFORCE, "-c", self.hub.file, "-s", self.hub.socket, "--pin-dir", self.pins],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def end(self, number):
        self.enforcer.send_signal(number)
        self.enforcer.wait(30)
        self.enforcer = None

    def announce(self, *rule):
        done = self.hub.run("announce", "flow", "route", announced(*rule))
        assert done.returncode == 0, done.stderr

    def verify(self):
        """Exit status, lines, what was said on standard error."""
        done = self.hub.run("verify", "-j")
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    def equal(self, rules):
        def ask():
            status, lines, _ = self.verify()
            return status == 0 and [(one["intended"], one["kernel"], one["equal"]) for one in lines] == [
                (rules, rules, True)]
        assert until(ask, 10, 0.1), f"expected {rules}, and {self.verify()}; {self.read_log()}"

    def read_log(self):
        with open(self.log.name) as f:
            return f.read()[-2000:]

    def differs(self, what, count=1):
        status, lines, said = self.verify()
        assert status == 1 and "1 of 1 enforcers differ" in said, (status, lines, said)
        assert not lines[0]["equal"] and lines[0]["differences"] == count, lines
        assert lines[0]["list"][0]["what"] == what, lines
        return lines[0]["list"][0]

    def map(self, name):
        return os.path.join(self.pins, name)

    def write(self, name, key, value):
        words = [f"{octet:#x}" for octet in key.to_bytes(4, "little")], [f"{octet:#x}" for octet in value]
        subprocess.run(["bpftool", "map", "update", "pinned", self.map(name), "key", *words[0], "value", *words[1]],
                       check=True)

    def delete(self, name, key):
        words = [f"{octet:#x}" for octet in key.to_bytes(4, "little")]
        subprocess.run(["bpftool", "map", "delete", "pinned", self.map(name), "key", *words], check=True)

    def read(self, name, key):
        words = [f"{octet:#x}" for octet in key.to_bytes(4, "little")]
        text = subprocess.run(["bpftool", "-j", "map", "lookup", "pinned", self.map(name), "key", *words],
                              check=True, capture_output=True).stdout
        return bytes(int(octet, 0) for octet in json.loads(text)["value"])

    def slot_of(self, destination):
        """The slot of the IPv4 rule for this host, by the store."""
        octets = b"\x01\x20" + socket.inet_aton(destination)
        return next(slot for slot in range(1, 1 << 17) if self.read("hg_store", slot)[12:18] == octets)


@tap.case("without an enforcer there is nothing to compare: exit 1")
def _():
    with Hub(CONF) as hub:
        done = hub.run("verify")
        assert done.returncode == 1 and "no enforcer is connected" in done.stderr, done


@tap.case("an enforcer without a rule is one, and equal")
def _():
    with Stage() as stage:
        stage.start()
        stage.equal(0)


@tap.case("rules of all kinds, and one that is not enforced: equal, in words as well")
def _():
    with Stage() as stage:
        stage.start()
        for host in range(1, 41):
            stage.announce("192.0.2.1/32", f"protocol tcp; destination-port ={host};")
        stage.announce("2001:db8::/64", "protocol udp; port =53;", "rate-limit 9600;")
        stage.announce("2001:db8::/100", "flow-label >5;")
        stage.announce("198.51.100.0/25", "source 203.0.113.0/24; dscp =10;", "accept;")
        ports = " ".join(f"={port}" for port in range(1, 80, 3))
        stage.announce("198.51.100.0/24", f"destination-port [ {ports} ];")
        stage.announce("198.51.100.9/32", "", "redirect 65000:1;")
        stage.announce("198.51.100.10/32", "", "action sample-terminal;")
        stage.announce("198.51.100.11/32", "", "mark 10; action terminal;")
        stage.equal(46)
        text = stage.hub.run("verify").stdout
        assert ": 46 rules intended, 46 in the kernel, equal\n" in text, text
        assert stage.verify()[1][0]["not-enforced"] == 1


@tap.case("what damages the kernel's maps is found: another action, a lost rule, an unknown one")
def _():
    with Stage() as stage:
        stage.start()
        for host in range(1, 4):
            stage.announce(f"192.0.2.{host}/32")
        stage.equal(3)
        slot = stage.slot_of("192.0.2.2")
        verdict, store = stage.read("hg_verdicts", slot), stage.read("hg_store", slot)
        stage.write("hg_verdicts", slot, bytes(8))
        one = stage.differs("its action is another one")
        assert "192.0.2.2/32" in one["rule"] and one["family"] == "ipv4-flow" and one["nlri"] == "060120c0000202", one
        text = stage.hub.run("verify").stdout
        assert ": 3 rules intended, 3 in the kernel, 1 different\n    flow route" in text, text
        stage.write("hg_verdicts", slot, verdict[:4] + b"\1" + verdict[5:])  # later rules are tried too
        stage.differs("its action is another one")
        stage.write("hg_verdicts", slot, verdict)
        stage.equal(3)
        stage.write("hg_store", slot, bytes(64))
        stage.differs("the store has no such rule", 2)
        stage.write("hg_store", slot, store)
        stage.equal(3)
        stage.write("hg_store", slot, store[:17] + b"\x63" + store[18:])
        stage.differs("packets find it under other prefixes", 2)


@tap.case("the tables that packets walk are looked at: every record of them lost")
def _():
    with Stage() as stage:
        stage.start()
        for host in range(1, 4):
            stage.announce(f"192.0.2.{host}/32")
        stage.equal(3)
        size = json.loads(subprocess.run(["bpftool", "-j", "map", "show", "pinned", stage.map("hg_tables")],
                                         check=True, capture_output=True).stdout)["bytes_value"]
        clear_map(stage.map("hg_tables"), size)
        stage.differs("no packet finds it", 3)


@tap.case("interfaces are looked at: their VRF, mode and groups, and whether the program is there")
def _():
    with Stage(VRF_CONF) as stage:
        stage.start()
        stage.equal(0)
        inside, outside = socket.if_nametoindex("hgv1"), socket.if_nametoindex("hgv0")
        number = stage.read("hg_vrfs", inside)
        stage.write("hg_vrfs", inside, bytes(4))
        stage.differs("interface hgv1: to the kernel it is of another vrf")
        stage.write("hg_vrfs", inside, number)
        stage.equal(0)
        for name, value, what in (("hg_monitored", b"\1\0\0\0", "its mode is another one"),
                                  ("hg_groups", b"\1" + bytes(7), "it is in other groups")):
            stage.write(name, outside, value)
            stage.differs(f"interface hgv0: to the kernel {what}")
            stage.delete(name, outside)
            stage.equal(0)
        subprocess.run(["bpftool", "link", "detach", "pinned", stage.map(f"link-{outside}")], check=True)
        stage.differs("interface hgv0: the program is not there any more")


@tap.case("with nftables the table is compared with what would be written: what is damaged is named")
def _():
    with Stage(NFTABLES) as stage:
        stage.start()
        stage.announce("192.0.2.1/32", "protocol =tcp;")
        stage.announce("192.0.2.2/32", "", "mark 10;")
        stage.announce("2001:db8::/32", "next-header =udp; destination-port =53;", "rate-limit 9600;")
        stage.equal(3)

        def nft(words):
            subprocess.run(["nft", words], check=True)

        table = subprocess.run(["nft", "list", "table", "netdev", "headgate"], check=True, capture_output=True,
                               text=True).stdout
        marked = re.search(r"chain rule(\d+) {[^}]*dscp set", table)[1]
        nft(f"insert rule netdev headgate rule{marked} accept")
        named = stage.differs(f"chain rule{marked} is another one")
        assert "192.0.2.2/32" in named["rule"], named
        stage.hub.run("withdraw", "flow", "route", "{ match { destination 192.0.2.2/32; } }")
        stage.equal(2)

        # A new enforcer makes the ways to its rules anew.
        stage.end(signal.SIGKILL)
        nft("flush map netdev headgate ipv4-to32-none")
        stage.start()
        stage.equal(2)
        nft("flush chain netdev headgate ipv4-protected")
        assert stage.differs("chain ipv4-protected is another one")["rule"] == ""


@tap.case("an enforcer that does not answer is named; the next command waits its turn")
def _():
    with Hub(CONF) as hub, socket.socket(socket.AF_UNIX) as enforcer, socket.socket(socket.AF_UNIX) as asker:
        enforcer.connect(hub.socket)
        enforcer.sendall(b'report {"enforcer":"r2","rules":[]}\n')
        assert enforcer.recv(99) == b'{"ok":true}\n'
        asker.connect(hub.socket)
        asker.sendall(b"verify\nshow rules\n")
        time.sleep(0.3)
        second = hub.run("verify")
        assert second.returncode == 1 and "somebody else is verifying" in second.stderr, second
        enforcer.close()
        asker.settimeout(5)
        said = b""
        while said.count(b"\n") < 2:
            said += asker.recv(999)
        assert said == b'{"ok":false,"error":"r2 is gone and has not answered"}\n{"ok":true}\n', said


def many(numbers, verb="announce", action="discard;"):
    """Commands, a destination of its own each."""
    return "".join(f"{verb} flow route " + announced(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}/32", "", action) + "\n"
                   for n in numbers).encode()


def carried_out(control, lines, count):
    """All at once; the answers are read meanwhile, for the hub to go on."""
    sender = threading.Thread(target=control.sendall, args=(lines,))
    sender.start()
    answers = 0
    while answers < count:
        said = control.recv(1 << 16)
        assert said and b"false" not in said, said
        answers += said.count(b"\n")
    sender.join()


@tap.case("rules that come faster than the enforcer takes them: in the end it has what the hub has")
def _():
    with Stage() as stage, socket.socket(socket.AF_UNIX) as control:
        control.connect(stage.hub.socket)
        control.settimeout(20)
        stage.start()
        carried_out(control, many(range(1000)), 1000)
        stage.equal(1000)
        # It stands still, and misses more than the hub keeps for it.
        stage.enforcer.send_signal(signal.SIGSTOP)
        carried_out(control, many(range(1000, 41000)), 40000)
        carried_out(control, many(range(500, 31000), "withdraw"), 30500)
        stage.enforcer.send_signal(signal.SIGCONT)
        stage.equal(10500)
        # It is at work all the time, and each rule comes and goes.
        for _ in range(3):
            carried_out(control, many(range(41000, 51000)), 10000)
            carried_out(control, many(range(41000, 51000), "withdraw"), 10000)
        stage.equal(10500)


@tap.case("a full table: what is too much is not enforced, by name, and is when there is room")
def _():
    most = 120000
    with Stage() as stage, socket.socket(socket.AF_UNIX) as control:
        control.connect(stage.hub.socket)
        control.settimeout(20)
        stage.start()
        carried_out(control, many(range(most + 3)), most + 3)

        def refused():
            _, lines, _ = stage.verify()
            return lines[0]["not-enforced"] if lines else None

        def reasons():
            """Of those that are not enforced; there are many rules to look at."""
            text = subprocess.run([f"{BUILD}/headgate", "-s", stage.hub.socket, "metrics"], capture_output=True,
                                  text=True, check=True, timeout=60).stdout
            return re.findall(r'^headgate_rules_not_enforced\{.*reason="(.*)"\} (\d+)$', text, re.MULTILINE)
        assert until(lambda: refused() == 3, 30, 0.5), f"{refused()}; {stage.read_log()}"
        stage.equal(most)
        assert reasons() == [("table full: more than 120000 rules", "3")], reasons()
        carried_out(control, many(range(2), "withdraw"), 2)
        assert until(lambda: refused() == 1, 30, 0.5), refused()
        stage.equal(most)


@tap.case("a full table of actions: the limits that are too many are refused at once, by name")
def _():
    most, more = 65534, 2000
    with Stage() as stage, socket.socket(socket.AF_UNIX) as control:
        control.connect(stage.hub.socket)
        control.settimeout(20)
        stage.start()
        carried_out(control, many(range(most + more), action="rate-limit 9600;"), most + more)
        stage.equal(most)
        text = stage.hub.run("metrics").stdout
        assert re.search(r'reason="table full: no room for another action"} 2000$', text, re.MULTILINE), text[:2000]


@tap.case("an interface that vanishes, under a living enforcer and under a killed one: it is attached to again")
def _():
    def attached(times):
        return until(lambda: len(re.findall("interface hgv0: attached", stage.read_log())) == times, 10, 0.1)

    def vanish():
        subprocess.run("ip link del hgv0", shell=True, check=True)

    def come():
        subprocess.run("ip link add hgv0 type veth peer name hgv1 && ip link set hgv0 up", shell=True, check=True)
    with Stage() as stage:
        stage.start()
        stage.announce("192.0.2.1/32")
        stage.equal(1)
        vanish()
        assert until(lambda: "interface hgv0: it is gone" in stage.read_log(), 10, 0.1), stage.read_log()
        stage.announce("192.0.2.2/32")
        stage.equal(2)
        come()
        assert attached(2), stage.read_log()
        stage.equal(2)
        stage.end(signal.SIGKILL)
        vanish()
        come()
        stage.start()
        assert attached(3), stage.read_log()
        assert "its interface is gone" in stage.read_log(), stage.read_log()
        assert len([pin for pin in os.listdir(stage.pins) if pin.startswith("link-")]) == 1
        stage.equal(2)


def kill_in_the_middle(stage, rounds, hosts, xdp, equal):
    """Of changes, so many times; equal is asked about the rules that the hub has then."""
    dice = random.Random(SEED)
    behind = 0
    print(f"# seed {SEED}")
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(stage.hub.socket)
        control.settimeout(20)
        there = {}  # by host, port and whether it is of a VPN: 1, or 0 when no VRF imports it
        stage.start()
        equal(there)
        for _ in range(rounds):
            lines = []
            for _ in range(3 * hosts):
                rule = host, port, vpn = dice.randrange(1, hosts), dice.randrange(1, 4), xdp and dice.random() < 0.5
                verb = "announce" if rule not in there or dice.random() < 0.3 else "withdraw"
                action = dice.choice(["discard;", "accept;", "rate-limit 9600;"] + ["action sample-terminal;"] * xdp)
                target = dice.choice([1, 1, 2]) if vpn else 0
                if verb == "announce":
                    there[rule] = int(target < 2)
                else:
                    del there[rule]
                lines.append(f"{verb} flow route " + announced(
                    f"192.0.2.{host}/32", f"protocol tcp; destination-port ={port};",
                    action + (f" extended-community target:65000:{target};" if vpn else ""), "rd 65000:1;" if vpn else ""))
            middle = dice.randrange(len(lines))
            answers = 0
            for part in lines[:middle], lines[middle:]:
                control.sendall("".join(line + "\n" for line in part).encode())
                answers += len(part)
                if stage.enforcer is not None:
                    time.sleep(dice.random() * 0.03)
                    stage.end(signal.SIGKILL)
            while answers > 0:
                said = control.recv(1 << 16)
                assert b"false" not in said, said
                answers -= said.count(b"\n")
            stage.start()
            equal(there)
            found = re.findall(r"(\d+) rules are still in the kernel", stage.read_log())
            behind += int(found[-1] if found else 0) != sum(there.values())
        print(f"# {behind} of {rounds} times the kernel had been left with other rules")
        assert behind > 0


@tap.case(f"kill -9 of the enforcer in the middle of changes, {ROUNDS} times: equal to the RIB after its return")
def _():
    with Stage(VRF_CONF) as stage:
        kill_in_the_middle(stage, ROUNDS, 200, True, lambda there: stage.equal(sum(there.values())))


@tap.case(f"the same with nftables, {ROUNDS} times: its table names the rules of the RIB")
def _():
    def names():
        text = subprocess.run(["nft", "-j", "list", "table", "netdev", "headgate"], capture_output=True, text=True,
                              check=False).stdout
        rules = [one["rule"] for one in json.loads(text or "{}").get("nftables", []) if "rule" in one]
        return sorted(rule["comment"] for rule in rules if rule.get("comment", "").startswith("01"))

    def equal(there):
        wanted = sorted(f"0120c00002{host:02x}0381060581{port:02x}" for host, port, _ in there)
        assert until(lambda: names() == wanted, 10, 0.1), f"{len(names())} of {len(wanted)}; {stage.read_log()}"
    with Stage(NFTABLES) as stage:
        kill_in_the_middle(stage, ROUNDS, 40, False, equal)


if __name__ == "__main__":
    sys.exit(tap.run())
