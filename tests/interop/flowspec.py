# SPDX-License-Identifier: ISC
"""FlowSpec rules as values, with a codec of their own: what interop tests send and expect.

A rule is put together here, not by the code under test: its octets by nlri(), its words by text().
Operators are the low bits of the operator octet; an operand has a width only where a test wants more
octets than its value needs.
"""
import ipaddress
import random
from collections import namedtuple

DESTINATION, SOURCE, PROTOCOL, PORT, DESTINATION_PORT, SOURCE_PORT, ICMP_TYPE, ICMP_CODE, TCP_FLAGS, \
    PACKET_LENGTH, DSCP, FRAGMENT, FLOW_LABEL = range(1, 14)
BITMASKS = (TCP_FLAGS, FRAGMENT)
WORDS = {1: "destination", 2: "source", 3: "protocol", 4: "port", 5: "destination-port", 6: "source-port",
         7: "icmp-type", 8: "icmp-code", 9: "tcp-flags", 10: "packet-length", 11: "dscp", 12: "fragment",
         13: "flow-label"}
WORDS6 = {**WORDS, 3: "next-header", 11: "traffic-class"}
FALSE, EQ, GT, GE, LT, LE, NE, TRUE = range(8)         # RFC 8955 4.2.1.1
ANY, ALL, NOT_ANY, NOT_ALL = range(4)                  # RFC 8955 4.2.1.2
NUMERIC = {FALSE: "false", EQ: "=", GT: ">", GE: ">=", LT: "<", LE: "<=", NE: "!=", TRUE: "true"}
BITMASK = {ANY: "", ALL: "=", NOT_ANY: "!", NOT_ALL: "!="}

Prefix = namedtuple("Prefix", "length offset address")  # address: an integer of 32 or 128 bits
Op = namedtuple("Op", "op value and_ width", defaults=(False, 0))
Rule = namedtuple("Rule", "family parts rd", defaults=(b"",))  # parts: ((type, Prefix or (Op, ...)), ...)


def ipv6(rule):
    return rule.family.startswith("ipv6")


def prefix(text, offset=0):
    net = ipaddress.ip_network(text)
    return Prefix(net.prefixlen, offset, int(net.network_address))


def make(family, parts, rd=b""):
    return Rule(family, tuple(sorted(parts.items())), rd)


def width(op):
    """Octets of the operand: what was asked for, or the fewest."""
    return op.width or next(w for w in (1, 2, 4, 8) if op.value < 1 << 8 * w)


def prefix_octets(p, six):
    bits = 128 if six else 32
    used = p.length - p.offset
    pattern = p.address >> bits - p.length & (1 << used) - 1
    octets = (used + 7) // 8
    return bytes([p.length] + [p.offset] * six) + (pattern << octets * 8 - used).to_bytes(octets, "big")


def ops_octets(ops):
    out = b""
    for i, o in enumerate(ops):
        w = width(o)
        out += bytes([o.op | (w.bit_length() - 1) << 4 | 0x40 * o.and_ | 0x80 * (i == len(ops) - 1)])
        out += o.value.to_bytes(w, "big")
    return out


def nlri(rule):
    """The octets without their length."""
    return rule.rd + b"".join(
        bytes([t]) + (prefix_octets(v, ipv6(rule)) if t <= SOURCE else ops_octets(v)) for t, v in rule.parts)


def wire(rule):
    """With their length, in hex: as `headgate encode` and `show rules -j` have it."""
    octets = nlri(rule)
    return ((bytes([len(octets)]) if len(octets) < 240 else (0xf000 | len(octets)).to_bytes(2, "big")) + octets).hex()


def op_text(t, o):
    if t in BITMASKS:
        return BITMASK[o.op] + hex(o.value)
    return NUMERIC[o.op] if o.op in (FALSE, TRUE) else NUMERIC[o.op] + str(o.value)


def chains(t, ops, say=op_text):
    """Terms joined to chains: what is OR between, AND within."""
    out = []
    for o in ops:
        if o.and_ and out:
            out[-1] += "&" + say(t, o)
        else:
            out.append(say(t, o))
    return out


def prefix_text(p, six):
    return str((ipaddress.IPv6Address if six else ipaddress.IPv4Address)(p.address)) + f"/{p.length}" \
        + (f"/{p.offset}" if p.offset else "")


