# SPDX-License-Identifier: ISC
"""Thousands of random rules of each family, encoded by `headgate encode`, through the decoders of others.

The rules are values (flowspec.py); they go into headgate as JSON, so that every operator, width and list can be
said.  Its octets are held against flowspec's codec, and what a decoder makes of them against the values.
What a decoder cannot do stands in docs/interop.md and is left out here; the sessions' tests try it.
"""
import importlib.util
import ipaddress
import json
import os
import random
import re
import subprocess
import sys
import tempfile

import flowspec
from flowspec import BITMASKS, DSCP, FLOW_LABEL, FRAGMENT, SOURCE, TCP_FLAGS
from peers import ADDRESSES, BUILD, CLIENT, FAMILY_WORDS, ROUTER_ID, Trip, bgp, compare, until
from hub import Tap

FAMILIES = tuple(FAMILY_WORDS)
COUNT = 3000
GOPATH = "/usr/share/gocode"  # where Debian's packages put Go's sources
tap = Tap()


def widen(dice, rule):
    """Some operands in more octets than their values need, where RFC 8955 4.2.2 and RFC 8956 3 allow it."""
    def ops(t, v):
        widths = {TCP_FLAGS: (1, 2), DSCP: (1,), FRAGMENT: (1,)}.get(t, (1, 2, 4, 8))
        return tuple(o._replace(width=dice.choice([w for w in widths if w >= flowspec.width(o)]))
                     if dice.random() < .1 else o for o in v)
    return rule._replace(parts=tuple((t, v if t <= SOURCE else ops(t, v)) for t, v in rule.parts))


def random_rules(family):
    dice = random.Random(family)
    return list({flowspec.nlri(r): r for r in flowspec.systematic(family) + flowspec.wide(family) + [
        widen(dice, r) for r in flowspec.at_random(family, COUNT, seed=8956)]}.values())


def as_object(rule):
    six = flowspec.ipv6(rule)
    match = []
    for t, v in rule.parts:
        name = (flowspec.WORDS6 if six else flowspec.WORDS)[t]
        words = flowspec.BITMASK if t in BITMASKS else flowspec.NUMERIC
        match.append({"type": name, "prefix": flowspec.prefix_text(v, six)} if t <= SOURCE else {
            "type": name, "ops": [{"op": words[o.op], "and": o.and_, "value": o.value, "width": flowspec.width(o)}
                                  for o in v]})
    return {"family": rule.family, **({"rd": flowspec.rd_text(rule.rd)} if rule.rd else {}), "match": match}


def encoded(rules):
    lines = "".join(json.dumps(as_object(r)) + "\n" for r in rules)
    done = subprocess.run([f"{BUILD}/headgate", "encode", "-"], input=lines, capture_output=True, text=True, timeout=60)
    return done.stdout.split("\n")[:-1]


RULES = {f: random_rules(f) for f in FAMILIES}
WIRE = {f: encoded(rules) for f, rules in RULES.items()}


@tap.case("headgate encodes each rule as flowspec.py does, and decodes it to the same object")
def _():
    for family, rules in RULES.items():
        assert len(rules) > COUNT and len(WIRE[family]) == len(rules), (len(rules), len(WIRE[family]))
        compare({i: flowspec.wire(r) for i, r in enumerate(rules)}, dict(enumerate(WIRE[family])), family)
        done = subprocess.run([f"{BUILD}/headgate", "decode", "-j", "-f", family, "-"], capture_output=True, text=True,
                              timeout=60, input="".join(w + "\n" for w in WIRE[family]))
        objects = [json.loads(line) for line in done.stdout.splitlines()]
        compare({i: as_object(r) for i, r in enumerate(rules)},
                {i: {k: v for k, v in o.items() if k not in ("nlri", "rule")} for i, o in enumerate(objects)}, family)


def knows_all(rules, least):
    """Not too few, and each component among them."""
    assert len(rules) >= least, len(rules)
    return {t for r in rules for t, _ in r.parts}


def exabgp():
    from exabgp.configuration.setup import environment
    environment.setup("").log.enable = False
    from exabgp.bgp.message.direction import IN
    from exabgp.bgp.message.update.nlri.flow import Flow
    from exabgp.protocol.family import AFI, SAFI
    from exabgp_cases import Exabgp
    for family, rules in RULES.items():
        here = [(r, w) for r, w in zip(rules, WIRE[family]) if Exabgp.holds(None, r) and len(w) < 2 * 256]
        assert knows_all([r for r, _ in here], 800) == {1, 2, *flowspec.types(family)}
        found = {}
        for r, wire in here:
            n, left = Flow.unpack_nlri(AFI.ipv6 if flowspec.ipv6(r) else AFI.ipv4,
                                       SAFI.flow_vpn if "vpn" in family else SAFI.flow_ip, bytes.fromhex(wire),
                                       IN.ANNOUNCED, False)
            found[wire] = (str(n), left)
        compare({w: (Exabgp.key(None, r), b"") for r, w in here}, found, f"ExaBGP, {family}")


