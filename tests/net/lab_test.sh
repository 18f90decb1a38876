#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The lab's own test (TAP): its demo's core holds; with headgate-enforce left out it fails at the block, so the
# claims are observations; two labs stand side by side; nothing is left behind, also after an interrupt.
. "$HEADGATE_SRC/tests/tap.sh"
set -u

lab=$HEADGATE_SRC/lab/lab
work=$(mktemp -d)

end() {
	local name
	for name in ltcore ltout lta ltb ltint ltsafe ltflap ltvrf; do "$lab" -n $name down >/dev/null 2>&1; done
	rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT TERM

# Everything that a lab starts has its name in its environment.
processes_of() { grep -lzx "LAB_NAME=$1" /proc/[0-9]*/environ 2>/dev/null; }

# nothing_left NAME: no namespace, state, process or mount of that lab.
nothing_left() {
	local left
	left=$(
		ip netns list | grep "^$1-"
		ls -d "/run/headgate-lab/$1" 2>/dev/null
		processes_of "$1"
		grep "/run/headgate-lab/$1/" /proc/mounts
	)
	echo "$left"
	[[ -z $left ]]
}

outage_is_harmless() { "$lab" -n ltsafe demo --outage; }

# What was, comes again: then the claims of the scene above are observations.
outage_flaps() { "$lab" -n ltflap demo --outage --without-protection; }

vrf_alone() { "$lab" -n ltvrf demo --vrfs; }

core_holds() { "$lab" -n ltcore demo --core; }

# It must fail, and at the block: everything before it holds.
fails_at_the_block() {
	local result=0
	"$lab" -n ltout demo --core --without-enforcer >"$work/without" || result=$?
	cat "$work/without"
	[[ $result = 1 ]] && grep -q "failed: Bad_Guy's TCP 23 times out" "$work/without" &&
		grep -q "ok .*Bad_Guy's TCP 23 still connects, IPv6" "$work/without"
}

side_by_side() {
	"$lab" -n lta up && "$lab" -n ltb up && [[ $(processes_of lta | wc -l) -ge 15 ]] &&
		"$lab" -n lta shell good_guy ping -c 1 -W 2 -I 203.0.113.200 198.51.100.8 &&
		"$lab" -n lta down && nothing_left lta &&
		"$lab" -n ltb shell good_guy ping -c 1 -W 2 -I 203.0.113.200 198.51.100.8
}

second_of_a_name_is_refused() { ! "$lab" -n ltb up && [[ -d /run/headgate-lab/ltb ]]; }

down_leaves_nothing() { "$lab" -n ltb down && nothing_left ltb; }

# Ctrl-C in the middle of the demo: the signal goes to the lab's own process group, as a terminal does it.
# A background job of this shell would ignore it; Python resets that.
interrupted() {
	/usr/bin/python3 - "$lab" "$work/interrupted" <<'EOT' || return 1
import os, signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
with open(sys.argv[2], "w") as out:
    lab = subprocess.Popen([sys.argv[1], "-n", "ltint", "demo", "--core"], stdout=out, stderr=out, start_new_session=True)
    end = time.monotonic() + 60
    while "headgate-enforce starts" not in open(sys.argv[2]).read() and time.monotonic() < end and lab.poll() is None:
        time.sleep(0.1)
    time.sleep(1)
    os.killpg(lab.pid, signal.SIGINT)
    sys.exit(0 if lab.wait(30) == 130 else 1)
EOT
	nothing_left ltint
}

plan 11
check "the demo's core holds" core_holds
check "the demo leaves nothing behind" nothing_left ltcore
check "with headgate-enforce left out the core fails at the block" fails_at_the_block
check "a demo that failed leaves nothing behind" nothing_left ltout
check "the outage of 2020 does no harm" outage_is_harmless
check "without protection the session flaps, as it did then" outage_flaps
check "a rule in one VRF touches neither the other nor what is in none" vrf_alone
check "two labs stand side by side, one goes without the other" side_by_side
check "a second lab of the same name is refused and the first stays" second_of_a_name_is_refused
check "lab down leaves nothing behind" down_leaves_nothing
check "Ctrl-C in the demo leaves nothing behind" interrupted
tap_status