def tells_family(rule):
    """Does text() say which family this is?  Without a prefix or a word of its own IPv6 does not."""
    return not ipv6(rule) or any(t <= SOURCE or WORDS6[t] != WORDS[t] or t == FLOW_LABEL for t, _ in rule.parts)


def rd_text(rd):
    kind, body = int.from_bytes(rd[:2], "big"), rd[2:]
    if kind == 0:
        return f"{int.from_bytes(body[:2], 'big')}:{int.from_bytes(body[2:], 'big')}"
    first = ipaddress.IPv4Address(body[:4]) if kind == 1 else int.from_bytes(body[:4], "big")
    return f"{first}:{int.from_bytes(body[4:], 'big')}"


def match_text(rule):
    words = WORDS6 if ipv6(rule) else WORDS
    out = ""
    for t, v in rule.parts:
        if t <= SOURCE:
            value = prefix_text(v, ipv6(rule))
        else:
            terms = chains(t, v)
            value = terms[0] if len(terms) == 1 else "[ " + " ".join(terms) + " ]"
        out += f"{words[t]} {value}; "
    return f"match {{ {out}}}"


def text(rule, action="discard;"):
    """{ ... } as ExaBGP's configuration and API, and our own, take it behind `flow route`."""
    return ("{ " + (f"rd {rd_text(rule.rd)}; " if rule.rd else "") + match_text(rule)
            + (f" then {{ {action} }}" if action else "") + " }")


# ---- What to try -----------------------------------------------------------------------------

ANCHOR = {False: prefix("192.0.2.0/24"), True: prefix("2001:db8:9::/48")}
TOP = {PROTOCOL: 255, ICMP_TYPE: 255, ICMP_CODE: 255, DSCP: 63, FLOW_LABEL: 0xfffff, TCP_FLAGS: 0xfff, FRAGMENT: 0xf}
RDS = ("0000fde800000001", "0001c00002010007", "0002000101000009")


def types(family):
    return range(PROTOCOL, FLOW_LABEL + family.startswith("ipv6"))


def top(family, t):
    if t == DSCP and family.startswith("ipv6"):
        return 255
    if t == FRAGMENT and family.startswith("ipv6"):
        return 0xe
    return TOP.get(t, 0xffff)


def values(family, t):
    """One a width, at the edges."""
    if t == FRAGMENT:
        return (2, 4, 8, 6) + ((1,) if top(family, t) & 1 else ())
    if t == TCP_FLAGS:
        return 2, 0x12, 0xff, 0x100
    return [v for v in (0, 1, 46, 63, 255, 256, 65535, 65536, 0xfffff) if v <= top(family, t)]


def systematic(family):
    """Each component alone with each operator and each width; lists, chains; all of them at once."""
    six = family.startswith("ipv6")
    rules = []

    def add(parts, anchored=True):
        rd = bytes.fromhex(RDS[len(rules) % 3]) if "vpn" in family else b""
        rules.append(make(family, {**({DESTINATION: ANCHOR[six]} if anchored else {}), **parts}, rd))

    lengths = ((0, 1, 7, 8, 31, 32, 33, 64, 127, 128) if six else (0, 1, 7, 8, 9, 23, 24, 25, 31, 32))
    whole = int(ipaddress.ip_address("2001:db8:aa55::1:f00f:1" if six else "198.51.100.165"))
    bits = 128 if six else 32
    for n in lengths:
        p = Prefix(n, 0, whole >> bits - n << bits - n)
        add({DESTINATION: p}, False)
        add({SOURCE: p}, False)
    if six:
        for n, offset in ((128, 120), (128, 64), (64, 32), (65, 1), (127, 126), (48, 47)):
            add({SOURCE: Prefix(n, offset, whole >> bits - n << bits - n & (1 << bits - offset) - 1)})
            add({DESTINATION: Prefix(n, offset, whole >> bits - n << bits - n & (1 << bits - offset) - 1)}, False)
    for t in types(family):
        some = values(family, t)
        for o in (range(4) if t in BITMASKS else range(8)):
            add({t: (Op(o, 0 if o in (FALSE, TRUE) and t not in BITMASKS else some[(o + t) % len(some)]),)})
        for v in some:
            add({t: (Op(EQ, v),)})
        if t in BITMASKS:
            add({t: (Op(ANY, 2), Op(NOT_ANY, 4, True), Op(ALL, 8), Op(NOT_ALL, 6, True))})
        else:
            a, b = some[1], some[-1]
            add({t: tuple(Op(EQ, v) for v in some)})
            add({t: (Op(GE, a), Op(LE, b, True), Op(NE, some[2], True), Op(EQ, some[0]))})
    every = {t: (Op(ALL if t in BITMASKS else EQ, values(family, t)[0]),) for t in types(family)}
    add({SOURCE: prefix("2001:db8:1::/64" if six else "203.0.113.0/25"), **every})
    add({t: tuple(Op(EQ, v) for v in values(family, t)) for t in types(family)}, False)
    fixed = len(nlri(rules[-1]._replace(parts=((DESTINATION, ANCHOR[six]), (PORT, ())))))
    for octets in (239, 240, 255):  # one length octet up to 239, then two
        short = 2 * (octets - fixed) % 3
        long = (octets - fixed - 2 * short) // 3
        add({PORT: tuple(Op(EQ, octets + 256 + i) for i in range(long)) + tuple(Op(EQ, i) for i in range(short))})
    return list(dict.fromkeys(rules))


