# SPDX-License-Identifier: ISC
"""Each case is a neighbor of its own that does one thing wrong; a good one looks on all the time."""
import os
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from hub import Hub, Tap, until
from peer import (KEEPALIVE, MARKER, OPEN, UPDATE, Closed, Peer, attribute, flow_reach, message,
                  open_message)

HUB = "127.0.0.1"
GOOD = "127.0.1.1"
NEIGHBORS = 130
RULE = bytes.fromhex("0118c00002038106")   # to 192.0.2.0/24, tcp
OTHER = bytes.fromhex("0118c63364038111")  # to 198.51.100.0/24, udp

conf = "".join(f"""
neighbor {address} {{
    router-id 10.0.0.1; local-address {HUB}; local-as 1; peer-as 1; passive true; hold-time 9;
    family {{ ipv4 unicast; ipv4 flow; ipv6 flow; }}
}}
""" for address in [GOOD] + [f"127.0.2.{n}" for n in range(1, NEIGHBORS + 1)])

tap = Tap()
addresses = iter(f"127.0.2.{n}" for n in range(1, NEIGHBORS + 1))
hub = Hub(conf)
good = Peer(GOOD, HUB).establish(router_id="10.0.1.1", hold=0)


def neighbor():
    address = next(addresses)
    return address, Peer(address, HUB)


def established(**how):
    address, p = neighbor()
    how.setdefault("families", ("ipv4-flow", "ipv6-flow"))
    p.establish(router_id="10.0.2." + address.split(".")[3], **how)
    return address, p


def rules_of(address):
    return [r["nlri"] for r in hub.rules() if r["from"] == address]


def all_well():
    assert hub.alive(), "headgated has ended: " + hub.log()[-600:]
    assert good.alive(0.1), "the good neighbor's session is down"


def expect(p, code, subcode, data=None):
    got = p.notification()
    assert got is not None, "no NOTIFICATION"
    assert got[:2] == (code, subcode), f"NOTIFICATION {got}"
    assert data is None or got[2] == data, f"data {got[2].hex()}, expected {data.hex()}"
    all_well()


def before_open(sentence, octets, code, subcode, data=None):
    @tap.case(sentence)
    def _():
        _, p = neighbor()
        p.say(octets)
        expect(p, code, subcode, data)


before_open("garbage: 1/1", b"GET / HTTP/1.0\r\nHost: x\r\n\r\n", 1, 1)
before_open("a wrong marker: 1/1", message(KEEPALIVE, marker=b"\xff" * 15 + b"\0"), 1, 1)
before_open("length 18: 1/2 with the length", MARKER + b"\0\x12\x04", 1, 2, b"\0\x12")
before_open("length 4097: 1/2 with the length", MARKER + b"\x10\x01\x02", 1, 2, b"\x10\x01")
before_open("an OPEN of length 19: 1/2", message(OPEN), 1, 2, b"\0\x13")
before_open("an unknown type: 1/3 with the type", message(9), 1, 3, b"\x09")
before_open("another version: 2/1 with ours", open_message(version=3), 2, 1, b"\0\x04")
before_open("a wrong AS: 2/2", open_message(asn=2), 2, 2)
before_open("router-id 0: 2/3", open_message(router_id="0.0.0.0"), 2, 3)
before_open("hold time 2: 2/6", open_message(hold=2), 2, 6)
before_open("an UPDATE instead of an OPEN: 5/1", flow_reach([RULE]), 5, 1)


@tap.case("a header cut short, and then the end")
def _():
    _, p = neighbor()
    p.say(MARKER[:7])
    p.close()
    time.sleep(0.2)
    all_well()


@tap.case("a peer without any family of ours: 2/7")
def _():
    _, p = neighbor()
    parameter = bytes([2, 6]) + bytes([1, 4, 0, 25, 0, 65])  # l2vpn vpls
    p.say(message(OPEN, struct.pack("!BHH", 4, 1, 90) + bytes([10, 0, 2, 99, len(parameter)]) + parameter))
    expect(p, 2, 7)


@tap.case("a stranger's connection is closed")
def _():
    p = Peer("127.0.9.9", HUB)
    try:
        p.say(open_message())
        while p.hear(3):
            pass
        raise AssertionError("still open")
    except (Closed, BrokenPipeError, ConnectionResetError):
        pass
    all_well()


@tap.case("a second connection of an established neighbor: Cease, collision; the first stays")
def _():
    address, first = established()
    second = Peer(address, HUB)
    second.say(open_message(router_id="10.0.2." + address.split(".")[3]))
    expect(second, 6, 7)
    assert first.alive(), "the first session is down"