def gobgp():
    from gobgp_cases import octets
    with tempfile.TemporaryDirectory(prefix="headgate-interop-") as folder:
        program = os.path.join(folder, "gobgp_decode")
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "gobgp_decode.go")
        subprocess.run(["/usr/bin/go", "build", "-o", program, source], check=True, timeout=240, env={
            **os.environ, "GO111MODULE": "off", "GOPATH": GOPATH, "GOFLAGS": "",
            "GOCACHE": os.path.join(folder, "cache")})
        for family, rules in RULES.items():
            here = [(r, w) for r, w in zip(rules, WIRE[family]) if len(w) < 2 * 240
                    and not any(t <= SOURCE and v.offset for t, v in r.parts)]
            assert knows_all([r for r, _ in here], 1500) == {1, 2, *flowspec.types(family)}
            done = subprocess.run([program], capture_output=True, text=True, timeout=60, check=True,
                                  input="".join(f"{family} {w}\n" for _, w in here))
            found = {}
            for (r, wire), line in zip(here, done.stdout.splitlines()):
                shown, _, again = line.partition("\t")
                short = len(wire) < 2 * 230  # it writes longer ones wrong
                found[wire] = shown if not again else (
                    octets(json.loads(shown), flowspec.ipv6(r)), again if short else wire)
            compare({w: (flowspec.nlri(r).hex(), w) for r, w in here}, found, f"GoBGP, {family}")


def tshark():
    import tshark_cases
    for family, rules in RULES.items():
        here = [r for r in rules if tshark_cases.knows(r)]
        assert knows_all(here, 500) == set(range(1, 13))
        found = {}
        messages = [bgp.flow_reach([flowspec.nlri(r) for r in here[i:i + 20]], family) for i in range(0, len(here), 20)]
        for frame in tshark_cases.tshark(messages):
            assert not tshark_cases.complaint(frame), tshark_cases.complaint(frame)
            found.update(tshark_cases.rules(frame))
        compare({flowspec.nlri(r).hex(): family for r in here}, found, f"tshark, {family}")


def quads(keys):
    """BIRD ends an address below 2^32 with a dotted quad; the same in groups."""
    return {re.sub(r"::(\d+\.){3}\d+", lambda m: str(ipaddress.IPv6Address(m[0])), k): v for k, v in keys.items()}


def bird():
    from bird_cases import Bird
    trip = Trip(Bird, 4)
    try:
        trip.up()
        client = bgp.Peer(ADDRESSES[4][CLIENT], ADDRESSES[4][0]).establish(
            router_id=ROUTER_ID[CLIENT], families=Bird.families, hold=0)
        for family in Bird.families:
            here = [r for r in RULES[family] if trip.peer.holds(r)
                    and not (flowspec.ipv6(r) and any(t == FRAGMENT and o.value & 1 for t, v in r.parts for o in (
                        v if t > SOURCE else ())))]
            # What it shows alike it is told once, and what it shows in part it is not told.
            keys = {k: r for k, r in ((trip.peer.key(r), r) for r in here) if len(k) < 240}
            assert knows_all(list(keys.values()), 800) == {1, 2, *flowspec.types(family)}
            some = list(keys.values())
            for i in range(0, len(some), 20):
                client.say(bgp.flow_reach([flowspec.nlri(r) for r in some[i:i + 20]], family))
            expected = dict.fromkeys(keys, "8006000000000000")
            until(lambda: quads(trip.peer.held(family)) == expected, 30, 1)
            compare(expected, quads(trip.peer.held(family)), f"BIRD, {family}")
        client.close()
    finally:
        trip.stop()


def cannot(what):
    """Why a decoder is not here, or None."""
    if what is exabgp:
        return None if importlib.util.find_spec("exabgp") else "no exabgp"
    if what is gobgp:
        there = os.path.isdir(os.path.join(GOPATH, "src/github.com/osrg/gobgp")) and os.path.exists("/usr/bin/go")
        return None if there else "no golang-go with golang-github-osrg-gobgp-dev"
    program = "/usr/sbin/bird" if what is bird else "/usr/bin/tshark"
    return None if os.path.exists(program) else f"no {program}"


for function, name in (exabgp, "ExaBGP"), (gobgp, "GoBGP"), (tshark, "tshark"), (bird, "BIRD"):
    why = cannot(function)
    sentence = f"{name} reads what it knows of them to the same values" + (f" # SKIP {why}" if why else "")
    tap.case(sentence)((lambda: None) if why else function)

if __name__ == "__main__":
    sys.exit(tap.run())