def compact(family, able):
    """Each component with each operator and each width in few rules, for a peer that is slow to be told; what it
    is not able to be told is left out of them."""
    six = family.startswith("ipv6")
    bits = 128 if six else 32
    whole = int(ipaddress.ip_address("2001:db8:aa55::1:f00f:1" if six else "198.51.100.165"))
    rules = []
    for i in range(16):
        parts = {}
        for t, n in ((DESTINATION, bits - i), (SOURCE, 1 + 7 * i % bits)):
            parts[t] = Prefix(n, 0, whole >> bits - n << bits - n)
        for t in types(family):
            some = values(family, t)
            op = (i + t) % (4 if t in BITMASKS else 8)
            parts[t] = (Op(op, 0 if op in (FALSE, TRUE) and t not in BITMASKS else some[(i + i // 8) % len(some)]),)
        parts = {t: v for t, v in parts.items() if able(make(family, {t: v}))}
        rules.append(make(family, parts, bytes.fromhex(RDS[i % 3]) if "vpn" in family else b""))
    return rules


def at_random(family, count, seed=8955):
    dice = random.Random(f"{family} {seed}")
    six = family.startswith("ipv6")
    bits = 128 if six else 32
    rules = []
    for _ in range(count):
        parts = {}
        for t in dice.sample(range(1, 14 if six else 13), dice.randint(2, 6)):
            if t <= SOURCE:
                n = dice.randint(1, bits)
                offset = dice.randrange(n) if six and dice.random() < .4 else 0
                p = dice.getrandbits(bits) >> bits - n << bits - n & (1 << bits - offset) - 1
                parts[t] = Prefix(n, offset, p)
            else:
                parts[t] = tuple(one(dice, family, t, i) for i in range(dice.randint(1, 4)))
        rules.append(make(family, parts, bytes.fromhex(dice.choice(RDS)) if "vpn" in family else b""))
    return list(dict.fromkeys(rules))


def one(dice, family, t, i):
    limit = top(family, t)
    value = dice.randint(0, limit) & limit & dice.choice((limit, 0xff))  # small ones as often as large ones
    if t in BITMASKS:
        return Op(dice.randrange(4), value or 2, i > 0 and dice.random() < .4)
    op = dice.randrange(8) if dice.random() < .1 else dice.randint(EQ, NE)
    return Op(op, 0 if op in (FALSE, TRUE) else value, i > 0 and dice.random() < .4)


def wide(family):
    """Operands with more octets than their values need: legal, and to be passed on as they came."""
    six = family.startswith("ipv6")
    rd = bytes.fromhex(RDS[0]) if "vpn" in family else b""
    rules = []
    for t in types(family):
        for w in {TCP_FLAGS: (2,), DSCP: (), FRAGMENT: ()}.get(t, (2, 4, 8)):
            rules.append(make(family, {DESTINATION: ANCHOR[six], t: (Op(EQ, 3), Op(EQ, 5 + w, False, w))}, rd))
    return rules
