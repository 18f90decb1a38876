# SPDX-License-Identifier: ISC
"""tshark as a second reader: what the hub sends to a scripted neighbor, decoded without a complaint and to the
same octets.  Its gaps (docs/interop.md) are left out there, and a case of their own holds them to what is written."""
import ipaddress
import json
import struct
import subprocess
import sys
import tempfile

import flowspec
from flowspec import DSCP, FLOW_LABEL, SOURCE, TCP_FLAGS
from peers import (ACTIONS, ADDRESSES, CLIENT, DISCARD, FAMILY_WORDS, PEER, HUB, ROUTER_ID, Control, Hub, Tap, bgp,
                   compare, hub_file)

FAMILIES = tuple(FAMILY_WORDS)
FAMILY_OF = {("1", "133"): "ipv4-flow", ("2", "133"): "ipv6-flow", ("1", "134"): "ipv4-flow-vpn",
             ("2", "134"): "ipv6-flow-vpn"}
P = "bgp.flowspec_nlri."
tap = Tap()


class Pairs(list):
    """A JSON object with its repeated names, in their order."""

    def all(self, name):
        return [v for k, v in self if k == name]

    def deep(self, name):
        """Every value of that name, however deep."""
        for k, v in self:
            if k == name:
                yield v
            if isinstance(v, Pairs):
                yield from v.deep(name)

    def leaves(self):
        for k, v in self:
            if isinstance(v, Pairs):
                yield from v.leaves()
            else:
                yield k, v


