# SPDX-License-Identifier: ISC
"""The rules of a file through ExaBGP's own classes: prints "WORK NANOSECONDS" a rule, the best of some rounds.

usage: flow_exabgp.py FILE, with "FAMILY HEX" of each rule on standard input
"""
import sys
import time

from exabgp.configuration.setup import environment

environment.setup("").log.enable = False

from exabgp.bgp.message.direction import IN  # noqa: E402  (reads the environment)
from exabgp.bgp.message.update.nlri.flow import Flow  # noqa: E402
from exabgp.configuration.configuration import Configuration  # noqa: E402
from exabgp.protocol.family import AFI, SAFI  # noqa: E402

ROUNDS, PASSES, COPIES = 50, 6, 40
NEIGHBOR = """neighbor 127.0.0.1 { router-id 192.0.2.1; local-address 127.0.0.1; local-as 1; peer-as 1;
 family { ipv4 flow; ipv6 flow; } flow { %s } }
"""


def best(work, rules, passes=PASSES, rounds=ROUNDS):
    took = []
    for _ in range(rounds):
        begin = time.perf_counter_ns()
        for _ in range(passes):
            work()
        took.append(time.perf_counter_ns() - begin)
    return min(took) / passes / rules


def read_file(texts):
    if Configuration([NEIGHBOR % "\n".join(f"route {{ {t} then {{ discard; }} }}" for t in texts)], text=True).reload() \
            is not True:
        sys.exit("exabgp does not read the rules")


def main():
    with open(sys.argv[1]) as f:
        texts = [line.split(" | ")[1] for line in f if not line.startswith("#")]
    octets = [(AFI.ipv6 if family == "ipv6" else AFI.ipv4, bytes.fromhex(text))
              for family, text in map(str.split, sys.stdin)]
    decoded = [Flow.unpack_nlri(afi, SAFI.flow_ip, o, IN.ANNOUNCED, False)[0] for afi, o in octets]
    assert all(n.pack_nlri() == o for n, (_, o) in zip(decoded, octets))
    print("decode-walk", best(lambda: [Flow.unpack_nlri(afi, SAFI.flow_ip, o, IN.ANNOUNCED, False)
                                       for afi, o in octets], len(octets)))
    print("encode", best(lambda: [n.pack_nlri() for n in decoded], len(octets)))
    print("print", best(lambda: [str(n) for n in decoded], len(octets)))
    empty = best(lambda: read_file(texts[:1]), 1, 3, 7)
    whole = best(lambda: read_file(texts * COPIES), 1, 1, 7)
    print("parse", (whole - empty) / (len(texts) * COPIES - 1))


main()
