# SPDX-License-Identifier: ISC
"""What every peer is put through, over IPv4 and over IPv6; a peer's own file says how to talk to it.

A peer's class has:
    name        to name it by
    families    what it can speak, of ours
    start()     the daemon runs, configured for a session with the hub; stop() ends it
    holds(r)    can it take rule r at all?         says(r)     can it be told to announce r?
    key(r)      how it shows rule r                held(f)     {key: action's octets in hex} of a family
    say(rs, a)  announces rules with an action     unsay(rs)   withdraws them
    withdrawals how many rules it heard to be withdrawn, where it can tell
    slow        it takes long to be told a rule
    cannot_act  first octets of actions that it cannot take
"""
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "net"))
import flowspec
import peer as bgp
from hub import BUILD, Hub, Tap, until

bgp.FAMILIES.update({"ipv4-flow-vpn": (1, 134), "ipv6-flow-vpn": (2, 134)})
HUB, PEER, CLIENT = 0, 1, 2
ADDRESSES = {4: ("127.0.0.1", "127.0.0.2", "127.0.0.3"), 6: ("fd00::1", "fd00::2", "fd00::3")}
ROUTER_ID = {HUB: "10.0.0.1", PEER: "10.0.0.2", CLIENT: "10.0.0.3"}
FAMILY_WORDS = {"ipv4-flow": "ipv4 flow", "ipv6-flow": "ipv6 flow", "ipv4-flow-vpn": "ipv4 flow-vpn",
                "ipv6-flow-vpn": "ipv6 flow-vpn"}
DISCARD, RATE = ("discard;", "8006000000000000"), ("rate-limit 9600;", "8006000046160000")
# Every action of 8 octets, as we write it and as it goes on the wire.
ACTIONS = (DISCARD, RATE, ("mark 46;", "800900000000002e"), ("action sample;", "8007000000000002"),
           ("action terminal;", "8007000000000001"), ("action sample-terminal;", "8007000000000003"),
           ("redirect 65000:99;", "8008fde800000063"), ("redirect 70000:99;", "8208000111700063"),
           ("extended-community 0x8108c00002010063;", "8108c00002010063"),
           ("extended-community 0x800c000046160000;", "800c000046160000"),
           ("redirect-to-nexthop-ietf 192.0.2.1;", "010cc00002010000"))


