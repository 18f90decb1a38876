# SPDX-License-Identifier: ISC
"""A BGP peer that says what a test wants, right or wrong, and remembers what it heard.

Standard library only.  Nothing here waits longer than it is told to.
"""
import socket
import struct
import time

MARKER = b"\xff" * 16
OPEN, UPDATE, NOTIFICATION, KEEPALIVE, REFRESH = 1, 2, 3, 4, 5
FAMILIES = {"ipv4": (1, 1), "ipv6": (2, 1), "ipv4-flow": (1, 133), "ipv6-flow": (2, 133)}
DISCARD = bytes.fromhex("8006000000000000")


def message(kind, body=b"", length=None, marker=MARKER):
    return marker + struct.pack("!HB", len(body) + 19 if length is None else length, kind) + body


def capability(code, data=b""):
    return bytes([code, len(data)]) + data


def open_message(asn=1, router_id="10.0.0.9", hold=90, families=("ipv4-flow",), as4=True, version=4):
    caps = b"".join(
        capability(1, struct.pack("!HBB", FAMILIES[f][0], 0, FAMILIES[f][1])) for f in families)
    caps += capability(2)
    if as4:
        caps += capability(65, struct.pack("!I", asn))
    parameter = bytes([2, len(caps)]) + caps
    short = asn if asn < 65536 else 23456
    return message(OPEN, struct.pack("!BHH", version, short, hold) + socket.inet_aton(router_id)
                   + bytes([len(parameter)]) + parameter)


def attribute(code, value, flags=0x40):
    if len(value) > 255:
        return bytes([flags | 0x10, code]) + struct.pack("!H", len(value)) + value
    return bytes([flags, code, len(value)]) + value


def length_octets(nlri):
    return bytes([len(nlri)]) if len(nlri) < 240 else struct.pack("!H", 0xf000 | len(nlri))


def flow_reach(nlris, family="ipv4-flow", actions=DISCARD, path=b"", local_pref=100, next_hop=b"",
               raw=None, more=b""):
    """An UPDATE that announces NLRIs (without their length octets), or the octets of raw."""
    afi, safi = FAMILIES[family]
    body = raw if raw is not None else b"".join(length_octets(n) + n for n in nlris)
    attrs = attribute(1, b"\0") + attribute(2, path)
    if local_pref is not None:
        attrs += attribute(5, struct.pack("!I", local_pref))
    attrs += more
    attrs += attribute(14, struct.pack("!HBB", afi, safi, len(next_hop)) + next_hop + b"\0" + body, 0x80)
    if actions:
        attrs += attribute(16, actions, 0xc0)
    return message(UPDATE, struct.pack("!HH", 0, len(attrs)) + attrs)


def flow_unreach(nlris, family="ipv4-flow"):
    afi, safi = FAMILIES[family]
    body = b"".join(length_octets(n) + n for n in nlris)
    attrs = attribute(15, struct.pack("!HB", afi, safi) + body, 0x80)
    return message(UPDATE, struct.pack("!HH", 0, len(attrs)) + attrs)


def as_sequence(*numbers):
    return bytes([2, len(numbers)]) + b"".join(struct.pack("!I", n) for n in numbers)


class Closed(Exception):
    pass


