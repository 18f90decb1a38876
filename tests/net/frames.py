#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Frames of the redirect test: sent, and seen where they come out.

send [-t TTL] [-n OCTETS] [-v] ADDRESS PORT TAG    a datagram that begins with TAG; -v: in a frame with a VLAN tag
see INTERFACE                                      a line for each that comes in: TAG TTL OCTETS DSCP and, if any, vlan
"""
import argparse
import socket
import struct
import sys


def send(arguments):
    """One datagram by the stack, or a frame of our own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-t", type=int, default=64)
    parser.add_argument("-n", type=int, default=64)
    parser.add_argument("-v", nargs=2)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("tag")
    a = parser.parse_args(arguments)
    payload = (a.tag.encode() + b" ").ljust(a.n - 28, b".")
    if a.v:
        return send_tagged(a, payload)
    ipv6 = ":" in a.address
    with socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(*(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS) if ipv6 else (socket.IPPROTO_IP, socket.IP_TTL), a.t)
        s.sendto(payload, (a.address, a.port))


def send_tagged(a, payload):
    """802.1Q, to the interface's and MAC address of -v; IPv4 without a UDP checksum."""
    interface, mac = a.v
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 0, 0, a.t, 17, 0,
                         socket.inet_aton("192.0.2.1"), socket.inet_aton(a.address))
    total = sum(struct.unpack("!10H", header))
    header = header[:10] + struct.pack("!H", ~((total & 0xffff) + (total >> 16)) & 0xffff) + header[12:]
    udp = struct.pack("!4H", 1, a.port, 8 + len(payload), 0)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind((interface, 0))
        s.send(bytes.fromhex(mac.replace(":", "")) + s.getsockname()[4] + b"\x81\x00\x00\x07\x08\x00" + header + udp + payload)


def see(interface):
    """Until it is killed."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((interface, 3))
    s.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA: a VLAN tag is told beside the frame
    while True:
        frame, extra, _, _ = s.recvmsg(65536, 64)
        ipv6 = frame[12:14] == b"\x86\xdd"
        ip, ttl = frame[14:], 7 if ipv6 else 8
        at = 40 if ipv6 else 20
        if frame[12:14] not in (b"\x08\x00", b"\x86\xdd") or ip[6 if ipv6 else 9] != 17:
            continue
        dscp = (struct.unpack("!H", ip[:2])[0] >> 6 & 63) if ipv6 else ip[1] >> 2
        tagged = any(struct.unpack("=I", data[:4])[0] & 0x10 for _, _, data in extra)
        if not ipv6 and checksum(ip[:20]) != 0:
            print("checksum", end=" ")
        tag = ip[at + 8:].split(b" ")[0].decode(errors="replace")
        print(tag, ip[ttl], len(ip), dscp, *["vlan"] * tagged, flush=True)


def checksum(header):
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xffff) + (total >> 16)
    return ~((total & 0xffff) + (total >> 16)) & 0xffff


if __name__ == "__main__":
    {"send": send, "see": lambda rest: see(*rest)}[sys.argv[1]](sys.argv[2:])
