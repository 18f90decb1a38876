# SPDX-License-Identifier: ISC
"""Rules through ExaBGP's own configuration parser and through `headgate encode`, compared: NLRI,
communities of all four kinds, and next hop.  Those of exabgp_text.rules, a sweep over all of ExaBGP's
keywords and names, and random rules made of them.  Prints TAP.

usage: exabgp_text.py HEADGATE RULES DOCUMENT
"""
import itertools
import json
import random
import re
import subprocess
import sys

from exabgp.configuration.setup import environment

environment.setup("").log.enable = False

# noqa: E402 below: these read the environment.
from exabgp.configuration.configuration import Configuration  # noqa: E402
from exabgp.configuration.flow.match import ParseFlowMatch  # noqa: E402
from exabgp.configuration.flow.route import ParseFlowRoute  # noqa: E402
from exabgp.configuration.flow.scope import ParseFlowScope  # noqa: E402
from exabgp.configuration.flow.then import ParseFlowThen  # noqa: E402
from exabgp.protocol import Protocol  # noqa: E402
from exabgp.protocol.ip.fragment import Fragment  # noqa: E402
from exabgp.protocol.ip.icmp import ICMPCode, ICMPType  # noqa: E402
from exabgp.protocol.ip.port import Port  # noqa: E402
from exabgp.protocol.ip.tcp.flag import TCPFlag  # noqa: E402

KINDS = {8: "community", 16: "extended-communities", 25: "ipv6-extended-communities", 32: "large-community"}
SEED = 8955
RANDOM_RULES = 400
SAME_MIN = 500
NEIGHBOR = """neighbor 127.0.0.1 {
    router-id 192.0.2.1; local-address 127.0.0.1; local-as 65000; peer-as 65000;
    family { ipv4 flow; ipv4 flow-vpn; ipv6 flow; ipv6 flow-vpn; }
    flow { %s }
}
"""


def theirs(rule):
    configuration = Configuration([NEIGHBOR % rule], text=True)
    if configuration.reload() is not True:
        return "error"
    change = next(iter(configuration.neighbors.values())).changes[0]
    answer = {"nlri": change.nlri.pack().hex()}
    for code, kind in KINDS.items():
        if change.attributes.has(code):
            answer[kind] = [c.pack().hex() for c in change.attributes[code].communities]
    if str(change.nlri.nexthop) != "no-nexthop":
        answer["next-hop"] = str(change.nlri.nexthop)
    return answer


def octets(kind, text):
    """Communities as ours are printed, in hex as they are sent."""
    width = 4 if kind == "community" else 8
    return "".join(f"{int(part):0{width}x}" for part in text.split(":"))


