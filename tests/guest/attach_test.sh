#!/bin/sh
# SPDX-License-Identifier: ISC
# VLAN devices, bonds and VRFs, on the kernels that users run.
. "$HEADGATE_SRC/tests/tap.sh"

guest=$HEADGATE_SRC/tests/guest/guest
inside=$HEADGATE_SRC/tests/guest/attach.sh
out=$(mktemp)
trap 'rm -f "$out" "$tap_out"' EXIT

# on VERSION PACKAGE MODE...
on() {
	version=$1 package=$2
	shift 2
	real_ip=$(realpath "$(command -v ip)")
	"$guest" -k "$package" -m veth -m 8021q -m bonding -m vrf -m sch_ingress -m cls_bpf -f "$real_ip" \
		-f "$HEADGATE_BUILD/headgated" -f "$HEADGATE_BUILD/headgate" -f "$HEADGATE_BUILD/headgate-enforce" \
		-f "$inside" "uname -r; sh $inside $(realpath "$HEADGATE_BUILD") $real_ip $*" >"$out" 2>&1
	rc=$?
	cat "$out"
	[ "$rc" -eq 0 ] && head -1 "$out" | grep -q "^$version\." &&
		grep -q "^ok $(($# + 2)) - the end leaves nothing" "$out" && ! grep -q '^not ok' "$out"
}

# try SENTENCE COMMAND... - a kernel that cannot be had is skipped
try() {
	sentence=$1
	shift
	tap_rc=0
	"$@" >"$tap_out" 2>&1 || tap_rc=1
	if [ "$rc" -eq 77 ]; then
		skip "$sentence" "$(tail -1 "$out")"
	else
		tap_say "$tap_rc" "$sentence"
	fi
}

plan 2
try 'on Linux 6.1 rules hold for VLAN devices, one in another, a bond and a VRF, in all modes' \
	on 6.1 linux-image-cloud-amd64 native generic tc
try 'on Linux 6.12 too, at tc' on 6.12 'linux-image-6.12*-cloud-amd64' tc
tap_status
