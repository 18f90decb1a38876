# SPDX-License-Identifier: ISC
"""GoBGP: `gobgp global rib add` there, adj-in as JSON back, put together to octets again."""
import ipaddress
import json
import struct
import subprocess
import sys
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor

import flowspec
from flowspec import BITMASKS, DSCP, EQ, FALSE, SOURCE, TCP_FLAGS, TRUE
from peers import ADDRESSES, HUB, PEER, ROUTER_ID, Daemon, main

NAMES = {"ipv4-flow": "ipv4-flowspec", "ipv6-flow": "ipv6-flowspec", "ipv4-flow-vpn": "ipv4-l3vpn-flowspec",
         "ipv6-flow-vpn": "ipv6-l3vpn-flowspec"}
FILE_NAMES = {f: n if "vpn" not in f else f"l3vpn-{f[:4]}-flowspec" for f, n in NAMES.items()}
WORDS = {1: "destination", 2: "source", 3: "protocol", 4: "port", 5: "destination-port", 6: "source-port",
         7: "icmp-type", 8: "icmp-code", 9: "tcp-flags", 10: "packet-length", 11: "dscp", 12: "fragment", 13: "label"}
# Its words true and false stand for each other's octets.
NUMERIC = {**flowspec.NUMERIC, EQ: "==", TRUE: "false", FALSE: "true"}
FRAGMENTS = ("dont-fragment", "is-fragment", "first-fragment", "last-fragment")


def term(t, o):
    if t in BITMASKS:
        names = "FSRPAUEC" if t == TCP_FLAGS else FRAGMENTS
        return flowspec.BITMASK[o.op] + ("" if t == TCP_FLAGS else "+").join(
            n for i, n in enumerate(names) if o.value >> i & 1)
    return NUMERIC[o.op] + ("" if o.op in (FALSE, TRUE) else str(o.value))


def rd_text(rd):
    """An AS number of four octets only as asdot: what is over 65535 becomes 65535 of two octets, silently."""
    text = flowspec.rd_text(rd)
    if rd[1] != 2:
        return text
    number, assigned = text.split(":")
    return f"{int(number) >> 16}.{int(number) & 0xffff}:{assigned}"


def rd_octets(rd):
    kind = rd["type"]
    if kind == 0:
        return struct.pack("!HHI", 0, rd["admin"], rd["assigned"])
    if kind == 1:
        return struct.pack("!H4sH", 1, ipaddress.IPv4Address(rd["admin"]).packed, rd["assigned"])
    return struct.pack("!HIH", 2, rd["admin"], rd["assigned"])


def octets(value, six):
    """The NLRI of its JSON."""
    out = rd_octets(value["rd"]) if "rd" in value else b""
    for part in value["value"]:
        t, v = part["type"], part["value"]
        out += bytes([t])
        if t <= SOURCE:
            net = ipaddress.ip_network(v["prefix"])
            out += flowspec.prefix_octets(
                flowspec.Prefix(net.prefixlen, part.get("offset", 0), int(net.network_address)), six)
        else:
            for o in v:
                out += bytes([o["op"]]) + o["value"].to_bytes(1 << (o["op"] >> 4 & 3), "big")
    return out.hex()


def pair(text):
    """The numbers of "65000:99", "192.0.2.1:99" or "1.4464:99" (asdot)."""
    first, second = text.split(":")
    if first.count(".") == 3:
        return int(ipaddress.IPv4Address(first)), int(second)
    high, _, low = first.rpartition(".")
    return int(high or 0) << 16 | int(low), int(second)


def community(c):
    head = bytes([c["type"], c["subtype"]])
    kind = c["type"], c["subtype"]
    if kind == (0x80, 6):
        return head + struct.pack("!Hf", c["as"], c["rate"])
    if kind == (0x80, 7):
        return head + bytes(5) + bytes([2 * c["sample"] + c["terminal"]])
    if kind == (0x80, 8):
        return head + struct.pack("!HI", *pair(c["value"]))
    if kind == (0x80, 9):
        return head + bytes(5) + bytes([c["value"]])
    if kind in ((0x81, 8), (0x82, 8), (1, 0xc)):
        return head + struct.pack("!IH", *pair(c["value"]))
    return head[:1] + b64decode(c["value"])


class Gobgp(Daemon):
    name = "GoBGP 3.10"
    families = ("ipv4-flow", "ipv6-flow", "ipv4-flow-vpn", "ipv6-flow-vpn")
    slow = True  # a process a rule

    def __init__(self, version):
        super().__init__()
        self.version = version

    def start(self):
        a = ADDRESSES[self.version]
        families = "".join(f'[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = "{FILE_NAMES[f]}"\n'
                           for f in self.families)
        self.run("gobgpd", "--api-hosts", "127.0.0.1:50051", "--pprof-disable", "-f", self.write("gobgpd.toml", f"""
[global.config]
as = 1
router-id = "{ROUTER_ID[PEER]}"
local-address-list = ["{a[PEER]}"]
[[neighbors]]
[neighbors.config]
neighbor-address = "{a[HUB]}"
peer-as = 1
[neighbors.timers.config]
connect-retry = 1
[neighbors.transport.config]
local-address = "{a[PEER]}"
passive-mode = {"true" if self.version == 6 else "false"}
{families}"""))

    def ask(self, *words):
        done = subprocess.run(["gobgp", *words], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0 and not done.stderr, f"gobgp {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def holds(self, rule):
        return len(flowspec.nlri(rule)) < 240 and not any(t <= SOURCE and v.offset for t, v in rule.parts)

    def says(self, rule):
        """Short rules, eight TCP flags, a DSCP for the traffic class; after true or false nothing may follow."""
        def fits(t, ops):
            if t in BITMASKS:
                return all(o.value < 256 for o in ops)
            if t == DSCP:
                return all(o.value < 64 for o in ops)
            return len(ops) == 1 or not any(o.op in (FALSE, TRUE) for o in ops)
        return len(flowspec.nlri(rule)) < 230 and self.holds(rule) \
            and all(fits(t, v) for t, v in rule.parts if t > SOURCE)

    def key(self, rule):
        return flowspec.nlri(rule).hex()

    def held(self, family):
        text = self.ask("neighbor", ADDRESSES[self.version][HUB], "adj-in", "-a", NAMES[family], "-j")
        out = {}
        for paths in (json.loads(text) if text.strip() else {}).values():
            for path in paths:
                found = [c for a in path["attrs"] if a["type"] == 16 for c in a["value"]]
                out[octets(path["nlri"], family.startswith("ipv6"))] = b"".join(map(community, found)).hex()
        return out

    def command(self, verb, rules, words):
        def one(rule):
            match = []
            for t, v in rule.parts:
                match += [WORDS[t]]
                match += [flowspec.prefix_text(v, flowspec.ipv6(rule))] if t <= SOURCE else flowspec.chains(t, v, term)
            self.ask("global", "rib", verb, "-a", NAMES[rule.family],
                     *(["rd", rd_text(rule.rd)] if rule.rd else []), "match", *match, "then", *words.split())
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(one, rules))

    def say(self, rules, words, octets):
        self.command("add", rules, words.rstrip(";"))

    def unsay(self, rules):
        self.command("del", rules, "discard")


if __name__ == "__main__":
    sys.exit(main(Gobgp))
