# SPDX-License-Identifier: ISC
"""A router with three routing tables, of VRF red, VRF blue and neither, and in each the same two addresses.

Usage: vrf_cases.py PREFIX     of the namespaces behind the router, which is this one

A client and a server are behind each: PREFIX-red-c, PREFIX-red-s and so on.  Packets are looked up by the interface
that they come in by (`ip rule iif`).
"""
import os
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
from hub import BUILD, Hub, Tap, until

tap = Tap()
PREFIX = sys.argv[1]
ENFORCE = os.environ.get("HEADGATE_ENFORCE", f"{BUILD}/headgate-enforce")
TABLES = {"red": 9, "blue": 10, "main": 254}
CLIENT, SERVER = "198.51.100.1", "203.0.113.1"
LISTEN = """
import select, socket
listening = []
for port in (23, 24):
    s = socket.socket()
    s.setsockopt(1, 2, 1)
    s.bind(("0.0.0.0", port))
    s.listen(64)
    listening.append(s)
while True:
    for s in select.select(listening, [], [])[0]:
        s.accept()[0].close()
"""
CONNECT = f"""
import socket, sys
s = socket.socket()
s.settimeout(0.5)
try:
    s.connect(("{SERVER}", int(sys.argv[1])))
except OSError:
    sys.exit(1)
"""
RED, BLUE, BOTH = "target:65000:9", "target:65000:10", "target:65000:11"
# An IPv6 address, 2001:db8::9, and a number: 20 octets, RFC 5701 3.
BLUE6, NOBODY6 = (f"0x000220010db8{9:024x}{number:04x}" for number in (10, 11))
CONF = """enforce {
    interface main-*;
    vrf red { import [ target:65000:9 target:65000:11 ]; interface red-*; }
    vrf blue {
        import [ target:65000:10 target:65000:11 target:[2001:db8::9]:10 ];
        interface [ blue-c blue-s ];
    }
}
"""


def ip(words):
    subprocess.run(["ip", *words.split()], check=True)


def leaf(name, address, network):
    """A namespace behind the router's interface of this name."""
    ns = f"{PREFIX}-{name}"
    ip(f"netns add {ns}")
    ip(f"link add {name} type veth peer name net0 netns {ns}")
    ip(f"address add {network}.254/24 dev {name} noprefixroute")
    ip(f"link set {name} up")
    ip(f"-n {ns} address add {address}/24 dev net0")
    ip(f"-n {ns} link set net0 up")
    ip(f"-n {ns} route add default via {network}.254")