@tap.case("an UPDATE cut at every octet ends at most its own session")
def _():
    whole = flow_reach([RULE, OTHER])
    for size in range(19, len(whole)):
        address, p = established()
        p.say(message(UPDATE, whole[19:size]))
        p.alive(0.02)
        assert rules_of(address) == [], f"{size} octets made {rules_of(address)}"
        p.close()
        assert hub.alive(), f"headgated has ended after {size} octets"
    address, p = established()
    p.say(whole)
    assert until(lambda: len(rules_of(address)) == 2), "the whole UPDATE is not taken"
    all_well()


def malformed(sentence, raw, family="ipv4-flow"):
    @tap.case(sentence)
    def _():
        address, p = established()
        p.say(flow_reach([RULE]))
        assert until(lambda: rules_of(address)), "the good rule is not there"
        good_nlri = bytes([len(RULE)]) + RULE if family == "ipv4-flow" else b""
        p.say(flow_reach([], family, raw=good_nlri + raw))
        p.say(flow_reach([OTHER]))
        assert until(lambda: len(rules_of(address)) >= 1 and
                     (family != "ipv4-flow" or "0118c00002038106" not in str(rules_of(address)))), \
            "the malformed UPDATE did not withdraw its rules"
        assert until(lambda: "0118c63364038111" in str(rules_of(address))), "the next UPDATE is not taken"
        assert p.alive(), "the session is down"
        all_well()


malformed("an NLRI of length zero: its UPDATE's rules are withdrawn, the session stays", b"\0")
malformed("an unknown component: the same", bytes.fromhex("03" "0e8101"))
malformed("descending types: the same", bytes.fromhex("08" "038106" "0118c00002"))
malformed("a prefix of 33 bits: the same", bytes.fromhex("07" "0121c000020001"))
malformed("an operator list without its end: the same", bytes.fromhex("03" "030106"))
malformed("an IPv6 offset beyond the length: the same", bytes.fromhex("07" "01204120010db8"), "ipv6-flow")


@tap.case("an NLRI that overruns its attribute: 3/x, the session ends, the daemon lives")
def _():
    _, p = established()
    p.say(flow_reach([], raw=b"\x40" + RULE))
    got = p.notification()
    assert got is not None and got[0] == 3, f"NOTIFICATION {got}"
    all_well()


@tap.case("a duplicate MP_REACH_NLRI: 3/1")
def _():
    _, p = established()
    mp = attribute(14, struct.pack("!HBB", 1, 133, 0) + b"\0" + bytes([len(OTHER)]) + OTHER, 0x80)
    p.say(flow_reach([RULE], more=mp))
    expect(p, 3, 1)


@tap.case("an origin of 3: withdrawn, the session stays")
def _():
    address, p = established()
    attrs = attribute(1, b"\x03") + attribute(2, b"") + attribute(5, struct.pack("!I", 100))
    attrs += attribute(14, struct.pack("!HBB", 1, 133, 0) + b"\0" + bytes([len(RULE)]) + RULE, 0x80)
    p.say(flow_reach([RULE]))
    assert until(lambda: rules_of(address))
    p.say(message(UPDATE, struct.pack("!HH", 0, len(attrs)) + attrs))
    assert until(lambda: not rules_of(address)), "the rule is still there"
    assert p.alive()
    all_well()


@tap.case("a peer that stops reading does not hold up the others, and is dropped in time")
def _():
    address = next(addresses)
    p = Peer(address, HUB, window=4096)
    p.establish(router_id="10.0.2.88", hold=9, families=("ipv4-flow",))
    begin = time.monotonic()
    commands = "".join(
        f"announce flow route {{ match {{ destination 10.{n >> 8 & 255}.{n & 255}.0/24; }} then {{ discard; }} }}\n"
        for n in range(20000))
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    s.connect(hub.socket)
    answers = 0
    for at in range(0, len(commands), 65536):
        s.sendall(commands[at:at + 65536].encode())
        while answers < commands[:at].count("\n"):
            answers += s.recv(65536).count(b"\n")
    while answers < 20000:
        answers += s.recv(65536).count(b"\n")
    s.close()
    took = time.monotonic() - begin
    assert took < 25, f"{took:.1f} s"
    fresh = Peer(next(addresses), HUB).establish(router_id="10.0.2.89", hold=0, families=("ipv4-flow",))
    got = fresh.changes(quiet=1, timeout=20)
    assert len(got) >= 20000, f"{len(got)} rules at the neighbor that reads"
    # What it had not read stays unread; nothing of ours is read either, so its keepalives stop.
    assert until(lambda: hub.neighbor(address)["state"] != "established", 30), "still established"
    hub.run("withdraw", "all")
    all_well()


@tap.case("the hold timer of a silent peer: 4/0")
def _():
    _, p = established(hold=3)
    got = p.notification(6)
    assert got is not None and got[:2] == (4, 0), f"NOTIFICATION {got}"
    all_well()


status = tap.run()
hub.end()
sys.exit(status)
