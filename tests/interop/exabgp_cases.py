# SPDX-License-Identifier: ISC
"""ExaBGP: commands of its API there, parsed updates as JSON back, and their octets beside them."""
import json
import os
import sys

import flowspec
from flowspec import BITMASKS, FRAGMENT, TCP_FLAGS
from peers import ADDRESSES, FAMILY_WORDS, HUB, PEER, ROUTER_ID, Daemon, main

PROTOCOLS = {1: "icmp", 2: "igmp", 6: "tcp", 8: "egp", 17: "udp", 46: "rsvp", 47: "gre", 50: "esp", 51: "ah",
             89: "ospf", 94: "ipip", 103: "pim", 132: "sctp"}
ICMP_TYPES = {0: "echo-reply", 3: "unreachable", 4: "source-quench", 5: "redirect", 8: "echo-request",
              9: "router-advertisement", 10: "router-solicit", 11: "time-exceeded", 12: "parameter-problem",
              13: "timestamp", 14: "timestamp-reply", 15: "info-request", 16: "info-reply", 17: "mask-request",
              18: "mask-reply", 30: "traceroute", 41: "experimental-mobility", 42: "extended-echo-request",
              43: "extended-echo-reply", 253: "experimental-one", 254: "experimental-two"}
FLAGS = {TCP_FLAGS: ("fin", "syn", "rst", "push", "ack", "urg", "ece", "cwr", "ns"),
         FRAGMENT: ("dont-fragment", "is-fragment", "first-fragment", "last-fragment")}
WIDEST = {4: 2, 5: 2, 6: 2, 9: 2, 10: 2, 13: 4}

# Its process: commands come from a FIFO, events go to a file.
API = '''#!/usr/bin/python3
import os, sys, threading
def events():
    with open("{0}/events", "w") as f:
        for line in sys.stdin:
            f.write(line)
            f.flush()
threading.Thread(target=events, daemon=True).start()
with open("{0}/commands") as f:
    for line in f:
        sys.stdout.write(line)
        sys.stdout.flush()
'''


def term(t, o):
    if t in BITMASKS:
        bits = [name for i, name in enumerate(FLAGS[t]) if o.value >> i & 1]
        bits += [f"unknown tcp flag type {o.value}"] if o.value >> len(FLAGS[t]) else []
        return flowspec.BITMASK[o.op] + "+".join(bits)
    kind, names = {3: ("protocol", PROTOCOLS), 7: ("icmp type", ICMP_TYPES)}.get(t, ("", {}))
    value = names.get(o.value, f"unknown {kind} type {o.value}" if kind else str(o.value))
    if o.op in (flowspec.TRUE, flowspec.FALSE) and not o.and_:  # else it writes "&true0"
        value = ""
    return flowspec.NUMERIC[o.op] + value


class Exabgp(Daemon):
    name = "ExaBGP 4.2.21"
    families = ("ipv4-flow", "ipv6-flow", "ipv4-flow-vpn", "ipv6-flow-vpn")
    cannot_act = ("8208",)

    def __init__(self, version):
        super().__init__()
        self.version = version
        self.table = {f: {} for f in self.families}
        self.seen = self.withdrawals = 0

    def start(self):
        a = ADDRESSES[self.version]
        os.mkfifo(self.path("commands"))
        api = self.write("api.py", API.format(self.folder.name))
        os.chmod(api, 0o755)
        words = " ".join(FAMILY_WORDS[f] + ";" for f in self.families)
        conf = self.write("exabgp.conf", f"""process feed {{ run {api}; encoder json; }}
neighbor {a[HUB]} {{ router-id {ROUTER_ID[PEER]}; local-address {a[PEER]}; local-as 1; peer-as 1;
 {"passive true; listen 179;" if self.version == 6 else ""} family {{ {words} }}
 api {{ processes [ feed ]; receive {{ parsed; update; }} }} }}
""")
        self.run("exabgp", conf, environment={
            "exabgp.daemon.user": "root", "exabgp.api.cli": "false", "exabgp.log.destination": "stdout"})
        self.commands = open(self.path("commands"), "w")  # waits for the process

    def holds(self, rule):
        return all(flowspec.width(o) <= WIDEST.get(t, 1) for t, v in rule.parts if t > flowspec.SOURCE for o in v) \
            and not any(t <= flowspec.SOURCE and v.offset for t, v in rule.parts)

    def says(self, rule):
        """It has no words for true and false, nor for flags without a name; without a prefix it says IPv4."""
        anchored = not flowspec.ipv6(rule) or rule.parts[0][0] <= flowspec.SOURCE
        return self.holds(rule) and anchored and all(o.op not in (flowspec.FALSE, flowspec.TRUE) if t not in BITMASKS else
                                        o.value >> len(FLAGS[t]) == 0
                                        for t, v in rule.parts if t > flowspec.SOURCE for o in v)

    def key(self, rule):
        six = flowspec.ipv6(rule)
        words = flowspec.WORDS6 if six else flowspec.WORDS
        out = "flow"
        for t, v in rule.parts:
            if t <= flowspec.SOURCE:
                out += f" {words[t]}-ipv{6 if six else 4} {flowspec.prefix_text(v, six)}" + ("/0" if six else "")
                continue
            terms = " ".join(flowspec.chains(t, v, term))
            out += f" {words[t]} " + (terms if len(v) == 1 else f"[ {terms} ]")
        return out + (f" rd {flowspec.rd_text(rule.rd)}" if rule.rd else "")

    def held(self, family):
        lines = self.read("events").split("\n")[:-1] if os.path.exists(self.path("events")) else []
        for line in lines[self.seen:]:
            event = json.loads(line)
            if event["type"] == "update" and "update" in event["neighbor"]["message"]:
                self.learn(event["neighbor"]["message"]["update"])
        self.seen = len(lines)
        return self.table[family]

    def learn(self, update):
        octets = "".join(f"{c['value']:016x}" for c in update.get("attribute", {}).get("extended-community", []))
        tokens = {words: f for f, words in FAMILY_WORDS.items()}
        for words, hops in update.get("announce", {}).items():
            for rules in hops.values():
                self.table[tokens[words]].update((r["string"], octets) for r in rules)
        for words, rules in update.get("withdraw", {}).items():
            for r in rules:
                del self.table[tokens[words]][r["string"]]
                self.withdrawals += 1

    def command(self, word, rules, action):
        for r in rules:
            self.commands.write(f"{word} flow route {flowspec.text(r, action)}\n")
        self.commands.flush()

    def say(self, rules, words, octets):
        self.command("announce", rules, words)

    def unsay(self, rules):
        self.command("withdraw", rules, "discard;")

    def stop(self):
        self.commands.close()
        super().stop()


if __name__ == "__main__":
    sys.exit(main(Exabgp))
