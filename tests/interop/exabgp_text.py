# SPDX-License-Identifier: ISC
"""The rules of exabgp_text.rules through ExaBGP's own configuration parser and through
`headgate encode`, compared: NLRI, extended communities and those of attribute 25.  Prints TAP.

usage: exabgp_text.py HEADGATE RULES DOCUMENT
"""
import subprocess
import sys

from exabgp.configuration.setup import environment

environment.setup("").log.enable = False

from exabgp.configuration.configuration import Configuration  # noqa: E402  (reads the environment)

EXTENDED, EXTENDED_IPV6 = 16, 25
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
    words = [change.nlri.pack().hex()]
    for code in (EXTENDED, EXTENDED_IPV6):
        if change.attributes.has(code):
            words += [c.pack().hex() for c in change.attributes[code].communities]
    return words[0] + " " + "".join(words[1:])


def ours(headgate, rules):
    run = subprocess.run([headgate, "encode", "-"], input="\n".join(rules) + "\n", text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    answers = []
    for line in run.stdout.splitlines():
        words = [w for w in line.split() if w != "-"]
        answers.append("error" if line.startswith("error:") else words[0] + " " + "".join(words[1:]))
    return answers


def main(headgate, rules_file, document):
    with open(rules_file) as f:
        lines = [line.strip() for line in f if line.strip() and not line.startswith("#")]
    with open(document) as f:
        text = f.read()
    cases = [tuple(line.rpartition(" :: ")[::2]) for line in lines]
    answers = ours(headgate, [rule for _, rule in cases])
    print("1..%d" % (len(cases) + 2))
    failed = 0
    for number, ((reason, rule), our) in enumerate(zip(cases, answers), 1):
        their = theirs(rule)
        if reason:
            good = our != their and "**" + reason + "**" in text
        else:
            good = our == their and our != "error"
        print("%s %d - %s%s" % ("ok" if good else "not ok", number,
                                reason + ", as documented: " if reason else "", rule))
        if not good:
            failed = 1
            print("# exabgp:   %s\n# headgate: %s" % (their, our))
    same = sum(1 for reason, _ in cases if not reason)
    for number, (good, sentence) in enumerate((
            (len(answers) == len(cases), "each rule has an answer"),
            (same >= 250, "at least 250 rules are the same in both")), len(cases) + 1):
        print("%s %d - %s" % ("ok" if good else "not ok", number, sentence))
        failed |= not good
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
