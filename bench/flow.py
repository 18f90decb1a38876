# SPDX-License-Identifier: ISC
"""Nanoseconds a rule: libflowspec beside ExaBGP's Python classes and GoBGP's packet library.

All read the same rules (flow.rules) and the same octets, and each first shows that what it decodes
encodes to these octets again.  A figure is the best of many short rounds.  Ours keeps a rule as its
octets: `decode` checks them, which is all that a receiver does before it has a rule; `decode, walk` also
looks at each operand, as the others do while they build their objects; `encode` copies what the others
put together.  ExaBGP's parsing is that of a configuration file
of many rules, less one of one rule.  ExaBGP has no order, and none of them matches packets.  `meets` asks
each rule for one of 10,000 protected flows that it touches: sessions between addresses, then flows that name
protocol, ports and length but no address.
"""
import os
import subprocess
import tempfile

SOURCE, BUILD = os.environ["HEADGATE_SRC"], os.environ["HEADGATE_BUILD"]
HERE = os.path.join(SOURCE, "bench")
RULES = os.path.join(HERE, "flow.rules")
GOPATH = "/usr/share/gocode"  # where Debian's packages put Go's sources
ROWS = (("decode", "decode"), ("decode-walk", "decode, walk"), ("encode", "encode"), ("parse", "parse"),
        ("print", "print"), ("order", "order"), ("order-alike", "order, alike"),
        ("normal", "normal form"), ("match", "match a packet"),
        ("overlap", "overlap, a pair"), ("meets", "meets, sessions"), ("meets-bare", "meets, bare"))
GOALS = {"decode": 150, "parse": 1000, "overlap": 2000, "meets": 20000, "meets-bare": 20000}


def figures(command, octets=""):
    run = subprocess.run(command, input=octets, text=True, stdout=subprocess.PIPE, check=True)
    return {name: float(ns) for name, ns in map(str.split, run.stdout.splitlines())}


def exabgp(octets):
    if subprocess.run(["/usr/bin/python3", "-c", "import exabgp"], stderr=subprocess.DEVNULL).returncode:
        print("exabgp is not installed")
        return {}
    return figures(["/usr/bin/python3", "-B", os.path.join(HERE, "flow_exabgp.py"), RULES], octets)


def gobgp(octets):
    if not os.path.isdir(os.path.join(GOPATH, "src/github.com/osrg/gobgp")) or not os.path.exists("/usr/bin/go"):
        print("golang-go and golang-github-osrg-gobgp-dev are not installed")
        return {}
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "flow_gobgp")
        subprocess.run(["/usr/bin/go", "build", "-o", program, os.path.join(HERE, "flow_gobgp.go")], check=True,
                       env={**os.environ, "GO111MODULE": "off", "GOPATH": GOPATH, "GOFLAGS": "",
                            "GOCACHE": os.path.join(folder, "cache")})
        return figures([program, RULES], octets)


def cell(ns, width=12):
    return f"{ns:{width}.1f}" if ns is not None else f"{'-':>{width}}"


def ratio(theirs, ours):
    return f"{theirs / ours:8.0f}x" if theirs is not None else f"{'-':>9}"


def main():
    program = os.path.join(BUILD, "bench", "flow_bench")
    octets = subprocess.run([program, RULES, "--hex"], stdout=subprocess.PIPE, text=True, check=True).stdout
    ours, python, go = figures([program, RULES]), exabgp(octets), gobgp(octets)
    print(f"flow: ns a rule, {len(octets.splitlines())} rules as operators write them")
    print(f"{'':<16}{'headgate':>10}{'goal':>7}{'exabgp':>12}{'ratio':>9}{'gobgp':>12}{'ratio':>9}")
    for name, words in ROWS:
        if name not in ours:
            continue
        theirs = "decode-walk" if name == "decode" else name  # they have one way to a rule
        goal = f"{GOALS[name]:7}" if name in GOALS else f"{'':7}"
        print(f"{words:<16}{cell(ours[name], 10)}{goal}{cell(python.get(theirs))}{ratio(python.get(theirs), ours[name])}"
              f"{cell(go.get(theirs))}{ratio(go.get(theirs), ours[name])}")


main()