class Peer:
    """One connection.  local and remote are addresses of the namespace the test made."""

    def __init__(self, local, remote, port=179, timeout=5, connection=None, window=None):
        if connection is None:
            kind = socket.AF_INET6 if ":" in local else socket.AF_INET
            connection = socket.socket(kind, socket.SOCK_STREAM)
            if window:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            connection.settimeout(timeout)
            connection.bind((local, 0))
            connection.connect((remote, port))
        connection.settimeout(timeout)
        self.socket = connection
        self.heard = b""
        self.opened = None

    def close(self):
        self.socket.close()

    def say(self, octets):
        self.socket.sendall(octets)

    def hear(self, timeout=5):
        """The next message as (type, body); Closed at the end of the connection; None when time is up."""
        end = time.monotonic() + timeout
        while True:
            if len(self.heard) >= 19:
                length = struct.unpack("!H", self.heard[16:18])[0]
                if len(self.heard) >= length:
                    whole, self.heard = self.heard[:length], self.heard[length:]
                    return whole[18], whole[19:]
            left = end - time.monotonic()
            if left <= 0:
                return None
            self.socket.settimeout(left)
            try:
                more = self.socket.recv(65536)
            except (socket.timeout, TimeoutError):
                return None
            except ConnectionError as e:
                raise Closed(str(e))
            if not more:
                raise Closed("end")
            self.heard += more

    def hear_kind(self, kind, timeout=5):
        """The next message of this kind, others passed over; a NOTIFICATION or the end is an error."""
        end = time.monotonic() + timeout
        while True:
            got = self.hear(max(0.01, end - time.monotonic()))
            if got is None:
                raise AssertionError(f"no message of type {kind} in {timeout} s")
            if got[0] == kind:
                return got[1]
            if got[0] == NOTIFICATION:
                raise AssertionError(f"NOTIFICATION {got[1].hex()}")

    def establish(self, **how):
        self.say(open_message(**how))
        self.opened = self.hear_kind(OPEN)
        self.say(message(KEEPALIVE))
        self.hear_kind(KEEPALIVE)
        return self

    def end_of_rib(self, *families):
        for f in families:
            self.say(flow_unreach([], f))

    def notification(self, timeout=5):
        """(code, subcode, data) of the NOTIFICATION that ends the session; None if there was none."""
        end = time.monotonic() + timeout
        try:
            while time.monotonic() < end:
                got = self.hear(end - time.monotonic())
                if got and got[0] == NOTIFICATION:
                    return got[1][0], got[1][1], got[1][2:]
        except Closed:
            pass
        return None

    def alive(self, seconds=0.3):
        """Neither a NOTIFICATION nor the end within that time."""
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                got = self.hear(end - time.monotonic())
                if got and got[0] == NOTIFICATION:
                    return False
        except Closed:
            return False
        return True

    def changes(self, quiet=0.5, timeout=5):
        """What UPDATEs announce and withdraw until it is quiet: [("+" or "-", family, nlri, attributes)]."""
        found = []
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            got = self.hear(quiet)
            if got is None:
                break
            if got[0] == UPDATE:
                found += read_update(got[1])
            elif got[0] == NOTIFICATION:
                raise AssertionError(f"NOTIFICATION {got[1].hex()}")
        return found


def read_attributes(octets):
    attrs = {}
    while octets:
        flags, code = octets[0], octets[1]
        if flags & 0x10:
            size, at = struct.unpack("!H", octets[2:4])[0], 4
        else:
            size, at = octets[2], 3
        attrs[code] = octets[at:at + size]
        octets = octets[at + size:]
    return attrs


def split_flow(octets):
    while octets:
        size, at = octets[0], 1
        if size >= 0xf0:
            size, at = struct.unpack("!H", octets[:2])[0] & 0xfff, 2
        yield octets[at:at + size]
        octets = octets[at + size:]


def split_unicast(octets):
    while octets:
        size = 1 + (octets[0] + 7) // 8
        yield octets[:size]
        octets = octets[size:]


def read_update(body):
    withdrawn = struct.unpack("!H", body[:2])[0]
    total = struct.unpack("!H", body[2 + withdrawn:4 + withdrawn])[0]
    attrs = read_attributes(body[4 + withdrawn:4 + withdrawn + total])
    found = [("-", "ipv4", n, {}) for n in split_unicast(body[2:2 + withdrawn])]
    names = {v: k for k, v in FAMILIES.items()}
    if 15 in attrs:
        afi, safi = struct.unpack("!HB", attrs[15][:3])
        split = split_flow if safi == 133 else split_unicast
        found += [("-", names[afi, safi], n, {}) for n in split(attrs[15][3:])]
    if 14 in attrs:
        afi, safi, hop = struct.unpack("!HBB", attrs[14][:4])
        split = split_flow if safi == 133 else split_unicast
        attrs["next-hop"] = attrs[14][4:4 + hop]
        found += [("+", names[afi, safi], n, attrs) for n in split(attrs[14][5 + hop:])]
    found += [("+", "ipv4", n, attrs) for n in split_unicast(body[4 + withdrawn + total:])]
    return found
