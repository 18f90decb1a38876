#!/bin/sh
# SPDX-License-Identifier: ISC
# Redirect and copy on the kernels that users run.
. "$HEADGATE_SRC/tests/tap.sh"

out=$(mktemp)
trap 'rm -f "$out" "$tap_out"' EXIT
export GUEST_TIMEOUT=240

# on VERSION PACKAGE - the cases in a guest of this kernel
on() {
	programs=$(realpath "$HEADGATE_BUILD")
	ip=$(realpath "$(command -v ip)")
	cases=$(realpath "$HEADGATE_SRC")/tests/guest/redirect.sh
	"$HEADGATE_SRC/tests/guest/guest" -k "$2" -m veth -m sch_ingress -m cls_bpf -f "$ip" \
		-f "$programs/headgated" -f "$programs/headgate" -f "$programs/headgate-enforce" -f "$cases" \
		"uname -r; sh $cases $programs $ip" >"$out" 2>&1
	rc=$?
	cat "$out"
	[ "$rc" -eq 0 ] && head -1 "$out" | grep -q "^$1\." && grep -q '^1\.\.6$' "$out" &&
		[ "$(grep -c '^ok ' "$out")" -eq 6 ]
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
try 'on Linux 6.1 packets go where rules send them' on 6.1 linux-image-cloud-amd64
try 'on Linux 6.12 packets go where rules send them' on 6.12 'linux-image-6.12*-cloud-amd64'
tap_status
