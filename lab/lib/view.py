# SPDX-License-Identifier: ISC
"""view.py summary|flowspec 4|6: headgate's JSON lines (stdin) in the shape of the write-up's router.

summary takes "headgate show neighbors -j", flowspec "headgate show rules -j". A rule without a next hop is
shown with the zero address, as that router does it; columns of that router which headgate has no value for
(TblVer, Weight) are left out. A neighbor that the write-up's table does not have is marked with a star."""

import ipaddress
import json
import re
import sys

WRITE_UP = {"r1", "r2", "r3", "controller"}
COMPONENTS = {  # ExaBGP's word: the router's, for IPv4 and IPv6
    "destination": ("Dest", "Dest"),
    "source": ("Source", "Source"),
    "protocol": ("Proto", "NH"),
    "next-header": ("Proto", "NH"),
    "port": ("Port", "Port"),
    "destination-port": ("DPort", "DPort"),
    "source-port": ("SPort", "SPort"),
    "icmp-type": ("ICMPType", "ICMPType"),
    "icmp-code": ("ICMPCode", "ICMPCode"),
    "tcp-flags": ("TCPFlags", "TCPFlags"),
    "packet-length": ("Length", "Length"),
    "dscp": ("DSCP", "DSCP"),
    "traffic-class": ("DSCP", "DSCP"),
    "fragment": ("Frag", "Frag"),
    "flow-label": ("FlowLabel", "FlowLabel"),
}
NUMBERS = {"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58"}


def duration(seconds):
    seconds = int(seconds)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def summary_row(line):
    up = line["state"] == "established"
    name = line.get("description") or ""
    mark = "" if name in WRITE_UP else "*"
    cells = [line["neighbor"], "4", line["remote-as"], line["messages-received"], line["messages-sent"],
             line["in-queue"], line["out-queue"], duration(line["up-seconds"]) if up else "never",
             line["received"] if up else line["state"].capitalize()]
    return "{:<30}{} {:>10} {:>7} {:>7} {:>4} {:>4} {:>8} {:<12} ".format(*cells) + f"{mark}{name}"


def summary(lines, version):
    print(f"{'Neighbor':<30}V {'AS':>10} MsgRcvd MsgSent  InQ OutQ  Up/Down State/PfxRcd")
    for line in lines:
        if ipaddress.ip_address(line["neighbor"]).version == version:
            print(summary_row(line).rstrip())
    print("* not in the write-up's table: r2's flow speaker and p5's own BIRD")


def value_text(word, value, version):
    value = value.strip("[] ")
    if word in ("destination", "source"):
        if version == 6:
            prefix, length, *offset = value.split("/")
            return f"{prefix}/{offset[0] if offset else 0}-{length}"
        return value
    return re.sub(r"[a-z][a-z0-9]*", lambda name: NUMBERS.get(name.group(), name.group()), value)


def components(rule, version):
    inside = re.search(r"match\s*\{([^}]*)\}", rule)
    for statement in (inside.group(1) if inside else "").split(";"):
        if statement.strip():
            word, _, value = statement.strip().partition(" ")
            name = COMPONENTS[word][version == 6] if word in COMPONENTS else word
            value = value_text(word, value, version)
            yield f"{name}:{value}"


def internal(line):
    """Learnt from a neighbor in our own AS; such a path of the lab has crossed no other."""
    try:
        ipaddress.ip_address(line["from"])
    except ValueError:
        return False
    return not line["as-path"]


def flowspec(lines, version):
    print(" Network          Next Hop            Metric LocPrf Path")
    for line in lines:
        if not line["family"].startswith(f"ipv{version}"):
            continue
        status = ("*" if line["valid"] else " ") + (">" if line["best"] else " ") + ("i" if internal(line) else " ")
        next_hop = line["next-hop"] or ("::" if version == 6 else "0.0.0.0")
        path = f"{line['as-path']} {line['origin']}".strip()
        print(f" {status} {','.join(components(line['rule'], version))}")
        print(f"{'':18}{next_hop:<20}{line.get('med', ''):>6} {line['local-preference']:>6} {path}")


def main():
    lines = [json.loads(line) for line in sys.stdin if line.strip()]
    {"summary": summary, "flowspec": flowspec}[sys.argv[1]](lines, int(sys.argv[2]))


main()
