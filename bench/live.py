# SPDX-License-Identifier: ISC
"""Nanoseconds of CPU time a frame on its way in: ours beside a bare XDP drop, nftables, and ipset.

live.c sends frames through the receive path of one end of a veth pair.  Behind XDP, and for the rivals,
what no rule matches is dropped by an empty chain of nftables at the same hook, so that a miss is a frame
received and no walk up the stack.  `nft dispatch` leads from the destination's chain by an interval map,
and each chain ends in that of the prefix around it; `nft linear` is one rule after the other; `ipset` groups
rules in sets by what they ask for, as FRR does, and has the rest one after the other.  Arguments: numbers of rules.
"""
import ipaddress
import os
import shutil
import subprocess
import sys
from collections import namedtuple

FOLDER = os.path.join(os.environ["HEADGATE_BUILD"], "bench")
LIVE, OBJECT = os.path.join(FOLDER, "live_bench"), os.path.join(FOLDER, "plan.bpf.o")
SIZES = tuple(map(int, sys.argv[1:])) or (10, 100, 1000, 10000, 100000)
ROUNDS = os.environ.get("BENCH_ROUNDS", "5 100").split()  # how many, milliseconds of CPU time of each
SECONDS = 60  # to load a rule set in
LINEAR_MAX = 10000
INTERFACE = "live0"
TRACES = ("hit", "miss outside", "miss inside")
NAMES = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}
ANY = (0, 65535)

Rule = namedtuple("Rule", "destination source protocol to_ports from_ports icmp flags lengths dscp fragment")


def run(command, text=None):
    return subprocess.run(command, input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True,
                          timeout=SECONDS).stdout


def read_rules(count, family):
    def read(line):
        words = line.split()
        prefixes = [None if word == "-" else ipaddress.ip_network(word) for word in words[:2]]
        pairs = [tuple(map(int, words[i].split("-"))) for i in (3, 4, 7)]
        return Rule(*prefixes, int(words[2]), pairs[0], pairs[1], int(words[5]), int(words[6]), pairs[2],
                    int(words[8]), int(words[9]))
    return [read(line) for line in run([LIVE, OBJECT, "rules", str(count), str(family)]).splitlines()]


def span(pair):
    return f"{pair[0]}-{pair[1]}" if pair[0] != pair[1] else str(pair[0])


# nftables

def nft_match(rule, family):
    ip = "ip" if family == 4 else "ip6"
    words = [f"{ip} {way} {prefix}" for way, prefix in (("daddr", rule.destination), ("saddr", rule.source)) if prefix]
    if rule.fragment:
        words.append("ip frag-off & 0x1fff != 0" if family == 4 else "exthdr frag exists")
    if rule.protocol:
        words.append(f"meta l4proto {rule.protocol}")
    for way, pair in (("dport", rule.to_ports), ("sport", rule.from_ports)):
        if pair != ANY:
            words.append(f"th {way} {span(pair)}")
    if rule.icmp:
        words.append(f"{NAMES[rule.protocol]} type {rule.icmp}")
    if rule.flags:
        words.append(f"tcp flags & {rule.flags} == {rule.flags}")
    if rule.lengths != ANY:
        less = 0 if family == 4 else 40
        words.append(f"{ip} length {span([n - less for n in rule.lengths])}")
    if rule.dscp >= 0:
        words.append(f"{ip} dscp {rule.dscp}")
    return " ".join(words + ["counter drop"])


def hook(lines):
    return [f"chain in {{ type filter hook ingress device {INTERFACE} priority 0; policy drop;", *lines, "}"]


def nft_linear(rules, family):
    return hook(nft_match(rule, family) for rule in rules)


def disjoint(prefixes):
    """Ranges of addresses, each with the longest prefix around it."""
    ranges, open_ones, at = [], [], 0

    def until(end):
        nonlocal at
        if open_ones and at < end:
            ranges.append((at, end - 1, open_ones[-1]))
        at = max(at, end)

    def close_before(address):
        while open_ones and int(open_ones[-1].broadcast_address) < address:
            until(int(open_ones[-1].broadcast_address) + 1)
            open_ones.pop()

    parents = {}
    for prefix in sorted(prefixes, key=lambda p: (int(p.network_address), p.prefixlen)):
        close_before(int(prefix.network_address))
        until(int(prefix.network_address))
        parents[prefix] = open_ones[-1] if open_ones else None
        at = int(prefix.network_address)
        open_ones.append(prefix)
    close_before(1 << 130)
    return ranges, parents


def nft_dispatch(rules, family):
    chains = {}
    for rule in rules:
        chains.setdefault(rule.destination, []).append(nft_match(rule, family))
    ranges, parents = disjoint([prefix for prefix in chains if prefix])
    names = {prefix: f"c{i}" for i, prefix in enumerate(chains) if prefix}
    names[None] = "everyone"
    lines = ["chain everyone {", *chains.pop(None, []), "}"]
    for prefix in sorted(chains, key=lambda p: p.prefixlen):
        lines += [f"chain {names[prefix]} {{", *chains[prefix], f"goto {names[parents[prefix]]}", "}"]
    address = ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address
    elements = ", ".join(f"{address(lo)}-{address(hi)} : goto {names[prefix]}" if lo != hi else
                         f"{address(lo)} : goto {names[prefix]}" for lo, hi, prefix in ranges)
    word, kind = ("ip", "ipv4_addr") if family == 4 else ("ip6", "ipv6_addr")
    lines.append(f"map to {{ type {kind} : verdict; flags interval; elements = {{ {elements} }} }}")
    return lines + hook([f"{word} daddr vmap @to", "goto everyone"])


