#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""rules - random well-formed NLRIs with their length octets, in hex, one a line

Usage: rules.py FAMILY COUNT shortest|any      operands in the fewest octets, or in any number
"""
import random
import sys

WIDTHS = {9: (0, 1), 11: (0,), 12: (0,)}  # log2 of octets where RFC 8955 4.2.2 says MUST


def prefix(bits, ipv6):
    length = random.randint(0, bits)
    offset = random.randrange(length) if ipv6 and length and random.random() < .5 else 0
    used = length - offset
    octets = (used + 7) // 8
    pattern = random.getrandbits(used) << (octets * 8 - used) if used else 0
    return bytes([length] + [offset] * ipv6) + pattern.to_bytes(octets, "big")


def operators(type_, ipv6):
    count = random.randint(1, 4)
    widths = WIDTHS.get(type_, (0, 0, 1, 1, 2, 3) if ANY else (0, 1))
    out = b""
    for i in range(count):
        log = random.choice(widths)
        top = {9: 0xfff, 11: 0x3f, 12: 0xe if ipv6 else 0xf}.get(type_, (1 << (8 << log)) - 1)
        value = random.randint(0, min(top, (1 << (8 << log)) - 1))
        if not ANY and value < 256:
            log = 0
        op = random.randrange(4 if type_ in (9, 12) else 8)
        op |= log << 4 | (0x40 if i and random.random() < .4 else 0) | (0x80 if i == count - 1 else 0)
        out += bytes([op]) + value.to_bytes(1 << log, "big")
    return out


def nlri(family):
    ipv6 = "ipv6" in family
    types = range(1, 14 if ipv6 else 13)
    out = bytes.fromhex("0000fde8") + random.randbytes(4) if "vpn" in family else b""
    for t in sorted(random.sample(types, random.randint(1, 5))):
        out += bytes([t]) + (prefix(128 if ipv6 else 32, ipv6) if t < 3 else operators(t, ipv6))
    length = bytes([len(out)]) if len(out) < 240 else (0xf000 | len(out)).to_bytes(2, "big")
    return length + out


ANY = sys.argv[3] == "any"
random.seed(8955)
for _ in range(int(sys.argv[2])):
    print(nlri(sys.argv[1]).hex())
