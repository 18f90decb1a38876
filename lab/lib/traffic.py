# SPDX-License-Identifier: ISC
"""Traffic without a connection, sent and counted outside the stack of TCP.

  traffic.py send --source A --destination B --port P (--count N | --rate OCTETS --seconds S)
      TCP segments of 1,000 octets (IP header included), as many or as fast as asked
  traffic.py count --interface I --source A --port P --seconds S [--skip S]
      what arrives of it there in S seconds from the first: packets, octets (IP packet), octets a second
      without the first --skip seconds, and the DSCPs that were seen
  traffic.py flows --interface I --every S
      a flow exporter: one line a flow and interval, "SOURCE DESTINATION PORT PACKETS", connects (SYN) only"""

import argparse
import collections
import ipaddress
import json
import select
import socket
import struct
import time

SIZE = 1000
PATIENCE = 5  # seconds to wait for the first packet
SYN, ACK = 2, 16
ETH_P_ALL = 3


def checksum(octets):
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(source, destination, port):
    """An IP packet of SIZE octets with a TCP segment in it: no connection, just its looks."""
    header = 20 if source.version == 4 else 40
    fields = [40000, port, 1, 1, 5 << 4, ACK, 1024]
    data = bytes(SIZE - header - 20)
    pseudo = source.packed + destination.packed + struct.pack("!II", 20 + len(data), 6)
    tcp = struct.pack("!HHIIBBHHH", *fields, checksum(pseudo + struct.pack("!HHIIBBHHH", *fields, 0, 0) + data), 0)
    if source.version == 4:
        first = struct.pack("!BBHHHBBH", 0x45, 0, SIZE, 0, 0, 64, 6, 0)
    else:
        first = struct.pack("!IHBB", 6 << 28, SIZE - 40, 6, 64)
    return first + source.packed + destination.packed + tcp + data


def send(args):
    source, destination = ipaddress.ip_address(args.source), ipaddress.ip_address(args.destination)
    octets = packet(source, destination, args.port)
    family = socket.AF_INET if source.version == 4 else socket.AF_INET6
    count = args.count or args.rate * args.seconds // SIZE
    gap = SIZE / args.rate if args.rate else 0
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        start = time.monotonic()
        for number in range(count):
            time.sleep(max(0, start + number * gap - time.monotonic()))
            sock.sendto(octets, (str(destination), 0))
        took = time.monotonic() - start
    print(f"sent {count} packets, {count * SIZE / took if gap else 0:.0f} octets/s")


Segment = collections.namedtuple("Segment", "source destination port flags octets dscp")


def segment(frame):
    """The TCP segment in an Ethernet frame, or None. Knows no options in front of TCP but IPv4's."""
    kind, ip = struct.unpack("!H", frame[12:14])[0], frame[14:]
    if kind == 0x0800 and ip[9] == 6:
        header, length, addresses = (ip[0] & 15) * 4, struct.unpack("!H", ip[2:4])[0], (ip[12:16], ip[16:20])
    elif kind == 0x86DD and ip[6] == 6:
        header, length, addresses = 40, 40 + struct.unpack("!H", ip[4:6])[0], (ip[8:24], ip[24:40])
    else:
        return None
    port = struct.unpack("!H", ip[header + 2:header + 4])[0]
    dscp = (struct.unpack("!H", ip[:2])[0] >> (2 if kind == 0x0800 else 6)) & 63
    return Segment(*(ipaddress.ip_address(address) for address in addresses), port, ip[header + 13], length, dscp)


def segments(interface):
    """Yields (time, segment), and (time, None) ten times a second at least."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as sock:
        sock.bind((interface, ETH_P_ALL))
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([sock], [], [], 0.1)
            yield time.monotonic(), segment(sock.recv(65535)) if ready else None


def count(args):
    source, end, first = ipaddress.ip_address(args.source), time.monotonic() + PATIENCE, 0
    packets = octets = steady = 0
    dscp = set()
    for now, found in segments(args.interface):
        if now >= end:
            break
        if not found or found.source != source or found.port != args.port:
            continue
        if packets == 0:
            first, end = now, now + args.seconds
        packets += 1
        octets += found.octets
        dscp.add(found.dscp)
        steady += found.octets if now >= first + args.skip else 0
    print(json.dumps({"packets": packets, "octets": octets, "rate": round(steady / (args.seconds - args.skip)),
                      "dscp": sorted(dscp)}))


def flows(args):
    tally, due = collections.Counter(), time.monotonic() + args.every
    for now, found in segments(args.interface):
        if found and found.flags & (SYN | ACK) == SYN:
            tally[found.source, found.destination, found.port] += 1
        if now >= due:
            for key, packets in tally.items():
                print(*key, packets)
            print("end", flush=True)
            tally.clear()
            due = now + args.every


def main():
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(dest="verb", required=True)
    sender, counter, exporter = (verbs.add_parser(verb) for verb in ("send", "count", "flows"))
    for verb in (sender, counter):
        verb.add_argument("--source", required=True)
        verb.add_argument("--port", type=int, required=True)
        verb.add_argument("--seconds", type=int)
    sender.add_argument("--destination", required=True)
    sender.add_argument("--count", type=int, default=0)
    sender.add_argument("--rate", type=int, default=0)
    counter.add_argument("--skip", type=float, default=0)
    counter.add_argument("--interface", required=True)
    exporter.add_argument("--interface", required=True)
    exporter.add_argument("--every", type=float, default=0.5)
    args = parser.parse_args()
    {"send": send, "count": count, "flows": flows}[args.verb](args)


main()