def ours(headgate, rules):
    run = subprocess.run([headgate, "encode", "-j", "-"], input="\n".join(rules) + "\n", text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    answers = []
    for line in run.stdout.splitlines():
        said = json.loads(line)
        if "nlri" not in said:
            answers.append(said["error"])
            continue
        answer = {name: said[name] for name in ("nlri", "extended-communities", "ipv6-extended-communities",
                                                "next-hop") if said.get(name)}
        for action in said.get("then", []):
            kind, _, text = action.partition(" ")
            if kind in KINDS.values():
                answer.setdefault(kind, []).append(octets(kind, text))
        answers.append(answer)
    return answers


def written(answer):
    """One of ours as it stands in the file of rules."""
    if isinstance(answer, str):
        return answer
    communities = answer.get("extended-communities", []) + answer.get("ipv6-extended-communities", [])
    return " ".join([answer["nlri"], *communities, *([answer["next-hop"]] if "next-hop" in answer else [])])


def plain(names):
    """Those that ExaBGP finds again: it looks for them in small letters, with '-' for '_', and takes a
    `true` or `false` in front for an operator."""
    return sorted(name for name in names if re.fullmatch(r"(?!true|false)[a-z0-9./*-]+", name) and not name.isdigit())


def sweep():
    """Each keyword with each of its operators, and each name."""
    def rule(match, then="discard;"):
        return f"route {{ match {{ {match} }} then {{ {then} }} }}"

    for names, word in ((Protocol.codes, "protocol"), (ICMPType.codes, "icmp-type"), (ICMPCode.codes, "icmp-code")):
        for name, operator in itertools.product(plain(names), ("", "=", "!=")):
            yield rule(f"{word} {operator}{name};")
    for names, word in ((TCPFlag.codes, "tcp-flags"), (Fragment.codes, "fragment")):
        for name, operator in itertools.product(plain(names), ("", "=", "!", "!=")):
            if name != "not-a-fragment":
                yield rule(f"{word} {operator}{name};")
    ports = plain(Port.codes)
    for i in range(0, len(ports), 12):
        yield rule(f"port [ {' '.join(ports[i:i + 12])} ];")
    for word, prefix, most in (("protocol", "", 255), ("port", "", 65535), ("destination-port", "", 65535),
                               ("source-port", "", 65535), ("packet-length", "", 65535), ("dscp", "", 63),
                               ("icmp-type", "", 255), ("icmp-code", "", 255),
                               ("next-header", "destination 2001:db8::/32; ", 255),
                               ("traffic-class", "destination 2001:db8::/32; ", 63),
                               ("flow-label", "source 2001:db8::/32; ", 1048575)):
        for operator, value in itertools.product(("=", "!=", ">", ">=", "<", "<="), (0, 1, most)):
            yield rule(f"{prefix}{word} {operator}{value};")


def made_up(rng):
    """A rule of several keywords, for one family, in one of the two forms."""
    def number(word, most):
        def term():
            if word in ("port", "destination-port", "source-port") and rng.random() < 0.3:
                return rng.choice(("http", "https", "domain", "ntp", "ssh", "telnet"))
            value = rng.randrange(most)
            return rng.choice((f"{value}", f"={value}", f"!={value}", f">{value}", f">={value}&<={value + 1}"))
        terms = [term() for _ in range(rng.randrange(1, 4))]
        return f"{word} {terms[0]}" if len(terms) == 1 else f"{word} [ {' '.join(terms)} ]"

    def bits(word, names):
        terms = rng.sample([operator + name for name in names for operator in ("", "=", "!", "!=")],
                           rng.randrange(1, 3))
        return f"{word} {terms[0]}" if len(terms) == 1 else f"{word} [ {rng.choice((' ', '&')).join(terms)} ]"

    ipv6 = rng.random() < 0.4
    length = rng.randrange(8, 65) if ipv6 else rng.randrange(8, 33)
    address = f"2001:db8:{rng.randrange(65536):x}::" if ipv6 and length >= 48 else "2000::" if ipv6 else \
        f"{10 + rng.randrange(80) // 2 * 2}.0.0.0"
    match = [f"{rng.choice(('destination', 'source'))} {address}/{length}"]
    words = [number("next-header" if ipv6 else "protocol", 255), number("port", 65000), number("destination-port", 65000),
             number("source-port", 65000), number("icmp-type", 250), number("icmp-code", 250),
             bits("tcp-flags", ("syn", "ack", "rst", "fin", "push", "urg", "ece", "cwr", "ns")),
             number("packet-length", 65000), number("traffic-class" if ipv6 else "dscp", 62),
             bits("fragment", ("is-fragment", "first-fragment", "last-fragment")),
             number("flow-label", 1000000) if ipv6 else bits("fragment", ("dont-fragment", "is-fragment"))]
    rest = rng.sample(words, rng.randrange(0, 5))
    taken = {word.split()[0]: word for word in match + rest}
    actions = ["discard", "accept", f"rate-limit {rng.randrange(1000, 10 ** 9)}", f"mark {rng.randrange(64)}",
               f"redirect {rng.randrange(1, 65536)}:{rng.randrange(2 ** 32)}",
               f"redirect 192.0.2.{rng.randrange(256)}", f"copy 192.0.2.{rng.randrange(256)}",
               f"action {rng.choice(('sample', 'terminal', 'sample-terminal'))}",
               f"community [ {rng.randrange(65536)}:{rng.randrange(65536)} no-export ]",
               f"community {rng.choice(('no-advertise', 'no-export-subconfed', 'no-peer', 'nopeer', 'blackhole'))}",
               f"large-community {rng.randrange(2 ** 32)}:{rng.randrange(2 ** 32)}:7",
               f"extended-community {rng.choice(('target', 'origin'))}:{rng.randrange(65536)}:{rng.randrange(65536)}"]
    if rng.random() < 0.15:
        return f"route {' '.join(taken.values())} {rng.choice(actions[:4])};"
    then = {action.split()[0]: action for action in rng.sample(actions, rng.randrange(1, 4))}
    if "redirect" in then:
        then.pop("copy", None)
    inside = "".join(f" {line};" for line in taken.values())
    outside = rng.choice(("", "", "", "rd 65000:1; ", "rd 192.0.2.1:7; ", "rd 70000:2; "))
    return f"route {{ {outside}match {{{inside} }} then {{{''.join(f' {line};' for line in then.values())} }} }}"


def unused(rules):
    """ExaBGP's keywords that no rule has."""
    words = set(re.findall(r"[a-z0-9-]+", " ".join(rules)))
    known = itertools.chain(ParseFlowMatch.known, ParseFlowThen.known, ParseFlowRoute.known, ParseFlowScope.known)
    return sorted(set(known) - words)


def main(headgate, rules_file, document):
    with open(rules_file) as f:
        lines = [line.strip() for line in f if line.strip() and not line.startswith("#")]
    with open(document) as f:
        text = f.read()
    rng = random.Random(SEED)
    cases = [("", "", rule) for rule in [*sweep(), *(made_up(rng) for _ in range(RANDOM_RULES))]]
    # Last, because some of the differences leave ExaBGP's parser in a state where it refuses all.
    cases += [tuple(line.split(" :: ")) if " :: " in line else ("", "", line) for line in lines]
    answers = ours(headgate, [rule for _, _, rule in cases])
    print("1..%d" % (len(cases) + 3))
    failed = 0
    for number, ((reason, wanted, rule), our) in enumerate(zip(cases, answers), 1):
        their = theirs(rule)
        if reason:
            refused = isinstance(our, str) and their == "error"
            good = written(our) == wanted and our != their and not refused and "**" + reason + "**" in text
        else:
            good = our == their and isinstance(our, dict)
        print("%s %d - %s%s" % ("ok" if good else "not ok", number,
                                reason + ", as documented: " if reason else "", rule))
        if not good:
            failed = 1
            print("# exabgp:   %s\n# headgate: %s" % (their, our))
    same = [rule for reason, _, rule in cases if not reason]
    missing = unused(same)
    for number, (good, sentence) in enumerate((
            (len(answers) == len(cases), "each rule has an answer"),
            (len(same) >= SAME_MIN, f"at least {SAME_MIN} rules are the same in both"),
            (not missing, " ".join(["ExaBGP has no keyword that no rule has", *missing]))), len(cases) + 1):
        print("%s %d - %s" % ("ok" if good else "not ok", number, sentence))
        failed |= not good
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