class Stage:
    """The router and what is behind it, a hub and an enforcer."""

    def __enter__(self):
        self.enforcer, self.hub, self.servers = None, None, []
        try:
            self.make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def make(self):
        self.folder = tempfile.TemporaryDirectory(prefix="headgate-vrf-")
        self.bpf = os.path.join(self.folder.name, "bpf")
        self.pins = os.path.join(self.bpf, "pins")
        os.mkdir(self.bpf)
        subprocess.run(["mount", "-t", "bpf", "bpf", self.bpf], check=True)
        self.log = open(os.path.join(self.folder.name, "log"), "w+b")
        for name, value in ("ip_forward", "1"), ("conf/all/rp_filter", "0"), ("conf/default/rp_filter", "0"):
            with open(f"/proc/sys/net/ipv4/{name}", "w") as f:
                f.write(value)
        for name, table in TABLES.items():
            leaf(f"{name}-c", CLIENT, "198.51.100")
            leaf(f"{name}-s", SERVER, "203.0.113")
            ip(f"route add 198.51.100.0/24 dev {name}-c table {table}")
            ip(f"route add 203.0.113.0/24 dev {name}-s table {table}")
            for end in "cs":
                ip(f"rule add iif {name}-{end} lookup {table}")
            self.servers.append(subprocess.Popen(
                ["ip", "netns", "exec", f"{PREFIX}-{name}-s", "/usr/bin/python3", "-c", LISTEN]))
        self.hub = Hub(CONF)

    def __exit__(self, *why):
        if self.enforcer is not None:
            self.end(signal.SIGTERM)
        subprocess.run([ENFORCE, "--flush", "--pin-dir", self.pins], check=False)
        if self.hub is not None:
            self.hub.__exit__()
        for server in self.servers:
            server.kill()
            server.wait()
        for name in TABLES:
            for end in "cs":
                subprocess.run(["ip", "netns", "delete", f"{PREFIX}-{name}-{end}"], check=False)
        subprocess.run(["umount", self.bpf], check=False)
        self.log.close()
        self.folder.cleanup()

    def start(self, conf=CONF):
        self.hub.write(conf)
        self.enforcer = subprocess.Popen(
            [ENFORCE, "-c", self.hub.file, "-s", self.hub.socket, "--pin-dir", self.pins],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def end(self, number):
        self.enforcer.send_signal(number)
        self.enforcer.wait(10)
        self.enforcer = None

    def say(self, verb, match, then="discard;", rd=None, targets=()):
        more = "".join(f" extended-community {target};" for target in targets)
        done = self.hub.run(verb, "flow", "route",
                            f"{{ {f'rd {rd};' if rd else ''} match {{ {match} }} then {{ {then}{more} }} }}")
        assert done.returncode == 0, done.stderr

    def reports(self):
        """By rule: state and reason of the enforcer."""
        return [(one["state"], one["reason"]) for rule in self.hub.rules() for one in rule["enforced"]]

    def blocked(self, port):
        """The tables whose client does not get through to its server, in their order."""
        return [name for name in TABLES if subprocess.run(
            ["ip", "netns", "exec", f"{PREFIX}-{name}-c", "/usr/bin/python3", "-c", CONNECT, str(port)]).returncode]

    def expect(self, port, *names):
        assert until(lambda: self.blocked(port) == list(names), 10), (self.blocked(port), names, self.said())

    def equal(self, rules):
        def ask():
            done = self.hub.run("verify")
            return done.returncode == 0 and f": {rules} rules intended, {rules} in the kernel, equal\n" in done.stdout
        assert until(ask, 10, 0.1), (rules, self.hub.run("verify").stdout, self.said())

    def said(self):
        with open(self.log.name) as f:
            return f.read()[-2000:]


stage = Stage()
TELNET = f"destination {SERVER}/32; protocol tcp; destination-port =23;"


@tap.case("three tables with the same addresses: each client gets through to its own server")
def _():
    stage.expect(23)
    stage.expect(24)


@tap.case("a rule that VRF red imports is in force there, and in no other table")
def _():
    stage.start()
    stage.say("announce", TELNET, rd="65000:1", targets=[RED])
    stage.expect(23, "red")
    stage.expect(24)
    stage.equal(1)


@tap.case("its withdrawal leaves another VRF's rule of the same match in force")
def _():
    stage.say("announce", TELNET, rd="65000:2", targets=[BLUE])
    stage.expect(23, "red", "blue")
    stage.say("withdraw", TELNET, rd="65000:1")
    stage.expect(23, "blue")
    stage.equal(1)


@tap.case("a rule of no VPN is for the interfaces of no VRF")
def _():
    stage.say("announce", TELNET)
    stage.expect(23, "blue", "main")
    stage.say("withdraw", TELNET)
    stage.expect(23, "blue")


@tap.case("with other targets it is another VRF's")
def _():
    stage.say("announce", TELNET, rd="65000:2", targets=[RED])
    stage.expect(23, "red")
    stage.equal(1)


@tap.case("a rule that two VRFs import is one rule to the hub: enforced, and its counters are the sum")
def _():
    stage.say("announce", TELNET, rd="65000:2", targets=[BOTH])
    stage.expect(23, "red", "blue")
    stage.equal(2)
    report = lambda: [one for rule in stage.hub.rules() for one in rule["enforced"]]
    assert len(report()) == 1 and report()[0]["state"] == "enforced", report()
    before = until(lambda: report()[0]["dropped-packets"], 5)
    for name in "red", "blue":
        subprocess.run(["ip", "netns", "exec", f"{PREFIX}-{name}-c", "/usr/bin/python3", "-c", CONNECT, "23"])
    assert until(lambda: report()[0]["dropped-packets"] >= before + 2, 5), (before, report())


@tap.case("of rules that differ in their distinguishers alone the lower decides")
def _():
    stage.say("announce", TELNET, then="accept;", rd="65000:1", targets=[RED])
    stage.expect(23, "blue")
    stage.say("withdraw", TELNET, rd="65000:1")
    stage.expect(23, "red", "blue")


@tap.case("after kill -9 they are there still, and one is found again in its VRF")
def _():
    stage.end(signal.SIGKILL)
    stage.expect(23, "red", "blue")
    stage.start()
    stage.equal(2)
    stage.expect(23, "red", "blue")


@tap.case("a return with other VRFs in the file: the rules are those of the VRFs that are there now")
def _():
    stage.end(signal.SIGKILL)
    stage.start("""enforce {
    interface main-*;
    vrf green { import target:65000:11; interface red-*; }
    vrf blue { import target:65000:10; interface blue-*; }
}
""")
    stage.expect(23, "red")
    stage.equal(1)
    stage.end(signal.SIGKILL)
    stage.start()
    stage.expect(23, "red", "blue")
    stage.equal(2)


@tap.case("a rule that no VRF imports is not enforced, and says so")
def _():
    stage.say("announce", TELNET, rd="65000:2", targets=["target:65000:12"])
    stage.expect(23)
    stage.equal(0)
    assert until(lambda: stage.reports() == [("not-enforced", "no VRF here imports its route targets")]), stage.reports()


@tap.case("a rule whose only target has an IPv6 address is in force in the VRF that imports it, and in no other")
def _():
    stage.say("announce", TELNET, rd="65000:2", targets=[BLUE6])
    stage.expect(23, "blue")
    stage.expect(24)
    stage.equal(1)
    stage.say("announce", TELNET, rd="65000:2", targets=[NOBODY6])
    stage.expect(23)
    stage.equal(0)
    assert until(lambda: stage.reports() == [("not-enforced", "no VRF here imports its route targets")]), stage.reports()


@tap.case("nftables takes no such rule, says so, and leaves the VRFs' interfaces alone")
def _():
    stage.end(signal.SIGTERM)
    stage.say("announce", TELNET, rd="65000:2", targets=[RED])
    stage.say("announce", TELNET)
    stage.start(CONF.replace("enforce {", "enforce { mode monitor; backend nftables;"))
    assert until(lambda: ("not-enforced", "rules of a VPN are not enforced") in stage.reports(), 10), stage.reports()
    hooks = subprocess.run(["nft", "list", "table", "netdev", "headgate"], capture_output=True, text=True).stdout
    assert '"main-c"' in hooks and "red-" not in hooks and "blue-" not in hooks, hooks


with stage:
    status = tap.run()
sys.exit(status)