def nft_load(lines):
    run(["nft", "-f", "-"], "table netdev live {\n" + "\n".join(lines) + "\n}\n")


def nft_clear():
    subprocess.run(["nft", "delete", "table", "netdev", "live"], stderr=subprocess.DEVNULL, check=False)


# iptables and ipset

def ipset_of(rule):
    """The set that has such rules, its elements, and how iptables asks it; None: no set has them."""
    asks = [rule.to_ports != ANY, rule.from_ports != ANY]
    more = rule.icmp or rule.flags or rule.lengths != ANY or rule.dscp >= 0 or rule.fragment
    if more or not rule.destination or rule.source:
        return None
    if not rule.protocol:
        return "net", str(rule.destination), "dst"
    if sum(asks) != 1 or rule.protocol not in (6, 17):
        return None
    pair = rule.to_ports if asks[0] else rule.from_ports
    if pair[0] != pair[1]:
        return None
    return ("to" if asks[0] else "from", f"{rule.destination},{NAMES[rule.protocol]}:{pair[0]}",
            "dst,dst" if asks[0] else "dst,src")


def iptables_match(rule):
    words = []
    for flag, prefix in (("-d", rule.destination), ("-s", rule.source)):
        if prefix:
            words += [flag, str(prefix)]
    if rule.protocol:
        words += ["-p", NAMES.get(rule.protocol, str(rule.protocol))]
    for flag, pair in (("--dport", rule.to_ports), ("--sport", rule.from_ports)):
        if pair != ANY:
            words += [flag, f"{pair[0]}:{pair[1]}"]
    if rule.icmp:
        words += ["--icmp-type" if rule.protocol == 1 else "--icmpv6-type", str(rule.icmp)]
    if rule.flags:
        words += ["--tcp-flags", "SYN", "SYN"]
    if rule.lengths != ANY:
        words += ["-m", "length", "--length", f"{rule.lengths[0]}:{rule.lengths[1]}"]
    if rule.dscp >= 0:
        words += ["-m", "dscp", "--dscp", str(rule.dscp)]
    if rule.fragment:
        words += ["-f"]
    return " ".join(words)


def ipset_load(rules, _family):
    sets, asked, rest = {}, {}, []
    for rule in rules:
        found = ipset_of(rule)
        if found:
            sets.setdefault(found[0], set()).add(found[1])
            asked[found[0]] = found[2]
        elif rule.destination or rule.source:
            rest.append(rule)
    kinds = {"net": "hash:net", "to": "hash:net,port", "from": "hash:net,port"}
    run(["ipset", "restore"], "".join([f"create {name} {kinds[name]} maxelem 1000000\n" + "".join(
        f"add {name} {element}\n" for element in elements) for name, elements in sets.items()]))
    lines = [f"-A PREROUTING -m set --match-set {name} {ways} -j DROP" for name, ways in asked.items()]
    lines += [f"-A PREROUTING {iptables_match(rule)} -j DROP" for rule in rest]
    run(["iptables-restore"], "*raw\n" + "\n".join(lines + ["-A PREROUTING -j DROP", "COMMIT", ""]))


def ipset_clear():
    subprocess.run(["iptables", "-t", "raw", "-F"], check=False)
    subprocess.run(["ipset", "destroy"], check=False)


# A row each

def measure(mode, count, family):
    return list(map(float, run([LIVE, OBJECT, mode, str(count), str(family), INTERFACE, *ROUNDS]).split()))


def show(name, figures, ours=None):
    ratios = "" if ours is None else "   ours is " + " / ".join(f"{a / b:.1f}" for a, b in zip(figures, ours)) + " times faster"
    print(f"    {name:14}" + " / ".join(f"{ns:.0f}" for ns in figures) + f" ns{ratios}", flush=True)


def rival(name, load, clear, count, family, ours):
    try:
        load()
        show(name, measure("pass", count, family), ours)
    except subprocess.TimeoutExpired:
        print(f"    {name:14}not loaded in {SECONDS} s", flush=True)
    except subprocess.CalledProcessError as error:
        print(f"    {name:14}refused: {error.stderr.strip().splitlines()[0][:100]}", flush=True)
    finally:
        clear()


def one_size(count, family):
    rules = read_rules(count, family)
    print(f"IPv{family}, {count} rules, {' / '.join(TRACES)}")
    show("bare drop", bare := measure("drop", count, family))
    nft_load(hook([]))
    ours = measure("enforce", count, family)
    show("headgate", ours)
    print(f"    {'':14}a hit is {ours[0] / bare[0]:.2f} bare drops")
    show("nft empty", measure("pass", count, family), ours)
    nft_clear()
    rival("nft dispatch", lambda: nft_load(nft_dispatch(rules, family)), nft_clear, count, family, ours)
    if count <= LINEAR_MAX:
        rival("nft linear", lambda: nft_load(nft_linear(rules, family)), nft_clear, count, family, ours)
    if family == 4 and shutil.which("ipset"):
        rival("ipset", lambda: ipset_load(rules, family), ipset_clear, count, family, ours)


for command in (f"link add {INTERFACE} address 02:02:02:02:02:02 type veth peer name live1", f"link set {INTERFACE} up",
                "link set live1 up"):
    run(["ip", *command.split()])
try:
    for version in (4, 6):
        for size in SIZES:
            one_size(size, version)
finally:
    run(["ip", "link", "delete", INTERFACE])
