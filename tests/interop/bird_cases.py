# SPDX-License-Identifier: ISC
"""BIRD: static flow4 and flow6 routes there, `show route all` back.  It has no VPN family."""
import ipaddress
import re
import subprocess
import sys

import flowspec
from flowspec import ALL, ANY, BITMASKS, DSCP, FLOW_LABEL, FRAGMENT, NOT_ALL, NOT_ANY, SOURCE
from peers import ADDRESSES, HUB, PEER, ROUTER_ID, Daemon, main, until

WORDS = {1: "dst", 2: "src", 3: "proto", 4: "port", 5: "dport", 6: "sport", 7: "icmp type", 8: "icmp code",
         9: "tcp flags", 10: "length", 11: "dscp", 12: "fragment", 13: "label"}
FRAGMENTS = {1: "dont_fragment", 2: "is_fragment", 4: "first_fragment", 8: "last_fragment"}
SHOWN = 350  # birdc cuts a rule short after some 800 octets
# Octets of an operand; more are an error that ends its session.
WIDEST = {4: 2, 5: 2, 6: 2, 9: 2, 10: 2, 13: 4}


def mask(o):
    """VALUE/MASK, as BIRD writes the four bitmask operators."""
    return {ANY: "!0x0/{0}", ALL: "{0}/{0}", NOT_ANY: "0x0/{0}", NOT_ALL: "!{0}/{0}"}[o.op].format(hex(o.value))


def shown(t, o):
    if t == FRAGMENT and o.value in FRAGMENTS:
        return {ANY: "!!", ALL: "", NOT_ANY: "!", NOT_ALL: "!"}[o.op] + FRAGMENTS[o.value]
    if t in BITMASKS:
        return mask(o)
    return str(o.value) if o.op == flowspec.EQ else f"{flowspec.NUMERIC[o.op]} {o.value}"


def said(t, o):
    if t == FRAGMENT:
        return ("!" if o.op == NOT_ANY else "") + FRAGMENTS[o.value]
    return mask(o) if t in BITMASKS else f"{flowspec.NUMERIC[o.op]} {o.value}"


def prefix(p, six):
    return flowspec.prefix_text(p._replace(offset=0), six) + (f" offset {p.offset}" if p.offset else "")


def write(rule, term):
    six = flowspec.ipv6(rule)
    out = ""
    for t, v in rule.parts:
        word = "next header" if six and t == flowspec.PROTOCOL else WORDS[t]
        terms = [prefix(v, six)] if t <= SOURCE else [" || ".join(flowspec.chains(t, v, term))]
        out += f"{word} {terms[0].replace('&', ' && ')}; "
    return f"flow{6 if six else 4} {{ {out}}}"


def community(kind, a, b):
    """The octets behind "(generic, 0x80060000, 0x0)" or "(unknown 0x10c, 192.0.2.1, 0)"."""
    if kind == "generic":
        return f"{int(a, 16):08x}{int(b, 16):08x}"
    return f"{int(kind.split()[1], 16):04x}{ipaddress.IPv4Address(a).packed.hex()}{int(b):04x}"


class Bird(Daemon):
    name = "BIRD 2.0.12"
    families = ("ipv4-flow", "ipv6-flow")

    def __init__(self, version):
        super().__init__()
        self.version = version
        self.routes = {}

    def file(self):
        a = ADDRESSES[self.version]
        out = (f"log \"{self.path('bird.log')}\" all;\nrouter id {ROUTER_ID[PEER]};\nprotocol device {{ }}\n"
               f"flow4 table f4;\nflow6 table f6;\n")
        for v in "46":
            own = "\n".join(f"route {rule} {{ bgp_ext_community.add((generic, 0x{action[:8]}, 0x{action[8:]})); }};"
                            for rule, action in self.routes.items() if rule.startswith("flow" + v))
            out += f"protocol static s{v} {{ flow{v} {{ table f{v}; }};\n{own}\n}}\n"
        channels = " ".join(f"flow{v} {{ table f{v}; import all; export where source = RTS_STATIC; }};" for v in "46")
        return out + (f"protocol bgp hub {{ {'passive;' if self.version == 6 else ''} connect delay time 1; "
                      f"local {a[PEER]} as 1; neighbor {a[HUB]} as 1; strict bind; {channels} }}\n")

    def start(self):
        self.run("bird", "-f", "-c", self.write("bird.conf", self.file()), "-s", self.path("ctl"),
                 "-P", self.path("pid"))
        assert until(lambda: "ready" in self.ask("show", "status"), 10), self.read("log")

    def ask(self, *words):
        return subprocess.run(["birdc", "-s", self.path("ctl"), *words], capture_output=True, text=True,
                              timeout=10).stdout

    def holds(self, rule):
        return all(v.offset % 8 == 0 if t <= SOURCE else all(flowspec.width(o) <= WIDEST.get(t, 1) for o in v)
                   for t, v in rule.parts)

    def says(self, rule):
        """Its file has fewer words: single fragment bits, a DSCP for the traffic class; and it cuts flow labels."""
        fits = {FRAGMENT: lambda o: o.op in (ALL, NOT_ANY) and o.value in FRAGMENTS,
                DSCP: lambda o: o.value < 64, FLOW_LABEL: lambda o: o.value < 65536}
        return self.holds(rule) and all(fits[t](o) for t, v in rule.parts if t in fits for o in v)

    def key(self, rule):
        return re.sub(r"(?<!&& )>= (\d+) && <= (\d+)", r"\1..\2", write(rule, shown))[:SHOWN]

    def held(self, family):
        out = {}
        for entry in re.split(r"^(?=flow[46] \{)", self.ask("show", "route", "all", "table", "f" + family[3],
                                                          "where", "source = RTS_BGP"), flags=re.M)[1:]:
            rule = entry[:entry.index("}") + 1].replace(",", " || ")[:SHOWN]
            out[rule] = "".join(community(*c) for c in re.findall(r"\((generic|unknown 0x\w+), ([^,]+), ([^)]+)\)", entry))
        return out

    def say(self, rules, words, octets):
        self.routes.update((write(r, said), octets) for r in rules)
        self.settle()

    def unsay(self, rules):
        for r in rules:
            del self.routes[write(r, said)]
        self.settle()

    def settle(self):
        self.write("bird.conf", self.file())
        answer = self.ask("configure")
        assert "Reconfigur" in answer, answer


if __name__ == "__main__":
    sys.exit(main(Bird))
