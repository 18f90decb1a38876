# SPDX-License-Identifier: ISC
"""ask.py QUESTION...: judges the lines of "headgate show neighbors -j" or "show rules -j" on stdin.

Prints one line of what it saw; exits 0 when the answer is yes.

  established ADDRESS...    all these neighbors are established
  holds COUNT ACTION        exactly COUNT rules, each best and with this action
  enforced COUNT            exactly COUNT rules, each enforced somewhere
  idle COUNT                exactly COUNT rules, none enforced and none that dropped a packet
  dropped FAMILY MINIMUM    the rules of the family counted at least so many packets"""

import ipaddress
import json
import sys


def established(lines, *addresses):
    wanted = {ipaddress.ip_address(address) for address in addresses}
    up = {ipaddress.ip_address(line["neighbor"]) for line in lines if line["state"] == "established"}
    missing = sorted(str(address) for address in wanted - up)
    ending = f"; not {', '.join(missing)}" if missing else ""
    return not missing, f"{len(wanted & up)} of {len(wanted)} established{ending}"


def states(rule):
    return [place["state"] for place in rule.get("enforced", [])]


def packets(rules):
    return sum(place.get("packets", 0) for rule in rules for place in rule.get("enforced", []))


def action(rule):
    return str(rule.get("action", "")).strip(" ;")


def holds(rules, count, wanted):
    found = [action(rule) for rule in rules if rule["best"]]
    return found == [wanted] * int(count), f"{len(rules)} rules: {', '.join(found) or 'no action'}"


def enforced(rules, count):
    good = [rule for rule in rules if "enforced" in states(rule)]
    every = [f"{place['state']} {place.get('reason') or ''}".strip()
             for rule in rules for place in rule.get("enforced", [])]
    return len(good) == len(rules) == int(count), f"{len(rules)} rules: {', '.join(every) or 'nobody enforces'}"


def idle(rules, count):
    busy = [rule for rule in rules if "enforced" in states(rule)]
    seen = packets(rules)
    return not busy and seen == 0 and len(rules) == int(count), \
        f"{len(rules)} rules, {len(busy)} enforced, {seen} packets dropped"


def dropped(rules, family, minimum):
    seen = packets([rule for rule in rules if rule["family"].replace("-", " ").startswith(family)])
    return seen >= int(minimum), f"{seen} packets"


QUESTIONS = {function.__name__: function for function in (established, holds, enforced, idle, dropped)}


def main():
    lines = [json.loads(line) for line in sys.stdin if line.strip()]
    yes, seen = QUESTIONS[sys.argv[1]](lines, *sys.argv[2:])
    print(seen)
    return 0 if yes else 1


sys.exit(main())