class Control:
    """One connection to the hub's control socket, for many commands."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r")

    def ask(self, command):
        self.socket.sendall(command.encode() + b"\n")
        answers = []
        while True:
            answer = json.loads(self.lines.readline())
            if "ok" in answer:
                if not answer["ok"]:
                    raise AssertionError(f"{command}: {answer['error']}")
                return answers
            answers.append(answer)


class Daemon:
    """A foreign daemon in a folder of its own, ended by its process id."""

    cannot_act = ()
    slow = False
    withdrawals = 0

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="headgate-interop-")
        self.process = None

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), errors="replace") as f:
            return f.read()

    def run(self, *command, environment=None):
        with open(self.path("log"), "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.folder.name, env={**os.environ, **(environment or {})})

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.folder.cleanup()


def hub_file(version, families):
    """The hub waits for an IPv4 peer and connects to an IPv6 one."""
    words = " ".join(FAMILY_WORDS[f] + ";" for f in families)
    out = ""
    for who in PEER, CLIENT:
        a = ADDRESSES[version]
        passive = "passive; " if version == 4 or who == CLIENT else ""
        out += (f"neighbor {a[who]} {{ router-id {ROUTER_ID[HUB]}; local-address {a[HUB]}; local-as 1; peer-as 1; "
                f"{passive}route-reflector-client; family {{ {words} }} }}\n")
    return out


def compare(expected, found, what):
    """Two dictionaries; what differs is shown, a few of them."""
    wrong = [f"{k}: expected {v}, found {found.get(k)}" for k, v in expected.items() if found.get(k) != v]
    more = [f"{k}: not expected, found {v}" for k, v in found.items() if k not in expected]
    if wrong or more:
        raise AssertionError("\n".join([f"{what}: {len(wrong)} of {len(expected)} differ, {len(more)} not expected",
                                        *wrong[:6], *more[:6]]))


class Trip:
    """A hub, a peer and a session between them."""

    def __init__(self, peer_class, version):
        self.version = version
        self.hub = Hub(hub_file(version, peer_class.families))
        self.control = Control(self.hub.socket)
        self.peer = peer_class(version)
        self.peer.start()
        self.address = ADDRESSES[version][PEER]

    def stop(self):
        self.peer.stop()
        self.hub.__exit__()

    def up(self):
        if not until(lambda: self.hub.neighbor(self.address)["state"] == "established", 15):
            raise AssertionError(f"{self.hub.neighbor(self.address)}\n{self.hub.log()}\n{self.peer.read('log')}")

    def hold(self, expected, family, what):
        """The peer holds exactly these rules with these actions: {key: action}."""
        until(lambda: self.peer.held(family) == expected, 6, 0.2)
        compare(expected, self.peer.held(family), f"{self.peer.name}, {family}, {what}")

    def heard(self):
        return {r["nlri"]: r["communities"] for r in self.control.ask("show rules") if r["from"] == self.address}

    def learn(self, expected, what):
        """The hub has exactly these rules from the peer: {NLRI: action}."""
        until(lambda: self.heard() == expected, 6, 0.2)
        compare(expected, self.heard(), f"from {self.peer.name}, {what}")

    def announce(self, rules, action):
        for r in rules:
            self.control.ask(f"announce flow route {flowspec.text(r, action)}")

    def withdraw(self, rules):
        for r in rules:
            self.control.ask(f"withdraw flow route {flowspec.text(r, '')}")


def encode(rules, family):
    """The NLRIs that `headgate encode` gives."""
    done = subprocess.run([f"{BUILD}/headgate", "encode", "-f", family, "-"], capture_output=True, text=True,
                          timeout=20, input="".join(flowspec.text(r, "") + "\n" for r in rules))
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout.split()


def battery(family, able):
    """The rules to try; every component and operator that the family has is among them."""
    rules = [r for r in flowspec.systematic(family) + flowspec.at_random(family, 40) if able(r)]
    seen = {t for r in rules for t, _ in r.parts}
    missing = set(range(1, 13)) - seen
    assert not missing and len(rules) > 100, f"{family}: components {missing} are left out, {len(rules)} rules"
    return rules


def few(family, able):
    """The same for a peer that takes long to be told a rule."""
    rules = flowspec.compact(family, able) + [r for r in flowspec.at_random(family, 20) if able(r)]
    assert {t for r in rules for t, _ in r.parts} == {1, 2, *flowspec.types(family)} and len(rules) > 16, family
    return rules


def there(trip):
    for family in trip.peer.families:
        trip.control.ask("withdraw all")
        rules = battery(family, lambda r: trip.peer.holds(r) and flowspec.tells_family(r))
        keys = {trip.peer.key(r) for r in rules}
        assert len(keys) == len(rules), f"{len(rules) - len(keys)} rules look the same at the peer"
        trip.announce(rules, DISCARD[0])
        trip.hold({trip.peer.key(r): DISCARD[1] for r in rules}, family, "announced")
        trip.announce(rules[::2], RATE[0])
        replaced = {trip.peer.key(r): RATE[1] if i % 2 == 0 else DISCARD[1] for i, r in enumerate(rules)}
        gone = trip.peer.withdrawals
        trip.hold(replaced, family, "replaced")
        assert trip.peer.withdrawals == gone, "a replacement is one announcement, not a withdrawal before it"
        trip.withdraw(rules[::3])
        for r in rules[::3]:
            del replaced[trip.peer.key(r)]
        trip.hold(replaced, family, "some withdrawn")
        trip.control.ask("withdraw all")
        trip.hold({}, family, "all withdrawn")


def actions(trip):
    family = trip.peer.families[0]
    rule = flowspec.systematic(family)[30]
    trip.control.ask("withdraw all")
    for words, octets in ACTIONS:
        if octets[:4] in trip.peer.cannot_act:
            continue
        trip.announce([rule], words)
        trip.hold({trip.peer.key(rule): octets}, family, words)
    trip.control.ask("withdraw all")
    trip.hold({}, family, "withdrawn")


def back(trip):
    for family in trip.peer.families:
        rules = (few if trip.peer.slow else battery)(family, trip.peer.says)
        expected = [flowspec.wire(r) for r in rules]
        assert encode(rules, family) == expected, "headgate encode"
        trip.peer.say(rules, *DISCARD)
        trip.learn(dict.fromkeys(expected, DISCARD[1]), family)
        trip.peer.say(rules[:8], *RATE)
        trip.learn({w: RATE[1] if i < 8 else DISCARD[1] for i, w in enumerate(expected)}, f"{family}, replaced")
        trip.peer.unsay(rules[:len(rules) // 2])
        trip.learn({w: RATE[1] if i < 8 else DISCARD[1] for i, w in enumerate(expected)
                    if i >= len(rules) // 2}, f"{family}, some withdrawn")
        trip.peer.unsay(rules[len(rules) // 2:])
        trip.learn({}, f"{family}, all withdrawn")


def reflected(trip):
    """What no text here says, as octets from a client of the hub: wide operands, IPv6 without a prefix."""
    a = ADDRESSES[trip.version]
    client = bgp.Peer(a[CLIENT], a[HUB]).establish(router_id=ROUTER_ID[CLIENT], families=trip.peer.families, hold=0)
    for family in trip.peer.families:
        rules = flowspec.wide(family) + [r for r in flowspec.at_random(family, 40) if not flowspec.tells_family(r)]
        rules = [r for r in rules if trip.peer.holds(r)]
        assert len(rules) > 4, family
        client.say(bgp.flow_reach([flowspec.nlri(r) for r in rules], family))
        trip.hold({trip.peer.key(r): DISCARD[1] for r in rules}, family, "reflected")
        client.say(bgp.flow_unreach([flowspec.nlri(r) for r in rules], family))
        trip.hold({}, family, "withdrawn by the client")
    client.close()


def main(peer_class, *more):
    tap = Tap()
    trips = {}

    def cases(version):
        over = f"over IPv{version}"

        @tap.case(f"{peer_class.name}, {over}: the session comes up")
        def _():
            trips[version] = Trip(peer_class, version)
            trips[version].up()

        for sentence, function in (
                ("every rule it can hold goes there, is replaced and withdrawn", there),
                ("every action goes there", actions),
                ("what has no words is reflected as it came", reflected),
                ("every rule it can announce comes here, is replaced and withdrawn", back), *more):
            tap.case(f"{peer_class.name}, {over}: {sentence}")(lambda f=function: f(trips[version]))

        @tap.case(f"{peer_class.name}, {over}: the session never went down")
        def _():
            n = trips[version].hub.neighbor(ADDRESSES[version][PEER])
            assert n["state"] == "established" and not n["last-down"] and n["updates-malformed"] == 0, n
            trips[version].stop()
            del trips[version]

    for version in ADDRESSES:
        cases(version)
    try:
        return tap.run()
    finally:
        for trip in trips.values():
            trip.stop()