def tshark(messages):
    """What it says of BGP messages, one frame each: Pairs of their layers."""
    capture = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101)
    at = 1
    for m in messages:
        tcp = struct.pack("!HHIIBBHHH", 40000, 179, at, 1, 0x50, 0x18, 65535, 0, 0)
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(m), 0, 0, 64, 6, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
        at += len(m)
        capture += struct.pack("<IIII", 0, 0, 40 + len(m), 40 + len(m)) + ip + tcp + m
    with tempfile.NamedTemporaryFile(suffix=".pcap") as f:
        f.write(capture)
        f.flush()
        done = subprocess.run(["tshark", "-r", f.name, "-d", "tcp.port==179,bgp", "-T", "json"], capture_output=True,
                              text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    frames = [f.all("_source")[0].all("layers")[0] for f in json.loads(done.stdout, object_pairs_hook=Pairs)]
    assert len(frames) == len(messages), f"{len(frames)} frames of {len(messages)}"
    return frames


def complaint(frame):
    """What it finds wrong, or None."""
    said = [*frame.deep("_ws.expert.message"), *frame.deep("_ws.malformed")]
    return said or None


def rd_octets(tree):
    name = "bgp.flowspec_route_distinguisher"
    found = next(tree.deep(name), None)
    if found is None:
        return b""
    kind, admin, assigned = (v for _, v in found)
    if kind == "1":
        return struct.pack("!H4sH", 1, ipaddress.IPv4Address(admin).packed, int(assigned, 0))
    return struct.pack("!HHI" if kind == "0" else "!HIH", int(kind), int(admin, 0), int(assigned, 0))


def part_octets(part, six):
    """A component, of the values that it shows; only an operand's width comes from the operator octet."""
    kind = int(part.all(P + "filter_type")[0])
    out = bytes([kind])
    leaves = dict(part.leaves())
    if kind <= SOURCE:
        which = "dst" if kind == 1 else "src"
        name, size = (f"{which}_ipv6_pref", "ipv6_pref_length") if six else (f"{which}_prefix_filter", None)
        length = int(leaves[P + size if six else "bgp.prefix_length"])
        offset = int(leaves[P + "ipv6_pref_offset"]) if six else 0
        return out + flowspec.prefix_octets(
            flowspec.Prefix(length, offset, int(ipaddress.ip_address(leaves[P + name]))), six)
    shown = [(k, v) for k, v in part if k == P + "opflags" or k.startswith((P + "dec_val", P + "val_"))
             if not k.endswith("_tree")]
    trees = part.all(P + "opflags_tree")
    for (k, op), (_, value), tree in zip(shown[::2], shown[1::2], trees):
        bits = dict(tree)
        assert k == P + "opflags" and bits[P + "op.eol"] == str(int(op, 0) >> 7), bits
        out += bytes([int(op, 0)]) + int(value, 0).to_bytes(1 << (int(op, 0) >> 4 & 3), "big")
    return out


def rules(frame):
    """{family NLRI: octets put together from what it shows}, of an UPDATE."""
    out = {}
    for attribute in frame.deep("bgp.update.path_attribute"):
        head = dict(attribute.leaves())
        family = FAMILY_OF.get(tuple(head.get(f"bgp.update.path_attribute.mp_reach_nlri.{n}") for n in ("afi", "safi")))
        if not family:
            continue
        for tree in attribute.deep("bgp.flowspec_nlri_tree"):
            octets = rd_octets(tree) + b"".join(
                part_octets(p, family.startswith("ipv6")) for p in tree.all(P + "filter"))
            out[octets.hex()] = family
    return out


def knows(rule):
    """What tshark 4.0 decodes."""
    six = flowspec.ipv6(rule)
    for t, v in rule.parts:
        if t <= SOURCE and v.offset or t == FLOW_LABEL:
            return False
        if t > SOURCE and any(flowspec.width(o) > 2 for o in v):
            return False
        if six and t == DSCP and any(o.value > 63 for o in v):
            return False
        if t == TCP_FLAGS and any(o.width > 1 or o.value > 255 for o in v):
            return False
    return True


class Wire:
    """The hub and two scripted neighbors: one that listens and one that sends what has no words."""

    def __enter__(self):
        a = ADDRESSES[4]
        self.hub = Hub(hub_file(4, FAMILIES))
        self.control = Control(self.hub.socket)
        self.listener = bgp.Peer(a[PEER], a[HUB])
        self.heard = []
        hear = self.listener.hear

        def keep(timeout=5):
            got = hear(timeout)
            if got:
                self.heard.append(bgp.message(*got))
            return got
        self.listener.hear = keep
        self.listener.establish(router_id=ROUTER_ID[PEER], families=FAMILIES, hold=0)
        self.client = bgp.Peer(a[CLIENT], a[HUB]).establish(router_id=ROUTER_ID[CLIENT], families=FAMILIES, hold=0)
        return self

    def __exit__(self, *why):
        self.listener.close()
        self.client.close()
        self.hub.__exit__()

    def announce(self, rule, words=DISCARD[0]):
        self.control.ask(f"announce flow route {flowspec.text(rule, words)}")

    def reflect(self, rule):
        self.client.say(bgp.flow_reach([flowspec.nlri(rule)], rule.family))

    def listen(self, quiet=0.5):
        """The messages since the last time."""
        while self.listener.hear(quiet):
            pass
        heard, self.heard = self.heard, []
        return heard


@tap.case("every rule that tshark knows: no complaint, and the same octets from the values it shows")
def _():
    for family in FAMILIES:
        with Wire() as wire:
            wanted = [r for r in flowspec.systematic(family) + flowspec.at_random(family, 60) + flowspec.wide(family)
                      if knows(r)]
            assert len(wanted) > 100 and {t for r in wanted for t, _ in r.parts} == set(range(1, 13)), len(wanted)
            for r in wanted:
                if flowspec.tells_family(r) and not any(
                        o.width for t, v in r.parts if t > SOURCE for o in v):
                    wire.announce(r)
                else:
                    wire.reflect(r)
            found = {}
            frames = tshark(wire.listen())
            for i, frame in enumerate(frames, 1):
                assert not complaint(frame), f"{family}, frame {i}: {complaint(frame)}"
                found.update(rules(frame))
            compare({flowspec.nlri(r).hex(): family for r in wanted}, found, f"tshark, {family}")


@tap.case("OPEN, KEEPALIVE, End-of-RIB and withdrawals: no complaint, every withdrawn rule there")
def _():
    with Wire() as wire:
        family = "ipv4-flow"
        some = flowspec.systematic(family)[:30]
        for r in some:
            wire.announce(r)
        first = wire.listen()
        wire.control.ask("withdraw all")
        last = wire.listen()
        kinds = {m[18] for m in first}
        assert kinds == {bgp.OPEN, bgp.KEEPALIVE, bgp.UPDATE}, kinds
        shown = []
        for frame in tshark(first + last):
            assert not complaint(frame), complaint(frame)
        for frame in tshark(last):
            shown += frame.deep("bgp.flowspec_nlri")
        assert sorted(s.replace(":", "") for s in shown) == sorted(flowspec.wire(r) for r in some), shown


# What it shows of each action, the octets of ACTIONS apart from type and subtype: what else it shows is raw.
SHOWN = {"8006000000000000": {"value_as2": "0", "rate_limit": "0"},
         "8006000046160000": {"value_as2": "0", "rate_limit": "9600"},
         "800900000000002e": {"value_fs_dscp": "0x2e"},
         "8007000000000002": {"sample": "1", "traff_act": "0"},
         "8007000000000001": {"sample": "0", "traff_act": "1"},
         "8007000000000003": {"sample": "1", "traff_act": "1"},
         "8008fde800000063": {"value_as2": "65000", "value_an4": "99"},
         "8208000111700063": {"value_as4": "70000", "value_an2": "99"},
         "8108c00002010063": {"value_IP4": "192.0.2.1", "value_an2": "99"},
         "800c000046160000": {"value_raw": "0x0000000046160000"},
         "010cc00002010000": {"value_IP4": "192.0.2.1", "value_an2": "0"}}


@tap.case("every action: no complaint, and the same values")
def _():
    rule = flowspec.make("ipv4-flow", {1: flowspec.ANCHOR[False]})
    with Wire() as wire:
        wire.listen()
        for words, octets in ACTIONS:
            wire.announce(rule, words)
            messages = wire.listen(0.25)
            assert len(messages) == 1, f"{words}: {len(messages)} messages"
            frame = tshark(messages)[0]
            assert not complaint(frame), f"{words}: {complaint(frame)}"
            shown = dict(next(frame.deep("bgp.ext_community")).leaves())
            assert shown["bgp.ext_com.type"] == "0x" + octets[:2], shown
            assert any(k.startswith("bgp.ext_com.stype") and v == "0x" + octets[2:4] for k, v in shown.items()), shown
            values = {k.rsplit(".", 1)[1]: v for k, v in shown.items()}
            for name, value in SHOWN[octets].items():
                assert values.get(name) == value, f"{words}: {name} {values.get(name)}, not {value}"


def gap(wire, rule, words=DISCARD[0]):
    """Its frame for a rule of its own."""
    wire.listen(0.25)
    wire.announce(rule, words)
    messages = [m for m in wire.listen(0.25) if m[18] == bgp.UPDATE]
    assert len(messages) == 1, len(messages)
    return tshark(messages)[0]


@tap.case("its gaps are those of docs/interop.md")
def _():
    six = flowspec.ANCHOR[True]
    anchor = {1: flowspec.ANCHOR[False]}
    with Wire() as wire:
        wire.listen()
        rule = flowspec.make("ipv6-flow", {2: flowspec.Prefix(128, 120, 1)})
        offset = gap(wire, rule)
        assert complaint(offset) or rules(offset) != {flowspec.nlri(rule).hex(): "ipv6-flow"}, "IPv6 offset"
        label = gap(wire, flowspec.make("ipv6-flow", {1: six, FLOW_LABEL: (flowspec.Op(1, 5),)}))
        assert list(label.deep(P + "filter_type"))[-1] == "13" and not list(label.deep(P + "dec_val_8")), "type 13"
        wide = gap(wire, flowspec.make("ipv6-flow", {1: six, DSCP: (flowspec.Op(1, 255),)}))
        assert list(wide.deep(P + "val_dsfield")) == ["0x3f"], "traffic class over 63"
        wire.listen(0.25)
        wire.reflect(flowspec.make("ipv4-flow", {flowspec.PORT: (flowspec.Op(1, 9, False, 4),)}))
        four = tshark(wire.listen())[0]
        assert list(four.deep(P + "dec_val_64")) and not list(four.deep(P + "dec_val_32")), "operand of four octets"
        wire.reflect(flowspec.make("ipv4-flow", {flowspec.PORT: (flowspec.Op(1, 9, False, 8),)}))
        eight = tshark(wire.listen())[0]
        assert not [k for k, _ in eight.leaves() if k.startswith(P + "dec_val")], "operand of eight octets"
        packets = gap(wire, flowspec.make("ipv4-flow", anchor), "extended-community 0x800c000046160000;")
        assert list(packets.deep("bgp.ext_com.value_raw")), "0x800c"
        simpson = gap(wire, flowspec.make("ipv4-flow", anchor), "redirect 192.0.2.1;")
        assert any("Next Hop" in c for c in complaint(simpson) or ()), "redirect to a next hop"
        v6 = gap(wire, flowspec.make("ipv6-flow", {1: six}), "redirect-to-nexthop-ietf 2001:db8::1;")
        assert "25" in v6.deep("bgp.update.path_attribute.type_code"), "attribute 25"
        attribute = [a for a in v6.deep("bgp.update.path_attribute")
                     if "25" in a.all("bgp.update.path_attribute.type_code")][0]
        assert "2001:db8::1" not in [v for _, v in attribute.leaves()], "attribute 25"


if __name__ == "__main__":
    sys.exit(tap.run())
